//! Nodes that hang, fall silent and come back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use heketi_core::id::{ClusterId, NodeId};
use heketi_core::inventory::{ChangeSet, JobResult};
use heketi_core::model::{Cluster, EntryState, HostNames, Node, Tags};
use heketi_exec::engine::{Engine, EngineConfig, MonitorConfig};
use heketi_exec::sim::{Effect, Fault};
use heketi_exec::store::{MemoryStore, Revision, Store};

use crate::support::*;
use crate::tested::{device_named, node_named, only_volume};
use crate::wayward::Wayward;

const TICK: Duration = Duration::from_millis(20);

fn monitored(probe_timeout: Duration) -> EngineConfig {
    EngineConfig { monitor: Some(MonitorConfig { start: TICK, interval: TICK, probe_timeout }), ..config() }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// F25: nodes are probed side by side and nobody waits for the answers. A node that hangs delays neither the
/// probes of the others nor any operation that does not need it.
#[tokio::test]
async fn a_hanging_node_delays_nobody() {
    let sim = simulated(4);
    let executor = Wayward::over(&sim);
    let long = Duration::from_secs(3600);
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor.clone(), monitored(long)).await.unwrap();
    load(&engine, 4).await;
    let hanging = node_named(&engine, "n2");
    executor.set_hanging("n2", true);
    until("the others answer", || engine.node_health().iter().filter(|(node, _)| **node != hanging).count() == 3).await;
    assert!(!engine.facts().down.contains(&hanging), "what is not known counts as up");

    sim.add_disk("n2", heketi_exec::sim::SimDisk::gib("/dev/sdd", 50));
    let stuck = engine.device_add(device(hanging, "/dev/sdd")).await.unwrap();
    let job = engine.device_state(device_named(&engine, "n2", "/dev/sdb"), EntryState::Offline, true).await.unwrap();
    finished(&engine, job).await;
    let job = engine.device_state(device_named(&engine, "n2", "/dev/sdc"), EntryState::Offline, true).await.unwrap();
    finished(&engine, job).await;
    volume(&engine, engine.volume_create(replica3(2)).await).await;
    assert!(engine.job(stuck).unwrap().result.is_none());
}

#[tokio::test]
async fn a_node_that_does_not_answer_in_time_gets_no_bricks() {
    let sim = simulated(4);
    let executor = Wayward::over(&sim);
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor.clone(), monitored(TICK)).await.unwrap();
    load(&engine, 4).await;
    let silent = node_named(&engine, "n2");
    executor.set_hanging("n2", true);
    until("it is believed down", || engine.facts().down.contains(&silent)).await;
    assert!(!engine.node_health()[&silent].up);
    for _ in 0..3 {
        let id = volume(&engine, engine.volume_create(replica3(1)).await).await;
        let inventory = engine.inventory();
        let mut bricks = inventory.bricks_of_volume(id).map(|brick| inventory.brick(brick).unwrap().node);
        assert!(bricks.all(|node| node != silent));
    }
    executor.set_hanging("n2", false);
    until("it is believed up", || engine.facts().down.is_empty()).await;
}

#[tokio::test]
async fn nodes_believed_down_are_asked_last_and_still_asked() {
    let sim = simulated(3);
    let executor = Wayward::over(&sim);
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor.clone(), monitored(TICK)).await.unwrap();
    load(&engine, 3).await;
    volume(&engine, engine.volume_create(replica3(2)).await).await;
    let inventory = engine.inventory();
    let first = inventory.bricks_of_volume(only_volume(&engine)).map(|id| inventory.brick(id).unwrap());
    let first = first.min_by_key(|brick| brick.position).unwrap().node;
    let host = inventory.node(first).unwrap().manage_host().to_owned();
    sim.set_glusterd(&host, false);
    until("it is believed down", || engine.facts().down.contains(&first)).await;
    executor.orders();
    let job = engine.volume_delete(only_volume(&engine)).await.unwrap();
    // gluster deletes no volume while a peer is away.
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    let orders = executor.orders();
    assert!(!orders.is_empty());
    for order in orders {
        assert_eq!(order.len(), 3);
        assert_eq!(order.last(), Some(&host), "{order:?}");
    }
}

