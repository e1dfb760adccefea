use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{BrickId, OriginId};

/// What heketi v10 had recorded of an object and heketi has no use for: kept for the way back alone. Nothing refers to
/// it, and where the object has changed, what it says is not used any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Follows from the object.
    pub id: OriginId,
    /// What was recorded.
    pub of: OriginOf,
}

impl Origin {
    /// The id of what was recorded of the database itself.
    pub const OF_DATABASE: OriginId = OriginId::from_bytes([0; 16]);
}

/// What heketi v10 had recorded of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginOf {
    /// The attributes of the database.
    Database(BTreeMap<String, String>),
    /// A volume with this id.
    Volume(Box<VolumeOrigin>),
    /// A block volume with this id.
    BlockVolume(BlockVolumeOrigin),
}

/// What heketi v10 had recorded of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeOrigin {
    /// Clusters its request named.
    pub clusters: Vec<String>,
    /// Options its request named.
    pub request_options: Vec<String>,
    /// Durability type, empty if the request had none.
    pub durability: String,
    /// Replica count, data and redundancy of the request, whichever of them counts.
    pub counts: [i64; 3],
    /// Storage hosts of the cluster when the volume was made.
    pub mount_hosts: Vec<String>,
    /// Mount source.
    pub mount_device: String,
    /// Mount options.
    pub mount_options: BTreeMap<String, String>,
    /// Its bricks of which nobody recorded whether they are arbiters.
    pub unknown_format: Vec<BrickId>,
    /// Its bricks whose thin pool was not named.
    pub unnamed_pool: Vec<BrickId>,
}

/// What heketi v10 had recorded of a block volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockVolumeOrigin {
    /// Clusters its request named.
    pub clusters: Vec<String>,
    /// No usable size was recorded.
    pub no_usable_size: bool,
}
