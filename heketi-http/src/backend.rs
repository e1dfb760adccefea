//! What the HTTP service asks of the engine, in wire types.

mod answers;
mod database;
mod engine;
mod info;

use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use heketi_core::api::{
    self, AuditInfo, AuditPlan, AuditRepairRequest, BlockVolumeCreateRequest, BlockVolumeInfo, BlockVolumeList,
    BrickEvictRequest, CapacityInfo, CheckedVolumeCreate, CleanUpRequest, ClusterCreateRequest, ClusterFlagsRequest,
    ClusterInfo, ClusterList, DeviceAddRequest, DeviceDeleteRequest, DeviceInfo, DeviceReplaceRequest, EventInfo,
    HistoryInfo, HistoryList, NodeAddRequest, NodeInfo, OperationCounts, OperationDetails, OperationList,
    PlacementInfo, StateExamination, StateRequest, TagsChangeRequest, VolumeCloneRequest, VolumeInfo, VolumeList,
};
use heketi_core::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, RequestKeyId, VolumeId,
};
use heketi_core::interchange::{ConsistencyReport, V10Database};
use heketi_core::inventory::KeyedRequest;
use heketi_core::model::{BlockRestriction, Tags};
use heketi_core::{Error, Gib};
use heketi_exec::engine::RequestKey;

