//! What travels over the wire: requests, responses, their JSON form and their validation.
//!
//! The JSON is heketi v10's, key for key. Requests keep what the client sent (ids and enumerations are
//! texts), because a wrong value must be refused with v10's words, not by the decoder. [`decode`] reads
//! them with the rules of Go's decoder, [`Validate::validate`] checks single fields, and
//! [`VolumeCreateRequest::check`] what concerns several.

mod admin;
mod audit;
mod block_volume;
mod brick;
mod cluster;
mod decode;
mod device;
mod encode;
mod event;
mod examine;
mod history;
mod node;
mod operation;
mod placement;
mod state;
mod tags;
mod topology;
mod validate;
mod volume;
mod volume_info;

pub use admin::{AdminState, AdminStatus, LogLevelInfo};
pub use audit::{AuditInfo, AuditPlan, AuditRepairRequest, FindingInfo, RepairInfo};
pub use block_volume::{
    BlockTarget, BlockVolumeCreateRequest, BlockVolumeExpandRequest, BlockVolumeInfo, BlockVolumeList,
};
pub use brick::{BrickEvictRequest, BrickInfo};
pub use cluster::{ClusterCreateRequest, ClusterFlagsRequest, ClusterInfo, ClusterList};
pub use decode::{DecodeError, decode, decode_first};
pub use device::{DeviceAddRequest, DeviceDeleteRequest, DeviceInfo, DeviceReplaceRequest, StorageSize};
pub use encode::{encode, encode_indented};
pub use event::{EventInfo, EventObject, EventOperation};
pub use examine::{
    ExaminedBrick, ExaminedBricks, ExaminedCluster, ExaminedMount, ExaminedMounts, ExaminedNode, ExaminedOption,
    ExaminedOptions, ExaminedVolume, ExaminedVolumeList, ExaminedVolumes, LvmReport, LvmRow, LvmTable,
    StateExamination, XmlName,
};
pub use history::{HistoryInfo, HistoryList};
pub use node::{HostAddresses, NodeAddRequest, NodeInfo};
pub use operation::{
    CleanUpRequest, OperationChange, OperationCounts, OperationDetails, OperationInfo, OperationList, OperationProgress,
};
pub use placement::{
    CapacityInfo, ClusterCapacity, LargestVolume, PlacementBrick, PlacementCluster, PlacementDevice, PlacementInfo,
    PlacementSet,
};
pub use state::StateRequest;
pub use tags::{TagsChange, TagsChangeRequest};
pub use topology::{TopologyCluster, TopologyDevice, TopologyFile, TopologyNode, TopologyNodeSpec};
pub use validate::{Validate, ValidationError};
pub use volume::{
    BlockRestrictionRequest, CheckedVolumeCreate, SnapshotRequest, VolumeCloneRequest, VolumeCreateRequest,
    VolumeExpandRequest,
};
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
