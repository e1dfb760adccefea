//! What is refused when bricks move, what is hidden, and what is left for later.

mod support;

use heketi_core::ErrorKind;
use heketi_core::id::BrickId;
use heketi_core::inventory::JobResult;
use heketi_core::model::{Device, Durability, EntryState};
use heketi_core::operation::{
    BrickEvict, Certainty, DeviceRemove, DeviceResync, Event, FailureKind, NodeRemove, Observation, Planned,
    RetiredBricks, StepFailure, VolumeDelete, device_state, node_state,
};
use support::NOW;
use support::drive::{End, Mishaps, World};
use support::evict::*;
use support::plans::*;
use support::torture::run;

/// A retired brick that some volume uses after all, whoever told gluster so, is not touched.
#[test]
fn a_retired_brick_in_use_is_kept() {
    let mut world = with_retired_bricks();
    let node = node_named(&world.inventory, "s0");
    let retired = world.inventory.retired_bricks_of_node(node).next().unwrap();
    let path = world.inventory.brick(retired).unwrap().brick_directory();
    world.fake.volumes.values_mut().next().unwrap().bricks[0].path = path;
    world.fake.volumes.values_mut().next().unwrap().bricks[0].host = "s0".into();
    let planned = RetiredBricks::plan(&world.inventory, node, &mut world.ids, NOW).unwrap().unwrap();
    let JobResult::Failed(text) = world.run(&planned) else { panic!("it is in use") };
    assert_eq!(text, format!("gluster still uses retired bricks {retired}"));
    assert_eq!(world.inventory.retired_bricks_of_node(node).collect::<Vec<_>>(), [retired]);
}

/// A device whose last bricks are retired: kept without force, as heketi v10 does; force forgets bricks and device
/// though the node is dead.
#[test]
fn a_dead_device_is_forgotten_by_force_alone() {
    let mut world = with_retired_bricks();
    world.fake.down.insert("s0".into());
    let device = device_of(&world, "s0");
    set_device(&mut world, device, EntryState::Offline);
    set_device(&mut world, device, EntryState::Failed);
    let delete = |world: &mut World, force| {
        heketi_core::operation::DeviceDelete::plan(&world.inventory, device, force, &mut world.ids, NOW)
    };
    let refused = delete(&mut world, false).unwrap_err();
    let text = format!("Unable to delete device [{device}] because it contains bricks");
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::Conflict, text.as_str()));
    let planned = delete(&mut world, true).unwrap();
    let node = node_named(&world.inventory, "s0");
    world.inventory.apply(&planned.changes).unwrap();
    assert!(RetiredBricks::plan(&world.inventory, node, &mut world.ids, NOW).unwrap().is_none(), "they are spoken for");
    assert_eq!(world.run(&planned), JobResult::Done);
    assert_eq!(world.inventory.device(device), None);
    assert_eq!(world.inventory.retired_bricks_of_node(node).count(), 0);
    assert!(heketi_core::audit::check(&world.inventory).is_empty());
}

/// A device with a brick that a volume uses is not forgotten, by force or not.
#[test]
fn force_forgets_no_brick_in_use() {
    let mut world = with_room();
    let device = device_of(&world, "s0");
    let record = world.inventory.device(device).unwrap();
    let mut changes = heketi_core::inventory::ChangeSet::default();
    changes.put_device(heketi_core::model::Device { state: EntryState::Failed, ..(**record).clone() });
    world.inventory.apply(&changes).unwrap();
    let refused = heketi_core::operation::DeviceDelete::plan(&world.inventory, device, true, &mut world.ids, NOW);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
}

/// A node with retired bricks still has the device that holds them: it cannot be deleted before.
#[test]
fn deleting_a_node_loses_no_retired_brick() {
    let mut world = with_retired_bricks();
    let node = node_named(&world.inventory, "s0");
    let refused = heketi_core::operation::NodeDelete::plan(&world.inventory, node, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.text(), format!("Unable to delete node [{node}] because it contains devices"));
}

