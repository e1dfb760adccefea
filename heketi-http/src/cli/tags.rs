use std::str::FromStr;

use heketi_core::api::TagsChangeRequest;
use heketi_core::model::Tags;

use super::args::{RemoveTags, SetTags};
use super::{CliError, id};

/// `settags <id> <name>:<value> …`
pub(super) fn set<T: FromStr>(command: &SetTags) -> Result<(T, TagsChangeRequest), CliError> {
    let (object, pairs) = split(&command.arguments)?;
    if pairs.is_empty() {
        return Err(CliError::new("at least one tag:value pair expected"));
    }
    let mut tags = Tags::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once(':') else {
            return Err(CliError(format!("expected colon (:) between tag name and value, got: {pair}")));
        };
        tags.insert(name.to_owned(), value.to_owned());
    }
    let change_type = if command.exact { "set" } else { "update" }.to_owned();
    Ok((id(Some(object), "id required")?, TagsChangeRequest { tags, change_type }))
}

/// `rmtags <id> <name> …`
pub(super) fn remove<T: FromStr>(command: &RemoveTags) -> Result<(T, TagsChangeRequest), CliError> {
    let (object, names) = split(&command.arguments)?;
    let change_type = match (command.all, names.is_empty()) {
        (true, true) => "set",
        (true, false) => return Err(CliError::new("--all may not be combined with named tags")),
        (false, true) => return Err(CliError::new("at least one tag expected")),
        (false, false) => "delete",
    };
    let tags = names.iter().map(|name| (name.clone(), String::new())).collect();
    Ok((id(Some(object), "id required")?, TagsChangeRequest { tags, change_type: change_type.to_owned() }))
}

fn split(arguments: &[String]) -> Result<(&str, &[String]), CliError> {
    let (object, rest) = arguments.split_first().ok_or_else(|| CliError::new("id required"))?;
    Ok((object, rest))
}
