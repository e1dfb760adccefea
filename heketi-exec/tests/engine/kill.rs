//! The server is killed, at every line and at every commit, and started again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use heketi_exec::engine::Engine;
use heketi_exec::sim::{SimCluster, StopPoint};
use heketi_exec::store::{MemoryStore, Store};

use crate::mortal::Mortal;
use crate::support::*;
use crate::tested::{self, Tested, digest};

/// How long a command goes on after the server that started it was killed.
pub const RUNS_ON: Duration = Duration::from_millis(20);

async fn prepare(tested: &Tested, sim: &SimCluster, store: Arc<dyn Store>) -> Engine {
    let engine = engine(sim, store, config()).await;
    load(&engine, tested.nodes).await;
    (tested.prepare)(&engine, sim).await;
    sim.forget_lines();
    engine
}

/// Starts the operation and waits until it is over, or nothing moves any more because the process is dead.
async fn run(engine: &Engine, tested: &Tested) {
    let _ = (tested.start)(engine).await;
    engine.wait_idle(LIMIT).await;
}

/// A new process on the same store, which resumes what it finds.
async fn restart(sim: &SimCluster, store: Arc<dyn Store>, context: &str) -> Engine {
    sim.clear_stop();
    let engine = engine(sim, store, config()).await;
    tokio::time::timeout(LIMIT, engine.clean_up(None)).await.expect("clean-up ends");
    assert_eq!(engine.inventory().operations().count(), 0, "{context}: operations are pending");
    println!("{context}");
    assert_sound(&engine);
    engine
}

/// The digests of an operation that was never begun, and of one that is done.
async fn outcomes(tested: &Tested) -> [Vec<String>; 2] {
    let sim = simulated(tested.nodes);
    let engine = prepare(tested, &sim, Arc::new(MemoryStore::new())).await;
    let undone = digest(&engine);
    run(&engine, tested).await;
    [undone, digest(&engine)]
}

fn check_outcome(engine: &Engine, sim: &SimCluster, tested: &Tested, allowed: &[Vec<String>; 2], context: &str) {
    let now = digest(engine);
    if now != allowed[0] || !tested.brings_back() {
        assert_nodes_match(engine, sim);
    }
    assert!(tested.in_parts || allowed.contains(&now), "{context}: neither done nor undone: {now:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_line_leaves_nothing_behind() {
    for tested in &tested::all() {
        let allowed = outcomes(tested).await;
        let sim = simulated(tested.nodes);
        let engine = prepare(tested, &sim, Arc::new(MemoryStore::new())).await;
        run(&engine, tested).await;
        let lines = sim.line_count();
        for line in 1..=lines {
            for point in [StopPoint::BeforeLine, StopPoint::AfterLine, StopPoint::DuringLine(RUNS_ON)] {
                let sim = simulated(tested.nodes);
                let store = Mortal::new(&sim, false);
                let engine = prepare(tested, &sim, store.clone()).await;
                sim.set_stop_after(line, point);
                run(&engine, tested).await;
                drop(engine);
                let context = format!("{} killed at line {line} of {lines}, {point:?}", tested.name);
                let engine = restart(&sim, store.under.clone(), &context).await;
                check_outcome(&engine, &sim, tested, &allowed, &context);
            }
        }
        println!("{}: {} kill points at lines", tested.name, lines * 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_leaves_nothing_behind() {
    for tested in &tested::all() {
        let allowed = outcomes(tested).await;
        let sim = simulated(tested.nodes);
        let store = Mortal::new(&sim, false);
        let engine = prepare(tested, &sim, store.clone()).await;
        let first = store.commits();
        run(&engine, tested).await;
        let last = store.commits();
        assert!(last >= first + 2, "an operation is a plan and an end at least");
        for commit in first + 1..=last {
            for after in [false, true] {
                let sim = simulated(tested.nodes);
                let store = Mortal::new(&sim, after);
                let engine = prepare(tested, &sim, store.clone()).await;
                store.dies_at.store(commit, Ordering::SeqCst);
                run(&engine, tested).await;
                drop(engine);
                let context = format!(
                    "{} killed at commit {} ({})",
                    tested.name,
                    commit - first,
                    if after { "after" } else { "before" }
                );
                let engine = restart(&sim, store.under.clone(), &context).await;
                check_outcome(&engine, &sim, tested, &allowed, &context);
            }
        }
        println!("{}: {} kill points at commits", tested.name, (last - first) * 2);
    }
}
