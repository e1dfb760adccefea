//! Answers about room: where a volume would go, and how large one could be.

use serde::{Deserialize, Serialize};

use super::{DurabilityInfo, StorageSize, is_false};
use crate::id::{ClusterId, DeviceId, NodeId};
use crate::units::{Gib, Kib};

/// Answer of `POST /placement/explain`: where a volume would go now, and why not elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PlacementInfo {
    /// Would `POST /volumes` take the request now?
    pub fits: bool,
    /// What it would answer otherwise, without the prefix of that route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The cluster it would go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// Usable size of a brick with data, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brick_size: Option<Kib>,
    /// The brick sets, in gluster's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<PlacementSet>,
    /// The clusters that may be used, in the order in which they are tried.
    pub clusters: Vec<PlacementCluster>,
}

/// One brick set of [`PlacementInfo`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct PlacementSet {
    /// Its bricks, in gluster's order.
    pub bricks: Vec<PlacementBrick>,
}

/// One brick of [`PlacementSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlacementBrick {
    /// The node.
    pub node: NodeId,
    /// Its management host name.
    pub host: String,
    /// Its zone.
    pub zone: i64,
    /// The device.
    pub device: DeviceId,
    /// Path of the device on its node.
    pub name: String,
    /// Usable size in KiB.
    pub size: Kib,
    /// Size of the thin pool in KiB.
    pub pool_size: Kib,
    /// Size of the thin pool's metadata in KiB.
    pub metadata_size: Kib,
    /// Is it the arbiter of its set?
    #[serde(default, skip_serializing_if = "is_false")]
    pub arbiter: bool,
    /// Why this device.
    #[serde(default)]
    pub reason: String,
}

/// One cluster of [`PlacementInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlacementCluster {
    /// Its id.
    pub id: ClusterId,
    /// Would the volume find a place here?
    pub fits: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Size of the bricks the devices are judged by, in KiB: that of the placement, else the smallest one allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brick_size: Option<Kib>,
    /// Largest size in GiB that would fit with the same durability, options and snapshot factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_size: Option<Gib>,
    /// Its devices, refused ones first if not all are told.
    #[serde(default)]
    pub devices: Vec<PlacementDevice>,
    /// How many more devices there are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more_devices: u64,
}

/// For `skip_serializing_if`: nothing is left out.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// One device of [`PlacementCluster`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlacementDevice {
    /// Its node.
    pub node: NodeId,
    /// Management host name of the node.
    pub host: String,
    /// Zone of the node.
    pub zone: i64,
    /// The device.
    pub device: DeviceId,
    /// Path of the device on its node.
    pub name: String,
    /// Space nothing is charged for, in KiB.
    pub free: Kib,
    /// Size in KiB.
    pub total: Kib,
    /// How many bricks of the size in question it has room for, by its space alone.
    #[serde(default)]
    pub bricks: u64,
    /// Why it gets none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// Answer of `GET /capacity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct CapacityInfo {
    /// All clusters or the one asked for, sorted.
    pub clusters: Vec<ClusterCapacity>,
}

/// How much room a cluster has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterCapacity {
    /// Its id.
    pub id: ClusterId,
    /// May it hold ordinary volumes?
    pub file: bool,
    /// May it hold block hosting volumes?
    pub block: bool,
    /// Space of all its devices, in KiB.
    pub storage: StorageSize,
    /// How many nodes it has.
    pub nodes: u64,
    /// How many devices it has.
    pub devices: u64,
    /// Those that take bricks now: online, on nodes that are online and answer.
    pub usable_devices: u64,
    /// The largest volume that fits now, for each durability.
    #[serde(default)]
    pub largest: Vec<LargestVolume>,
}

/// The largest volume of one durability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LargestVolume {
    /// What a brick set is made of.
    pub durability: DurabilityInfo,
    /// Is the last brick of each set an arbiter?
    #[serde(skip_serializing_if = "is_false")]
    pub arbiter: bool,
    /// Its size in GiB; 0 when no size fits.
    pub size: Gib,
    /// Why no size fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
