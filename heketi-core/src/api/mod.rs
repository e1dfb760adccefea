//! What travels over the wire: requests, responses, their JSON form and their validation.
//!
//! The JSON is heketi v10's, key for key. Requests keep what the client sent (ids and enumerations are
//! texts), because a wrong value must be refused with v10's words, not by the decoder. [`decode`] reads
//! them with the rules of Go's decoder, [`Validate::validate`] checks single fields, and
//! [`VolumeCreateRequest::check`] what concerns several.

mod brick;
mod cluster;
mod decode;
mod device;
mod encode;
mod node;
mod operation;
mod state;
mod tags;
mod topology;
mod validate;
mod volume;
mod volume_info;

pub use brick::BrickInfo;
pub use cluster::{ClusterCreateRequest, ClusterFlagsRequest, ClusterInfo, ClusterList};
pub use decode::{DecodeError, decode, decode_first};
pub use device::{DeviceAddRequest, DeviceDeleteRequest, DeviceInfo, StorageSize};
pub use encode::encode;
pub use node::{HostAddresses, NodeAddRequest, NodeInfo};
pub use operation::OperationCounts;
pub use state::StateRequest;
pub use tags::{TagsChange, TagsChangeRequest};
pub use topology::{TopologyCluster, TopologyDevice, TopologyFile, TopologyNode, TopologyNodeSpec};
pub use validate::{Validate, ValidationError};
pub use volume::{CheckedVolumeCreate, SnapshotRequest, VolumeCreateRequest, VolumeExpandRequest};
pub use volume_info::{
    BlockInfo, DisperseInfo, DurabilityInfo, GlusterMount, MountInfo, MountOptions, ReplicateInfo, SnapshotInfo,
    VolumeInfo, VolumeList,
};

/// For `skip_serializing_if`: Go's `omitempty` of a number.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
pub(crate) fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// For `skip_serializing_if`: Go's `omitempty` of a boolean.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}
