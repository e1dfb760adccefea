//! Block volume operations over fake nodes with one and two mishaps, a fault or a kill, at every place.

mod support;

use heketi_core::Gib;
use heketi_core::inventory::JobResult;
use heketi_core::operation::{BlockVolumeCreateRequest, VolumeExpand, choose_expansion};
use heketi_core::placement::{Effort, Facts};
use support::NOW;
use support::block_plans::*;
use support::drive::{Mishaps, World};
use support::fake::Fault;
use support::fake_blocks::FakeBlock;
use support::plans::{base, only_volume, policy};
use support::torture::*;

#[test]
fn block_create() {
    torture("block create", &with_hosting(), |world| create_block(world, &block(3)), no_excuse);
}

#[test]
fn block_create_with_a_new_hosting_volume() {
    torture("block create, new hosting volume", &base(), |world| create_block(world, &block(3)), no_excuse);
}

#[test]
fn block_delete() {
    torture("block delete", &with_block(), delete_block, no_excuse);
}

#[test]
fn block_hosting_volume_expand() {
    torture("block hosting volume expand", &with_block(), support::plans::expand, no_excuse);
}

/// An expansion ends in one of three ways: done, undone, or done on some hosts only. Then the new size is kept
/// with what all hosts serve, and asking for it once more brings it to the others.
#[test]
fn block_expand() {
    let before = with_block();
    let plan = |world: &mut World| expand_block(world, 5);
    let (done, result) = run(&before, plan, &Mishaps::default());
    assert!(matches!(result, JobResult::BlockVolume(_)));
    assert_eq!((sizes(&done), space(&done)), ((5, 5), (10, 4, 1)));
    let (mut single, mut double, mut partial) = (0, 0, 0);
    let mut attempt = |mishaps: &Mishaps| {
        let (world, result) = run(&before, plan, mishaps);
        assert_eq!(world.differences(), Vec::<String>::new(), "{mishaps:?}: {:#?}", world.log);
        match (&result, sizes(&world), space(&world)) {
            (JobResult::BlockVolume(_), (5, 5), (10, 4, 1)) | (JobResult::Failed(_), (2, 2), (10, 7, 1)) => {}
            (JobResult::Failed(_), (5, 2), (10, 4, 1)) => {
                let mut again = support::plans::fresh(world.clone());
                let planned = expand_block(&mut again, 5);
                assert!(matches!(again.run(&planned), JobResult::BlockVolume(_)), "{mishaps:?}");
                assert_eq!((sizes(&again), space(&again)), ((5, 5), (10, 4, 1)));
                assert_eq!(again.differences(), Vec::<String>::new(), "{mishaps:?}");
                partial += 1;
            }
            other => panic!("{mishaps:?} ended with {other:?}: {:#?}", world.log),
        }
        world
    };
    for first in mishaps_from(&Mishaps::default(), &done) {
        let after_one = attempt(&first);
        single += 1;
        for second in mishaps_from(&first, &after_one) {
            attempt(&second);
            double += 1;
        }
    }
    assert!(partial > 0);
    println!("block expand: {single} single fault points, {double} pairs, {partial} ended on some hosts only");
}

/// The block volume of somebody else in the same hosting volume is never deleted, whatever goes wrong.
#[test]
fn a_foreign_block_volume_of_the_same_name_stays() {
    let mut before = with_hosting();
    let hosting = before.inventory.volumes().next().unwrap().name.clone();
    let key = (before.fake.nodes["s0"].pool, hosting, "foreign".to_owned());
    let theirs = FakeBlock { size: Gib(1), usable: None, hosts: vec!["s0".into()], auth: false };
    before.fake.blocks.insert(key.clone(), theirs.clone());
    let plan = |world: &mut World| {
        let request = BlockVolumeCreateRequest { name: Some("foreign".into()), ..block(2) };
        create_block(world, &request)
    };
    let (undone, result) = run(&before, plan, &Mishaps::default());
    let JobResult::Failed(text) = result else { panic!("{result:?}") };
    assert!(text.starts_with("Failed to create block volume: BLOCK with name: 'foreign' already EXIST"), "{text}");
    for mishaps in mishaps_from(&Mishaps::default(), &undone) {
        let (world, result) = run(&before, plan, &mishaps);
        judge(&before, &undone, &world, &result, &mishaps, no_excuse);
        assert_eq!(world.fake.blocks.get(&key), Some(&theirs), "{mishaps:?}");
    }
}

