use std::cell::{Cell, RefCell};
use std::str::FromStr;

use serde_json::Value;

use super::ConfigError;

/// One object of the file, read key by key; what is never asked for is unknown.
pub(super) struct Section<'a> {
    path: String,
    members: Vec<Member<'a>>,
    warnings: &'a RefCell<Vec<String>>,
}

struct Member<'a> {
    key: &'a str,
    value: &'a Value,
    known: Cell<bool>,
}

impl<'a> Section<'a> {
    /// The object at `path` (empty for the whole file).
    pub(super) fn new(path: &str, value: &'a Value, warnings: &'a RefCell<Vec<String>>) -> Result<Self, ConfigError> {
        let Value::Object(members) = value else {
            let key = if path.is_empty() { "the configuration file" } else { path };
            return Err(bad(key, kind(value), "write an object, {…}"));
        };
        let members = members.iter().map(|(key, value)| Member { key, value, known: Cell::new(false) }).collect();
        Ok(Self { path: path.to_owned(), members, warnings })
    }

    /// Full path of a key, for messages.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }

    /// The value of `key` in any case; `None` when it is absent or `null`.
    fn get(&self, key: &str) -> Option<&'a Value> {
        let mut found = None;
        for member in self.members.iter().filter(|member| member.key.eq_ignore_ascii_case(key)) {
            member.known.set(true);
            found = Some(member.value).filter(|value| !value.is_null()).or(found);
        }
        found
    }

    /// The value of a key as it is.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }

    /// Is the key there, with whatever value?
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Keys of old files that are known and have no effect; those that are there are named.
    pub(super) fn ignore(&self, keys: &[&str]) {
        for key in keys.iter().filter(|key| self.get(key).is_some()) {
            self.warn(format!("{} is obsolete and has no effect: remove it", self.path(key)));
        }
    }

    pub(super) fn section(&self, key: &str) -> Result<Option<Section<'a>>, ConfigError> {
        self.get(key).map(|value| Section::new(&self.path(key), value, self.warnings)).transpose()
    }

    /// A text; a number is taken as its digits. A value that begins with `Optional:` is a placeholder of
    /// heketi's sample files and counts as absent.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim_start().starts_with("Optional:") => {
                let path = self.path(key);
                self.warn(format!("{path} still has the placeholder of the sample file and is taken as unset"));
                Ok(None)
            }
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(bad(self.path(key), kind(other), "write a single value, in quotes if it is text")),
        }
    }

    /// A text that is not empty.
    pub(super) fn filled(&self, key: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.text(key)?.filter(|text| !text.is_empty()))
    }

    /// A number, or its digits in quotes; an empty text counts as absent.
    pub(super) fn number<T: FromStr>(&self, key: &str, remedy: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.filled(key)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| bad(self.path(key), &quoted(&text), remedy))
    }

    /// `true` or `false`, in quotes or not; an empty text counts as absent.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.get(key) {
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => match self.filled(key)? {
                None => Ok(None),
                Some(text) => Err(bad(self.path(key), &quoted(&text), "write true or false")),
            },
        }
    }

    /// A comma list of texts; an empty text is an empty list.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        Ok(self.text(key)?.map(|text| comma_list(&text)))
    }

    /// Warns of every key that was not asked for. Keys that begin with `_` are comments by custom.
    pub(super) fn finish(self) {
        for member in self.members.iter().filter(|member| !member.known.get() && !member.key.starts_with('_')) {
            self.warn(format!("unknown key {} is ignored", self.path(member.key)));
        }
    }
}

/// The parts of a comma list, as they are; none of an empty text.
pub(super) fn comma_list(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

pub(super) fn bad(key: impl Into<String>, value: &str, remedy: &str) -> ConfigError {
    ConfigError::Value { key: key.into(), value: value.to_owned(), remedy: remedy.to_owned() }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
