//! The [`Backend`] over an engine: wire types in, records out.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use heketi_core::api::{
    self, AuditInfo, AuditPlan, AuditRepairRequest, BlockVolumeCreateRequest, BlockVolumeInfo, BlockVolumeList,
    BrickEvictRequest, CapacityInfo, CheckedVolumeCreate, CleanUpRequest, ClusterCreateRequest, ClusterFlagsRequest,
    ClusterInfo, ClusterList, DeviceAddRequest, DeviceDeleteRequest, DeviceInfo, DeviceReplaceRequest, EventInfo,
    HistoryInfo, HistoryList, NodeAddRequest, NodeInfo, OperationCounts, OperationDetails, OperationInfo,
    OperationList, PlacementInfo, StateExamination, StateRequest, TagsChangeRequest, VolumeCloneRequest, VolumeInfo,
    VolumeList,
};
use heketi_core::audit::Finding;
use heketi_core::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, RequestKeyId, VolumeId,
};
use heketi_core::interchange::{ConsistencyReport, V10Database};
use heketi_core::inventory::{Inventory, JobResult, KeyedRequest};
use heketi_core::model::{BlockRestriction, EntryState, Tags};
use heketi_core::operation::{self, OperationStatus};
use heketi_core::{Error, ErrorKind, Gib};
use heketi_exec::engine::{Engine, RequestKey};

use super::answers::Answers;
use super::database;
use super::info::{cluster_info, device_info, node_info, volume_info};
use super::{Backend, QueueState};
use crate::metrics::Observed;

/// An engine as the HTTP service sees it.
#[derive(Clone, Debug)]
pub struct EngineBackend {
    engine: Engine,
    /// Where copies of the database take their space while they are sent.
    scratch: PathBuf,
    answers: Arc<Answers>,
}

impl EngineBackend {
    /// Serves this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine, scratch: std::env::temp_dir(), answers: Arc::default() }
    }

    /// Copies of the database take their space in this directory while they are sent, instead of the system's for
    /// temporary files.
    #[must_use]
    pub fn with_scratch(self, scratch: impl Into<PathBuf>) -> Self {
        Self { scratch: scratch.into(), ..self }
    }
}

fn visible_volume(inventory: &Inventory, id: VolumeId) -> Result<VolumeInfo, Error> {
    let volume = inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
    Ok(volume_info(inventory, volume))
}

fn target(request: &StateRequest) -> Result<EntryState, Error> {
    request.target().ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{} is not valid state", request.state)))
}

/// An id of another object in a request; the text comes from a client.
fn named<T: std::str::FromStr>(text: &str, missing: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::new(ErrorKind::NotFound, missing))
}

/// A text of a request where empty stands for the default.
fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[async_trait]
impl Backend for EngineBackend {
    async fn cluster_create(&self, request: ClusterCreateRequest) -> Result<ClusterInfo, Error> {
        let id = self.engine.cluster_create(request.file, request.block).await?;
        self.cluster_info(id).await
    }

    async fn cluster_list(&self) -> Result<ClusterList, Error> {
        Ok(ClusterList { clusters: self.engine.inventory().clusters().map(|cluster| cluster.id).collect() })
    }

    async fn cluster_info(&self, id: ClusterId) -> Result<ClusterInfo, Error> {
        let inventory = self.engine.inventory();
        Ok(cluster_info(&inventory, inventory.cluster(id).ok_or_else(Error::not_found)?))
    }

    async fn cluster_delete(&self, id: ClusterId) -> Result<(), Error> {
        self.engine.cluster_delete(id).await
    }

    async fn cluster_flags(&self, id: ClusterId, request: ClusterFlagsRequest) -> Result<(), Error> {
        self.engine.cluster_flags(id, request.file, request.block).await
    }

    async fn node_add(&self, request: NodeAddRequest) -> Result<QueueId, Error> {
        let request = operation::NodeAddRequest {
            cluster: named(&request.cluster, "Cluster id does not exist")?,
            zone: request.zone,
            hostnames: request.hostnames.into(),
            tags: request.tags,
        };
        self.engine.node_add(request).await
    }

    async fn node_info(&self, id: NodeId) -> Result<NodeInfo, Error> {
        let inventory = self.engine.inventory();
        Ok(node_info(&inventory, inventory.node(id).ok_or_else(Error::not_found)?))
    }

    async fn node_delete(&self, id: NodeId) -> Result<QueueId, Error> {
        self.engine.node_delete(id).await
    }

    async fn node_state(&self, id: NodeId, request: StateRequest) -> Result<QueueId, Error> {
        self.engine.node_state(id, target(&request)?, request.checks_heal()).await
    }

    async fn node_tags(&self, id: NodeId, request: TagsChangeRequest) -> Result<Tags, Error> {
        self.engine.node_tags(id, &request).await
    }

