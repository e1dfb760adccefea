//! Nodes and devices that come, go and are replaced.

use futures_util::FutureExt;
use heketi_core::id::DeviceId;
use heketi_core::model::EntryState;
use heketi_exec::engine::Engine;
use heketi_exec::sim::SimDisk;

use super::{Tested, device_named, node_named, only_cluster, set_device};
use crate::support::*;

pub fn all() -> Vec<Tested> {
    vec![NODE_ADD, NODE_DELETE, DEVICE_ADD, DEVICE_DELETE, DEVICE_REPLACE, NODE_REPLACE]
}

/// F20: a server that dies, or a node that fails, while a node is added leaves no peer that nobody knows of.
pub const NODE_ADD: Tested = Tested {
    name: "node add",
    nodes: 2,
    prepare: |_, sim| {
        sim.add_node("n3", "10.0.0.3", [SimDisk::gib("/dev/sdb", 50)]);
        async {}.boxed()
    },
    start: |engine| engine.node_add(node(only_cluster(engine), 3)).boxed(),
    in_parts: false,
};

/// F20: nor a detached node that is still listed.
pub const NODE_DELETE: Tested = Tested {
    name: "node delete",
    nodes: 2,
    prepare: |engine, sim| {
        sim.add_node("n3", "10.0.0.3", [SimDisk::gib("/dev/sdb", 50)]);
        async { _ = add_node(engine, only_cluster(engine), 3).await }.boxed()
    },
    start: |engine| engine.node_delete(node_named(engine, "n3")).boxed(),
    in_parts: false,
};

/// F20: nor a volume group without a device.
pub const DEVICE_ADD: Tested = Tested {
    name: "device add",
    nodes: 1,
    prepare: |_, sim| {
        sim.add_disk("n1", SimDisk::gib("/dev/sdd", 50));
        async {}.boxed()
    },
    start: |engine| engine.device_add(device(node_named(engine, "n1"), "/dev/sdd")).boxed(),
    in_parts: false,
};

/// F20: nor a device of a volume group that is gone.
pub const DEVICE_DELETE: Tested = Tested {
    name: "device delete",
    nodes: 1,
    prepare: |engine, _| {
        async {
            let device = device_named(engine, "n1", "/dev/sdc");
            set_device(engine, device, EntryState::Offline).await;
            set_device(engine, device, EntryState::Failed).await;
        }
        .boxed()
    },
    start: |engine| engine.device_delete(device_named(engine, "n1", "/dev/sdc"), false).boxed(),
    in_parts: false,
};

/// A larger disk takes the place of one that failed.
pub const DEVICE_REPLACE: Tested = Tested {
    name: "device replace",
    nodes: 3,
    prepare: |engine, sim| {
        async {
            let other = device_named(engine, "n2", "/dev/sdc");
            set_device(engine, other, EntryState::Offline).await;
            volume(engine, engine.volume_create(replica3(2)).await).await;
            set_device(engine, other, EntryState::Online).await;
            sim.replace_disk("n2", "/dev/sdb", SimDisk::gib("/dev/sdz", 60));
        }
        .boxed()
    },
    start: |engine| engine.device_replace(device_with_brick(engine, "n2"), Some("/dev/sdz".into())).boxed(),
    in_parts: false,
};

/// A node comes back with larger disks.
pub const NODE_REPLACE: Tested = Tested {
    name: "node replace",
    nodes: 3,
    prepare: |engine, sim| {
        async {
            volume(engine, engine.volume_create(replica3(2)).await).await;
            sim.reinstall("n2", [SimDisk::gib("/dev/sdb", 60), SimDisk::gib("/dev/sdc", 60)]);
        }
        .boxed()
    },
    start: |engine| engine.node_replace(node_named(engine, "n2")).boxed(),
    in_parts: false,
};

impl Tested {
    /// Is it about bringing back what a node lost? Then state and nodes differ before it.
    pub fn brings_back(&self) -> bool {
        self.name.ends_with("replace")
    }
}

/// The device of a node that holds a brick.
pub fn device_with_brick(engine: &Engine, host: &str) -> DeviceId {
    let (inventory, node) = (engine.inventory(), node_named(engine, host));
    inventory.bricks().find(|brick| brick.node == node).expect("a brick").device
}
