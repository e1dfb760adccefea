//! What state changes and reclaimed bricks must not lose: bricks, links and space.

mod support;

use heketi_core::ErrorKind;
use heketi_core::Kib;
use heketi_core::id::{DeviceId, VolumeId};
use heketi_core::inventory::{ChangeSet, Inventory, JobResult};
use heketi_core::model::{Device, EntryState, Snapshot, Volume};
use heketi_core::operation::{DeviceAdd, DeviceAddRequest, DeviceDelete, Event, NodeDelete, device_state, node_state};
use support::NOW;
use support::drive::{End, World};
use support::plans::*;

fn bricks_and_free(inventory: &Inventory, device: DeviceId) -> (usize, Kib) {
    (inventory.bricks_of_device(device).count(), inventory.free(inventory.device(device).unwrap()))
}

/// F2: heketi v10 wrote back a copy of a node or device that it had read before: bricks and space given away
/// meanwhile were lost.
#[test]
fn state_changes_keep_bricks_and_free_space() {
    let mut world = base();
    let planned = create(&mut world, &request());
    let change = |world: &mut World, state| {
        let ids: Vec<_> = world.inventory.devices().map(|device| (device.id, device.node)).collect();
        let before: Vec<_> = ids.iter().map(|(id, _)| bricks_and_free(&world.inventory, *id)).collect();
        for (device, node) in &ids {
            let changes = device_state(&world.inventory, *device, state).unwrap();
            world.inventory.apply(&changes).unwrap();
            let changes = node_state(&world.inventory, *node, state).unwrap();
            world.inventory.apply(&changes).unwrap();
        }
        let after: Vec<_> = ids.iter().map(|(id, _)| bricks_and_free(&world.inventory, *id)).collect();
        assert_eq!(before, after);
        before
    };
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    let mut states = [EntryState::Offline, EntryState::Online].into_iter().cycle();
    loop {
        let bricks = change(&mut world, states.next().unwrap());
        assert_eq!(bricks.iter().map(|(bricks, _)| *bricks).collect::<Vec<_>>(), [2, 2, 2]);
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break assert_eq!(end, End::Finished),
        }
    }
    assert_eq!(world.differences(), Vec::<String>::new());
}

fn devices(world: &World) -> Vec<Device> {
    world.inventory.devices().map(|device| Device::clone(device)).collect()
}

/// Deletes the only volume as far as it goes.
fn delete_once(world: &mut World) -> Result<(), End> {
    let planned = delete(world);
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(End::Finished) => return Ok(()),
            Err(end) => return Err(end),
        }
    }
}