    async fn node_replace(&self, id: NodeId) -> Result<QueueId, Error> {
        self.engine.node_replace(id).await
    }

    async fn device_add(&self, request: DeviceAddRequest) -> Result<QueueId, Error> {
        let request = operation::DeviceAddRequest {
            node: named(&request.node, "Node id does not exist")?,
            name: request.name,
            tags: request.tags,
            destroy_data: request.destroydata,
        };
        self.engine.device_add(request).await
    }

    async fn device_info(&self, id: DeviceId) -> Result<DeviceInfo, Error> {
        let inventory = self.engine.inventory();
        Ok(device_info(&inventory, inventory.device(id).ok_or_else(Error::not_found)?))
    }

    async fn device_delete(&self, id: DeviceId, request: DeviceDeleteRequest) -> Result<QueueId, Error> {
        self.engine.device_delete(id, request.forceforget).await
    }

    async fn device_state(&self, id: DeviceId, request: StateRequest) -> Result<QueueId, Error> {
        self.engine.device_state(id, target(&request)?, request.checks_heal()).await
    }

    async fn device_tags(&self, id: DeviceId, request: TagsChangeRequest) -> Result<Tags, Error> {
        self.engine.device_tags(id, &request).await
    }

    async fn device_resync(&self, id: DeviceId) -> Result<QueueId, Error> {
        self.engine.device_resync(id).await
    }

    async fn device_replace(&self, id: DeviceId, request: DeviceReplaceRequest) -> Result<QueueId, Error> {
        self.engine.device_replace(id, filled(request.name)).await
    }

    async fn brick_evict(&self, id: BrickId, request: BrickEvictRequest) -> Result<QueueId, Error> {
        self.engine.brick_evict(id, request.checks_heal()).await
    }

    async fn volume_create(&self, request: CheckedVolumeCreate) -> Result<QueueId, Error> {
        self.engine.volume_create(request).await
    }

    async fn volume_list(&self) -> Result<VolumeList, Error> {
        let inventory = self.engine.inventory();
        let visible = inventory.volumes().map(|volume| volume.id).filter(|id| !inventory.is_volume_hidden(*id));
        Ok(VolumeList { volumes: visible.collect() })
    }

    async fn volume_info(&self, id: VolumeId) -> Result<VolumeInfo, Error> {
        visible_volume(&self.engine.inventory(), id)
    }

    async fn volume_text(&self, id: VolumeId) -> Result<Bytes, Error> {
        let inventory = self.engine.inventory();
        self.answers.volume(&inventory, id, || Ok(api::encode(&visible_volume(&inventory, id)?) + "\n"))
    }

    async fn volume_expand(&self, id: VolumeId, size: Gib) -> Result<QueueId, Error> {
        self.engine.volume_expand(id, size).await
    }

    async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error> {
        self.engine.volume_delete(id).await
    }

    async fn volume_clone(&self, id: VolumeId, request: VolumeCloneRequest) -> Result<QueueId, Error> {
        self.engine.volume_clone(id, filled(request.name)).await
    }

    async fn volume_block_restriction(&self, id: VolumeId, restriction: BlockRestriction) -> Result<QueueId, Error> {
        self.engine.volume_block_restriction(id, restriction).await
    }

    async fn block_volume_create(&self, request: BlockVolumeCreateRequest) -> Result<QueueId, Error> {
        let size = request.size().ok_or_else(|| Error::new(ErrorKind::Invalid, "Invalid block volume size"))?;
        let request = operation::BlockVolumeCreateRequest {
            size,
            ha_count: request.hosts(),
            name: filled(request.name),
            clusters: request.clusters,
            auth: request.auth,
        };
        self.engine.block_volume_create(request).await
    }

    async fn block_volume_list(&self) -> Result<BlockVolumeList, Error> {
        let inventory = self.engine.inventory();
        let all = inventory.block_volumes().map(|volume| volume.id);
        Ok(BlockVolumeList { blockvolumes: all.filter(|id| !inventory.is_block_volume_hidden(*id)).collect() })
    }

    async fn block_volume_info(&self, id: BlockVolumeId) -> Result<BlockVolumeInfo, Error> {
        let inventory = self.engine.inventory();
        let volume = inventory.block_volume(id).filter(|_| !inventory.is_block_volume_hidden(id));
        Ok(BlockVolumeInfo::from(volume.ok_or_else(Error::not_found)?.as_ref()))
    }

    async fn block_volume_expand(&self, id: BlockVolumeId, size: Gib) -> Result<QueueId, Error> {
        self.engine.block_volume_expand(id, size).await
    }

    async fn block_volume_delete(&self, id: BlockVolumeId) -> Result<QueueId, Error> {
        self.engine.block_volume_delete(id).await
    }