use crate::metrics::Observed;
pub(crate) use database::examine;
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
    /// Starts to make the bricks of a node again, on the empty machine that took its place and its names.
    async fn node_replace(&self, id: NodeId) -> Result<QueueId, Error>;

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
    /// Starts to read the sizes of a device again.
    async fn device_resync(&self, id: DeviceId) -> Result<QueueId, Error>;
    /// Starts to make the bricks of a device again, on the empty disk that took its place.
    async fn device_replace(&self, id: DeviceId, request: DeviceReplaceRequest) -> Result<QueueId, Error>;

    /// Starts to move a brick to another device. [`heketi_core::ErrorKind::Conflict`] with v10's text while the
    /// brick or its volume is worked on.
    async fn brick_evict(&self, id: BrickId, request: BrickEvictRequest) -> Result<QueueId, Error>;

    /// Places a volume and starts to create it. An unknown cluster is
    /// [`heketi_core::ErrorKind::Invalid`], a taken name [`heketi_core::ErrorKind::CannotAllocate`].
    async fn volume_create(&self, request: CheckedVolumeCreate) -> Result<QueueId, Error>;
    /// All volumes, sorted, without those being created or deleted.
    async fn volume_list(&self) -> Result<VolumeList, Error>;
    /// One volume.
    async fn volume_info(&self, id: VolumeId) -> Result<VolumeInfo, Error>;
    /// The same as it is sent: JSON and a newline. For who has it at hand.
    async fn volume_text(&self, id: VolumeId) -> Result<Bytes, Error> {
        Ok((api::encode(&self.volume_info(id).await?) + "\n").into())
    }
    /// Places more bricks and starts to add them.
    async fn volume_expand(&self, id: VolumeId, size: Gib) -> Result<QueueId, Error>;
    /// Starts to delete a volume. A volume another operation works on is [`Error::conflict`].
    async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error>;
    /// Starts to clone a volume.
    async fn volume_clone(&self, id: VolumeId, request: VolumeCloneRequest) -> Result<QueueId, Error>;
    /// Starts to lock a block hosting volume against new block volumes, or to unlock it.
    async fn volume_block_restriction(&self, id: VolumeId, restriction: BlockRestriction) -> Result<QueueId, Error>;

    /// Finds or plans a hosting volume and starts to create a block volume. An unknown cluster is
    /// [`heketi_core::ErrorKind::Invalid`].
    async fn block_volume_create(&self, request: BlockVolumeCreateRequest) -> Result<QueueId, Error>;
    /// All block volumes, sorted, without those being created or deleted.
    async fn block_volume_list(&self) -> Result<BlockVolumeList, Error>;
    /// One block volume.
    async fn block_volume_info(&self, id: BlockVolumeId) -> Result<BlockVolumeInfo, Error>;
    /// Starts to make a block volume as large as `size`, the new total.
    async fn block_volume_expand(&self, id: BlockVolumeId, size: Gib) -> Result<QueueId, Error>;
    /// Starts to delete a block volume. One another operation works on is [`Error::conflict`].
    async fn block_volume_delete(&self, id: BlockVolumeId) -> Result<QueueId, Error>;

    /// How many operations are recorded.
    async fn operations(&self) -> Result<OperationCounts, Error>;
    /// All recorded operations, sorted.
    async fn operation_list(&self) -> Result<OperationList, Error>;
    /// One recorded operation with what it changes.
    async fn operation_details(&self, id: OperationId) -> Result<OperationDetails, Error>;
    /// Starts to resume stale and failed operations, all or those named. The job succeeds whatever becomes of
    /// them.
    async fn operation_clean_up(&self, request: CleanUpRequest) -> Result<QueueId, Error>;

    /// Compares the state with itself, and with what the nodes report if they are to be asked.
    async fn audit(&self, nodes: bool) -> Result<AuditInfo, Error>;
    /// What would be done about findings of an audit; all of them when none is named.
    async fn audit_plan(&self, request: AuditRepairRequest) -> Result<AuditPlan, Error>;
    /// Starts to do it.
    async fn audit_repair(&self, request: AuditRepairRequest) -> Result<QueueId, Error>;

    /// What metrics are made from.
    async fn observe(&self) -> Result<Observed, Error>;
    /// A compact copy of the database, to be read from its beginning.
    async fn backup(&self) -> Result<File, Error>;
    /// The durable state in heketi v10's form. Pending operations that v10 does not know are left out.
    async fn db_dump(&self) -> Result<V10Database, Error>;
    /// heketi v10's consistency check of the durable state.
    async fn db_check(&self) -> Result<ConsistencyReport, Error>;
    /// The durable state beside what every node reports.
    async fn examine_gluster(&self) -> Result<StateExamination, Error>;
    /// Why no work is taken, if so.
    fn trouble(&self) -> Option<String>;

    /// Where a volume would go, and why each device gets no brick of it. An unknown cluster is
    /// [`heketi_core::ErrorKind::Invalid`]; lack of room is an answer.
    async fn placement_explain(&self, request: CheckedVolumeCreate) -> Result<PlacementInfo, Error>;
    /// The largest volume that fits now, for all clusters or one; `factor` is thin pool size over brick size.
    async fn capacity(&self, cluster: Option<ClusterId>, factor: f32) -> Result<CapacityInfo, Error>;

    /// Requests and what became of them, at most `limit`: what runs, then what is over, the newest first.
    async fn history(&self, limit: usize) -> Result<HistoryList, Error> {
        let _ = limit;
        Ok(HistoryList::default())
    }
    /// One of them, by the id of its operation or of its queue entry.
    async fn history_of(&self, id: [u8; 16]) -> Result<HistoryInfo, Error> {
        let _ = id;
        Err(Error::not_found())
    }
    /// What happens from now on, or after the event `since`.
    fn events(&self, since: Option<u64>) -> BoxStream<'static, Arc<EventInfo>> {
        let _ = since;
        stream::pending().boxed()
    }

    /// The same backend for one request with this key: what the request changes is recorded with it. `None` of a
    /// backend that records no keys.
    fn keyed(&self, key: RequestKey) -> Option<Arc<dyn Backend>> {
        let _ = key;
        None
    }
    /// What the request with this key came to, if there was one.
    fn keyed_request(&self, id: RequestKeyId) -> Option<Arc<KeyedRequest>> {
        let _ = id;
        None
    }
    /// Records how a request with a key was answered, for one that has no job.
    async fn remember_answer(&self, key: &RequestKey, status: u16, body: String) -> Result<(), Error> {
        let _ = (key, status, body);
        Ok(())
    }
    /// Lets the client of a job ask once more how it ended.
    async fn tell_again(&self, id: QueueId) -> Result<(), Error> {
        let _ = id;
        Ok(())
    }

    /// Where a job stands; [`heketi_core::ErrorKind::NotFound`] when it is unknown.
    async fn queue(&self, id: QueueId) -> Result<QueueState, Error>;
}