/// F27: which hosts answer is asked in a stage of its own, before gluster-block is told anything; those that do
/// not answer are left out.
#[test]
fn hosts_are_checked_by_steps_and_not_while_planning() {
    let plan = |world: &mut World| create_block(world, &BlockVolumeCreateRequest { ha_count: 2, ..block(3) });
    let before = with_hosting();
    let (done, result) = run(&before, plan, &Mishaps::default());
    assert!(matches!(result, JobResult::BlockVolume(_)), "{result:?}");
    let checks = done.log.iter().filter(|line| line.starts_with("check glusterd")).count();
    assert_eq!((checks, done.log.len()), (4, 6), "{:#?}", done.log);
    assert!(done.log[5].starts_with("create block volume"), "{:#?}", done.log);
    let chosen = done.inventory.block_volumes().next().unwrap().clone();
    assert_eq!((chosen.hosts.len(), chosen.ha_count), (2, 2));
    for first in 1..5 {
        let faults = [(first, Fault::FailedBefore)].into();
        let (world, result) = run(&before, plan, &Mishaps { faults, ..Mishaps::default() });
        assert!(matches!(result, JobResult::BlockVolume(_)), "{result:?}");
        let block = world.inventory.block_volumes().next().unwrap();
        let left_out = format!("s{}", first - 1);
        assert!(block.hosts.len() == 2 && !block.hosts.contains(&left_out), "{left_out}: {block:?}");
        assert_eq!(world.differences(), Vec::<String>::new());
    }
    let faults = [1, 2, 3].map(|step| (step, Fault::NotStarted)).into();
    let (world, result) = run(&before, plan, &Mishaps { faults, ..Mishaps::default() });
    assert_eq!(result, JobResult::Failed("insufficient block hosts online".into()));
    assert_eq!(world.records(), before.records());
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// 0, and more than there are, mean all hosts, which are then not checked; the count follows.
#[test]
fn the_number_of_hosts_is_lowered_to_what_there_is() {
    for wanted in [0, 4, 9] {
        let mut world = with_hosting();
        let planned = create_block(&mut world, &BlockVolumeCreateRequest { ha_count: wanted, ..block(1) });
        world.run(&planned);
        let block = world.inventory.block_volumes().next().unwrap();
        assert_eq!((block.hosts.join(" ").as_str(), block.ha_count), ("s0 s1 s2 s3", 4), "{wanted}");
        assert!(world.log.iter().all(|line| !line.starts_with("check glusterd")), "{wanted}: {:#?}", world.log);
    }
}

/// Block volumes on two of four hosts do not all land on the same two.
#[test]
fn initiators_spread_over_the_hosts() {
    let mut world = with_hosting();
    let mut used = std::collections::BTreeMap::new();
    for _ in 0..8 {
        let planned = create_block(&mut world, &BlockVolumeCreateRequest { ha_count: 2, ..block(1) });
        world.run(&planned);
    }
    for block in world.inventory.block_volumes() {
        block.hosts.iter().for_each(|host| *used.entry(host.clone()).or_insert(0) += 1);
    }
    assert_eq!((used.len(), used.values().sum::<i32>()), (4, 16), "{used:?}");
}

/// F7: an operation that is loaded after a restart knows its target size, and the space it holds is not taken
/// for an error.
#[test]
fn an_expansion_keeps_its_target_size_over_a_restart() {
    let before = with_block();
    let (done, _) = run(&before, |world| expand_block(world, 5), &Mishaps::default());
    for point in 0..done.points {
        for effect in [None, Some(Fault::FailedBefore), Some(Fault::UnknownHalf), Some(Fault::UnknownAfter)] {
            let faults = effect.map(|fault| (0, fault)).into_iter().collect();
            let (world, result) =
                run(&before, |world| expand_block(world, 5), &Mishaps { faults, kills: [point].into() });
            let (sizes, space) = (sizes(&world), space(&world));
            let context = format!("killed at {point}, {effect:?}: {result:?}");
            assert_eq!(space.0, sizes.0 + space.1 + space.2, "{context}");
            assert!([(2, 2), (5, 2), (5, 5)].contains(&sizes), "{context}: {sizes:?}");
        }
    }
}

/// F8: two expansions of one block volume do not both reserve from the old size.
#[test]
fn a_second_expansion_waits_for_the_first() {
    let mut world = with_block();
    let first = expand_block(&mut world, 5);
    world.inventory.apply(&first.changes).unwrap();
    let id = only_block(&world);
    let facts = Facts::default();
    let second =
        heketi_core::operation::BlockVolumeExpand::plan(&world.inventory, id, Gib(6), &facts, &mut world.ids, NOW);
    assert_eq!(second.unwrap_err(), heketi_core::Error::busy());
    assert_eq!((sizes(&world), space(&world)), ((2, 2), (10, 4, 1)), "the old size is shown, the space is held");
    assert!(!world.inventory.is_block_volume_hidden(id));
}

/// F9: bringing a block volume to its size on the hosts where that failed is an operation like any other, and
/// when it fails nobody is credited space.
#[test]
fn running_an_expansion_again_is_recorded_and_credits_nothing() {
    let half = |world: &mut World| expand_block(world, 5);
    let (before, result) =
        run(&with_block(), half, &Mishaps { faults: [(0, Fault::FailedHalf)].into(), ..Mishaps::default() });
    assert!(matches!(result, JobResult::Failed(_)), "{result:?}");
    assert_eq!((sizes(&before), space(&before)), ((5, 2), (10, 4, 1)));
    let before = support::plans::fresh(before);
    let mut planned = before.clone();
    let plan = half(&mut planned);
    planned.inventory.apply(&plan.changes).unwrap();
    assert_eq!(planned.inventory.operation(plan.operation).unwrap().type_name(), "expand-block-volume");
    for fault in Fault::ALL {
        let (world, result) = run(&before, half, &Mishaps { faults: [(0, fault)].into(), ..Mishaps::default() });
        assert_eq!(space(&world), (10, 4, 1), "{fault:?}: {result:?}");
        assert_eq!(world.differences(), Vec::<String>::new(), "{fault:?}");
    }
    // Somebody made the file smaller meanwhile: the space stays charged.
    let mut smaller = before.clone();
    smaller.fake.blocks.values_mut().for_each(|block| (block.size, block.usable) = (Gib(3), Some(Gib(2))));
    let (world, _) = run(&smaller, half, &Mishaps { faults: [(0, Fault::FailedBefore)].into(), ..Mishaps::default() });
    assert_eq!((sizes(&world), space(&world)), ((5, 2), (10, 4, 1)));
}

/// A block volume that somebody deleted cannot be expanded, and can be deleted then.
#[test]
fn a_block_volume_that_is_gone_gives_its_space_back() {
    let mut world = with_block();
    world.fake.blocks.clear();
    let planned = expand_block(&mut world, 5);
    assert!(matches!(world.run(&planned), JobResult::Failed(_)));
    assert_eq!((sizes(&world), space(&world)), ((2, 2), (10, 7, 1)));
    let planned = delete_block(&mut world);
    assert_eq!(world.run(&planned), JobResult::Done);
    assert_eq!(space(&world), (10, 9, 1));
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// F1: a hosting volume that grows while block volumes come reads its record when it is done.
#[test]
fn a_hosting_volume_grows_while_block_volumes_come() {
    let mut world = with_hosting();
    let volume = only_volume(&world);
    let planned = create_block(&mut world, &block(2));
    world.inventory.apply(&planned.changes).unwrap();
    // As long as the block volume is being made, nobody else may change the volume.
    let grow = |world: &World| {
        choose_expansion(&world.inventory, volume, Gib(10), &policy(), &Facts::default(), Effort::Exact, 0)
    };
    assert_eq!(grow(&world).unwrap_err(), heketi_core::Error::busy());
    world.run(&heketi_core::operation::Planned { changes: Default::default(), ..planned });
    let choice = grow(&world).unwrap().unwrap();
    let planned = VolumeExpand::plan(&world.inventory, volume, Gib(10), &choice, &policy(), &mut world.ids, NOW)
        .unwrap()
        .unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    // The volume has room, but it is growing: the client tries again. It makes no second hosting volume.
    assert_eq!(choose(&world.inventory, &block(2), &policy()).unwrap_err(), heketi_core::Error::busy());
    world.run(&heketi_core::operation::Planned { changes: Default::default(), ..planned });
    assert_eq!(space(&world), (20, 16, 2));
    let planned = create_block(&mut world, &block(16));
    assert!(matches!(world.run(&planned), JobResult::BlockVolume(_)));
    assert_eq!(space(&world), (20, 0, 2));
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// Clients see a block volume except while it is created or deleted, and its hosting volume except while that
/// is created for it.
#[test]
fn block_volumes_are_hidden_while_they_come_and_go() {
    let plans: [(World, Plan, bool, bool); 4] = [
        (base(), |world| create_block(world, &block(3)), true, true),
        (with_hosting(), |world| create_block(world, &block(3)), true, false),
        (with_block(), delete_block, true, false),
        (with_block(), |world| expand_block(world, 4), false, false),
    ];
    for (mut world, plan, hidden, hosting_hidden) in plans {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        world.restart();
        assert_eq!(world.inventory.is_block_volume_hidden(only_block(&world)), hidden);
        assert_eq!(world.inventory.is_volume_hidden(only_volume(&world)), hosting_hidden);
    }
}

/// No record, operation, job or outcome shows the password.
#[test]
fn the_password_is_never_shown() {
    let (world, result) = run(&with_hosting(), |world| create_block(world, &block(3)), &Mishaps::default());
    let made = world.inventory.block_volumes().next().unwrap();
    assert_eq!(made.password.expose(), support::fake_blocks::PASSWORD);
    let shown = format!("{:?} {:?} {result:?} {:?}", world.inventory, world.records(), world.log);
    assert!(!shown.contains(support::fake_blocks::PASSWORD));
    for fault in Fault::ALL {
        let plan = |world: &mut World| create_block(world, &block(3));
        let (world, result) =
            run(&with_hosting(), plan, &Mishaps { faults: [(1, fault)].into(), ..Mishaps::default() });
        let shown = format!("{:?} {result:?} {:?}", world.inventory, world.log);
        assert!(!shown.contains(support::fake_blocks::PASSWORD), "{fault:?}");
    }
}

/// gluster-block tells sizes of 1 TiB and more with one decimal place. Where the old size and the new one look the
/// same, the command is run again, and if that fails too the space stays charged: asking once more is allowed.
#[test]
fn sizes_that_are_told_rounded_cost_no_space() {
    let mut before = with_block();
    before.fake.rounding = Gib(1);
    let near: Plan = |world| expand_block(world, 3);
    let once = Mishaps { faults: [(0, Fault::FailedBefore)].into(), ..Mishaps::default() };
    let (world, result) = run(&before, near, &once);
    assert!(matches!(result, JobResult::BlockVolume(_)), "{result:?}");
    assert_eq!((sizes(&world), space(&world)), ((3, 3), (10, 6, 1)));
    let twice = Mishaps { faults: [(0, Fault::FailedBefore), (3, Fault::FailedBefore)].into(), ..Mishaps::default() };
    let (mut world, result) = run(&before, near, &twice);
    assert!(matches!(result, JobResult::Failed(_)), "{result:?}");
    assert_eq!((sizes(&world), space(&world)), ((3, 2), (10, 6, 1)), "the space stays charged");
    let planned = expand_block(&mut world, 3);
    assert!(matches!(world.run(&planned), JobResult::BlockVolume(_)));
    assert_eq!(sizes(&world), (3, 3));
    assert_eq!(world.differences(), Vec::<String>::new());
    // Sizes further apart are told apart.
    let (world, _) = run(&before, |world| expand_block(world, 5), &once);
    assert_eq!((sizes(&world), space(&world)), ((2, 2), (10, 7, 1)));
}
