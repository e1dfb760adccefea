//! What a disk holds, told by `lsblk` and `wipefs`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{ParseError, json_with_noise};

/// A block device with everything on top of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct BlockDevice {
    /// Name without `/dev/`.
    #[serde(default, deserialize_with = "text")]
    pub name: String,
    /// `disk`, `part`, `lvm`, `mpath`, …
    #[serde(default, rename = "type", deserialize_with = "text")]
    pub kind: String,
    /// File system or other format.
    #[serde(default, deserialize_with = "text")]
    pub fstype: String,
    /// Where it is mounted.
    #[serde(default, deserialize_with = "text")]
    pub mountpoint: String,
    /// Bytes.
    #[serde(default, deserialize_with = "number")]
    pub size: u64,
    /// Cannot be written.
    #[serde(default, deserialize_with = "flag")]
    pub ro: bool,
    /// What stands on top of it.
    #[serde(default)]
    pub children: Vec<BlockDevice>,
}

impl BlockDevice {
    /// The device itself and everything on top of it.
    pub fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(device) = found.get(next).copied() {
            found.extend(&device.children);
            next += 1;
        }
        found
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        _ => String::new(),
    })
}

/// Old versions of lsblk put numbers and flags into quotes.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_u64().unwrap_or(0),
        Value::String(text) => text.trim().parse().unwrap_or(0),
        _ => 0,
    })
}

fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_u64() == Some(1),
        Value::String(text) => text.trim() == "1",
        _ => false,
    })
}

/// `lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO DEVICE`. `None`: no such device.
///
/// # Errors
/// [`ParseError`] when the text holds no JSON of lsblk.
pub fn disk(text: &str) -> Result<Option<BlockDevice>, ParseError> {
    Ok(disks(text)?.into_iter().next())
}

/// The same without a device: all of them.
///
/// # Errors
/// [`ParseError`] when the text holds no JSON of lsblk.
pub fn disks(text: &str) -> Result<Vec<BlockDevice>, ParseError> {
    #[derive(Deserialize)]
    struct Output {
        blockdevices: Vec<BlockDevice>,
    }
    let output: Output = json_with_noise("lsblk", text)?;
    Ok(output.blockdevices)
}

/// A signature on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `ext4`, `gpt`, `LVM2_member`, …
    pub kind: String,
    /// UUID of what it belongs to; may be empty.
    pub uuid: String,
}

/// `wipefs --no-act --parsable DEVICE`: lines of offset, UUID, label and type.
pub fn signatures(text: &str) -> Vec<Signature> {
    let signature = |line: &str| {
        let line = line.trim();
        if !line.starts_with("0x") {
            return None;
        }
        // A label may hold commas, the type at the end does not.
        let (rest, kind) = line.rsplit_once(',')?;
        let uuid = rest.split(',').nth(1).unwrap_or_default();
        (!kind.is_empty()).then(|| Signature { kind: kind.to_owned(), uuid: uuid.to_owned() })
    };
    text.lines().filter_map(signature).collect()
}
