//! `gluster-block … --json`, as versions 0.3 to 0.5 print it.
//!
//! Answers hold passwords: no error of this module repeats a text with one in it.

use std::collections::BTreeMap;

use heketi_core::model::Secret;
use heketi_core::operation::GlusterBlock;
use heketi_core::units::Gib;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::json_with_noise;

/// What all answers consist of; which of it is there depends on the command and the version.
#[derive(Clone, Debug, Default, Deserialize)]
struct Raw {
    #[serde(default, rename = "IQN", deserialize_with = "text")]
    iqn: String,
    #[serde(default, rename = "USERNAME", deserialize_with = "text")]
    username: String,
    #[serde(default, rename = "PASSWORD", deserialize_with = "secret")]
    password: Secret,
    #[serde(default, rename = "GBID", deserialize_with = "text")]
    gbid: String,
    #[serde(default, rename = "SIZE", deserialize_with = "text")]
    size: String,
    #[serde(default, rename = "RESIZE FAILED ON", deserialize_with = "texts_by_host")]
    resize_failed_on: BTreeMap<String, String>,
    #[serde(default, rename = "FAILED ON", deserialize_with = "texts")]
    failed_on: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    blocks: Vec<String>,
    #[serde(default, rename = "RESULT", deserialize_with = "text")]
    result: String,
    #[serde(default, rename = "errMsg", deserialize_with = "text")]
    message: String,
}

fn string(value: Value) -> String {
    match value {
        Value::String(text) => text,
        _ => String::new(),
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Value::deserialize(from).map(string)
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    text(from).map(Secret::new)
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Array(values) => values.into_iter().map(string).filter(|text| !text.is_empty()).collect(),
        _ => Vec::new(),
    })
}

fn texts_by_host<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Object(values) => values.into_iter().map(|(host, value)| (host, string(value))).collect(),
        _ => BTreeMap::new(),
    })
}

/// gluster-block's answer. Whether it did what it was asked is told by the exit status too.
#[derive(Clone, Debug)]
pub struct Answer(Box<Raw>);

/// What comes before the identity of a target in its iSCSI qualified name.
const IQN_PREFIX: &str = "iqn.2016-12.org.gluster-block:";

impl Answer {
    /// Reads an answer; none when the text is no JSON.
    pub fn read(text: &str) -> Option<Self> {
        // The error would repeat a part of the text.
        json_with_noise("gluster-block", text).ok().map(|raw| Self(Box::new(raw)))
    }

    /// Does it say that it failed?
    pub fn failed(&self) -> bool {
        self.0.result.eq_ignore_ascii_case("FAIL")
    }

    /// Why it failed; empty when it does not say.
    pub fn message(&self) -> &str {
        self.0.message.trim()
    }

    /// Hosts on which it failed.
    pub fn failed_on(&self) -> &[String] {
        &self.0.failed_on
    }

    /// Names of block volumes.
    pub fn names(self) -> Vec<String> {
        self.0.blocks
    }

    /// The block volume that was created.
    pub fn created(self) -> GlusterBlock {
        let Raw { iqn, username, password, .. } = *self.0;
        GlusterBlock { iqn, username, password, ..GlusterBlock::default() }
    }

    /// The block volume that was asked for; none when the answer does not tell its identity.
    ///
    /// # Errors
    /// [`SizeError`] when its size cannot be read.
    pub fn info(self) -> Result<Option<GlusterBlock>, SizeError> {
        let Raw { gbid, password, size: text, resize_failed_on, .. } = *self.0;
        if gbid.is_empty() {
            return Ok(None);
        }
        let (told, mut rounding) = size(&text)?;
        let mut usable: Option<Gib> = None;
        // A host that does not tell what it serves says nothing about the others.
        for (host_size, host_rounding) in resize_failed_on.values().filter_map(|text| size(text).ok()) {
            rounding = rounding.max(host_rounding);
            usable = Some(usable.map_or(host_size, |usable| usable.min(host_size)));
        }
        Ok(Some(GlusterBlock {
            iqn: format!("{IQN_PREFIX}{gbid}"),
            username: if password.is_empty() { String::new() } else { gbid },
            password,
            size: Some(told),
            usable,
            rounding,
        }))
    }
}

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Not a valid Size: {0:?}")]
pub struct SizeError(String);

/// Reads a size such as `3.0 GiB`: GiB, TiB, PiB or EiB, in any spelling. Smaller units are no sizes of block
/// volumes. A part of a GiB is left out. Also tells by how much the text may be wrong: gluster-block writes one
/// decimal place of the unit.
///
/// # Errors
/// [`SizeError`] for any other text.
pub fn size(text: &str) -> Result<(Gib, Gib), SizeError> {
    let wrong = || SizeError(text.chars().take(40).collect());
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let split = compact.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = compact.split_at(split);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "G" | "GB" | "GIB" => 0,
        "T" | "TB" | "TIB" => 10,
        "P" | "PB" | "PIB" => 20,
        "E" | "EB" | "EIB" => 30,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(wrong());
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let number: u128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let gib = number.checked_mul(1 << shift).ok_or_else(wrong)? / scale;
    let rounding = if shift == 0 { 0 } else { (1u64 << shift) / 20 + 1 };
    Ok((Gib(u64::try_from(gib).map_err(|_| wrong())?), Gib(rounding)))
}

/// The text, unless it can hold a password.
pub fn without_password(text: &str) -> String {
    /// Enough to see what came instead of an answer.
    const EXCERPT: usize = 1000;
    if text.to_ascii_lowercase().contains("password") {
        return "(the output is not shown, because it can hold a password)".into();
    }
    text.trim().chars().take(EXCERPT).collect()
}
