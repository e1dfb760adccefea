//! Plans of every operation, and worlds to run them in.

use heketi_core::Gib;
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{ClusterId, NodeId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::{Durability, EntryState, HostNames, Tags};
use heketi_core::operation::{
    DeviceAdd, DeviceAddRequest, DeviceDelete, NodeAdd, NodeAddRequest, NodeDelete, Planned, VolumeClone, VolumeCreate,
    VolumeDelete, VolumeExpand, choose_cluster, choose_expansion, cluster_create, device_state,
};
use heketi_core::placement::{BlockHostingPolicy, Effort, Facts, Policy};

use super::NOW;
use super::drive::{Mishaps, World};
use super::fake::Fake;

pub fn first_cluster(world: &World) -> ClusterId {
    world.inventory.clusters().next().unwrap().id
}

pub fn node_named(inventory: &Inventory, storage: &str) -> NodeId {
    inventory.node_with_host(storage).unwrap()
}

pub fn add_node(world: &mut World, i: usize) -> Planned {
    let hostnames = HostNames { manage: vec![format!("m{i}")], storage: vec![format!("s{i}")] };
    let request = NodeAddRequest { cluster: first_cluster(world), zone: i as i64, hostnames, tags: Tags::new() };
    NodeAdd::plan(&world.inventory, request, &mut world.ids, NOW).unwrap()
}

pub fn add_device(world: &mut World, i: usize, name: &str) -> Planned {
    let node = node_named(&world.inventory, &format!("s{i}"));
    let request = DeviceAddRequest { node, name: name.into(), tags: Tags::new(), destroy_data: false };
    DeviceAdd::plan(&world.inventory, request, &mut world.ids, NOW).unwrap()
}

/// Bricks of at most 5 GiB: the volume has two sets. Block hosting volumes of 5 GiB come when they are needed. What
/// fails is not tried again.
pub fn policy() -> Policy {
    let block_hosting = BlockHostingPolicy { auto_create: true, size: Gib(5), ..BlockHostingPolicy::default() };
    Policy { brick_max: Gib(5).kib(), create_retries: 0, block_hosting, ..Policy::default() }
}

pub fn request() -> CheckedVolumeCreate {
    super::volume(10, Durability::Replicate { replica: 3 })
}

pub fn create(world: &mut World, request: &CheckedVolumeCreate) -> Planned {
    let (inventory, policy) = (&world.inventory, policy());
    let chosen = choose_cluster(inventory, request, &policy, &Facts::default(), Effort::Exact, 0).unwrap().unwrap();
    VolumeCreate::plan(inventory, request, &chosen, &policy, &mut world.ids, NOW).unwrap().unwrap()
}

pub fn only_volume(world: &World) -> VolumeId {
    world.inventory.volumes().next().unwrap().id
}

pub fn expand(world: &mut World) -> Planned {
    let (inventory, policy, volume) = (&world.inventory, policy(), only_volume(world));
    let choice = choose_expansion(inventory, volume, Gib(10), &policy, &Facts::default(), Effort::Exact, 0);
    let choice = choice.unwrap().unwrap();
    VolumeExpand::plan(inventory, volume, Gib(10), &choice, &policy, &mut world.ids, NOW).unwrap().unwrap()
}

/// Three nodes with a device each, and a fourth without one that comes last in every list of hosts.
pub fn base() -> World {
    let mut world =
        World::new(Inventory::default(), Fake::with_nodes(&["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"]));
    let (_, changes) = cluster_create(true, true, &mut world.ids);
    world.inventory.apply(&changes).unwrap();
    for i in 0..4 {
        let planned = add_node(&mut world, i);
        assert!(matches!(world.run(&planned), JobResult::Node(_)));
    }
    for i in 0..3 {
        let planned = add_device(&mut world, i, "/dev/sda");
        assert_eq!(world.run(&planned), JobResult::Done);
    }
    assert_eq!(world.differences(), Vec::<String>::new());
    fresh(world)
}

pub fn with_volume() -> World {
    let mut world = base();
    let planned = create(&mut world, &request());
    assert!(matches!(world.run(&planned), JobResult::Volume(_)));
    assert_eq!(world.differences(), Vec::<String>::new());
    fresh(world)
}

/// A device that may be deleted.
pub fn with_failed_device() -> World {
    let mut world = base();
    let device = world.inventory.devices().next().unwrap().id;
    for state in [EntryState::Offline, EntryState::Failed] {
        let changes = device_state(&world.inventory, device, state).unwrap();
        world.inventory.apply(&changes).unwrap();
    }
    world
}

/// The world with counters at zero.
pub fn fresh(world: World) -> World {
    World { mishaps: Mishaps::default(), steps: Vec::new(), points: 0, log: Vec::new(), ..world }
}

pub fn delete(world: &mut World) -> Planned {
    let volume = only_volume(world);
    VolumeDelete::plan(&world.inventory, volume, &mut world.ids, NOW).unwrap()
}

pub fn delete_node(world: &mut World) -> Planned {
    let node = node_named(&world.inventory, "s3");
    NodeDelete::plan(&world.inventory, node, &mut world.ids, NOW).unwrap()
}

pub fn failed_device(world: &World) -> heketi_core::id::DeviceId {
    world.inventory.devices().find(|device| device.state == EntryState::Failed).unwrap().id
}

pub fn delete_device(world: &mut World) -> Planned {
    let device = failed_device(world);
    DeviceDelete::plan(&world.inventory, device, false, &mut world.ids, NOW).unwrap()
}

/// Clones the volume of this name.
pub fn clone(world: &mut World, source: &str, name: &str) -> Planned {
    let (inventory, source) = (&world.inventory, volume_named(world, source));
    VolumeClone::plan(inventory, source, Some(name.into()), &policy(), &mut world.ids, NOW).unwrap()
}

pub fn volume_named(world: &World, name: &str) -> VolumeId {
    world.inventory.volume_named(first_cluster(world), name).unwrap()
}

pub fn delete_named(world: &mut World, name: &str) -> Planned {
    let volume = volume_named(world, name);
    VolumeDelete::plan(&world.inventory, volume, &mut world.ids, NOW).unwrap()
}
