//! Questions to the state. Iteration is by ascending id everywhere.

use std::sync::Arc;

use super::claims::{Claim, Object};
use super::index::{Slot, SlotKey, free_class};
use super::{Inventory, Job};
use crate::id::{BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, QueueId, VolumeId};
use crate::model::{Brick, Cluster, Device, HostKey, Node, Volume};
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
        operation, operations: OperationId => Operation;
        job, jobs: QueueId => Job;
        host_key, host_keys: HostKeyId => HostKey;
    }

    links! {
        /// Nodes of a cluster.
        nodes_of_cluster(ClusterId) -> NodeId in cluster_nodes;
        /// Volumes of a cluster, pending or not.
        volumes_of_cluster(ClusterId) -> VolumeId in cluster_volumes;
        /// Devices of a node.
        devices_of_node(NodeId) -> DeviceId in node_devices;
        /// Bricks of a device, pending or not.
        bricks_of_device(DeviceId) -> BrickId in device_bricks;
        /// Bricks of a volume, by id: not gluster's order.
        bricks_of_volume(VolumeId) -> BrickId in volume_bricks;
    }

    /// The volume of this name in a cluster, pending or not.
    pub fn volume_named(&self, cluster: ClusterId, name: &str) -> Option<VolumeId> {
        self.index.volume_names.get(&(cluster, name.to_owned())).copied()
    }

    /// The node a host name belongs to, in any cluster.
    pub fn node_with_host(&self, host: &str) -> Option<NodeId> {
        self.index.hosts.get(host).copied()
    }

    /// What the bricks on a device are charged together.
    pub fn charged(&self, device: DeviceId) -> Kib {
        self.index.charged.get(&device).copied().unwrap_or(Kib::ZERO)
    }

    /// Space of a device that nothing is charged for.
    pub fn free(&self, device: &Device) -> Kib {
        device.total.saturating_sub(device.foreign + self.charged(device.id))
    }

    /// Zones of a cluster with devices that can take bricks, ascending.
    pub fn usable_zones(&self, cluster: ClusterId) -> impl Iterator<Item = i64> {
        let first = self.classes(cluster, i64::MIN).next();
        std::iter::successors(first, move |(zone, _)| self.classes(cluster, zone.checked_add(1)?).next())
            .map(|(zone, _)| zone)
    }

    /// Zones from `first` on, and the classes of free space that devices there are in, ascending.
    fn classes(&self, cluster: ClusterId, first: i64) -> impl Iterator<Item = (i64, u8)> {
        let all = (cluster, first, 0)..=(cluster, i64::MAX, u8::MAX);
        self.index.classes.range(all).map(|((_, zone, class), _)| (*zone, *class))
    }

    /// The classes of free space that devices of a zone are in, as far as they hold devices with at least
    /// `least` of it.
    pub(crate) fn classes_of_zone(&self, cluster: ClusterId, zone: i64, least: Kib) -> impl Iterator<Item = u8> {
        let all = (cluster, zone, free_class(least))..=(cluster, zone, u8::MAX);
        self.index.classes.range(all).map(|((_, _, class), _)| *class)
    }

    /// Devices of one class of one zone of a cluster that can take bricks, the emptiest first.
    pub(crate) fn slots_of_class(&self, cluster: ClusterId, zone: i64, class: u8) -> impl Iterator<Item = &Slot> {
        self.slots(cluster, (zone, class), (zone, class))
    }

    /// Devices of one zone of a cluster that can take bricks.
    pub fn slots_of_zone(&self, cluster: ClusterId, zone: i64) -> impl Iterator<Item = &Slot> {
        self.slots(cluster, (zone, 0), (zone, u8::MAX))
    }

    /// Devices of a cluster that can take bricks, by zone.
    pub fn slots_of_cluster(&self, cluster: ClusterId) -> impl Iterator<Item = &Slot> {
        self.slots(cluster, (i64::MIN, 0), (i64::MAX, u8::MAX))
    }

    fn slots(&self, cluster: ClusterId, first: (i64, u8), last: (i64, u8)) -> impl Iterator<Item = &Slot> {
        use std::cmp::Reverse;
        let first = SlotKey {
            cluster,
            zone: first.0,
            class: first.1,
            emptiness: Reverse(u64::MAX),
            total: Reverse(Kib(u64::MAX)),
            hash: 0,
            device: DeviceId::from_bytes(LOWEST),
        };
        let last = SlotKey {
            cluster,
            zone: last.0,
            class: last.1,
            emptiness: Reverse(0),
            total: Reverse(Kib::ZERO),
            hash: u64::MAX,
            device: DeviceId::from_bytes(HIGHEST),
        };
        self.index.slots.range(first..=last).map(|(_, slot)| slot)
    }

    /// Is the volume still being created, or already being deleted? Clients do not see it then.
    pub fn is_volume_hidden(&self, volume: VolumeId) -> bool {
        self.claimants(&Object::Volume(volume))
            .filter(|(_, claim)| *claim == Claim::Exclusive)
            .filter_map(|(operation, _)| self.operation(operation))
            .any(|operation| operation.hides_volume())
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

    /// Finished jobs, those that ended first at the front.
    pub fn finished_jobs(&self) -> impl Iterator<Item = (Timestamp, QueueId)> {
        self.index.finished_jobs.iter().copied()
    }
}
