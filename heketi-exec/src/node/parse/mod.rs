//! Reads what commands on nodes print.
//!
//! All parsers take any text without panicking. They pass over what they do not know: warnings of LVM
//! before and between its answers, fields that came with later versions, fields that are missing.

pub mod gluster_block;
pub mod gluster_xml;
pub mod lsblk;
pub mod lvm;
pub mod mounts;

/// An answer that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand the output of {command}: {why}: {excerpt:?}")]
pub struct ParseError {
    command: &'static str,
    why: String,
    excerpt: String,
}

impl ParseError {
    pub(crate) fn new(command: &'static str, why: impl Into<String>, text: &str) -> Self {
        /// Enough to see what came instead of an answer.
        const EXCERPT: usize = 200;
        let text = text.trim();
        let excerpt = if text.chars().count() > EXCERPT {
            text.chars().take(EXCERPT).chain(std::iter::once('…')).collect()
        } else {
            text.to_owned()
        };
        Self { command, why: why.into(), excerpt }
    }
}

/// The first JSON value in `text`, whatever stands before, between its lines, or after it.
pub(crate) fn json_with_noise<T: serde::de::DeserializeOwned>(
    command: &'static str,
    text: &str,
) -> Result<T, ParseError> {
    let start = text.find('{').unwrap_or(text.len());
    let mut first_error = None;
    let without_noise = |text: &str| -> String {
        let json_like = |line: &&str| line.trim_start().starts_with(['{', '}', '[', ']', '"', ',']);
        text.lines().filter(json_like).flat_map(|line| [line, "\n"]).collect()
    };
    for candidate in [text[start..].to_owned(), without_noise(text)] {
        match serde_json::Deserializer::from_str(&candidate).into_iter::<T>().next() {
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => _ = first_error.get_or_insert(error.to_string()),
            None => {}
        }
    }
    Err(ParseError::new(command, first_error.unwrap_or_else(|| "no JSON".into()), text))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod versions;
