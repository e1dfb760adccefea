use serde::{Deserialize, Serialize};

use super::Durability;
use crate::id::{ClusterId, VolumeId};
use crate::units::Gib;

/// Room for snapshots in the thin pools of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Was room asked for?
    pub enable: bool,
    /// Thin pool size over brick size; 1 when not enabled. A 32-bit number, as in heketi v10, because sizes
    /// computed from it depend on that.
    pub factor: f32,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { enable: false, factor: 1.0 }
    }
}

/// A gluster volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Its id.
    pub id: VolumeId,
    /// The cluster it lives in.
    pub cluster: ClusterId,
    /// Its name in gluster.
    pub name: String,
    /// What was asked for, expansions included.
    pub size: Gib,
    /// What a brick set is made of.
    pub durability: Durability,
    /// Group that owns the brick directories; 0 when none was asked for.
    #[serde(default)]
    pub gid: i64,
    /// Room for snapshots.
    #[serde(default)]
    pub snapshot: Snapshot,
    /// Options in the order they are set, `key value` each.
    #[serde(default)]
    pub options: Vec<String>,
}
