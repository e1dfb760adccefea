use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Tags of a node or device: name to value, sorted by name.
pub type Tags = BTreeMap<String, String>;

/// The tags that count for a device: its node's, overlaid by its own.
pub fn effective_tags(node: &Tags, device: &Tags) -> Tags {
    let mut tags = node.clone();
    tags.extend(device.iter().map(|(k, v)| (k.clone(), v.clone())));
    tags
}

/// Whether a node or device receives new bricks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// It does.
    #[default]
    Online,
    /// It does not; its bricks stay.
    Offline,
    /// It does not, and holds no bricks any more.
    Failed,
}

impl fmt::Display for EntryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Failed => "failed",
        })
    }
}

/// Which bricks of arbiter volumes a device takes: the value of its effective tag `arbiter` (core section 3.6 of
/// heketi v10's behaviour).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArbiterUse {
    /// Arbiter bricks only: `required`.
    Required,
    /// Both: `supported`, no tag, or any other value.
    #[default]
    Supported,
    /// Bricks with data only: `disabled`.
    Disabled,
}

impl ArbiterUse {
    /// What the tags of a device and its node say; the device's win.
    pub fn of(node: &Tags, device: &Tags) -> Self {
        match device.get("arbiter").or_else(|| node.get("arbiter")).map(String::as_str) {
            Some("required") => Self::Required,
            Some("disabled") => Self::Disabled,
            _ => Self::Supported,
        }
    }

    /// Does such a device take a brick that is (`true`) or is not (`false`) an arbiter? Only asked for volumes
    /// with arbiter bricks.
    pub fn takes(self, arbiter: bool) -> bool {
        match self {
            Self::Required => arbiter,
            Self::Supported => true,
            Self::Disabled => !arbiter,
        }
    }
}
