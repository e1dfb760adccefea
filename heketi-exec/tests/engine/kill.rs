//! The server is killed, at every line and at every commit, and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use heketi_core::inventory::{ChangeSet, Record};
use heketi_core::units::Gib;
use heketi_exec::engine::Engine;
use heketi_exec::sim::{SimCluster, StopPoint};
use heketi_exec::store::{CommitError, MemoryStore, Revision, Store, StoreError};

use crate::support::*;

#[derive(Clone, Copy, Debug)]
enum Tested {
    Create,
    Expand,
    Delete,
}

/// How long a command goes on after the server that started it was killed.
const RUNS_ON: Duration = Duration::from_millis(20);

const ALL: [Tested; 3] = [Tested::Create, Tested::Expand, Tested::Delete];

/// The store of a process that dies at one commit (before it, or right after it and before anybody is told),
/// or together with its connections to the nodes.
#[derive(Debug)]
struct Mortal {
    under: Arc<MemoryStore>,
    sim: SimCluster,
    commits: AtomicU64,
    dies_at: AtomicU64,
    after: bool,
}

impl Mortal {
    fn new(sim: &SimCluster, after: bool) -> Arc<Self> {
        Arc::new(Self {
            under: Arc::new(MemoryStore::new()),
            sim: sim.clone(),
            commits: AtomicU64::new(0),
            dies_at: AtomicU64::new(u64::MAX),
            after,
        })
    }

    fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Store for Mortal {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        if self.sim.stopped() || self.commits() >= self.dies_at.load(Ordering::SeqCst) {
            return Err(StoreError("the process was killed".into()));
        }
        self.under.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let dies_at = self.dies_at.load(Ordering::SeqCst);
        if !self.sim.stopped() && number < dies_at {
            return self.under.commit(expected, batch);
        }
        if number == dies_at && self.after {
            self.under.commit(expected, batch)?;
        }
        Err(CommitError::Failed("the process was killed".into()))
    }
}

async fn prepare(tested: Tested, sim: &SimCluster, store: Arc<dyn Store>) -> Engine {
    let engine = engine(sim, store, config()).await;
    load(&engine, 3).await;
    if !matches!(tested, Tested::Create) {
        volume(&engine, engine.volume_create(replica3(2)).await).await;
    }
    sim.forget_lines();
    engine
}

/// Starts the operation and waits until it is over, or nothing moves any more because the process is dead.
async fn run(engine: &Engine, tested: Tested) {
    let id = engine.inventory().volumes().next().map(|volume| volume.id);
    let _ = match (tested, id) {
        (Tested::Create, _) => engine.volume_create(replica3(2)).await,
        (Tested::Expand, Some(id)) => engine.volume_expand(id, Gib(1)).await,
        (_, Some(id)) => engine.volume_delete(id).await,
        (_, None) => panic!("no volume"),
    };
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
    assert_nodes_match(&engine, sim);
    engine
}

fn check_outcome(engine: &Engine, tested: Tested, context: &str) {
    let sizes: Vec<u64> = engine.inventory().volumes().map(|volume| volume.size.0).collect();
    let allowed: &[&[u64]] = match tested {
        Tested::Create => &[&[], &[2]],
        Tested::Expand => &[&[2], &[3]],
        Tested::Delete => &[&[], &[2]],
    };
    assert!(allowed.contains(&sizes.as_slice()), "{context}: {sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_line_leaves_nothing_behind() {
    for tested in ALL {
        let sim = simulated(3);
        let engine = prepare(tested, &sim, Arc::new(MemoryStore::new())).await;
        run(&engine, tested).await;
        let lines = sim.line_count();
        for line in 1..=lines {
            for point in [StopPoint::BeforeLine, StopPoint::AfterLine, StopPoint::DuringLine(RUNS_ON)] {
                let sim = simulated(3);
                let store = Mortal::new(&sim, false);
                let engine = prepare(tested, &sim, store.clone()).await;
                sim.set_stop_after(line, point);
                run(&engine, tested).await;
                drop(engine);
                let context = format!("{tested:?} killed at line {line} of {lines}, {point:?}");
                let engine = restart(&sim, store.under.clone(), &context).await;
                check_outcome(&engine, tested, &context);
            }
        }
        println!("{tested:?}: {} kill points at lines", lines * 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_commit_leaves_nothing_behind() {
    for tested in ALL {
        let sim = simulated(3);
        let store = Mortal::new(&sim, false);
        let engine = prepare(tested, &sim, store.clone()).await;
        let first = store.commits();
        run(&engine, tested).await;
        let last = store.commits();
        assert!(last > first + 2, "an operation is several commits");
        for commit in first + 1..=last {
            for after in [false, true] {
                let sim = simulated(3);
                let store = Mortal::new(&sim, after);
                let engine = prepare(tested, &sim, store.clone()).await;
                store.dies_at.store(commit, Ordering::SeqCst);
                run(&engine, tested).await;
                drop(engine);
                let context = format!(
                    "{tested:?} killed at commit {} ({})",
                    commit - first,
                    if after { "after" } else { "before" }
                );
                let engine = restart(&sim, store.under.clone(), &context).await;
                check_outcome(&engine, tested, &context);
            }
        }
        println!("{tested:?}: {} kill points at commits", (last - first) * 2);
    }
}