    async fn operations(&self) -> Result<OperationCounts, Error> {
        let inventory = self.engine.inventory();
        let mut counts = OperationCounts { in_flight: self.engine.running() as u64, ..OperationCounts::default() };
        for operation in inventory.operations() {
            counts.total += 1;
            match operation.status {
                OperationStatus::New => counts.new += 1,
                OperationStatus::Stale => counts.stale += 1,
                OperationStatus::Failed => counts.failed += 1,
            }
        }
        Ok(counts)
    }

    async fn operation_list(&self) -> Result<OperationList, Error> {
        let inventory = self.engine.inventory();
        let tracked = self.engine.tracked();
        let listed = inventory.operations().map(|it| OperationInfo::new(it, tracked.contains(&it.id)));
        Ok(OperationList { pendingoperations: listed.collect() })
    }

    async fn operation_details(&self, id: OperationId) -> Result<OperationDetails, Error> {
        let inventory = self.engine.inventory();
        // Who asked for it knows the place of its job in the queue only.
        let by_queue = || self.engine.operation_of(QueueId::from_bytes(*id.bytes()));
        let operation = inventory.operation(id).cloned().or_else(by_queue).ok_or_else(Error::not_found)?;
        let progress = self.engine.progress(operation.id);
        Ok(OperationDetails { progress, ..OperationDetails::new(&operation, &inventory) })
    }

    async fn operation_clean_up(&self, request: CleanUpRequest) -> Result<QueueId, Error> {
        self.engine.clean_up_request(request.selection()).await
    }

    async fn audit(&self, nodes: bool) -> Result<AuditInfo, Error> {
        Ok(AuditInfo::from(&self.engine.audit(nodes).await?))
    }

    async fn audit_plan(&self, request: AuditRepairRequest) -> Result<AuditPlan, Error> {
        let report = self.engine.audit(true).await?;
        Ok(request.select(&report).into_iter().collect())
    }

    async fn audit_repair(&self, request: AuditRepairRequest) -> Result<QueueId, Error> {
        let report = self.engine.audit(true).await?;
        let selected: Vec<Finding> = request.select(&report).into_iter().cloned().collect();
        self.engine.audit_repair(&selected).await
    }

    async fn observe(&self) -> Result<Observed, Error> {
        let operations = self.operations().await?;
        Ok(Observed { inventory: self.engine.inventory(), operations, health: self.engine.node_health() })
    }

    async fn backup(&self) -> Result<File, Error> {
        self.engine.backup(&self.scratch).await.map_err(|error| Error::internal(error.to_string()))
    }

    async fn db_dump(&self) -> Result<V10Database, Error> {
        database::dump(self.engine.durable_inventory()).await
    }

    async fn db_check(&self) -> Result<ConsistencyReport, Error> {
        database::check(self.engine.durable_inventory()).await
    }

    async fn examine_gluster(&self) -> Result<StateExamination, Error> {
        database::examine(&self.engine, true).await
    }

    fn trouble(&self) -> Option<String> {
        self.engine.trouble()
    }

    async fn placement_explain(&self, request: CheckedVolumeCreate) -> Result<PlacementInfo, Error> {
        self.engine.explain_placement(request).await
    }

    async fn capacity(&self, cluster: Option<ClusterId>, factor: f32) -> Result<CapacityInfo, Error> {
        self.engine.capacity(cluster, factor).await
    }

    async fn history(&self, limit: usize) -> Result<HistoryList, Error> {
        Ok(self.engine.history(limit))
    }

    async fn history_of(&self, id: [u8; 16]) -> Result<HistoryInfo, Error> {
        self.engine.request(id)
    }

    fn events(&self, since: Option<u64>) -> BoxStream<'static, Arc<EventInfo>> {
        self.engine.events(since)
    }

    fn keyed(&self, key: RequestKey) -> Option<Arc<dyn Backend>> {
        Some(Arc::new(Self { engine: self.engine.for_request(key), ..self.clone() }))
    }

    fn keyed_request(&self, id: RequestKeyId) -> Option<Arc<KeyedRequest>> {
        self.engine.keyed_request(id)
    }

    async fn remember_answer(&self, key: &RequestKey, status: u16, body: String) -> Result<(), Error> {
        self.engine.remember_answer(key, status, body).await
    }

    async fn tell_again(&self, id: QueueId) -> Result<(), Error> {
        self.engine.tell_again(id).await
    }

    async fn queue(&self, id: QueueId) -> Result<QueueState, Error> {
        let job = self.engine.job(id)?;
        let state = match &job.result {
            None => return Ok(QueueState::Pending),
            Some(JobResult::Failed(text)) => QueueState::Failed(text.clone()),
            Some(result) => result.path().map_or(QueueState::Done, QueueState::DoneAt),
        };
        // The answer counts even if it cannot be forgotten: the client may then ask once more.
        let _ = self.engine.collect_job(id);
        Ok(state)
    }
}
