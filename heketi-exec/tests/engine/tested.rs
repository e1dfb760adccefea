//! The operations that are tested with faults and kills at every place: how each is prepared and started.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use heketi_core::Error;
use heketi_core::id::{ClusterId, DeviceId, NodeId, QueueId, VolumeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{Brick, Device, EntryState};
use heketi_core::units::Gib;
use heketi_exec::engine::Engine;
use heketi_exec::sim::SimCluster;

mod topology;

pub use topology::device_with_brick;

use crate::arbiter;
use crate::support::*;

/// One operation.
pub struct Tested {
    /// Its name, for messages.
    pub name: &'static str,
    /// Nodes of the simulated cluster, all of them loaded.
    pub nodes: u32,
    /// Makes what it works on.
    pub prepare: for<'a> fn(&'a Engine, &'a SimCluster) -> BoxFuture<'a, ()>,
    /// Starts it.
    pub start: for<'a> fn(&'a Engine) -> BoxFuture<'a, Result<QueueId, Error>>,
    /// It is made of parts (such as one brick after the other) and may end between them.
    pub in_parts: bool,
}

/// All of them.
pub fn all() -> Vec<Tested> {
    let mut all = vec![
        CREATE,
        EXPAND,
        DELETE,
        arbiter::CREATE,
        arbiter::EXPAND,
        CLONE,
        DELETE_CLONE,
        DELETE_CLONED,
        EVICT,
        DEVICE_REMOVE,
        NODE_REMOVE,
    ];
    all.extend(topology::all());
    all.extend(crate::blocks::tested());
    all
}

pub const CREATE: Tested = Tested {
    name: "create",
    nodes: 3,
    prepare: |_, _| async {}.boxed(),
    start: |engine| engine.volume_create(replica3(2)).boxed(),
    in_parts: false,
};

pub const EXPAND: Tested = Tested {
    name: "expand",
    nodes: 3,
    prepare: with_volume,
    start: |engine| engine.volume_expand(only_volume(engine), Gib(1)).boxed(),
    in_parts: false,
};

pub const DELETE: Tested = Tested {
    name: "delete",
    nodes: 3,
    prepare: with_volume,
    start: |engine| engine.volume_delete(only_volume(engine)).boxed(),
    in_parts: false,
};

pub const CLONE: Tested = Tested {
    name: "clone",
    nodes: 3,
    prepare: with_volume,
    start: |engine| engine.volume_clone(only_volume(engine), Some("copy".into())).boxed(),
    in_parts: false,
};

pub const DELETE_CLONE: Tested = Tested {
    name: "delete a clone",
    nodes: 3,
    prepare: with_clone,
    start: |engine| engine.volume_delete(volume_called(engine, "copy")).boxed(),
    in_parts: false,
};

pub const DELETE_CLONED: Tested = Tested {
    name: "delete a cloned volume",
    nodes: 3,
    prepare: with_clone,
    start: |engine| {
        let inventory = engine.inventory();
        let source = inventory.volumes().find(|volume| volume.name != "copy").expect("the source").id;
        engine.volume_delete(source).boxed()
    },
    in_parts: false,
};

/// Creates a volume, and clones it to `copy`.
pub fn with_clone<'a>(engine: &'a Engine, sim: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        with_volume(engine, sim).await;
        volume(engine, engine.volume_clone(only_volume(engine), Some("copy".into())).await).await;
    }
    .boxed()
}

/// The volume of this name.
pub fn volume_called(engine: &Engine, name: &str) -> VolumeId {
    engine.inventory().volumes().find(|volume| volume.name == name).expect("a volume of this name").id
}

pub const EVICT: Tested = Tested {
    name: "evict",
    nodes: 4,
    prepare: with_brick_to_evict,
    start: |engine| {
        async move {
            let inventory = engine.inventory();
            let device = inventory.devices().find(|device| device.state == EntryState::Offline).expect("one");
            let brick = inventory.bricks_of_device(device.id).next().ok_or_else(Error::not_found)?;
            engine.brick_evict(brick, true).await
        }
        .boxed()
    },
    in_parts: false,
};

pub const DEVICE_REMOVE: Tested = Tested {
    name: "device remove",
    nodes: 4,
    prepare: with_device_to_remove,
    start: |engine| engine.device_state(device_at(engine, 1, "/dev/sdb"), EntryState::Failed, true).boxed(),
    in_parts: true,
};

pub const NODE_REMOVE: Tested = Tested {
    name: "node remove",
    nodes: 4,
    prepare: with_node_to_remove,
    start: |engine| engine.node_state(node_at(engine, 1), EntryState::Failed, true).boxed(),
    in_parts: true,
};

/// A replica-3 volume on the first three nodes; the brick of the first is to leave its device, which is offline.
pub fn with_brick_to_evict<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        let [used, other] = ["/dev/sdb", "/dev/sdc"].map(|disk| device_at(engine, 1, disk));
        set_device(engine, other, EntryState::Offline).await;
        on_three_nodes(engine, 1).await;
        set_device(engine, other, EntryState::Online).await;
        set_device(engine, used, EntryState::Offline).await;
    }
    .boxed()
}

