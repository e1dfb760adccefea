//! Whole operations over fake nodes with one and two mishaps, a fault or a kill, at every place.

mod support;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{NodeId, OperationId, QueueId};
use heketi_core::inventory::{ChangeSet, HistoryLimits, Inventory, Job, JobResult};
use heketi_core::model::{EntryState, HostNames, Tags};
use heketi_core::operation::{Event, GlusterBrick, NodeAdd, NodeAddRequest, NodeDelete, cluster_create, device_state};
use heketi_core::{ErrorKind, Gib, Timestamp};
use support::NOW;
use support::drive::{End, Mishaps, World};
use support::fake::{Fake, FakeVolume, Fault};
use support::plans::*;
use support::torture::*;

#[test]
fn node_add() {
    torture(
        "node add",
        &base(),
        |world| add_node(world, 4),
        |world, differences| {
            // gluster may refuse to give a peer back, and a member that cannot be reached may still probe it. It
            // holds nothing of heketi's, and adding it again works.
            let refused = world.log.iter().any(|it| it.starts_with("detach peer s4: Failed"));
            let unreachable = world.log.iter().any(|it| it.starts_with("wait") && it.contains(": NotStarted"));
            (refused || unreachable) && differences.iter().all(|it| it.contains("is in a pool"))
        },
    );
}

#[test]
fn node_delete() {
    torture("node delete", &base(), delete_node, no_excuse);
}

#[test]
fn device_add() {
    torture("device add", &base(), |world| add_device(world, 1, "/dev/sdb"), no_excuse);
}

#[test]
fn device_delete() {
    torture("device delete", &with_failed_device(), delete_device, |world, differences| {
        // The node answered that it cannot: the device stays, failed and without bricks, to be deleted again.
        let last = world.log.last().map_or("", String::as_str);
        let answered = last.starts_with("tear down") || last.starts_with("read device");
        answered && differences.iter().all(|it| it.starts_with("group") || it.starts_with("a physical volume"))
    });
}

#[test]
fn volume_create() {
    torture("volume create", &base(), |world| create(world, &request()), no_excuse);
}

#[test]
fn volume_expand() {
    torture("volume expand", &with_volume(), expand, no_excuse);
}

#[test]
fn volume_delete() {
    torture("volume delete", &with_volume(), delete, no_excuse);
}

/// Somebody's volume has the name of the one to create: creating fails, and theirs is left alone.
#[test]
fn a_foreign_volume_of_the_same_name_stays() {
    let mut before = base();
    let bricks = vec![GlusterBrick { host: "s3".into(), path: "/theirs".into() }];
    let pool = before.fake.nodes["s0"].pool;
    let theirs = FakeVolume { started: true, bricks };
    before.fake.volumes.insert((pool, "foreign".into()), theirs.clone());
    let plan = |world: &mut World| {
        let request = CheckedVolumeCreate { name: Some("foreign".into()), ..request() };
        create(world, &request)
    };
    let (undone, result) = run(&before, plan, &Mishaps::default());
    assert!(matches!(result, JobResult::Failed(_)));
    for mishaps in mishaps_from(&Mishaps::default(), &undone) {
        let (world, result) = run(&before, plan, &mishaps);
        judge(&before, &undone, &world, &result, &mishaps, no_excuse);
        assert_eq!(world.fake.volumes, before.fake.volumes, "{mishaps:?}");
    }
}

/// F3: heketi v10 destroyed new bricks that gluster already used. An add-brick that took effect is kept, whatever it
/// answered.
#[test]
fn an_expansion_that_took_effect_goes_forward() {
    let before = with_volume();
    for fault in [Fault::FailedHalf, Fault::FailedAfter, Fault::UnknownHalf, Fault::UnknownAfter, Fault::Late] {
        let adding = 6;
        let (world, result) = run(&before, expand, &Mishaps { faults: [(adding, fault)].into(), ..Mishaps::default() });
        assert!(world.log[adding].starts_with("add bricks"), "{:#?}", world.log);
        assert!(matches!(result, JobResult::Volume(_)), "{fault:?}: {result:?}");
        assert_eq!(world.differences(), Vec::<String>::new(), "{fault:?}");
        assert_eq!(world.inventory.volumes().next().unwrap().size, Gib(20));
    }
}

