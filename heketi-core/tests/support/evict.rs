//! Worlds with bricks that can move, and plans that move them.

use heketi_core::id::{BrickId, DeviceId, NodeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::EntryState;
use heketi_core::operation::{BrickEvict, DeviceRemove, NodeRemove, Planned, RetiredBricks, device_state, node_state};

use super::NOW;
use super::drive::World;
use super::plans::*;

/// A volume of two brick sets on three nodes, and a fourth node with two empty devices.
pub fn with_room() -> World {
    let mut world = with_volume();
    for disk in ["/dev/sda", "/dev/sdb"] {
        let planned = add_device(&mut world, 3, disk);
        assert_eq!(world.run(&planned), JobResult::Done);
    }
    fresh(world)
}

pub fn device_of(world: &World, storage: &str) -> DeviceId {
    world.inventory.devices_of_node(node_named(&world.inventory, storage)).next().unwrap()
}

pub fn bricks_on(world: &World, storage: &str) -> Vec<BrickId> {
    world.inventory.used_bricks_of_device(device_of(world, storage)).map(|brick| brick.id).collect()
}

pub fn set_node(world: &mut World, storage: &str, state: EntryState) {
    let changes = node_state(&world.inventory, node_named(&world.inventory, storage), state).unwrap();
    world.inventory.apply(&changes).unwrap();
}

pub fn set_device(world: &mut World, device: DeviceId, state: EntryState) {
    let changes = device_state(&world.inventory, device, state).unwrap();
    world.inventory.apply(&changes).unwrap();
}

pub fn evict(world: &mut World) -> Planned {
    evict_checked(world, true)
}

pub fn evict_checked(world: &mut World, heal_check: bool) -> Planned {
    let brick = bricks_on(world, "s0")[0];
    BrickEvict::plan(&world.inventory, brick, heal_check, &mut world.ids, NOW).unwrap()
}

pub fn remove_device(world: &mut World) -> Planned {
    let device = device_of(world, "s0");
    DeviceRemove::plan(&world.inventory, device, true, &mut world.ids, NOW).unwrap()
}

pub fn remove_node(world: &mut World) -> Planned {
    let node = node_named(&world.inventory, "s0");
    NodeRemove::plan(&world.inventory, node, true, &mut world.ids, NOW).unwrap()
}

/// Destroys what is retired, on nodes that all answer.
pub fn drain(world: &World) -> World {
    let mut world = fresh(world.clone());
    let nodes: Vec<NodeId> = world.inventory.nodes().map(|node| node.id).collect();
    for node in nodes {
        let planned = RetiredBricks::plan(&world.inventory, node, &mut world.ids, NOW).unwrap();
        if let Some(planned) = planned {
            assert_eq!(world.run(&planned), JobResult::Done);
        }
    }
    world
}

/// A dead node's bricks moved away, and the node is back with what it had.
pub fn with_retired_bricks() -> World {
    let mut world = with_room();
    set_node(&mut world, "s0", EntryState::Offline);
    world.fake.down.insert("s0".into());
    let planned = remove_node(&mut world);
    assert_eq!(world.run(&planned), JobResult::Done, "{:#?}", world.log);
    let node = node_named(&world.inventory, "s0");
    assert_eq!(world.inventory.retired_bricks_of_node(node).count(), 2);
    assert_eq!(world.differences(), Vec::<String>::new());
    world.fake.down.clear();
    fresh(world)
}
