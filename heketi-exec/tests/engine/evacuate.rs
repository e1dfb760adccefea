//! Bricks that move, devices and nodes that are emptied, dead nodes, and what is cleaned up later.

use std::sync::Arc;
use std::time::Duration;

use heketi_core::ErrorKind;
use heketi_core::id::{BrickId, NodeId, VolumeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{EntryState, SetPosition};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::SimCluster;
use heketi_exec::store::MemoryStore;

use crate::support::*;
use crate::tested::*;

/// Four nodes; a volume with bricks on the first three.
async fn with_one_volume() -> (SimCluster, Engine, VolumeId) {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    with_brick_to_evict(&engine, &sim).await;
    let volume = only_volume(&engine);
    (sim, engine, volume)
}

fn brick_on(engine: &Engine, n: u32) -> BrickId {
    let (inventory, node) = (engine.inventory(), node_at(engine, n));
    inventory.bricks().find(|brick| brick.node == node && !brick.retired).expect("a brick").id
}

/// What gluster calls a brick.
fn name_of(engine: &Engine, brick: BrickId) -> String {
    let inventory = engine.inventory();
    let brick = inventory.brick(brick).unwrap();
    format!("{}:{}", inventory.node(brick.node).unwrap().storage_host(), brick.brick_directory())
}

fn places(engine: &Engine, volume: VolumeId) -> Vec<Option<SetPosition>> {
    let inventory = engine.inventory();
    let mut places: Vec<_> =
        inventory.bricks_of_volume(volume).map(|id| inventory.brick(id).unwrap().position).collect();
    places.sort();
    places
}

async fn text(engine: &Engine, job: heketi_core::id::QueueId) -> String {
    match finished(engine, job).await {
        JobResult::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

fn retired(engine: &Engine, node: NodeId) -> usize {
    engine.inventory().retired_bricks_of_node(node).count()
}

#[tokio::test]
async fn an_evicted_brick_leaves_nothing_and_the_new_one_takes_its_place() {
    let (sim, engine, volume) = with_one_volume().await;
    let (old, before) = (brick_on(&engine, 1), places(&engine, volume));
    let order: Vec<String> = sim.snapshot().pools[0].volumes.values().next().unwrap().bricks.clone();
    let gone = name_of(&engine, old);
    let job = engine.brick_evict(old, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(engine.inventory().brick(old), None);
    assert_eq!(places(&engine, volume), before);
    let now = sim.snapshot().pools[0].volumes.values().next().unwrap().bricks.clone();
    for (before, now) in order.iter().zip(&now) {
        assert_eq!(before == now, *before != gone, "{before} became {now}");
    }
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// F14: the new brick belongs to the volume's group, as the old one did.
#[tokio::test]
async fn the_new_brick_belongs_to_the_volumes_group() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    let mut request = replica3(1);
    request.gid = 1234;
    let id = volume(&engine, engine.volume_create(request).await).await;
    let old = engine.inventory().bricks_of_volume(id).next().unwrap();
    let others: Vec<_> = engine.inventory().bricks_of_volume(id).collect();
    let job = engine.brick_evict(old, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    let inventory = engine.inventory();
    let new = inventory.bricks_of_volume(id).find(|brick| !others.contains(brick)).unwrap();
    let new = inventory.brick(new).unwrap();
    let host = inventory.node(new.node).unwrap().manage_host().to_owned();
    let directory = sim.directory(&host, &new.brick_directory()).unwrap();
    assert_eq!((directory.group, directory.mode & 0o2000), (1234, 0o2000));
}

#[tokio::test]
async fn a_brick_that_is_down_makes_the_heal_gate_refuse() {
    let (sim, engine, _) = with_one_volume().await;
    let old = brick_on(&engine, 1);
    sim.set_up("n2", false);
    let before = sim.snapshot();
    let job = engine.brick_evict(old, true).await.unwrap();
    let expected = format!("Cannot replace brick {old} as only 1 of 2 required peer bricks are online");
    assert_eq!(text(&engine, job).await, expected);
    assert!(sim.leftovers(&before).is_empty());
    let job =
        engine.device_state(engine.inventory().brick(old).unwrap().device, EntryState::Failed, true).await.unwrap();
    assert_eq!(text(&engine, job).await, expected);
    assert_sound(&engine);
    // The administrator knows better.
    let job = engine.brick_evict(old, false).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
}

#[tokio::test]
async fn a_brick_with_pending_heals_is_not_moved() {
    let (sim, engine, volume) = with_one_volume().await;
    let name = engine.inventory().volume(volume).unwrap().name.clone();
    let old = brick_on(&engine, 1);
    sim.set_heal_entries("n1", &name, &name_of(&engine, old), 3);
    let job = engine.brick_evict(old, true).await.unwrap();
    let expected = format!("Cannot replace brick {old} as it is source brick for data to be healed");
    assert_eq!(text(&engine, job).await, expected);
    sim.set_heal_entries("n1", &name, &name_of(&engine, old), 0);
    let job = engine.brick_evict(old, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
}

/// A dead node is emptied through its peers. When it is back, what is left on it is destroyed, and its space is
/// there again.
#[tokio::test]
async fn a_dead_node_is_emptied_and_cleaned_when_it_returns() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    with_node_to_remove(&engine, &sim).await;
    let (node, volumes) = (node_at(&engine, 1), engine.inventory().volumes().count());
    sim.set_up("n1", false);
    let job = engine.node_state(node, EntryState::Failed, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!((retired(&engine, node), volumes), (2, 2));
    assert_sound(&engine);
    // It is still away: nothing changes, and nothing is left pending.
    engine.clean_up(None).await;
    let job = engine.destroy_retired_bricks(node).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    assert_eq!(retired(&engine, node), 2);
    assert_sound(&engine);

    sim.set_up("n1", true);
    engine.clean_up(None).await;
    assert_eq!(retired(&engine, node), 0);
    let inventory = engine.inventory();
    for device in inventory.devices_of_node(node).filter_map(|id| inventory.device(id)) {
        assert_eq!(inventory.free(device), device.total);
    }
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    // The devices are empty now: they can go.
    for device in inventory.devices_of_node(node) {
        for state in [EntryState::Offline, EntryState::Failed] {
            set_device(&engine, device, state).await;
        }
        let job = engine.device_delete(device, false).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    let job = engine.node_delete(node).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
}

/// The node never comes back: its devices are forgotten by force, with what is retired on them.
#[tokio::test]
async fn a_node_that_never_returns_is_forgotten_by_force() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    with_node_to_remove(&engine, &sim).await;
    let node = node_at(&engine, 1);
    sim.set_up("n1", false);
    let job = engine.node_state(node, EntryState::Failed, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    let refused = engine.node_delete(node).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    let devices: Vec<_> = engine.inventory().devices_of_node(node).collect();
    for device in devices {
        for state in [EntryState::Offline, EntryState::Failed] {
            set_device(&engine, device, state).await;
        }
        let refused = engine.device_delete(device, false).await.unwrap_err();
        assert_eq!(refused.text(), format!("Unable to delete device [{device}] because it contains bricks"));
        let job = engine.device_delete(device, true).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    assert_eq!((retired(&engine, node), engine.inventory().devices_of_node(node).count()), (0, 0));
    assert_sound(&engine);
}

/// Something keeps the old brick busy: the volume uses the new one all the same, and the old one goes later.
#[tokio::test]
async fn a_busy_old_brick_is_destroyed_later() {
    let (sim, engine, _) = with_one_volume().await;
    let old = brick_on(&engine, 1);
    let mount_point = engine.inventory().brick(old).unwrap().mount_point();
    sim.set_busy("n1", &mount_point, true);
    let job = engine.brick_evict(old, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(retired(&engine, node_at(&engine, 1)), 1);
    assert_sound(&engine);
    assert_eq!(engine.brick_evict(old, true).await.unwrap_err().kind(), ErrorKind::NotFound);
    sim.set_busy("n1", &mount_point, false);
    engine.clean_up(None).await;
    assert_eq!(retired(&engine, node_at(&engine, 1)), 0);
    assert_nodes_match(&engine, &sim);
}

/// Without glusterd on the old brick's node, and on the first node that is asked, others answer.
#[tokio::test]
async fn a_node_without_glusterd_is_left_through_its_peers() {
    let (sim, engine, _) = with_one_volume().await;
    sim.set_glusterd("n1", false);
    let job = engine.brick_evict(brick_on(&engine, 1), true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// F6: heketi v10 did not know a removal by its operation. Its hourly pass took it for left over while it ran, and
/// destroyed the brick under construction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_runs_is_not_cleaned() {
    let sim = simulated(4);
    let config = EngineConfig {
        clean: true,
        clean_start: Duration::from_millis(1),
        clean_interval: Duration::from_secs(1),
        ..EngineConfig::default()
    };
    let engine = engine(&sim, Arc::new(MemoryStore::new()), config).await;
    load(&engine, 4).await;
    with_device_to_remove(&engine, &sim).await;
    // The cleaner comes by several times.
    sim.add_latency("lvcreate", Duration::from_millis(1300));
    let device = device_at(&engine, 1, "/dev/sdb");
    let job = engine.device_state(device, EntryState::Failed, true).await.unwrap();
    let id = engine.job(job).unwrap().operation.expect("an operation of its own");
    while engine.job(job).unwrap().result.is_none() {
        if let Some(operation) = engine.inventory().operation(id) {
            assert_eq!(operation.status, heketi_core::operation::OperationStatus::New);
            assert_eq!(operation.type_name(), "remove-device");
        }
        engine.clean_up(None).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(engine.inventory().device(device).unwrap().state, EntryState::Failed);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// F2: heketi v10 lost bricks and free space when the state of a device changed while bricks were placed on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_changes_beside_new_volumes_lose_nothing() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    let change = async {
        for i in 0..40 {
            let state = if i % 2 == 0 { EntryState::Offline } else { EntryState::Online };
            set_device(&engine, device_at(&engine, 1, "/dev/sdb"), state).await;
            set_node(&engine, node_at(&engine, 2), state).await;
        }
    };
    let create = async {
        for _ in 0..6 {
            if let Ok(job) = engine.volume_create(replica3(1)).await {
                finished(&engine, job).await;
            }
        }
    };
    tokio::join!(change, create);
    assert!(engine.inventory().bricks().count() >= 3);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

#[tokio::test]
async fn a_removal_takes_a_slot_and_its_refusals_are_the_jobs() {
    let sim = simulated(4);
    let engine = engine(&sim, Arc::new(MemoryStore::new()), EngineConfig { max_in_flight: 1, ..config() }).await;
    load(&engine, 4).await;
    with_device_to_remove(&engine, &sim).await;
    let device = device_at(&engine, 1, "/dev/sdb");
    let online = device_at(&engine, 2, "/dev/sdb");
    let job = engine.device_state(online, EntryState::Failed, true).await.unwrap();
    let expected = format!("Device must be offline before remove operation is performed, device:{online}");
    assert_eq!(text(&engine, job).await, expected);

    sim.add_latency("lvcreate", Duration::from_millis(200));
    let removing = engine.device_state(device, EntryState::Failed, true).await.unwrap();
    let busy = engine.device_state(device, EntryState::Failed, true).await.unwrap_err();
    assert_eq!((busy.kind(), busy.text()), (ErrorKind::Busy, "Server busy. Retry operation later."));
    assert_eq!(engine.volume_create(replica3(1)).await.unwrap_err().kind(), ErrorKind::Busy);
    // Other changes of state take no slot.
    let job = engine.device_resync(device).await.unwrap();
    assert_eq!(text(&engine, job).await, "The target exists, contains other items, or is in use.");
    let job = engine.device_state(online, EntryState::Offline, true).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(finished(&engine, removing).await, JobResult::Done);
    let job = engine.device_state(device, EntryState::Online, true).await.unwrap();
    assert_eq!(text(&engine, job).await, "Cannot move a failed/removed device to online state");
    assert_sound(&engine);
}

#[tokio::test]
async fn a_resync_counts_what_somebody_else_put_there() {
    let (sim, engine, _) = with_one_volume().await;
    let id = device_at(&engine, 2, "/dev/sdb");
    let free = |engine: &Engine| {
        let inventory = engine.inventory();
        inventory.free(inventory.device(id).unwrap())
    };
    let (before, group) = (free(&engine), engine.inventory().device(id).unwrap().volume_group());
    let made = sim.admin("n2", &format!("/usr/sbin/lvm lvcreate --autobackup=n --size 40960K --name theirs {group}"));
    assert!(made.success(), "{made:?}");
    let job = engine.device_resync(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(before.saturating_sub(free(&engine)), heketi_core::Kib(40960));
    assert!(sim.admin("n2", &format!("/usr/sbin/lvm lvremove --autobackup=n -f {group}/theirs")).success());
    let job = engine.device_resync(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(free(&engine), before);
    assert_sound(&engine);
    sim.set_up("n2", false);
    let job = engine.device_resync(id).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    assert_sound(&engine);
}
