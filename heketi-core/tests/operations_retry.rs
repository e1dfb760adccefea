//! A volume create whose commands fail is undone and tried again on other devices.

mod support;

use std::collections::BTreeSet;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{DeviceId, VolumeId};
use heketi_core::inventory::{ChangeSet, JobResult, Record};
use heketi_core::model::{EntryState, Node};
use heketi_core::operation::{Event, GlusterBrick, Planned, VolumeCreate, choose_cluster, cluster_create};
use heketi_core::placement::{Effort, Facts, Policy};
use support::NOW;
use support::drive::{End, Mishaps, World};
use support::fake::{FakeVolume, Fault};
use support::plans::*;
use support::torture::*;

/// Steps of one try that fails when gluster is told: six bricks, the volume, three nodes settle, one is asked, six
/// bricks are destroyed.
const TRY: usize = 17;
const TELLING: usize = 6;

fn retrying(world: World, create_retries: u32) -> World {
    World { policy: Policy { create_retries, ..world.policy.clone() }, ..world }
}

/// Three nodes with devices, and a fourth with one too.
fn with_spare() -> World {
    let mut world = base();
    let planned = add_device(&mut world, 3, "/dev/sda");
    assert_eq!(world.run(&planned), JobResult::Done);
    fresh(world)
}

fn plain(world: &mut World) -> Planned {
    create(world, &request())
}

fn devices_of(world: &World, volume: VolumeId) -> BTreeSet<DeviceId> {
    let bricks = world.inventory.bricks_of_volume(volume);
    bricks.map(|brick| world.inventory.brick(brick).unwrap().device).collect()
}

fn tries(world: &World) -> usize {
    world.log.iter().filter(|line| line.starts_with("create volume")).count()
}

/// Done or undone, and the nodes agree. Ids of bricks tell which try succeeded, so records of bricks are not
/// compared with those of a run without mishaps.
fn judge_retried(before: &World, world: &World, result: &JobResult, mishaps: &Mishaps) {
    let tell = || format!("after {mishaps:?}, ended with {result:?}:\n{:#?}", world.log);
    match result {
        JobResult::Volume(id) => {
            let volume = world.inventory.volume(*id).unwrap_or_else(|| panic!("no volume {}", tell()));
            let others = |world: &World| -> Vec<Record> {
                let of_volume = |record: &Record| match record {
                    Record::Volume(volume) => volume.id == *id,
                    Record::Brick(brick) => brick.volume == *id,
                    _ => false,
                };
                world.records().into_iter().filter(|record| !of_volume(record)).collect()
            };
            assert_eq!((volume.name.clone(), volume.size), (format!("vol_{id}"), request().size));
            assert_eq!(world.inventory.bricks_of_volume(*id).count(), 6, "{}", tell());
            assert_eq!(others(world), others(before), "{}", tell());
        }
        JobResult::Failed(_) => assert!(world.records() == before.records(), "not undone {}", tell()),
        other => panic!("{other:?}"),
    }
    let differences = world.differences();
    assert!(differences.is_empty(), "{differences:#?} {}", tell());
}

/// Every single mishap and every pair of them. What fails once is done in the end; a server that ends undoes.
#[test]
fn retried_creates_are_done_or_undone_after_any_mishap() {
    for (before, pairs) in [(retrying(base(), 1), true), (retrying(with_spare(), 4), false)] {
        let (done, result) = run(&before, plain, &Mishaps::default());
        assert!(matches!(result, JobResult::Volume(_)));
        let (mut single, mut double) = (0, 0);
        for first in mishaps_from(&Mishaps::default(), &done) {
            let (after_one, result) = run(&before, plain, &first);
            judge_retried(&before, &after_one, &result, &first);
            let undone = matches!(result, JobResult::Failed(_));
            assert!(!undone || !first.kills.is_empty(), "{first:?} alone: {result:?} {:#?}", after_one.log);
            single += 1;
            let second = if pairs { mishaps_from(&first, &after_one) } else { Vec::new() };
            for second in second {
                let (world, result) = run(&before, plain, &second);
                judge_retried(&before, &world, &result, &second);
                double += 1;
            }
        }
        println!("volume create with retries: {single} single fault points, {double} pairs");
    }
}

/// A device that fails is left alone by the next try while others will do.
#[test]
fn the_next_try_avoids_the_device_that_failed() {
    let before = retrying(with_spare(), 4);
    // One brick set.
    let small = |world: &mut World| create(world, &support::volume(4, request().durability));
    let (plain_run, result) = run(&before, small, &Mishaps::default());
    let JobResult::Volume(volume) = result else { panic!("{result:?}") };
    let first_choice = devices_of(&plain_run, volume);
    let spare = before.inventory.devices().map(|device| device.id).find(|id| !first_choice.contains(id)).unwrap();
    for step in 0..3 {
        let mishaps = Mishaps { faults: [(step, Fault::FailedBefore)].into(), ..Mishaps::default() };
        let mut world = World { mishaps, ..before.clone() };
        let planned = small(&mut world);
        let JobResult::Volume(volume) = world.run(&planned) else { panic!("{:#?}", world.log) };
        let devices = devices_of(&world, volume);
        assert!(devices.contains(&spare));
        assert_eq!(first_choice.difference(&devices).count(), 1, "just the failed one is left out");
    }
}

/// The limit counts tries after the first; the client gets the failure of the last one.
#[test]
fn tries_end_at_the_limit() {
    for retries in [0, 1, 3] {
        let before = retrying(base(), retries);
        let kinds = [Fault::UnknownBefore, Fault::FailedBefore];
        let faults = (0..10).map(|n| (n * TRY + TELLING, if n as u32 == retries { kinds[1] } else { kinds[0] }));
        let (world, result) = run(&before, plain, &Mishaps { faults: faults.collect(), ..Mishaps::default() });
        assert_eq!(tries(&world), retries as usize + 1, "{:#?}", world.log);
        let JobResult::Failed(text) = &result else { panic!("{result:?}") };
        assert!(text.contains("FailedBefore"), "{text}");
        judge_retried(&before, &world, &result, &Mishaps::default());
    }
}

