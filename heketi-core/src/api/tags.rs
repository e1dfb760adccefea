use serde::{Deserialize, Serialize};

use super::validate::{Problems, blank, tags};
use super::{Validate, ValidationError};
use crate::model::Tags;

/// How a request changes tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsChange {
    /// Replaces all.
    Set,
    /// Adds, or replaces those of the same name.
    Update,
    /// Removes those of the same name; values do not matter.
    Delete,
}

/// Body of `POST /nodes/{id}/tags` and `POST /devices/{id}/tags`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["change_type"])))]
pub struct TagsChangeRequest {
    /// The tags.
    pub tags: Tags,
    /// `set`, `update` or `delete`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["set", "update", "delete"])))]
    pub change_type: String,
}

impl TagsChangeRequest {
    /// The change asked for; `None` when the text is none.
    pub fn change(&self) -> Option<TagsChange> {
        match self.change_type.as_str() {
            "set" => Some(TagsChange::Set),
            "update" => Some(TagsChange::Update),
            "delete" => Some(TagsChange::Delete),
            _ => None,
        }
    }

    /// `current` after the change; unchanged when the request is not valid.
    pub fn applied_to(&self, current: &Tags) -> Tags {
        match self.change() {
            Some(TagsChange::Set) => self.tags.clone(),
            Some(TagsChange::Update) => crate::model::effective_tags(current, &self.tags),
            Some(TagsChange::Delete) => {
                let mut rest = current.clone();
                rest.retain(|name, _| !self.tags.contains_key(name));
                rest
            }
            None => current.clone(),
        }
    }
}

impl Validate for TagsChangeRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        let change = match self.change() {
            Some(_) => None,
            None if self.change_type.is_empty() => blank(),
            None => Some("must be a valid value".to_owned()),
        };
        Problems::default().field("tags", tags(&self.tags)).field("change_type", change).result()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn set_replaces_update_merges_delete_removes() {
        let current = map(&[("a", "1"), ("b", "2")]);
        for (change, tags, result) in [
            ("set", map(&[("c", "3")]), map(&[("c", "3")])),
            ("set", map(&[]), map(&[])),
            ("update", map(&[("b", "x"), ("c", "3")]), map(&[("a", "1"), ("b", "x"), ("c", "3")])),
            ("delete", map(&[("b", "ignored"), ("z", "")]), map(&[("a", "1")])),
        ] {
            let request = TagsChangeRequest { tags, change_type: change.into() };
            assert_eq!(request.validate(), Ok(()));
            assert_eq!(request.applied_to(&current), result, "{change}");
        }
    }

    #[test]
    fn the_kind_of_change_must_be_given() {
        for (change, problem) in [("", "cannot be blank"), ("Set", "must be a valid value")] {
            let request = TagsChangeRequest { change_type: change.into(), ..Default::default() };
            assert_eq!(
                request.validate().unwrap_err().to_string(),
                format!("validation failed: change_type: {problem}.")
            );
        }
    }
}
