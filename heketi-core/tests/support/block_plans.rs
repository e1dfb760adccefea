//! Plans of block volume operations, and worlds to run them in.

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{BlockVolumeId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::Durability;
use heketi_core::operation::{
    BlockVolumeCreate, BlockVolumeCreateRequest, BlockVolumeDelete, BlockVolumeExpand, HostingChoice, Planned,
    choose_hosting,
};
use heketi_core::placement::{Effort, Facts, Policy};
use heketi_core::{Error, Gib, IdSource};

use super::NOW;
use super::drive::World;
use super::plans::{base, create, fresh, only_volume, policy};

/// A request without a name, exported from all hosts, with a password.
pub fn block(size: u64) -> BlockVolumeCreateRequest {
    BlockVolumeCreateRequest { size: Gib(size), name: None, clusters: Vec::new(), ha_count: 0, auth: true }
}

/// A request for a volume that hosts block volumes.
pub fn hosting(size: u64) -> CheckedVolumeCreate {
    CheckedVolumeCreate { block: true, ..super::volume(size, Durability::Replicate { replica: 3 }) }
}

pub fn choose(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    policy: &Policy,
) -> Result<Option<HostingChoice>, Error> {
    choose_hosting(inventory, request, policy, &Facts::default(), Effort::Exact, 0)
}

/// Chooses and plans, as one does under a lock.
pub fn plan_block(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    policy: &Policy,
    ids: &mut dyn IdSource,
) -> Result<Planned, Error> {
    let chosen = choose(inventory, request, policy)?.expect("an exact look is certain");
    let planned = BlockVolumeCreate::plan(inventory, request, &chosen, policy, ids, NOW)?;
    Ok(planned.expect("the state is the same"))
}

pub fn create_block(world: &mut World, request: &BlockVolumeCreateRequest) -> Planned {
    plan_block(&world.inventory, request, &policy(), &mut world.ids).unwrap()
}

pub fn only_block(world: &World) -> BlockVolumeId {
    world.inventory.block_volumes().next().unwrap().id
}

pub fn expand_block(world: &mut World, size: u64) -> Planned {
    let id = only_block(world);
    BlockVolumeExpand::plan(&world.inventory, id, Gib(size), &Facts::default(), &mut world.ids, NOW).unwrap()
}

pub fn delete_block(world: &mut World) -> Planned {
    let id = only_block(world);
    BlockVolumeDelete::plan(&world.inventory, id, &Facts::default(), &mut world.ids, NOW).unwrap()
}

/// [`base`] with a block hosting volume of 10 GiB: 9 free, 1 reserved.
pub fn with_hosting() -> World {
    let mut world = base();
    let planned = create(&mut world, &hosting(10));
    assert!(matches!(world.run(&planned), JobResult::Volume(_)));
    assert_eq!(world.differences(), Vec::<String>::new());
    fresh(world)
}

/// [`with_hosting`] with a block volume of 2 GiB.
pub fn with_block() -> World {
    let mut world = with_hosting();
    let planned = create_block(&mut world, &block(2));
    assert!(matches!(world.run(&planned), JobResult::BlockVolume(_)));
    assert_eq!(world.differences(), Vec::<String>::new());
    fresh(world)
}

/// Size, free and reserved space of the only volume.
pub fn space(world: &World) -> (u64, u64, u64) {
    space_of(&world.inventory, only_volume(world))
}

/// Size, free and reserved space of a volume.
pub fn space_of(inventory: &Inventory, id: VolumeId) -> (u64, u64, u64) {
    let volume = inventory.volume(id).unwrap();
    let hosting = volume.hosting.unwrap();
    (volume.size.0, hosting.free.0, hosting.reserved.0)
}

/// Size and usable size of the only block volume.
pub fn sizes(world: &World) -> (u64, u64) {
    let block = world.inventory.block_volumes().next().unwrap();
    (block.size.0, block.usable.0)
}