fn failed(world: &mut World, planned: &Planned) -> String {
    match world.run(planned) {
        JobResult::Failed(text) => text,
        other => panic!("{other:?}: {:#?}", world.log),
    }
}

#[test]
fn too_few_peers_are_no_moment_to_move_a_brick() {
    let mut world = with_room();
    world.fake.down.insert("s1".into());
    let brick = bricks_on(&world, "s0")[0];
    let planned = evict(&mut world);
    let text = format!("Cannot replace brick {brick} as only 1 of 2 required peer bricks are online");
    assert_eq!(failed(&mut world, &planned), text);
    assert_eq!(world.differences(), Vec::<String>::new());
    // Without the check the administrator has the say.
    let planned = evict_checked(&mut world, false);
    assert_eq!(world.run(&planned), JobResult::Done, "{:#?}", world.log);
}

#[test]
fn a_brick_that_others_are_healed_from_stays() {
    let mut world = with_room();
    let brick = world.inventory.brick(bricks_on(&world, "s0")[0]).unwrap().clone();
    let name = heketi_core::operation::GlusterBrick { host: "s0".into(), path: brick.brick_directory() };
    world.fake.heal.insert(name, 1);
    let planned = evict(&mut world);
    let text = format!("Cannot replace brick {} as it is source brick for data to be healed", brick.id);
    assert_eq!(failed(&mut world, &planned), text);
}

#[test]
fn a_brick_that_gluster_does_not_know_is_an_error() {
    let mut world = with_room();
    let brick = bricks_on(&world, "s0")[0];
    world.fake.volumes.values_mut().next().unwrap().bricks.iter_mut().for_each(|brick| brick.path.push('x'));
    let planned = evict(&mut world);
    let text = failed(&mut world, &planned);
    assert!(text.starts_with("Id not found") && text.contains(&brick.to_string()), "{text}");
}

/// F30: heketi v10 let a brick of a volume without copies be replaced, with its data, when the heal check was off.
#[test]
fn a_brick_without_copies_is_never_replaced() {
    for heal_check in [true, false] {
        let mut world = with_room();
        let planned = delete(&mut world);
        world.run(&planned);
        let planned = create(&mut world, &support::volume(3, Durability::None));
        assert!(matches!(world.run(&planned), JobResult::Volume(_)));
        let brick = world.inventory.bricks().next().unwrap().id;
        let before = world.records();
        let planned = BrickEvict::plan(&world.inventory, brick, heal_check, &mut world.ids, NOW).unwrap();
        let text = "replace brick is not supported for volume durability type none";
        assert_eq!(failed(&mut world, &planned), text);
        assert_eq!(world.records(), before);
    }
}

/// F14: heketi v10 made the new brick without the group that owns the volume.
#[test]
fn the_new_brick_belongs_to_the_volumes_group() {
    let mut world = with_room();
    let volume = world.inventory.volume(only_volume(&world)).unwrap().clone();
    let mut changes = heketi_core::inventory::ChangeSet::default();
    changes.put_volume(heketi_core::model::Volume { gid: 1234, ..(*volume).clone() });
    world.inventory.apply(&changes).unwrap();
    let planned = evict(&mut world);
    assert_eq!(world.run(&planned), JobResult::Done);
    let node = node_named(&world.inventory, "s3");
    let new = world.inventory.bricks().find(|brick| brick.node == node).unwrap();
    assert_eq!(world.fake.groups_of_bricks[&new.logical_volume_name()], 1234);
}

