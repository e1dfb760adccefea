//! What the integration tests share: small clusters made of records, and a simulation of their nodes.

// Every test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod block_plans;
pub mod clones;
pub mod drive;
pub mod evict;
pub mod fake;
pub mod fake_blocks;
mod fake_repair;
mod fake_snapshots;
pub mod plans;
pub mod replaced;
pub mod scenes;
pub mod side_by_side;
pub mod torture;

use heketi_core::Kib;
use heketi_core::Timestamp;
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{ClusterId, DeviceId, IdSource, NodeId, SeededIds};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{Cluster, Device, Durability, EntryState, HostNames, Node, Tags};
use heketi_core::units::Gib;

/// The time of everything that happens in a test.
pub const NOW: Timestamp = Timestamp(1_700_000_000);

/// A device of a cluster to build.
#[derive(Clone, Debug)]
pub struct DeviceShape {
    pub total: Kib,
    pub extent: Kib,
    pub state: EntryState,
    pub tags: Tags,
}

impl DeviceShape {
    /// Online, with LVM's usual extents.
    pub fn of(total: Kib) -> Self {
        Self { total, extent: Kib(4096), state: EntryState::Online, tags: Tags::new() }
    }
}

/// A node of a cluster to build.
#[derive(Clone, Debug)]
pub struct NodeShape {
    pub zone: i64,
    pub state: EntryState,
    pub tags: Tags,
    pub devices: Vec<DeviceShape>,
}

impl NodeShape {
    /// Online, with these devices.
    pub fn of(zone: i64, devices: Vec<DeviceShape>) -> Self {
        Self { zone, state: EntryState::Online, tags: Tags::new(), devices }
    }
}

/// The records of a cluster with these nodes; host names are `m<i>` and `s<i>`.
pub fn cluster(ids: &mut dyn IdSource, nodes: &[NodeShape]) -> (ClusterId, ChangeSet) {
    let mut changes = ChangeSet::default();
    let id = ClusterId::new(ids);
    changes.put_cluster(Cluster { id, file: true, block: true });
    for (i, shape) in nodes.iter().enumerate() {
        let node = NodeId::new(ids);
        let hostnames = HostNames { manage: vec![format!("m{i}")], storage: vec![format!("s{i}")] };
        let (zone, state, tags) = (shape.zone, shape.state, shape.tags.clone());
        changes.put_node(Node { id: node, cluster: id, zone, hostnames, tags, state });
        for (j, shape) in shape.devices.iter().enumerate() {
            let device = DeviceId::new(ids);
            changes.put_device(Device {
                id: device,
                node,
                name: format!("/dev/sd{j}"),
                paths: Vec::new(),
                pv_uuid: Some(format!("pv-{device}")),
                tags: shape.tags.clone(),
                state: shape.state,
                total: shape.total,
                foreign: Kib::ZERO,
                extent: shape.extent,
            });
        }
    }
    (id, changes)
}

/// The state that holds one cluster with these nodes.
pub fn state(nodes: &[NodeShape]) -> (ClusterId, Inventory) {
    let mut inventory = Inventory::default();
    let (id, changes) = cluster(&mut SeededIds::new(7), nodes);
    inventory.apply(&changes).unwrap();
    (id, inventory)
}

/// A request for a volume without name, options or room for snapshots.
pub fn volume(size: u64, durability: Durability) -> CheckedVolumeCreate {
    CheckedVolumeCreate::new(Gib(size), durability)
}