/// Two volumes with a brick each on one device of the first node, which is offline.
pub fn with_device_to_remove<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        set_device(engine, device_at(engine, 1, "/dev/sdc"), EntryState::Offline).await;
        on_three_nodes(engine, 2).await;
        set_device(engine, device_at(engine, 1, "/dev/sdb"), EntryState::Offline).await;
    }
    .boxed()
}

/// Two volumes with a brick each on the two devices of the first node, which is offline.
pub fn with_node_to_remove<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        for disk in ["/dev/sdb", "/dev/sdc"] {
            set_device(engine, device_at(engine, 1, disk), EntryState::Offline).await;
            on_three_nodes(engine, 1).await;
            set_device(engine, device_at(engine, 1, disk), EntryState::Online).await;
        }
        set_node(engine, node_at(engine, 1), EntryState::Offline).await;
    }
    .boxed()
}

/// Creates replica-3 volumes of 2 GiB while the fourth node takes no bricks.
async fn on_three_nodes(engine: &Engine, volumes: usize) {
    set_node(engine, node_at(engine, 4), EntryState::Offline).await;
    for _ in 0..volumes {
        volume(engine, engine.volume_create(replica3(2)).await).await;
    }
    set_node(engine, node_at(engine, 4), EntryState::Online).await;
}

/// Node `n` of the simulated cluster.
pub fn node_at(engine: &Engine, n: u32) -> NodeId {
    node_named(engine, &format!("n{n}"))
}

/// A device of node `n` of the simulated cluster.
pub fn device_at(engine: &Engine, n: u32, disk: &str) -> DeviceId {
    device_named(engine, &format!("n{n}"), disk)
}

/// Changes the state of a node, which must be allowed.
pub async fn set_node(engine: &Engine, node: NodeId, state: EntryState) {
    let job = engine.node_state(node, state, true).await.expect("planned");
    assert_eq!(finished(engine, job).await, JobResult::Done);
}

/// Changes the state of a device, which must be allowed.
pub async fn set_device(engine: &Engine, device: DeviceId, state: EntryState) {
    let job = engine.device_state(device, state, true).await.expect("planned");
    assert_eq!(finished(engine, job).await, JobResult::Done);
}

/// Creates a replica-3 volume of 2 GiB.
pub fn with_volume<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        volume(engine, engine.volume_create(replica3(2)).await).await;
    }
    .boxed()
}

/// The first volume.
pub fn only_volume(engine: &Engine) -> VolumeId {
    engine.inventory().volumes().next().expect("a volume").id
}

/// The only cluster.
pub fn only_cluster(engine: &Engine) -> ClusterId {
    engine.inventory().clusters().next().expect("a cluster").id
}

/// The node of this management host name.
pub fn node_named(engine: &Engine, host: &str) -> NodeId {
    engine.inventory().node_with_host(host).expect("a node of that name")
}

/// The device at this path of a node.
pub fn device_named(engine: &Engine, host: &str, path: &str) -> DeviceId {
    let (inventory, node) = (engine.inventory(), node_named(engine, host));
    let mut devices = inventory.devices_of_node(node);
    let device = devices.find(|id| inventory.device(*id).is_some_and(|device| device.name == path));
    device.expect("a device at that path")
}

/// What clients see of the state, without ids: two states with equal digests differ in nothing that matters.
pub fn digest(engine: &Engine) -> Vec<String> {
    let inventory = engine.inventory();
    let mut lines = Vec::new();
    for volume in inventory.volumes() {
        let bricks = inventory.bricks_of_volume(volume.id).count();
        lines.push(format!("volume of {} with {bricks} bricks, hosting {:?}", volume.size, volume.hosting));
        let all = inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id));
        let online = |brick: &Brick| {
            let device = inventory.device(brick.device).expect("the device of a brick");
            let node = inventory.node(brick.node).expect("the node of a brick");
            (device.state, node.state) == (EntryState::Online, EntryState::Online)
        };
        let leaving = all.filter(|brick| !online(brick)).count();
        lines.push(format!("{leaving} bricks of it are on devices or nodes that are not online"));
    }
    for block in inventory.block_volumes() {
        lines.push(format!("block volume of {}, usable {}", block.size, block.usable));
    }
    for device in inventory.devices() {
        let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
        let retired = bricks.filter(|brick| brick.retired).count();
        let free = inventory.free(device) + inventory.charged(device.id) + device.foreign == device.total;
        let Device { name, state, total, .. } = device.as_ref();
        lines.push(format!("device {name} {state} of {total}, {retired} retired bricks, adds up: {free}"));
    }
    lines.extend(inventory.nodes().map(|node| format!("node {} {}", node.manage_host(), node.state)));
    lines.sort();
    lines
}
