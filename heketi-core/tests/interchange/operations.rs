//! Pending operations of heketi v10 are finished or undone by ours, wherever v10 ended.

use std::collections::BTreeMap;

use heketi_core::id::{BrickId, OperationId, SeededIds};
use heketi_core::interchange::V10Database;
use heketi_core::inventory::{Inventory, Record};
use heketi_core::model::Brick;
use heketi_core::operation::{Event, Planned, VolumeClone, Work};

use super::support::NOW;
use super::support::block_plans::{block, create_block, delete_block, expand_block, with_block, with_hosting};
use super::support::clones::with_source;
use super::support::drive::{End, World};
use super::support::evict::{evict, with_room};
use super::support::plans::{create, delete, expand, fresh, only_volume, request, volume_named, with_volume};

/// Runs the operation up to its first point `kill`. False if it is over before.
fn dies(world: &mut World, planned: &Planned, kill: usize) -> bool {
    world.inventory.apply(&planned.changes).unwrap();
    world.mishaps.kills = [kill].into();
    let mut event = Event::Start;
    loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => return end == End::Killed,
        }
    }
}

/// Takes an operation up until it is over.
fn resume(world: &mut World, id: OperationId) {
    for _ in 0..20 {
        let mut event = Event::Resume;
        loop {
            match world.stage(id, event) {
                Ok(outcomes) => event = Event::Outcomes(outcomes),
                Err(End::Finished) => {
                    world.fake.end_late(None);
                    return;
                }
                Err(_) => break,
            }
        }
    }
    panic!("the operation does not come to an end: {:#?}", world.log);
}

/// The state as it is after a way through v10's form. gluster tells the order of bricks, which v10 does not record.
fn through_v10(inventory: &Inventory, as_v10_has_it: impl Fn(&mut V10Database)) -> Inventory {
    let places: BTreeMap<BrickId, _> = inventory.bricks().map(|brick| (brick.id, brick.position)).collect();
    let mut database = V10Database::from_inventory(inventory, &mut SeededIds::new(1), false).unwrap();
    as_v10_has_it(&mut database);
    let read = V10Database::from_json(database.to_json().as_bytes()).unwrap();
    let severe: Vec<_> = read.check().into_iter().filter(|damage| damage.blocks_conversion).collect();
    assert_eq!(severe, [], "what is pending is no damage");
    let converted = read.to_inventory().unwrap().inventory;
    let records = converted.records().map(|record| match record {
        Record::Brick(brick) => {
            let position = brick.position.or(places[&brick.id]);
            Record::Brick(Brick { position, ..brick })
        }
        other => other,
    });
    Inventory::from_records(records).unwrap()
}

/// Lets v10 end at every point of the operation, and ours go on.
fn ends_well(
    name: &str,
    before: &World,
    plan: fn(&mut World) -> Planned,
    as_v10_has_it: fn(&Inventory, &mut V10Database),
) {
    for kill in 0.. {
        let mut world = before.clone();
        let planned = plan(&mut world);
        if !dies(&mut world, &planned, kill) {
            assert!(kill > 2, "{name}: the operation ends at once");
            return;
        }
        if world.inventory.operation(planned.operation).is_none() {
            continue;
        }
        world.mishaps.kills.clear();
        let inventory = world.inventory.clone();
        world.inventory = through_v10(&inventory, |database| as_v10_has_it(&inventory, database));
        resume(&mut world, planned.operation);
        assert_eq!(world.differences(), Vec::<String>::new(), "{name} after {kill}: {:#?}", world.log);
    }
}

fn as_it_is(_: &Inventory, _: &mut V10Database) {}

#[test]
fn volume_create() {
    ends_well("create", &super::support::plans::base(), |world| create(world, &request()), as_it_is);
}

#[test]
fn volume_expand() {
    ends_well("expand", &with_volume(), expand, as_it_is);
}

#[test]
fn volume_delete() {
    ends_well("delete", &with_volume(), delete, as_it_is);
}