#[tokio::test]
async fn probes_are_bounded_in_number_and_time() {
    let store = Arc::new(MemoryStore::new());
    let mut changes = ChangeSet::default();
    let cluster = ClusterId::from_bytes([1; 16]);
    changes.put_cluster(Cluster { id: cluster, file: true, block: true });
    for n in 0..150u8 {
        let hostnames = HostNames { manage: vec![format!("m{n}")], storage: vec![format!("s{n}")] };
        let id = NodeId::from_bytes([n + 1; 16]);
        changes.put_node(Node { id, cluster, zone: 1, hostnames, tags: Tags::new(), state: EntryState::Online });
    }
    store.commit(Revision(0), &[changes]).unwrap();
    let executor = Wayward::over(&simulated(0));
    executor.all_probes_hang.store(true, Ordering::SeqCst);
    let start = Instant::now();
    let engine = Engine::open(store, executor.clone(), monitored(Duration::from_millis(50))).await.unwrap();
    until("all are believed down", || engine.facts().down.len() == 150).await;
    assert!(start.elapsed() < Duration::from_secs(5), "three rounds of 50 ms took {:?}", start.elapsed());
    assert!((2..=64).contains(&executor.most_probes()), "{} probes at a time", executor.most_probes());
    engine.shut_down(LIMIT).await;
}

/// A volume is created while a node of it dies. It can be undone only when the node is back, and then it is,
/// long before the next hourly clean-up.
#[tokio::test]
async fn what_waited_for_a_node_goes_on_when_it_is_back() {
    let sim = simulated(3);
    let hour = Duration::from_secs(3600);
    let cleaning = EngineConfig { clean: true, clean_start: TICK, clean_interval: hour, ..monitored(TICK * 5) };
    let engine = engine(&sim, Arc::new(MemoryStore::new()), cleaning).await;
    load(&engine, 3).await;
    let before = sim.snapshot();
    // The first clean-up is over.
    tokio::time::sleep(TICK * 10).await;
    let died = sim.clone();
    sim.inject(Fault::once("lvcreate", Effect::Callback(Arc::new(move |_| died.set_up("n2", false)))));
    let job = engine.volume_create(replica3(2)).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    assert!(engine.wait_idle(LIMIT).await);
    assert_eq!(engine.inventory().operations().count(), 1, "it waits for the node");
    until("it is believed down", || !engine.facts().down.is_empty()).await;
    tokio::time::sleep(TICK * 20).await;
    assert_eq!(engine.inventory().operations().count(), 1);
    sim.set_up("n2", true);
    until("it is undone", || engine.inventory().operations().count() == 0).await;
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn a_device_that_fails_is_remembered() {
    let sim = simulated(3);
    let mut once = config();
    once.policy.create_retries = 0;
    let engine = engine(&sim, Arc::new(MemoryStore::new()), once).await;
    load(&engine, 3).await;
    sim.inject(Fault::always("lvcreate", Effect::FailBefore("I/O error".into(), 5)));
    let job = engine.volume_create(replica3(2)).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    let facts = engine.facts();
    let failed = facts.failures.values().filter(|score| (100..=125).contains(*score)).count();
    let beside = facts.failures.values().filter(|score| **score <= 25).count();
    assert_eq!((failed, beside), (3, 3), "{facts:?}");
    sim.clear_faults();
    volume(&engine, engine.volume_create(replica3(2)).await).await;
}

/// A node that was disabled and emptied while it was down is not forgotten: its bricks are destroyed when it is back,
/// long before the next hourly clean-up.
#[tokio::test]
async fn the_bricks_of_a_removed_node_go_when_it_is_back() {
    let sim = simulated(4);
    let hour = Duration::from_secs(3600);
    let cleaning = EngineConfig { clean: true, clean_start: TICK, clean_interval: hour, ..monitored(TICK * 5) };
    let engine = engine(&sim, Arc::new(MemoryStore::new()), cleaning).await;
    load(&engine, 4).await;
    let job = engine.volume_create(replica3(2)).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Volume(_)));
    let node = engine.inventory().bricks().next().expect("a brick").node;
    let host = engine.inventory().node(node).expect("its node").manage_host().to_owned();
    // The first clean-up is over.
    tokio::time::sleep(TICK * 10).await;
    sim.set_up(&host, false);
    until("it is believed down", || engine.facts().down.contains(&node)).await;
    for state in [EntryState::Offline, EntryState::Failed] {
        let job = engine.node_state(node, state, true).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    let retired = || engine.inventory().retired_bricks_of_node(node).count();
    assert!(retired() > 0, "they wait for the node");
    sim.set_up(&host, true);
    until("they are destroyed", || retired() == 0).await;
    assert!(engine.wait_idle(LIMIT).await);
    assert_sound(&engine);
    engine.shut_down(LIMIT).await;
}
