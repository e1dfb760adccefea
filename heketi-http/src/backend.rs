//! What the HTTP service asks of the engine, in wire types.

mod engine;

use async_trait::async_trait;
use heketi_core::api::{
    CheckedVolumeCreate, ClusterCreateRequest, ClusterFlagsRequest, ClusterInfo, ClusterList, DeviceAddRequest,
    DeviceDeleteRequest, DeviceInfo, NodeAddRequest, NodeInfo, OperationCounts, StateRequest, TagsChangeRequest,
    VolumeInfo, VolumeList,
};
use heketi_core::id::{ClusterId, DeviceId, NodeId, QueueId, VolumeId};
use heketi_core::model::Tags;
use heketi_core::{Error, Gib};

pub use engine::EngineBackend;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// It runs.
    Pending,
    /// It succeeded and has no result.
    Done,
    /// It succeeded; the path of its result, such as `/volumes/<id>`.
    DoneAt(String),
    /// It failed; the text for the user.
    Failed(String),
}

/// The engine as the HTTP service sees it.
///
/// Requests are valid field by field ([`heketi_core::api::Validate`]) when they come in. Errors carry heketi
/// v10's text without the prefixes v10 adds per route (`Failed to allocate new volume: `…): the routes add
/// them. A method that returns a [`QueueId`] returns once the job is recorded durably.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Makes an empty cluster.
    async fn cluster_create(&self, request: ClusterCreateRequest) -> Result<ClusterInfo, Error>;
    /// All clusters, sorted.
    async fn cluster_list(&self) -> Result<ClusterList, Error>;
    /// One cluster.
    async fn cluster_info(&self, id: ClusterId) -> Result<ClusterInfo, Error>;
    /// Deletes an empty cluster.
    async fn cluster_delete(&self, id: ClusterId) -> Result<(), Error>;
    /// Replaces both flags.
    async fn cluster_flags(&self, id: ClusterId, request: ClusterFlagsRequest) -> Result<(), Error>;

    /// Starts to add a node; checks the cluster, the host names and glusterd first.
    async fn node_add(&self, request: NodeAddRequest) -> Result<QueueId, Error>;
    /// One node with its devices and bricks.
    async fn node_info(&self, id: NodeId) -> Result<NodeInfo, Error>;
    /// Starts to delete a node without devices.
    async fn node_delete(&self, id: NodeId) -> Result<QueueId, Error>;
    /// Starts to change the state; the verdict is the job's.
    async fn node_state(&self, id: NodeId, request: StateRequest) -> Result<QueueId, Error>;
    /// Changes the tags and returns them.
    async fn node_tags(&self, id: NodeId, request: TagsChangeRequest) -> Result<Tags, Error>;

    /// Starts to add a device.
    async fn device_add(&self, request: DeviceAddRequest) -> Result<QueueId, Error>;
    /// One device with its bricks.
    async fn device_info(&self, id: DeviceId) -> Result<DeviceInfo, Error>;
    /// Starts to delete a device in failed state.
    async fn device_delete(&self, id: DeviceId, request: DeviceDeleteRequest) -> Result<QueueId, Error>;
    /// Starts to change the state; the verdict is the job's.
    async fn device_state(&self, id: DeviceId, request: StateRequest) -> Result<QueueId, Error>;
    /// Changes the tags and returns them.
    async fn device_tags(&self, id: DeviceId, request: TagsChangeRequest) -> Result<Tags, Error>;

    /// Places a volume and starts to create it. An unknown cluster is
    /// [`heketi_core::ErrorKind::Invalid`], a taken name [`heketi_core::ErrorKind::CannotAllocate`].
    async fn volume_create(&self, request: CheckedVolumeCreate) -> Result<QueueId, Error>;
    /// All volumes, sorted, without those being created or deleted.
    async fn volume_list(&self) -> Result<VolumeList, Error>;
    /// One volume.
    async fn volume_info(&self, id: VolumeId) -> Result<VolumeInfo, Error>;
    /// Places more bricks and starts to add them.
    async fn volume_expand(&self, id: VolumeId, size: Gib) -> Result<QueueId, Error>;
    /// Starts to delete a volume. A volume another operation works on is [`Error::conflict`].
    async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error>;

    /// How many operations are recorded.
    async fn operations(&self) -> Result<OperationCounts, Error>;

    /// Where a job stands; [`heketi_core::ErrorKind::NotFound`] when it is unknown.
    async fn queue(&self, id: QueueId) -> Result<QueueState, Error>;
}