/// Other devices do not help while somebody else's volume has the name.
#[test]
fn a_taken_name_is_not_tried_again() {
    let mut before = retrying(base(), 4);
    let pool = before.fake.nodes["s0"].pool;
    let bricks = vec![GlusterBrick { host: "s3".into(), path: "/theirs".into() }];
    before.fake.volumes.insert((pool, "foreign".into()), FakeVolume { started: true, bricks });
    let plan = |world: &mut World| {
        let request = CheckedVolumeCreate { name: Some("foreign".into()), ..request() };
        create(world, &request)
    };
    let (world, result) = run(&before, plan, &Mishaps::default());
    assert!(matches!(&result, JobResult::Failed(text) if text.contains("already exists")), "{result:?}");
    assert_eq!(tries(&world), 1);
    assert!(world.records() == before.records());
}

/// After a restart, or when the undo had to be resumed, the client no longer waits: nothing is tried again.
#[test]
fn a_resumed_create_is_undone_for_good() {
    let before = retrying(base(), 4);
    let faults = [(TELLING, Fault::FailedBefore), (TELLING + 1, Fault::NotStarted)].into();
    let (world, result) = run(&before, plain, &Mishaps { faults, ..Mishaps::default() });
    assert!(world.log.iter().any(|line| line == "suspended"), "{:#?}", world.log);
    assert!(matches!(result, JobResult::Failed(_)));
    assert_eq!(tries(&world), 1);
    for kill in 0..9 {
        let (world, result) = run(&before, plain, &Mishaps { kills: [kill].into(), ..Mishaps::default() });
        assert!(matches!(result, JobResult::Failed(_)), "{kill}");
        assert!(tries(&world) <= 1);
    }
}

/// Runs the first try up to the undo of its last brick, changes the state, and goes on.
fn between_tries(mut world: World, planned: &Planned, change: impl FnOnce(&World) -> ChangeSet) -> (World, JobResult) {
    world.inventory.apply(&planned.changes).unwrap();
    let (mut event, mut change) = (Event::Start, Some(change));
    loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => {
                assert_eq!(end, End::Finished);
                let result = world.inventory.job(planned.queue).unwrap().result.clone().unwrap();
                return (world, result);
            }
        }
        if world.log.last().is_some_and(|line| line.starts_with("destroy brick"))
            && let Some(change) = change.take()
        {
            let changes = change(&world);
            world.inventory.apply(&changes).unwrap();
        }
    }
}

/// No place is left for the next try: the client is told that, and what failed before.
#[test]
fn a_try_without_a_place_is_the_end() {
    let mut world = retrying(base(), 4);
    world.mishaps.faults.insert(TELLING, Fault::FailedBefore);
    let planned = plain(&mut world);
    let (world, result) = between_tries(world, &planned, |world| {
        let mut changes = ChangeSet::default();
        let node = world.inventory.node(node_named(&world.inventory, "s0")).unwrap();
        changes.put_node(Node { state: EntryState::Offline, ..(**node).clone() });
        changes
    });
    let JobResult::Failed(text) = result else { panic!("{result:?}") };
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "No space");
    assert!(lines[1].starts_with("An earlier try failed: create volume"), "{text}");
    assert_eq!(world.inventory.volumes().count() + world.inventory.bricks().count(), 0);
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// All devices of a cluster may be to blame: the next try goes to another one. Options stay what they were.
#[test]
fn the_next_try_may_go_to_another_cluster() {
    let mut world = retrying(base(), 1);
    let (second, changes) = cluster_create(true, true, &mut world.ids);
    world.inventory.apply(&changes).unwrap();
    for i in 4..7 {
        let mut planned = Vec::new();
        let hostnames = heketi_core::model::HostNames { manage: vec![format!("m{i}")], storage: vec![format!("s{i}")] };
        let request = heketi_core::operation::NodeAddRequest { cluster: second, zone: i, hostnames, tags: [].into() };
        planned.push(heketi_core::operation::NodeAdd::plan(&world.inventory, request, &mut world.ids, NOW).unwrap());
        world.run(&planned[0]);
        let planned = add_device(&mut world, i as usize, "/dev/sda");
        assert_eq!(world.run(&planned), JobResult::Done);
    }
    let mut world = fresh(world);
    let first = first_cluster(&world);
    let policy = Policy {
        pre_options: vec!["performance.cache-size 1".into()],
        post_options: vec!["nfs.disable on".into()],
        ..world.policy.clone()
    };
    world.policy = policy.clone();
    let chosen = choose_cluster(&world.inventory, &request(), &policy, &Facts::default(), Effort::Exact, 0);
    let chosen = chosen.unwrap().unwrap();
    assert_eq!(chosen.cluster, first);
    let planned = VolumeCreate::plan(&world.inventory, &request(), &chosen, &policy, &mut world.ids, NOW);
    let planned = planned.unwrap().unwrap();
    world.mishaps.faults.insert(TELLING, Fault::FailedBefore);
    let JobResult::Volume(volume) = world.run(&planned) else { panic!("{:#?}", world.log) };
    let volume = world.inventory.volume(volume).unwrap();
    assert_eq!(volume.cluster, second);
    assert_eq!(volume.options, ["performance.cache-size 1", "nfs.disable on"]);
    assert_eq!(world.differences(), Vec::<String>::new());
}
