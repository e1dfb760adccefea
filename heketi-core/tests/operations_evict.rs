//! Bricks that move, devices and nodes that are emptied, retired bricks: with one and two mishaps at every place.

mod support;

use heketi_core::inventory::JobResult;
use heketi_core::model::{Brick, EntryState};
use heketi_core::operation::{DeviceResync, RetiredBricks};
use support::NOW;
use support::drive::{Mishaps, World};
use support::evict::*;
use support::plans::*;
use support::torture::{Plan, mishaps_from, run};

/// The two brick sets are whole, in their places and as large as before.
fn assert_whole(world: &World, tell: &str) {
    let bricks = world.inventory.bricks_of_volume(only_volume(world));
    let mut bricks: Vec<Brick> = bricks.map(|id| Brick::clone(world.inventory.brick(id).unwrap())).collect();
    bricks.sort_by_key(|brick| brick.position);
    let places: Vec<_> = bricks.iter().map(|brick| brick.position.map(|it| (it.set, it.index))).collect();
    assert_eq!(places, [0, 1].map(|set| [0, 1, 2].map(|index| Some((set, index)))).concat(), "{tell}");
    assert!(bricks.iter().all(|brick| brick.size == bricks[0].size), "{tell}");
}

/// Runs an operation with every single mishap and every pair of them. Whatever happens, state and nodes agree once
/// retired bricks are destroyed; `judge` says whether the rest is as it should be. Returns how many runs there were.
fn every_mishap(name: &str, before: &World, plan: Plan, judge: fn(&World, &World, &JobResult, &str)) {
    let (done, result) = run(before, plan, &Mishaps::default());
    assert_eq!(result, JobResult::Done, "{name}: {:#?}", done.log);
    assert_eq!(done.differences(), Vec::<String>::new(), "{name}");
    assert_eq!(drain(&done).records(), done.records(), "nothing is retired when all goes well");
    let attempt = |mishaps: &Mishaps| {
        let (world, result) = run(before, plan, mishaps);
        let tell = format!("{name} after {mishaps:?}, ended with {result:?}:\n{:#?}", world.log);
        let clean = drain(&world);
        assert_eq!(clean.differences(), Vec::<String>::new(), "{tell}");
        assert_whole(&clean, &tell);
        judge(before, &clean, &result, &tell);
        if mishaps.faults.len() + mishaps.kills.len() == 1 && result != JobResult::Done {
            // A client that tries again in a healthy cluster succeeds.
            let mut again = fresh(clean);
            let planned = plan(&mut again);
            let result = again.run(&planned);
            assert_eq!(result, JobResult::Done, "again, {tell}");
            assert_eq!(again.differences(), Vec::<String>::new(), "again, {tell}");
            judge(before, &again, &result, &tell);
        }
        world
    };
    let (mut single, mut double) = (0, 0);
    for first in mishaps_from(&Mishaps::default(), &done) {
        let after_one = attempt(&first);
        single += 1;
        for second in mishaps_from(&first, &after_one) {
            attempt(&second);
            double += 1;
        }
    }
    println!("{name}: {} steps, {single} single fault points, {double} pairs", done.steps.len());
}

fn moved(before: &World, after: &World) -> usize {
    let there = bricks_on(after, "s0");
    bricks_on(before, "s0").iter().filter(|brick| !there.contains(brick)).count()
}

#[test]
fn brick_evict() {
    every_mishap("brick evict", &with_room(), evict, |before, after, result, tell| match result {
        JobResult::Failed(_) => assert!(after.records() == before.records(), "not undone {tell}"),
        _ => assert_eq!(moved(before, after), 1, "{tell}"),
    });
}

fn emptied(after: &World, state: EntryState, result: &JobResult, tell: &str) {
    match result {
        JobResult::Failed(_) => assert_eq!(state, EntryState::Offline, "{tell}"),
        _ => assert_eq!((state, bricks_on(after, "s0")), (EntryState::Failed, vec![]), "{tell}"),
    }
}

#[test]
fn device_remove() {
    let mut before = with_room();
    let device = device_of(&before, "s0");
    set_device(&mut before, device, EntryState::Offline);
    every_mishap("device remove", &before, remove_device, |_, after, result, tell| {
        let state = after.inventory.device(device_of(after, "s0")).unwrap().state;
        emptied(after, state, result, tell);
    });
}

#[test]
fn node_remove() {
    let mut before = with_room();
    set_node(&mut before, "s0", EntryState::Offline);
    every_mishap("node remove", &before, remove_node, |_, after, result, tell| {
        let state = after.inventory.node(node_named(&after.inventory, "s0")).unwrap().state;
        emptied(after, state, result, tell);
    });
}

#[test]
fn device_resync() {
    let plan = |world: &mut World| {
        let device = device_of(world, "s0");
        DeviceResync::plan(&world.inventory, device, &mut world.ids, NOW).unwrap()
    };
    every_mishap("device resync", &with_room(), plan, |before, after, _, tell| {
        assert!(after.records() == before.records(), "{tell}");
    });
}

#[test]
fn destroy_retired_bricks() {
    let plan = |world: &mut World| {
        let node = node_named(&world.inventory, "s0");
        RetiredBricks::plan(&world.inventory, node, &mut world.ids, NOW).unwrap().unwrap()
    };
    let before = with_retired_bricks();
    let (done, result) = run(&before, plan, &Mishaps::default());
    assert_eq!(result, JobResult::Done);
    let device = done.inventory.device(device_of(&done, "s0")).unwrap();
    assert_eq!(done.inventory.free(device), device.total, "their space is back");
    let mut points = 0;
    for mishaps in mishaps_from(&Mishaps::default(), &done) {
        let (world, result) = run(&before, plan, &mishaps);
        let clean = drain(&world);
        assert_eq!(clean.differences(), Vec::<String>::new(), "{mishaps:?}: {result:?} {:#?}", world.log);
        assert_eq!(clean.records(), done.records(), "{mishaps:?}");
        points += 1;
    }
    println!("destroy retired bricks: {points} fault points");
}
