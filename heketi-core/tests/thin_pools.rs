//! Thin pools that the bricks of several volumes share after a clone: they go with the last.

mod support;

use heketi_core::Kib;
use heketi_core::inventory::JobResult;
use heketi_core::model::Brick;
use heketi_core::operation::{Event, OperationStatus};
use support::clones::{bricks, cloned, with_clone, with_source};
use support::drive::{End, World};
use support::plans::*;
use support::torture::*;

fn free(world: &World) -> Vec<Kib> {
    world.inventory.devices().map(|device| world.inventory.free(device)).collect()
}

#[test]
fn volume_delete_of_a_clone() {
    torture("volume delete of a clone", &with_clone(), |world| delete_named(world, "copy"), no_excuse);
}

#[test]
fn volume_delete_of_a_cloned_volume() {
    torture("volume delete of a cloned volume", &with_clone(), |world| delete_named(world, "source"), no_excuse);
}

/// F26: the pool's name is that of the brick it was made for, also where the record does not hold it, and also
/// two clones further.
#[test]
fn a_clone_of_a_clone_names_the_first_bricks_pools() {
    let mut world = with_clone();
    cloned(&mut world, "copy", "copy2");
    let pools = |name| bricks(&world, name).iter().map(Brick::thin_pool_name).collect::<Vec<_>>();
    let expected: Vec<String> = bricks(&world, "source").iter().map(|brick| format!("tp_{}", brick.id)).collect();
    assert_eq!((pools("copy"), pools("copy2")), (expected.clone(), expected));
}

/// A thin pool's space is that of its device once, and comes back with the last brick in it, in whatever order
/// the volumes go.
#[test]
fn space_comes_back_with_the_last_volume_of_a_family() {
    for order in [["source", "copy", "copy2"], ["copy", "copy2", "source"], ["copy2", "source", "copy"]] {
        let before = base();
        let mut world = with_clone();
        let taken = free(&world);
        cloned(&mut world, "copy", "copy2");
        for name in order {
            assert_eq!(free(&world), taken, "before {name} of {order:?}");
            let planned = delete_named(&mut world, name);
            assert_eq!(world.run(&planned), JobResult::Done, "{:#?}", world.log);
            assert_eq!(world.differences(), Vec::<String>::new(), "after {name} of {order:?}");
        }
        assert_eq!(free(&world), free(&before));
        assert_eq!(world.fake.nodes, before.fake.nodes);
    }
}

/// Two volumes that share pools are deleted at the same moment: on each node one of them is the last, and it
/// may be known as gone before the other hears that the pool was still there.
#[test]
fn a_family_can_go_at_the_same_time() {
    let mut world = with_clone();
    let (first, second) = (delete_named(&mut world, "source"), delete_named(&mut world, "copy"));
    for planned in [&first, &second] {
        world.inventory.apply(&planned.changes).unwrap();
    }
    let mut event = Event::Start;
    while !world.log.last().is_some_and(|last| last.starts_with("destroy brick")) {
        event = Event::Outcomes(world.stage(first.operation, event).unwrap());
    }
    // All bricks of the first are destroyed; it has not heard of it when the second ends.
    let finish = |world: &mut World, operation, mut event| loop {
        match world.stage(operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    assert_eq!(finish(&mut world, second.operation, Event::Start), End::Finished);
    assert_eq!(finish(&mut world, first.operation, event), End::Finished);
    assert_eq!(world.differences(), Vec::<String>::new());
    assert_eq!(world.inventory.bricks().count(), 0);
}

/// A pool that holds what no record knows of is not given up, as before there were clones.
#[test]
fn a_pool_with_an_unknown_volume_keeps_its_record() {
    let mut world = with_source();
    for node in world.fake.nodes.values_mut() {
        let pools = node.groups.values_mut().flat_map(|group| group.pools.values_mut());
        pools.for_each(|(_, volumes)| _ = volumes.insert("somebodys".into()));
    }
    let planned = delete_named(&mut world, "source");
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    let end = loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    assert_eq!((end, world.inventory.bricks().count()), (End::Suspended, 6));
    let operation = world.inventory.operation(planned.operation).unwrap();
    assert_eq!(operation.status, OperationStatus::Failed);
    assert!(operation.error.as_ref().unwrap().contains("still holds another logical volume"), "{operation:?}");
}
