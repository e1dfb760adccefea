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
