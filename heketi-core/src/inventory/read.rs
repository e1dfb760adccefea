//! Questions to the state. Iteration is by ascending id everywhere.

use std::sync::Arc;

use super::claims::{Claim, Object};
use super::order::{ClusterSpace, DeviceClass, Slot};
use super::{Inventory, Job, KeyedRequest};
use crate::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, OriginId, QueueId, RequestKeyId,
    VolumeId,
};
use crate::model::{BlockVolume, Brick, Cluster, Device, HostKey, Node, Origin, PoolKey, Volume};
use crate::operation::Operation;
use crate::units::{Kib, Timestamp};

const LOWEST: [u8; 16] = [0; 16];
const HIGHEST: [u8; 16] = [0xff; 16];

macro_rules! links {
    ($($(#[$doc:meta])* $method:ident($of:ty) -> $to:ident in $index:ident;)*) => {$(
        $(#[$doc])*
        pub fn $method(&self, id: $of) -> impl Iterator<Item = $to> {
            let all = (id, $to::from_bytes(LOWEST))..=(id, $to::from_bytes(HIGHEST));
            self.index.$index.range(all).map(|(_, to)| *to)
        }
    )*};
}

macro_rules! records {
    ($($one:ident, $all:ident: $id:ty => $record:ty;)*) => {$(
        #[doc = concat!("The record with this id, pending or not, or `None`.")]
        pub fn $one(&self, id: $id) -> Option<&Arc<$record>> {
            self.$all.get(&id)
        }

        #[doc = concat!("All of them, pending or not.")]
        pub fn $all(&self) -> impl Iterator<Item = &Arc<$record>> {
            self.$all.values()
        }
    )*};
}

impl Inventory {
    records! {
        cluster, clusters: ClusterId => Cluster;
        node, nodes: NodeId => Node;
        device, devices: DeviceId => Device;
        brick, bricks: BrickId => Brick;
        volume, volumes: VolumeId => Volume;
        block_volume, block_volumes: BlockVolumeId => BlockVolume;
        operation, operations: OperationId => Operation;
        job, jobs: QueueId => Job;
        host_key, host_keys: HostKeyId => HostKey;
        keyed_request, keyed_requests: RequestKeyId => KeyedRequest;
        origin, origins: OriginId => Origin;
    }

    links! {
        /// Nodes of a cluster.
        nodes_of_cluster(ClusterId) -> NodeId in cluster_nodes;
        /// Volumes of a cluster, pending or not.
        volumes_of_cluster(ClusterId) -> VolumeId in cluster_volumes;
        /// Devices of a node.
        devices_of_node(NodeId) -> DeviceId in node_devices;
        /// Bricks of a node that their volumes use no more and that are still to be destroyed.
        retired_bricks_of_node(NodeId) -> BrickId in retired_bricks;
        /// Block volumes of a cluster, pending or not.
        block_volumes_of_cluster(ClusterId) -> BlockVolumeId in cluster_block_volumes;
        /// Block volumes a volume hosts, pending or not.
        block_volumes_of_volume(VolumeId) -> BlockVolumeId in hosted_block_volumes;
    }

    /// Bricks of a volume, by id: not gluster's order. Retired ones are not among them.
    pub fn bricks_of_volume(&self, id: VolumeId) -> impl Iterator<Item = BrickId> {
        self.index.volume_bricks.get(&id).into_iter().flat_map(|bricks| bricks.iter().copied())
    }

    /// Bricks of a device, pending and retired ones too.
    pub fn bricks_of_device(&self, id: DeviceId) -> impl Iterator<Item = BrickId> {
        self.index.devices.get(&id).into_iter().flat_map(|known| known.bricks.iter().copied())
    }

    /// How many volumes a cluster has, pending ones too.
    pub fn volume_count(&self, cluster: ClusterId) -> u64 {
        self.index.volume_counts.get(&cluster).copied().unwrap_or(0)
    }

    /// Is the id of a volume or brick one of these?
    pub(crate) fn has_ids_between(&self, first: [u8; 16], last: [u8; 16]) -> bool {
        let bricks = BrickId::from_bytes(first)..=BrickId::from_bytes(last);
        let volumes = VolumeId::from_bytes(first)..=VolumeId::from_bytes(last);
        self.bricks.range(bricks).next().is_some() || self.volumes.range(volumes).next().is_some()
    }

    /// The volume of this name in a cluster, pending or not.
    pub fn volume_named(&self, cluster: ClusterId, name: &str) -> Option<VolumeId> {
        self.index.volume_names.get(&(cluster, name.to_owned())).copied()
    }

    /// The block volume of this name in a hosting volume, pending or not.
    pub fn block_volume_named(&self, hosting: VolumeId, name: &str) -> Option<BlockVolumeId> {
        self.index.block_volume_names.get(&(hosting, name.to_owned())).copied()
    }

    /// The node a host name belongs to, in any cluster.
    pub fn node_with_host(&self, host: &str) -> Option<NodeId> {
        self.index.hosts.get(host).copied()
    }

    /// What the bricks on a device are charged together.
    pub fn charged(&self, device: DeviceId) -> Kib {
        self.index.devices.get(&device).map_or(Kib::ZERO, |known| known.charged)
    }

    /// Space of a device that nothing is charged for.
    pub fn free(&self, device: &Device) -> Kib {
        device.total.saturating_sub(device.foreign + self.charged(device.id))
    }

    /// Zones of a cluster with devices that can take bricks, ascending.
    pub fn usable_zones(&self, cluster: ClusterId) -> impl Iterator<Item = i64> {
        self.index.order.zones(cluster).map(|(zone, _)| zone)
    }

    /// Devices of a zone of a cluster that can take bricks, by class of free space and use for arbiter volumes,
    /// both ascending.
    pub(crate) fn device_classes(&self, cluster: ClusterId, zone: i64) -> &[DeviceClass] {
        self.index.order.zone(cluster, zone)
    }

    /// Space of the devices of a cluster that can take bricks, added up.
    pub(crate) fn cluster_space(&self, cluster: ClusterId) -> ClusterSpace {
        self.index.order.space(cluster)
    }

    /// A device as placement sees it; none where it cannot take bricks.
    pub(crate) fn slot(&self, device: DeviceId) -> Option<&Slot> {
        Some(&self.index.devices.get(&device)?.place.as_ref()?.slot)
    }

    /// A device, and its space that nothing is charged for.
    pub(crate) fn device_and_free(&self, id: DeviceId) -> Option<(&Device, Kib)> {
        self.index.devices.get(&id).map(|known| (&*known.device, known.free()))
    }

    /// Devices of one zone of a cluster that can take bricks.
    pub fn slots_of_zone(&self, cluster: ClusterId, zone: i64) -> impl Iterator<Item = &Slot> {
        self.device_classes(cluster, zone).iter().flat_map(DeviceClass::slots)
    }

    /// Devices of a cluster that can take bricks, by zone.
    pub fn slots_of_cluster(&self, cluster: ClusterId) -> impl Iterator<Item = &Slot> {
        self.index.order.zones(cluster).flat_map(|(_, classes)| classes).flat_map(DeviceClass::slots)
    }

    /// Is the volume still being created, or already being deleted? Clients do not see it then.
    pub fn is_volume_hidden(&self, volume: VolumeId) -> bool {
        self.claimants(&Object::Volume(volume))
            .filter(|(_, claim)| *claim == Claim::Exclusive)
            .filter_map(|(operation, _)| self.operation(operation))
            .any(|operation| operation.hides_volume(volume))
    }

    /// Is the brick not yet one of its volume's? Clients do not see it then, only the space it takes.
    pub fn is_brick_hidden(&self, brick: &Brick) -> bool {
        self.claimants(&Object::Volume(brick.volume))
            .filter_map(|(operation, _)| self.operation(operation))
            .any(|operation| operation.hides_brick(brick.id))
    }

    /// Is an operation just making the brick, or taking it away from its volume?
    pub fn is_brick_pending(&self, brick: &Brick) -> bool {
        self.claimants(&Object::Volume(brick.volume))
            .filter_map(|(operation, _)| self.operation(operation))
            .any(|operation| operation.makes_or_removes(brick))
    }

    /// Bricks of a device that a volume uses or is about to use.
    pub fn used_bricks_of_device(&self, device: DeviceId) -> impl Iterator<Item = &Arc<Brick>> {
        self.bricks_of_device(device).filter_map(|id| self.brick(id)).filter(|brick| !brick.retired)
    }

    /// Is the block volume still being created, or already being deleted? Clients do not see it then.
    pub fn is_block_volume_hidden(&self, block_volume: BlockVolumeId) -> bool {
        self.claimants(&Object::BlockVolume(block_volume))
            .filter_map(|(operation, _)| self.operation(operation))
            .any(|operation| operation.hides_block_volume(block_volume))
    }

    /// How many bricks live in the thin pool of `brick`, itself included: more than one after a clone.
    pub fn bricks_in_pool_of(&self, brick: &Brick) -> u32 {
        let (pool, device) = (brick.pool_key(), brick.device);
        u32::from(self.pool_owner(&pool, device).is_some()) + self.index.pool_guests(pool, device)
    }

    /// How many other bricks live in the thin pool of `brick`, which is not among the counted guests of that pool.
    pub(super) fn others_in_pool_of(&self, brick: &Brick) -> u32 {
        let (pool, device) = (brick.pool_key(), brick.device);
        let owner = pool != PoolKey::OfBrick(brick.id) && self.pool_owner(&pool, device).is_some();
        u32::from(owner) + self.index.pool_guests(pool, device)
    }

    /// The brick that a thin pool is named after, while it lives in it.
    fn pool_owner(&self, pool: &PoolKey, device: DeviceId) -> Option<&Arc<Brick>> {
        let PoolKey::OfBrick(id) = pool else { return None };
        self.brick(*id).filter(|owner| owner.device == device && owner.pool_key() == *pool)
    }

    /// Storage host names of all nodes of a cluster in the order of node ids: what clients mount from.
    pub fn storage_hosts(&self, cluster: ClusterId) -> Vec<String> {
        self.nodes_of_cluster(cluster)
            .filter_map(|node| self.node(node))
            .map(|node| node.storage_host().to_owned())
            .collect()
    }

    /// How many finished jobs are kept.
    pub fn finished_jobs_count(&self) -> usize {
        self.index.finished_jobs.len()
    }

    /// How many requests with an `Idempotency-Key` are remembered.
    pub fn keyed_requests_count(&self) -> usize {
        self.index.keyed_requests.len()
    }

    /// Requests with an `Idempotency-Key`, the oldest at the front.
    pub fn keyed_requests_by_time(&self) -> impl Iterator<Item = (Timestamp, RequestKeyId)> {
        self.index.keyed_requests.iter().copied()
    }

    /// Finished jobs, those that ended first at the front.
    pub fn finished_jobs(&self) -> impl DoubleEndedIterator<Item = (Timestamp, QueueId)> {
        self.index.finished_jobs.iter().copied()
    }
}