#[test]
fn no_replacement_is_explained_in_known_words() {
    let mut world = with_room();
    set_node(&mut world, "s3", EntryState::Offline);
    let planned = evict(&mut world);
    let text = failed(&mut world, &planned);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("No Replacement was found for resource requested to be removed"));
    for reason in ["the brick is to leave this device", "node holds another brick of the set", "node is offline"] {
        assert!(text.contains(reason), "{reason} is missing in {text}");
    }

    let device = device_of(&world, "s0");
    set_device(&mut world, device, EntryState::Offline);
    let planned = remove_device(&mut world);
    let first = "No Replacement was found for resource requested to be removed";
    let text = failed(&mut world, &planned);
    let expected = format!("Unable to delete device [{device}] as no device was found to replace it: {first}\n");
    assert!(text.starts_with(&expected), "{text}");

    set_node(&mut world, "s0", EntryState::Offline);
    let planned = remove_node(&mut world);
    let (text, node) = (failed(&mut world, &planned), node_named(&world.inventory, "s0"));
    let expected = format!("Unable to remove node [{node}] as no device was found to replace device [{device}]\n");
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(world.differences(), Vec::<String>::new());
}

#[test]
fn what_is_busy_is_refused_in_known_words() {
    let mut world = with_room();
    let (volume, brick) = (only_volume(&world), bricks_on(&world, "s0")[0]);
    let plan = |world: &mut World, brick| BrickEvict::plan(&world.inventory, brick, true, &mut world.ids, NOW);
    let unknown = BrickId::from_bytes([9; 16]);
    assert_eq!(plan(&mut world, unknown).unwrap_err().kind(), ErrorKind::NotFound);

    let mut deleting = world.clone();
    let planned = VolumeDelete::plan(&deleting.inventory, volume, &mut deleting.ids, NOW).unwrap();
    deleting.inventory.apply(&planned.changes).unwrap();
    let refused = plan(&mut deleting, brick).unwrap_err();
    assert_eq!(refused.text(), format!("Can not evict brick {brick}: brick is pending"));

    let mut expanding = world.clone();
    let planned = expand(&mut expanding);
    expanding.inventory.apply(&planned.changes).unwrap();
    let refused = plan(&mut expanding, brick).unwrap_err();
    let text = format!("Can not evict brick {brick} from volume {volume}: volume has pending bricks");
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::Conflict, text.as_str()));

    // A device is not removed while bricks are made on it, nor twice at once.
    let device = device_of(&world, "s0");
    set_device(&mut expanding, device, EntryState::Offline);
    let refused = DeviceRemove::plan(&expanding.inventory, device, true, &mut expanding.ids, NOW).unwrap_err();
    assert_eq!(refused.text(), "The target exists, contains other items, or is in use.");
    let refused = DeviceResync::plan(&expanding.inventory, device, &mut expanding.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);

    // Another operation got to a volume of the device first.
    let planned = evict(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let other = bricks_on(&world, "s1")[0];
    let refused = plan(&mut world, other).unwrap_err();
    assert_eq!(refused.text(), format!("Can not evict brick {other} from volume {volume}: volume has pending bricks"));
    let device = device_of(&world, "s1");
    set_device(&mut world, device, EntryState::Offline);
    let removing = DeviceRemove::plan(&world.inventory, device, true, &mut world.ids, NOW).unwrap();
    let text = failed(&mut world, &removing);
    let start = format!("failed to construct brick-evict for device remove ({}): Can not evict", removing.operation);
    assert!(text.starts_with(&start), "{text}");
}

