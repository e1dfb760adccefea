//! Worlds with a volume called `source` and clones of it.

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::inventory::JobResult;
use heketi_core::model::Brick;

use super::drive::World;
use super::plans::{base, clone, create, fresh, request, volume_named};

/// A volume of two sets called `source`.
pub fn with_source() -> World {
    let mut world = base();
    let request = CheckedVolumeCreate { name: Some("source".into()), ..request() };
    let planned = create(&mut world, &request);
    assert!(matches!(world.run(&planned), JobResult::Volume(_)));
    fresh(world)
}

pub fn cloned(world: &mut World, source: &str, name: &str) {
    let planned = clone(world, source, name);
    let result = world.run(&planned);
    assert_eq!(result, JobResult::Volume(volume_named(world, name)), "{:#?}", world.log);
    assert_eq!(world.differences(), Vec::<String>::new());
}

pub fn with_clone() -> World {
    let mut world = with_source();
    cloned(&mut world, "source", "copy");
    fresh(world)
}

/// The bricks of the volume of this name, in order.
pub fn bricks(world: &World, name: &str) -> Vec<Brick> {
    let bricks = world.inventory.bricks_of_volume(volume_named(world, name));
    let mut bricks: Vec<Brick> = bricks.map(|id| Brick::clone(world.inventory.brick(id).unwrap())).collect();
    bricks.sort_by_key(|brick| brick.position);
    bricks
}