/// What gluster said before a restart counts no more: somebody may have told it of the bricks since.
#[test]
fn an_undo_asks_again_after_a_restart() {
    let mut world = with_volume();
    let planned = expand(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    world.mishaps.faults.insert(6, Fault::FailedBefore);
    let mut event = Event::Start;
    while !world.log.last().is_some_and(|last| last.starts_with("list volumes")) {
        event = Event::Outcomes(world.stage(planned.operation, event).unwrap());
    }
    // The server ends when it has recorded that it will destroy the bricks.
    world.mishaps.kills.insert(world.points + 1);
    assert_eq!(world.stage(planned.operation, event), Err(End::Killed));
    let volume = only_volume(&world);
    let told: Vec<GlusterBrick> = world.bricks_of(volume);
    world.fake.volumes.values_mut().next().unwrap().bricks = told.clone();
    let mut event = Event::Resume;
    let end = loop {
        match world.stage(planned.operation, event) {
            Ok(outcomes) => event = Event::Outcomes(outcomes),
            Err(end) => break end,
        }
    };
    assert_eq!((end, world.bricks_of(volume)), (End::Suspended, told));
}

/// gluster does not delete the volume: it is started again, and clients see it.
#[test]
fn a_volume_that_gluster_keeps_stays_started_and_visible() {
    let before = with_volume();
    for fault in [Fault::NotStarted, Fault::FailedBefore, Fault::FailedHalf, Fault::UnknownBefore, Fault::UnknownHalf] {
        let (world, result) = run(&before, delete, &Mishaps { faults: [(1, fault)].into(), ..Mishaps::default() });
        assert!(matches!(result, JobResult::Failed(_)), "{fault:?}");
        assert_eq!(world.records(), before.records());
        assert_eq!(world.differences(), Vec::<String>::new(), "{fault:?}");
    }
}

/// F16: a delete that heketi v10 could not finish let the volume look intact again. Once an earlier run may have
/// stopped the volume, a host that cannot be reached is no reason to give up.
#[test]
fn a_delete_that_has_begun_goes_on() {
    let before = with_volume();
    let (list_again, delete_again) = (5, 6);
    for later in [list_again, delete_again] {
        let faults = [(1, Fault::UnknownHalf), (later, Fault::NotStarted)].into();
        // The server ends when the first try to delete the volume has lost its connection.
        let (world, result) = run(&before, delete, &Mishaps { faults, kills: [5].into() });
        assert!(world.log.iter().any(|it| it.starts_with("killed")), "{:#?}", world.log);
        assert_eq!(result, JobResult::Done, "{:#?}", world.log);
        assert_eq!(world.differences(), Vec::<String>::new());
    }
}

/// Clients see a volume except while it is created or deleted.
#[test]
fn volumes_are_hidden_while_they_come_and_go() {
    for (mut world, plan, hidden) in [
        (base(), (|world| create(world, &request())) as Plan, true),
        (with_volume(), delete as Plan, true),
        (with_volume(), expand as Plan, false),
    ] {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        let volume = only_volume(&world);
        assert_eq!(world.inventory.is_volume_hidden(volume), hidden);
        world.restart();
        assert_eq!(world.inventory.is_volume_hidden(volume), hidden);
    }
}

/// A node that has left the pool answers for a pool of its own, where no volume uses any brick. It must not
/// be believed, however little the others answer.
#[test]
fn a_node_that_leaves_is_not_asked_about_volumes() {
    let mut world = with_volume();
    let leaving = node_named(&world.inventory, "s3");
    let planned = NodeDelete::plan(&world.inventory, leaving, &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    world.fake.down = ["s0", "s1", "s2"].map(String::from).into();
    world.fake.nodes.get_mut("s3").unwrap().pool = 99;
    let planned = delete(&mut world);
    assert!(matches!(world.run(&planned), JobResult::Failed(_)));
    assert_eq!(world.inventory.bricks().count(), 6);
}

/// The node that probes a new one stays until that is over, and a node that leaves probes nobody.
#[test]
fn the_last_member_stays_while_a_node_joins() {
    let mut world = World::new(Inventory::default(), Fake::with_nodes(&["s0", "s1"]));
    let (_, changes) = cluster_create(true, true, &mut world.ids);
    world.inventory.apply(&changes).unwrap();
    let planned = add_node(&mut world, 0);
    world.run(&planned);
    let only = node_named(&world.inventory, "s0");

    let mut joining = world.clone();
    let planned = add_node(&mut joining, 1);
    joining.inventory.apply(&planned.changes).unwrap();
    let refused = NodeDelete::plan(&joining.inventory, only, &mut joining.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);

    let planned = NodeDelete::plan(&world.inventory, only, &mut world.ids, NOW).unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    let hostnames = HostNames { manage: vec!["m1".into()], storage: vec!["s1".into()] };
    let request = NodeAddRequest { cluster: first_cluster(&world), zone: 1, hostnames, tags: Tags::new() };
    let refused = NodeAdd::plan(&world.inventory, request, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

/// What was in the pool before heketi came stays in it, whatever goes wrong.
#[test]
fn a_peer_of_the_administrator_stays_a_peer() {
    let mut before = base();
    let pool = before.fake.nodes["s0"].pool;
    before.fake.nodes.get_mut("s4").unwrap().pool = pool;
    let plan = |world: &mut World| add_node(world, 4);
    let (done, _) = run(&before, plan, &Mishaps::default());
    for mishaps in mishaps_from(&Mishaps::default(), &done) {
        let (world, _) = run(&before, plan, &mishaps);
        assert_eq!(world.fake.nodes["s4"].pool, pool, "{mishaps:?}");
    }
}

/// Two nodes that leave at once also leave each other.
#[test]
fn the_last_two_nodes_part() {
    let mut world = World::new(Inventory::default(), Fake::with_nodes(&["s0", "s1"]));
    let (_, changes) = cluster_create(true, true, &mut world.ids);
    world.inventory.apply(&changes).unwrap();
    for i in 0..2 {
        let planned = add_node(&mut world, i);
        world.run(&planned);
    }
    let nodes: Vec<NodeId> = world.inventory.nodes().map(|node| node.id).collect();
    let plan = |world: &mut World, id| NodeDelete::plan(&world.inventory, id, &mut world.ids, NOW).unwrap();
    let first = plan(&mut world, nodes[0]);
    world.inventory.apply(&first.changes).unwrap();
    let second = plan(&mut world, nodes[1]);
    assert_eq!(world.run(&second), JobResult::Done);
    assert_ne!(world.fake.nodes["s0"].pool, world.fake.nodes["s1"].pool);
}

/// A device that is being deleted cannot come back before that is over.
#[test]
fn a_device_that_leaves_keeps_its_state() {
    let mut world = with_failed_device();
    let (device, planned) = (failed_device(&world), delete_device(&mut world));
    world.inventory.apply(&planned.changes).unwrap();
    let refused = device_state(&world.inventory, device, EntryState::Offline).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

/// Jobs of operations that wait to be resumed are kept, and do not keep those that are over from going.
#[test]
fn old_jobs_go_though_others_stay() {
    let mut world = base();
    let mut changes = ChangeSet::default();
    for i in 0..60u8 {
        let (id, pending) = (QueueId::from_bytes([i; 16]), i < 40);
        let operation = pending.then(|| OperationId::from_bytes([i; 16]));
        changes
            .put_job(Job { operation, ..Job::without_operation(id, Some(JobResult::Done), Timestamp(u64::from(i))) });
    }
    world.inventory.apply(&changes).unwrap();
    let limits = HistoryLimits::default();
    assert!(world.inventory.prune_history(limits, Timestamp(limits.age)).is_empty());
    let pruned = world.inventory.prune_history(limits, Timestamp(limits.age + 100));
    world.inventory.apply(&pruned).unwrap();
    let old = world.inventory.jobs().filter(|job| job.time.0 < 100);
    assert_eq!(old.map(|job| job.operation.is_some()).collect::<Vec<_>>(), vec![true; 40]);
}
