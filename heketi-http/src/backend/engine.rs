//! The [`Backend`] over an engine: wire types in, records out.

use std::sync::Arc;

use async_trait::async_trait;
use heketi_core::api::{
    BlockInfo, BrickInfo, CheckedVolumeCreate, ClusterCreateRequest, ClusterFlagsRequest, ClusterInfo, ClusterList,
    DeviceAddRequest, DeviceDeleteRequest, DeviceInfo, MountInfo, NodeAddRequest, NodeInfo, OperationCounts,
    StateRequest, StorageSize, TagsChangeRequest, VolumeInfo, VolumeList,
};
use heketi_core::id::{ClusterId, DeviceId, NodeId, QueueId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::{Cluster, Device, EntryState, Node, Tags, Volume};
use heketi_core::operation::{self, OperationStatus};
use heketi_core::{Error, ErrorKind, Gib};
use heketi_exec::engine::Engine;

use super::{Backend, QueueState};

/// An engine as the HTTP service sees it.
#[derive(Clone, Debug)]
pub struct EngineBackend {
    engine: Engine,
}

impl EngineBackend {
    /// Serves this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

fn target(request: &StateRequest) -> Result<EntryState, Error> {
    request.target().ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{} is not valid state", request.state)))
}

/// An id of another object in a request; the text comes from a client.
fn named<T: std::str::FromStr>(text: &str, missing: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::new(ErrorKind::NotFound, missing))
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
        self.engine.node_state(id, target(&request)?).await
    }

    async fn node_tags(&self, id: NodeId, request: TagsChangeRequest) -> Result<Tags, Error> {
        self.engine.node_tags(id, &request).await
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
        self.engine.device_state(id, target(&request)?).await
    }

    async fn device_tags(&self, id: DeviceId, request: TagsChangeRequest) -> Result<Tags, Error> {
        self.engine.device_tags(id, &request).await
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
        let inventory = self.engine.inventory();
        let volume = inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
        Ok(volume_info(&inventory, volume))
    }

    async fn volume_expand(&self, id: VolumeId, size: Gib) -> Result<QueueId, Error> {
        self.engine.volume_expand(id, size).await
    }

    async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error> {
        self.engine.volume_delete(id).await
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

    async fn queue(&self, id: QueueId) -> Result<QueueState, Error> {
        let job = self.engine.job(id)?;
        let state = match &job.result {
            None => return Ok(QueueState::Pending),
            Some(JobResult::Done) => QueueState::Done,
            Some(JobResult::Node(node)) => QueueState::DoneAt(format!("/nodes/{node}")),
            Some(JobResult::Volume(volume)) => QueueState::DoneAt(format!("/volumes/{volume}")),
            Some(JobResult::Failed(text)) => QueueState::Failed(text.clone()),
        };
        // The answer counts even if it cannot be forgotten: the client may then ask once more.
        let _ = self.engine.collect_job(id);
        Ok(state)
    }
}

fn cluster_info(inventory: &Inventory, cluster: &Arc<Cluster>) -> ClusterInfo {
    ClusterInfo {
        id: cluster.id,
        nodes: inventory.nodes_of_cluster(cluster.id).collect(),
        volumes: inventory.volumes_of_cluster(cluster.id).filter(|id| !inventory.is_volume_hidden(*id)).collect(),
        block: cluster.block,
        file: cluster.file,
        blockvolumes: Vec::new(),
    }
}

fn node_info(inventory: &Inventory, node: &Arc<Node>) -> NodeInfo {
    let devices = inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id));
    NodeInfo {
        zone: node.zone,
        hostnames: node.hostnames.clone().into(),
        cluster: node.cluster,
        tags: node.tags.clone(),
        id: node.id,
        state: node.state,
        devices: devices.map(|device| device_info(inventory, device)).collect(),
    }
}

fn device_info(inventory: &Inventory, device: &Arc<Device>) -> DeviceInfo {
    let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
    let free = inventory.free(device);
    DeviceInfo {
        name: device.name.clone(),
        tags: device.tags.clone(),
        storage: StorageSize { total: device.total, free, used: device.total.saturating_sub(free) },
        id: device.id,
        paths: device.paths.clone(),
        pv_uuid: device.pv_uuid.clone().unwrap_or_default(),
        state: device.state,
        bricks: bricks.map(|brick| BrickInfo::from(brick.as_ref())).collect(),
    }
}

fn volume_info(inventory: &Inventory, volume: &Arc<Volume>) -> VolumeInfo {
    let bricks = inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id));
    VolumeInfo {
        size: volume.size,
        name: volume.name.clone(),
        durability: volume.durability.into(),
        gid: volume.gid,
        glustervolumeoptions: volume.options.clone(),
        block: false,
        snapshot: volume.snapshot.into(),
        id: volume.id,
        cluster: volume.cluster,
        mount: MountInfo::new(inventory.storage_hosts(volume.cluster), &volume.name),
        blockinfo: BlockInfo::default(),
        bricks: bricks.map(|brick| BrickInfo::from(brick.as_ref())).collect(),
    }
}