#[test]
fn block_volume_create_with_and_without_a_hosting_volume() {
    let one = |world: &mut World| create_block(world, &block(3));
    ends_well("block create", &with_hosting(), one, as_it_is);
    ends_well("block and hosting create", &super::support::plans::base(), one, as_it_is);
}

#[test]
fn block_volume_expand() {
    ends_well("block expand", &with_block(), |world| expand_block(world, 5), as_it_is);
}

#[test]
fn block_volume_delete() {
    ends_well("block delete", &with_block(), delete_block, as_it_is);
}

#[test]
fn brick_evict() {
    ends_well("evict", &with_room(), evict, as_it_is);
}

fn clone(world: &mut World) -> Planned {
    let (policy, source) = (world.policy.clone(), volume_named(world, "source"));
    VolumeClone::plan(&world.inventory, source, None, &policy, &mut world.ids, NOW).unwrap()
}

/// v10 records paths and logical volumes of a clone at its end.
fn forget_bricks_of_clones(inventory: &Inventory, database: &mut V10Database) {
    for operation in inventory.operations() {
        let Work::VolumeClone(work) = &operation.work else { continue };
        let origins: Vec<_> = inventory.bricks().filter(|brick| brick.volume == work.source()).cloned().collect();
        for brick in inventory.bricks().filter(|brick| brick.volume == work.volume()) {
            let same = |it: &&std::sync::Arc<Brick>| it.thin_pool_name() == brick.thin_pool_name();
            let origin = origins.iter().find(same).unwrap();
            let entry = database.bricks.get_mut(&brick.id.to_string()).unwrap();
            entry.info.path = origin.brick_directory();
            entry.lvm_lv.clear();
        }
    }
}

#[test]
fn volume_clone_which_v10_cannot_clean_up() {
    ends_well("clone", &with_source(), clone, forget_bricks_of_clones);
}

/// Everything else in the cluster goes on meanwhile: v10 refuses every volume create with `Id not found`.
#[test]
fn a_crashed_clone_blocks_nobody_else() {
    let mut world = with_source();
    let planned = clone(&mut world);
    assert!(dies(&mut world, &planned, 4));
    world.mishaps.kills.clear();
    let inventory = world.inventory.clone();
    world.inventory = through_v10(&inventory, |database| {
        forget_bricks_of_clones(&inventory, database);
        let text = database.check().iter().map(ToString::to_string).collect::<String>();
        assert!(text.contains("while it cloned volume") && !text.contains("repair:"), "{text}");
    });
    let another = create(&mut world, &request());
    let result = world.run(&another);
    assert!(matches!(result, heketi_core::inventory::JobResult::Volume(_)), "{result:?}");
    resume(&mut world, planned.operation);
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// v10 forgets a removal that was interrupted, and so do we; the eviction it was at is an operation of its own.
#[test]
fn device_remove_is_forgotten_and_its_eviction_dealt_with() {
    let mut world = fresh(with_room());
    let planned = evict(&mut world);
    assert!(dies(&mut world, &planned, 6));
    world.mishaps.kills.clear();
    let (inventory, parent) = (world.inventory.clone(), "f".repeat(32));
    world.inventory = through_v10(&inventory, |database| {
        let child = database.operations.values_mut().next().unwrap();
        let add = |change, id: &str| {
            let mut action = child.actions[0].clone();
            (action.change, action.id) = (change, id.to_owned());
            action
        };
        let (device, link, back) = (add(8, "d"), add(12, &planned.operation.to_string()), add(13, &parent));
        let mut operation = child.clone();
        child.actions.push(back);
        (operation.id, operation.kind, operation.actions) = (parent.clone(), 6, vec![device, link]);
        database.operations.insert(parent.clone(), operation);
    });
    assert_eq!(world.inventory.operations().count(), 1);
    resume(&mut world, planned.operation);
    assert_eq!(world.differences(), Vec::<String>::new());
    assert!(world.inventory.volume(only_volume(&world)).is_some());
}
