//! Whole operations with one and two mishaps, a fault or a kill, at every place.

use heketi_core::inventory::JobResult;
use heketi_core::operation::Planned;

use super::drive::{Mishaps, World};
use super::fake::Fault;
use super::plans::fresh;

pub type Plan = fn(&mut World) -> Planned;

pub fn run(before: &World, plan: Plan, mishaps: &Mishaps) -> (World, JobResult) {
    let mut world = before.clone();
    world.mishaps = mishaps.clone();
    let planned = plan(&mut world);
    let result = world.run(&planned);
    (world, result)
}

/// May an operation that failed leave these differences behind?
pub type Excuse = fn(&World, &[String]) -> bool;

/// Checks how a run ended: done or undone, and the nodes agree. Returns whether it needed an excuse.
pub fn judge(
    before: &World,
    done: &World,
    world: &World,
    result: &JobResult,
    mishaps: &Mishaps,
    excuse: Excuse,
) -> bool {
    let tell = || format!("after {mishaps:?}, ended with {result:?}:\n{:#?}", world.log);
    let failed = matches!(result, JobResult::Failed(_));
    let expected = if failed { before } else { done };
    assert!(world.records() == expected.records(), "neither done nor undone {}", tell());
    let differences = world.differences();
    let excused = !differences.is_empty();
    assert!(!excused || (failed && excuse(world, &differences)), "{differences:#?} {}", tell());
    excused
}

/// Runs an operation with every single mishap and every pair of them.
pub fn torture(name: &str, before: &World, plan: Plan, excuse: Excuse) {
    let (done, result) = run(before, plan, &Mishaps::default());
    assert!(!matches!(result, JobResult::Failed(_)), "{name}: {result:?}");
    assert_eq!(done.differences(), Vec::<String>::new(), "{name}");
    let mut runs = 0;
    let mut attempt = |mishaps: &Mishaps| {
        runs += 1;
        let (world, result) = run(before, plan, mishaps);
        let excused = judge(before, &done, &world, &result, mishaps, excuse);
        // A client that tries again in a healthy cluster succeeds, whatever was left behind.
        if excused || (mishaps.faults.len() + mishaps.kills.len() == 1 && matches!(result, JobResult::Failed(_))) {
            let mut again = fresh(world.clone());
            let planned = plan(&mut again);
            let result = again.run(&planned);
            assert!(!matches!(result, JobResult::Failed(_)), "{name}: again after {mishaps:?}: {result:?}");
            assert_eq!(again.differences(), Vec::<String>::new(), "{name}: again after {mishaps:?}");
        }
        world
    };
    let mut single = 0;
    let mut double = 0;
    for first in mishaps_from(&Mishaps::default(), &done) {
        let after_one = attempt(&first);
        single += 1;
        for second in mishaps_from(&first, &after_one) {
            attempt(&second);
            double += 1;
        }
    }
    println!("{name}: {} steps, {single} single fault points, {double} pairs, {runs} runs", done.steps.len());
}

/// One mishap more, at every place of `run` after those it already had.
pub fn mishaps_from(so_far: &Mishaps, run: &World) -> Vec<Mishaps> {
    let first_step = so_far.faults.keys().max().map_or(0, |last| last + 1);
    let first_point = so_far.kills.iter().max().map_or(0, |last| last + 1);
    let mut all = Vec::new();
    for (i, question) in run.steps.iter().enumerate().skip(first_step) {
        let kinds: &[Fault] = if *question { &Fault::OF_QUESTIONS } else { &Fault::ALL };
        for kind in kinds {
            let mut mishaps = so_far.clone();
            mishaps.faults.insert(i, *kind);
            all.push(mishaps);
        }
    }
    for point in first_point..run.points {
        let mut mishaps = so_far.clone();
        mishaps.kills.insert(point);
        all.push(mishaps);
    }
    all
}

pub fn no_excuse(_: &World, _: &[String]) -> bool {
    false
}
