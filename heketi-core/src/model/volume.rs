use serde::{Deserialize, Serialize};

use super::{Durability, VolumeOptions};
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
    /// What it can host; only for block hosting volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosting: Option<BlockHosting>,
}

impl Volume {
    /// Is the last brick of each set an arbiter?
    pub fn has_arbiter(&self) -> bool {
        VolumeOptions(&self.options).arbiter_for(self.durability)
    }
}

/// May a block hosting volume take new block volumes?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BlockRestriction {
    /// Yes.
    #[default]
    None,
    /// No: an administrator locked it.
    Locked,
    /// No: an upgrade of the database found that its sizes do not add up.
    LockedByUpdate,
}

/// How a block hosting volume divides its size. What is neither free nor reserved is hosted: the size is always
/// free + reserved + the sizes of its block volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHosting {
    /// For further block volumes.
    pub free: Gib,
    /// For the file system's own needs: 2 % of the size.
    pub reserved: Gib,
    /// May it take new block volumes?
    #[serde(default)]
    pub restriction: BlockRestriction,
}