/// F12: heketi v10 kept one answer for each device about whether thin pools are gone: with two bricks of a volume on
/// a device, space in use was given away, or free space lost.
#[test]
fn space_is_reclaimed_brick_by_brick() {
    let mut world = with_volume();
    let device = devices(&world).remove(0);
    let bricks: Vec<_> = world.inventory.used_bricks_of_device(device.id).cloned().collect();
    assert_eq!(bricks.len(), 2);
    // Somebody took a snapshot of the first, by hand.
    world.fake.shared_pools.insert(bricks[0].logical_volume_name());
    assert_eq!(delete_once(&mut world), Err(End::Suspended));
    let (left, free) = bricks_and_free(&world.inventory, device.id);
    assert_eq!((left, free), (1, device.total.saturating_sub(bricks[0].charge())));
    assert!(world.inventory.brick(bricks[0].id).is_some(), "the one in a pool that is in use is kept");
    for other in &devices(&world)[1..] {
        assert_eq!(bricks_and_free(&world.inventory, other.id), (0, other.total));
    }
    // Once the snapshot is gone, the rest comes back too.
    world.fake.shared_pools.clear();
    let operation = world.inventory.operations().next().unwrap().id;
    let mut event = Event::Resume;
    while let Ok(outcomes) = world.stage(operation, event) {
        event = Event::Outcomes(outcomes);
    }
    assert_eq!(bricks_and_free(&world.inventory, device.id), (0, device.total));
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// F12, for bricks that an undo of an expansion destroys.
#[test]
fn an_undo_reclaims_space_brick_by_brick() {
    use support::fake::Fault;
    let mut world = with_volume();
    let planned = expand(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let device = devices(&world).remove(0);
    let volume = only_volume(&world);
    let old: Vec<_> = world.inventory.bricks_of_volume(volume).collect();
    let bricks = world.inventory.used_bricks_of_device(device.id);
    let new = bricks.max_by_key(|brick| brick.position).unwrap().clone();
    assert_eq!(old.len(), 12);
    world.fake.shared_pools.insert(new.logical_volume_name());
    world.mishaps.faults.insert(0, Fault::FailedBefore);
    let mut event = Event::Start;
    while let Ok(outcomes) = world.stage(planned.operation, event) {
        event = Event::Outcomes(outcomes);
    }
    let left: Vec<_> = world.inventory.bricks_of_volume(volume).collect();
    assert_eq!(left.len(), 7, "five new bricks are gone, one waits for its pool");
    assert!(left.contains(&new.id));
}

/// F13: heketi v10 computed what a brick gives back anew, from what extent size and snapshot factor are now.
#[test]
fn what_is_given_back_is_what_was_taken() {
    let mut world = base();
    let snapshot = Snapshot { enable: true, factor: 1.3 };
    let request = heketi_core::api::CheckedVolumeCreate { snapshot, ..request() };
    let planned = create(&mut world, &request);
    assert!(matches!(world.run(&planned), JobResult::Volume(_)));
    let id: VolumeId = only_volume(&world);
    let mut changes = ChangeSet::default();
    let volume = world.inventory.volume(id).unwrap();
    changes.put_volume(Volume { snapshot: Snapshot::default(), ..Volume::clone(volume) });
    for device in devices(&world) {
        changes.put_device(Device { extent: Kib(65536), ..device });
    }
    world.inventory.apply(&changes).unwrap();
    assert_eq!(delete_once(&mut world), Ok(()));
    for device in devices(&world) {
        assert_eq!(bricks_and_free(&world.inventory, device.id), (0, device.total));
    }
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// F21: heketi v10 decided on what it had read before: a device added while its node was deleted was orphaned, and
/// so was a brick made on a device that was deleted.
#[test]
fn what_is_being_deleted_takes_nothing_new() {
    let mut world = base();
    let node = node_named(&world.inventory, "s3");
    let planned = NodeDelete::plan(&world.inventory, node, &mut world.ids, NOW).unwrap();
    let request = DeviceAddRequest { node, name: "/dev/sdx".into(), tags: Default::default(), destroy_data: false };
    let mut leaving = world.clone();
    leaving.inventory.apply(&planned.changes).unwrap();
    let refused = DeviceAdd::plan(&leaving.inventory, request.clone(), &mut leaving.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    // The other way round.
    let planned = DeviceAdd::plan(&world.inventory, request, &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    let refused = NodeDelete::plan(&world.inventory, node, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);

    let mut world = with_failed_device();
    let device = failed_device(&world);
    let planned = DeviceDelete::plan(&world.inventory, device, false, &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(device_state(&world.inventory, device, EntryState::Offline).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(world.run(&planned), JobResult::Done);
}

/// gluster deletes no volume while a peer is away: it stays, started, and all is as before.
#[test]
fn a_volume_with_a_brick_on_a_dead_node_is_not_deleted() {
    for dead in ["s0", "s1"] {
        let mut world = with_volume();
        let before = world.records();
        world.fake.down.insert(dead.into());
        let planned = delete(&mut world);
        let JobResult::Failed(text) = world.run(&planned) else { panic!("a peer is down") };
        assert!(!text.is_empty());
        assert_eq!(world.records(), before);
        assert_eq!(world.differences(), Vec::<String>::new());
        world.fake.down.clear();
        let planned = delete(&mut world);
        assert_eq!(world.run(&planned), JobResult::Done);
        assert_eq!(world.differences(), Vec::<String>::new());
    }
}