#[test]
fn only_what_is_offline_is_removed() {
    let mut world = with_room();
    let (device, node) = (device_of(&world, "s0"), node_named(&world.inventory, "s0"));
    let refused = DeviceRemove::plan(&world.inventory, device, true, &mut world.ids, NOW).unwrap_err();
    let text = format!("Device must be offline before remove operation is performed, device:{device}");
    assert_eq!(refused.text(), text);
    let refused = NodeRemove::plan(&world.inventory, node, true, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.text(), format!("Node must be offline before remove operation is performed, node:{node}"));
    // What is being removed keeps its state until that is over.
    set_node(&mut world, "s0", EntryState::Offline);
    let planned = remove_node(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(node_state(&world.inventory, node, EntryState::Online).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(device_state(&world.inventory, device, EntryState::Offline).unwrap_err().kind(), ErrorKind::Conflict);
}

/// While a brick moves, clients see the old one, not the new one, and the volume as before.
#[test]
fn a_brick_on_its_way_is_hidden() {
    let mut world = with_room();
    let volume = only_volume(&world);
    let planned = evict(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    while world.inventory.bricks_of_volume(volume).count() == 6 {
        event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
    }
    assert!(heketi_core::audit::check(&world.inventory).is_empty(), "the new brick is none of the set's yet");
    assert!(!world.inventory.is_volume_hidden(volume));
    let bricks = world.inventory.bricks_of_volume(volume).map(|id| world.inventory.brick(id).unwrap());
    let hidden: Vec<_> = bricks.filter(|brick| world.inventory.is_brick_hidden(brick)).collect();
    assert_eq!(hidden.iter().map(|brick| brick.node).collect::<Vec<_>>(), [node_named(&world.inventory, "s3")]);
    assert!(world.inventory.free(world.inventory.device(hidden[0].device).unwrap()) < support::fake::DISK);
}

/// F6: heketi v10 did not track a removal by its operation: started again or cleaned while it ran, the brick under
/// construction was destroyed. Here it goes on from where it was, and stays one operation.
#[test]
fn a_removal_goes_on_from_where_it_was() {
    let mut before = with_room();
    let device = device_of(&before, "s0");
    set_device(&mut before, device, EntryState::Offline);
    let (done, _) = run(&before, remove_device, &Mishaps::default());
    for kill in 0..done.points {
        let mut world = before.clone();
        world.mishaps.kills.insert(kill);
        let planned = remove_device(&mut world);
        assert_eq!(world.run(&planned), JobResult::Done, "killed at {kill}: {:#?}", world.log);
        assert!(bricks_on(&world, "s0").is_empty());
        let replaced = world.log.iter().filter(|line| line.starts_with("replace brick")).count();
        assert_eq!(replaced, 2, "each brick moves once: {:#?}", world.log);
    }
}

/// The new device breaks: once, another one is tried, and what was begun on the first is cleaned up.
#[test]
fn another_device_is_tried_when_the_first_breaks() {
    use support::fake::Fault;
    let before = with_room();
    let (done, _) = run(&before, evict, &Mishaps::default());
    let create = done.log.iter().position(|line| line.starts_with("create brick")).unwrap();
    let first = bricks_on(&done, "s3").len();
    for fault in [Fault::FailedHalf, Fault::FailedAfter, Fault::UnknownAfter] {
        let mishaps = Mishaps { faults: [(create, fault)].into(), ..Mishaps::default() };
        let (world, result) = run(&before, evict, &mishaps);
        assert_eq!(result, JobResult::Done, "{fault:?}: {:#?}", world.log);
        assert_eq!(world.differences(), Vec::<String>::new());
        assert_ne!(bricks_on(&world, "s3").len(), first, "{fault:?}: the same device was taken");
    }
    // Only once.
    let (settle, destroy, again) = (create + 1, create + 2, create + 3);
    let faults = [(create, Fault::FailedBefore), (again, Fault::FailedBefore)].into();
    let (world, result) = run(&before, evict, &Mishaps { faults, ..Mishaps::default() });
    assert!(world.log[settle].starts_with("wait") && world.log[destroy].starts_with("destroy"), "{:#?}", world.log);
    assert!(matches!(&result, JobResult::Failed(text) if text.starts_with("create brick")), "{result:?}");
    assert_eq!(world.records(), before.records());
}

/// A node that dies while its brick is destroyed does not hold the volume up.
#[test]
fn a_dead_node_is_left_through_its_peers() {
    let mut world = with_room();
    world.fake.down.insert("s0".into());
    let node = node_named(&world.inventory, "s0");
    for known in [false, true] {
        let mut world = world.clone();
        if known {
            world.facts.down.insert(node);
        }
        let planned = evict(&mut world);
        assert_eq!(world.run(&planned), JobResult::Done, "{:#?}", world.log);
        let asked = world.log.iter().any(|line| line.starts_with("destroy brick"));
        assert_eq!(asked, !known, "a node known to be down is not waited for");
        assert_eq!(world.inventory.retired_bricks_of_node(node).count(), 1);
        assert_eq!(world.inventory.operations().count(), 0);
        // The volume is free for others, and can even go before the node is back.
        world.fake.down.clear();
        let planned = delete(&mut world);
        assert_eq!(world.run(&planned), JobResult::Done, "{:#?}", world.log);
        world.restart();
        assert_eq!(drain(&world).differences(), Vec::<String>::new());
    }
}

/// A node that dies while the new brick is made on it does not hold the volume up either.
#[test]
fn a_new_brick_on_a_dead_node_is_left_for_later() {
    use support::fake::Fault;
    let mut world = with_room();
    let before = world.records();
    let creating = 2;
    world.mishaps.faults.insert(creating, Fault::UnknownAfter);
    let planned = evict(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    let mut event = Event::Start;
    while !world.log.last().is_some_and(|line| line.starts_with("create brick")) {
        event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
    }
    world.fake.down.insert("s3".into());
    let end = loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Finished, "{:#?}", world.log);
    let result = world.inventory.job(planned.queue).unwrap().result.clone().unwrap();
    assert!(matches!(&result, JobResult::Failed(text) if text.starts_with("create brick")), "{result:?}");
    let node = node_named(&world.inventory, "s3");
    assert_eq!(world.inventory.retired_bricks_of_node(node).count(), 1);
    world.fake.down.clear();
    assert_eq!(drain(&world).records(), before);
}

/// gluster shows both bricks, or neither: nobody guesses.
#[test]
fn a_contradiction_waits_for_an_administrator() {
    for both in [true, false] {
        let mut world = with_room();
        let planned = evict(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let old = world.bricks_of(only_volume(&world));
        let mut event = Event::Start;
        while !world.log.last().is_some_and(|line| line.starts_with("replace brick")) {
            event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
        }
        let volume = world.fake.volumes.values_mut().next().unwrap();
        let new: Vec<_> = volume.bricks.iter().filter(|brick| !old.contains(brick)).cloned().collect();
        if both {
            volume.bricks.extend(old.iter().filter(|brick| brick.host == "s0").cloned());
        } else {
            volume.bricks.retain(|brick| !new.contains(brick));
        }
        let event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
        assert_eq!(world.stage(planned.operation, event), Err(End::Suspended), "{both}");
        assert_eq!(world.inventory.bricks().count(), 7);
    }
}

/// The node through which gluster was told is installed anew, and knows no volume: the others say how it ended.
#[test]
fn a_told_node_that_was_rebuilt_holds_nothing_up() {
    let told = || {
        let mut world = with_room();
        let planned = evict(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let mut event = Event::Start;
        while !world.log.last().is_some_and(|line| line.starts_with("replace brick")) {
            event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
        }
        world.stage(planned.operation, event).unwrap();
        let knows_nothing = Event::Outcomes(vec![Ok(Observation::Volumes(Vec::new()))]);
        let others = world.stage(planned.operation, knows_nothing).unwrap();
        (world, planned, others)
    };
    let end = |world: &mut World, planned: &Planned, mut event: Event| loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    let (mut world, planned, others) = told();
    assert_eq!(others.len(), world.inventory.nodes().count() - 1, "all others are asked");
    assert_eq!(end(&mut world, &planned, Event::Outcomes(others)), End::Finished);
    assert_eq!(world.differences(), Vec::<String>::new());

    // Nobody heard of it, as far as is known: one that does not answer may have.
    let silent = StepFailure {
        host: "s1".into(),
        certainty: Certainty::NotStarted,
        kind: FailureKind::Unreachable,
        text: "no route to s1".into(),
    };
    for all_answer in [true, false] {
        let (mut world, planned, mut others) = told();
        let old = with_room().fake.volumes.clone();
        let before = old.values().next().unwrap().bricks.clone();
        for outcome in &mut others {
            if let Ok(Observation::Volumes(volumes)) = outcome {
                volumes.iter_mut().for_each(|volume| volume.bricks.clone_from(&before));
            }
        }
        if !all_answer {
            others[0] = Err(silent.clone());
            assert_eq!(world.stage(planned.operation, Event::Outcomes(others)), Err(End::Suspended));
            continue;
        }
        world.fake.volumes = old;
        assert_eq!(end(&mut world, &planned, Event::Outcomes(others)), End::Finished);
        assert_eq!(world.records(), with_room().records());
    }
}

#[test]
fn a_resync_finds_what_is_not_ours() {
    use heketi_core::Kib;
    let mut world = with_room();
    let device = device_of(&world, "s0");
    let group = world.inventory.device(device).unwrap().volume_group();
    let spare = Kib(40960);
    let groups = &mut world.fake.nodes.get_mut("s0").unwrap().groups;
    groups.get_mut(&group).unwrap().bricks.insert("lvol0_pmspare".into(), (String::new(), spare));
    let free = world.inventory.free(world.inventory.device(device).unwrap());
    let planned = DeviceResync::plan(&world.inventory, device, &mut world.ids, NOW).unwrap();
    assert_eq!(world.run(&planned), JobResult::Done);
    let record = world.inventory.device(device).unwrap();
    assert_eq!((record.foreign, world.inventory.free(record)), (spare, free.saturating_sub(spare)));
    // And that it is gone.
    let groups = &mut world.fake.nodes.get_mut("s0").unwrap().groups;
    groups.get_mut(&group).unwrap().bricks.remove("lvol0_pmspare");
    let planned = DeviceResync::plan(&world.inventory, device, &mut world.ids, NOW).unwrap();
    assert_eq!(world.run(&planned), JobResult::Done);
    assert_eq!(world.inventory.free(world.inventory.device(device).unwrap()), free);
}

/// What a node tells of a device says nothing while a volume is deleted whose bricks it holds.
#[test]
fn a_resync_beside_a_delete_changes_nothing() {
    let world = with_room();
    let (volume, device) = (only_volume(&world), device_of(&world, "s0"));
    let resync = |world: &mut World| DeviceResync::plan(&world.inventory, device, &mut world.ids, NOW);
    let delete = |world: &mut World| VolumeDelete::plan(&world.inventory, volume, &mut world.ids, NOW).unwrap();

    let mut deleting = world.clone();
    let planned = delete(&mut deleting);
    deleting.inventory.apply(&planned.changes).unwrap();
    assert_eq!(resync(&mut deleting).unwrap_err().kind(), ErrorKind::Conflict);

    // The delete begins, or is over, between the node's answer and its record.
    for over in [false, true] {
        let mut world = world.clone();
        let before = Device::clone(world.inventory.device(device).unwrap());
        let resync = resync(&mut world).unwrap();
        world.inventory.apply(&resync.changes).unwrap();
        let outcomes = world.stage(resync.operation, Event::Start).unwrap();
        let delete = delete(&mut world);
        if over {
            assert_eq!(world.run(&delete), JobResult::Done);
        } else {
            world.inventory.apply(&delete.changes).unwrap();
        }
        assert!(world.stage(resync.operation, Event::Outcomes(outcomes)).is_err());
        let result = world.inventory.job(resync.queue).unwrap().result.clone();
        assert!(matches!(result, Some(JobResult::Failed(_))), "{result:?}");
        assert_eq!(**world.inventory.device(device).unwrap(), before);
    }
}
