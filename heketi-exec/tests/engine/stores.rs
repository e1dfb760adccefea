//! The state on disk.

use std::sync::Arc;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heketi_core::ErrorKind;
use heketi_core::inventory::{ChangeSet, Record};
use heketi_exec::engine::EngineConfig;
use heketi_exec::store::{CommitError, FileStore, MemoryStore, Revision, Store, StoreError};

use crate::support::*;

#[tokio::test]
async fn a_restart_finds_everything_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let sim = simulated(3);
    let engine = engine(&sim, Arc::new(FileStore::open(&path).unwrap()), config()).await;
    load(&engine, 3).await;
    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    let before: Vec<_> = engine.durable_inventory().records().collect();
    engine.shut_down(LIMIT).await;
    drop(engine);

    // The commit thread lets go of the file shortly after the last engine is gone.
    let store = loop {
        match FileStore::open(&path) {
            Ok(store) => break store,
            Err(error) if error.0.contains("in use") => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let (records, _) = store.load().unwrap();
    assert_eq!(records.len(), before.len());
    let engine = crate::support::engine(&sim, Arc::new(store), config()).await;
    assert_eq!(engine.inventory().records().collect::<Vec<_>>(), before);
    let job = engine.volume_delete(id).await.unwrap();
    finished(&engine, job).await;
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// A start that changes nothing leaves the file as it is, however often that happens.
#[tokio::test]
async fn a_start_without_changes_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let sim = simulated(3);
    let first = engine(&sim, Arc::new(FileStore::open(&path).unwrap()), config()).await;
    load(&first, 3).await;
    volume(&first, first.volume_create(replica3(2)).await).await;
    first.shut_down(LIMIT).await;
    let written = std::fs::read(&path).unwrap();
    for _ in 0..2 {
        let again = engine(&sim, Arc::new(FileStore::open(&path).unwrap()), config()).await;
        assert_eq!(again.inventory().volumes().count(), 1);
        again.shut_down(LIMIT).await;
        assert!(std::fs::read(&path).unwrap() == written);
    }
}

/// Whoever has the file open may be about to end.
#[tokio::test]
async fn a_file_in_use_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let first = FileStore::open(&path).unwrap();
    let (opened, waiting) = std::sync::mpsc::channel();
    let second = std::thread::spawn(move || {
        opened.send(()).unwrap();
        FileStore::open(&path).map(|store| store.load().unwrap().1)
    });
    waiting.recv().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    first.close();
    assert_eq!(second.join().unwrap(), Ok(Revision(0)));
}

/// A store on a disk that is full for a while.
#[derive(Debug, Default)]
struct Full {
    under: MemoryStore,
    is_full: AtomicBool,
}

impl Store for Full {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.under.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(CommitError::Failed("no space left on device".into()));
        }
        self.under.commit(expected, batch)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_work_and_loses_nothing() {
    let sim = simulated(3);
    let store = Arc::new(Full::default());
    let quick = Duration::from_millis(1500);
    let config = EngineConfig { clean: true, clean_start: quick, clean_interval: quick, ..config() };
    let engine = engine(&sim, store.clone(), config).await;
    load(&engine, 3).await;
    let before = sim.snapshot();
    sim.inject(heketi_exec::sim::Fault::once(
        "lvcreate",
        heketi_exec::sim::Effect::Callback({
            let store = store.clone();
            Arc::new(move |_| store.is_full.store(true, Ordering::SeqCst))
        }),
    ));
    let job = engine.volume_create(replica3(2)).await.unwrap();
    assert!(engine.wait_idle(LIMIT).await, "the operation stops where it cannot be recorded any further");
    let refused = engine.cluster_create(true, true).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotServing, "{refused}");
    assert!(refused.text().contains("no space left on device"), "{refused}");
    assert!(engine.job(job).unwrap().result.is_none(), "nobody is told what is not on disk");

    store.is_full.store(false, Ordering::SeqCst);
    assert!(matches!(finished(&engine, job).await, heketi_core::inventory::JobResult::Failed(_)));
    assert!(engine.wait_idle(LIMIT).await);
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_stop_ends_after_the_running_steps() {
    let sim = simulated(3);
    let (engine, store, _) = loaded(&sim, 3).await;
    let before = sim.snapshot();
    sim.add_latency("lvcreate", Duration::from_millis(300));
    let job = engine.volume_create(replica3(2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    engine.shut_down(LIMIT).await;
    let refused = engine.cluster_create(true, true).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotServing, "{refused}");
    assert!(sim.lines_run().iter().all(|line| !line.text.contains("volume create")), "no further stage began");
    assert_eq!(engine.inventory().operations().count(), 1, "the rest is left to be resumed");
    drop(engine);

    let engine = crate::support::engine(&sim, store, config()).await;
    assert!(engine.job(job).unwrap().result.is_none(), "the client's URL still answers");
    engine.clean_up(None).await;
    assert!(matches!(finished(&engine, job).await, heketi_core::inventory::JobResult::Failed(_)));
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}
