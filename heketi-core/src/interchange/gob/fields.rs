//! Takes a struct apart by the names of its fields.

use std::collections::BTreeMap;

use super::Value;

/// The fields of a struct that were not taken yet. Those that are zero are not in the encoding.
pub(in super::super) struct Fields<'a> {
    name: &'static str,
    fields: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which is called `name` in messages.
    pub fn of(name: &'static str, value: Value<'a>) -> Result<Self, String> {
        match value {
            Value::Struct(fields) => Ok(Self { name, fields }),
            _ => Err(format!("{name} is no struct")),
        }
    }

    fn take(&mut self, field: &str) -> Option<Value<'a>> {
        let at = self.fields.iter().position(|(name, _)| *name == field)?;
        Some(self.fields.swap_remove(at).1)
    }

    fn read<T>(&mut self, field: &'static str, zero: T, read: impl Fn(Value<'a>) -> Option<T>) -> Result<T, String> {
        match self.take(field) {
            None => Ok(zero),
            Some(value) => read(value).ok_or_else(|| format!("field {field} of {} has another type", self.name)),
        }
    }

    pub fn text(&mut self, field: &'static str) -> Result<String, String> {
        self.read(field, String::new(), text)
    }

    pub fn int(&mut self, field: &'static str) -> Result<i64, String> {
        self.read(field, 0, |value| match value {
            Value::Int(number) => Some(number),
            _ => None,
        })
    }

    pub fn uint(&mut self, field: &'static str) -> Result<u64, String> {
        self.read(field, 0, |value| match value {
            Value::Uint(number) => Some(number),
            _ => None,
        })
    }

    pub fn bool(&mut self, field: &'static str) -> Result<bool, String> {
        self.read(field, false, |value| match value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    /// A 32-bit floating-point number.
    pub fn float(&mut self, field: &'static str) -> Result<f32, String> {
        self.read(field, 0.0, |value| match value {
            // Go refuses one that 32 bits do not hold; what is in a file came from 32 bits.
            Value::Float(number) if number.is_finite() && f64::from(number as f32) == number => Some(number as f32),
            _ => None,
        })
    }

    pub fn texts(&mut self, field: &'static str) -> Result<Vec<String>, String> {
        self.read(field, Vec::new(), |value| match value {
            Value::List(elements) => elements.into_iter().map(text).collect(),
            _ => None,
        })
    }

    pub fn map(&mut self, field: &'static str) -> Result<BTreeMap<String, String>, String> {
        self.read(field, BTreeMap::new(), |value| match value {
            Value::Map(entries) => {
                let count = entries.len();
                let entry = |(key, value)| text(key).zip(text(value));
                let map: Option<BTreeMap<_, _>> = entries.into_iter().map(entry).collect();
                map.filter(|map| map.len() == count)
            }
            _ => None,
        })
    }

    /// A struct; all its fields are zero if it is missing.
    pub fn inner(&mut self, field: &'static str) -> Result<Self, String> {
        match self.take(field) {
            None => Ok(Self { name: field, fields: Vec::new() }),
            Some(value) => Self::of(field, value),
        }
    }

    /// The structs of a list.
    pub fn list(&mut self, field: &'static str) -> Result<Vec<Self>, String> {
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::List(elements)) => elements.into_iter().map(|it| Self::of(field, it)).collect(),
            Some(_) => Err(format!("field {field} of {} has another type", self.name)),
        }
    }

    /// An interface value, or none for Go's `nil`.
    pub fn any(&mut self, field: &'static str) -> Result<Option<(&'a str, Value<'a>)>, String> {
        self.read(field, None, |value| match value {
            Value::Interface(inner) => Some(inner.map(|(name, value)| (name, *value))),
            _ => None,
        })
    }

    /// Nothing may be left: a field that is not known would be lost.
    pub fn finish(self) -> Result<(), String> {
        match self.fields.first() {
            None => Ok(()),
            Some((field, _)) => Err(format!("{} has field {field}, which heketi v10 does not have", self.name)),
        }
    }
}

fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_owned()),
        _ => None,
    }
}
