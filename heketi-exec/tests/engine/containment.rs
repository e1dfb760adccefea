//! One operation's trouble stays its own: panics, failed commits, records that cannot be loaded, clean-ups.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use heketi_core::ErrorKind;
use heketi_core::id::OperationId;
use heketi_core::inventory::{Change, ChangeSet, JobResult, Key, Record};
use heketi_core::operation::OperationStatus;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::{Effect, Fault, SimCluster, SimSnapshot};
use heketi_exec::store::{CommitError, FileStore, MemoryStore, Revision, Store, StoreError};

use crate::support::*;
use crate::wayward::Wayward;

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn statuses(engine: &Engine) -> Vec<OperationStatus> {
    engine.inventory().operations().map(|operation| operation.status).collect()
}

/// F18: a panic in one operation ends that operation's run, not the process and not the others. It waits,
/// failed, to be resumed.
#[tokio::test]
async fn a_panic_stays_in_its_operation() {
    let sim = simulated(3);
    let executor = Wayward::over(&sim);
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor.clone(), config()).await.unwrap();
    load(&engine, 3).await;
    let before = sim.snapshot();
    executor.panic_at("create volume");
    let doomed = engine.volume_create(replica3(2)).await.unwrap();
    assert!(engine.wait_idle(LIMIT).await);
    assert_eq!(statuses(&engine), [OperationStatus::Failed]);
    assert_eq!((engine.running(), engine.in_flight()), (0, 0), "it takes nobody's place");

    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    let job = engine.volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    engine.clean_up(None).await;
    assert!(matches!(finished(&engine, doomed).await, JobResult::Failed(_)));
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

/// A store that refuses the commit that ends an operation, once it was told to.
#[derive(Debug, Default)]
struct NoEnd {
    under: MemoryStore,
    refuses: AtomicBool,
}

impl Store for NoEnd {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.under.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        let ends = |change: &Change| matches!(change, Change::Delete(Key::Operation(_)));
        if batch.iter().flat_map(ChangeSet::iter).any(ends) && self.refuses.swap(false, Ordering::SeqCst) {
            return Err(CommitError::Failed("no space left on device".into()));
        }
        self.under.commit(expected, batch)
    }
}

async fn with_unfinished_delete(sim: &SimCluster, config: EngineConfig) -> Engine {
    let store = Arc::new(NoEnd::default());
    let engine = engine(sim, store.clone(), config).await;
    load(&engine, 3).await;
    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    store.refuses.store(true, Ordering::SeqCst);
    engine.volume_delete(id).await.unwrap();
    assert!(engine.wait_idle(LIMIT).await);
    engine
}

/// F22: an operation whose last commit failed does not stay "new" for an hour: it is marked failed, takes no
/// place, and can be resumed at once.
#[tokio::test]
async fn an_operation_whose_last_commit_failed_is_marked_failed() {
    let sim = simulated(3);
    let engine = with_unfinished_delete(&sim, config()).await;
    until("it is marked", || statuses(&engine) == [OperationStatus::Failed]).await;
    assert_eq!(engine.in_flight(), 0);
    engine.clean_up(None).await;
    assert_sound(&engine);
    assert_eq!(engine.inventory().volumes().count(), 0);
    assert_nodes_match(&engine, &sim);
}

/// F22: and the background cleaner does that soon.
#[tokio::test]
async fn an_operation_whose_last_commit_failed_is_resumed_soon() {
    let sim = simulated(3);
    let (soon, hour) = (Duration::from_millis(500), Duration::from_secs(3600));
    let cleaning = EngineConfig { clean: true, clean_start: soon, clean_interval: hour, ..config() };
    let engine = with_unfinished_delete(&sim, cleaning).await;
    until("it is over", || engine.inventory().operations().count() == 0).await;
    assert_eq!(engine.inventory().volumes().count(), 0);
    assert_nodes_match(&engine, &sim);
}

/// A clean-up that is asked for as soon as a failure shows takes the operation up, though its task is just ending.
#[tokio::test]
async fn a_clean_up_right_after_a_failure_skips_nothing() {
    let sim = simulated(3);
    let (engine, ..) = loaded(&sim, 3).await;
    let before = sim.snapshot();
    for _ in 0..30 {
        for line in ["volume create", "lvremove"] {
            sim.inject(Fault::always(line, Effect::FailBefore("injected failure".into(), 1)));
        }
        engine.volume_create(replica3(1)).await.unwrap();
        let stops = async {
            while statuses(&engine) != [OperationStatus::Failed] {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, stops).await.expect("it stops");
        sim.clear_faults();
        engine.clean_up(None).await;
        assert_eq!(statuses(&engine), []);
    }
    assert_nodes_match(&engine, &sim);
    assert!(sim.leftovers(&before).is_empty());
}

/// A server that was stopped while it created `count` volumes, on its store; and the nodes before that.
async fn interrupted(count: usize) -> (SimCluster, Arc<MemoryStore>, SimSnapshot) {
    let sim = simulated(3);
    let (engine, store, _) = loaded(&sim, 3).await;
    let before = sim.snapshot();
    sim.add_latency("lvcreate", Duration::from_millis(100));
    for _ in 0..count {
        engine.volume_create(replica3(1)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    engine.shut_down(LIMIT).await;
    assert_eq!(engine.inventory().operations().count(), count);
    sim.clear_latency();
    (sim, store, before)
}

/// F23: one operation that cannot be loaded (its volume is gone from the records) stops no clean-up of others.
#[tokio::test]
async fn an_operation_that_cannot_be_loaded_stops_no_other() {
    let (sim, store, before) = interrupted(3).await;
    let (records, revision) = store.load().unwrap();
    let mut operations = records.iter().filter_map(|record| match record {
        Record::Operation(operation) => Some(operation),
        _ => None,
    });
    // The first in the order of a clean-up.
    let broken = operations.next().unwrap().clone();
    let volume = broken.describe(false).rsplit(' ').next().unwrap().parse().unwrap();
    let mut damage = ChangeSet::default();
    for record in &records {
        match record {
            Record::Brick(brick) if brick.volume == volume => damage.delete(Key::Brick(brick.id)),
            _ => {}
        }
    }
    damage.delete(Key::Volume(volume));
    store.commit(revision, &[damage]).unwrap();

    let engine = engine(&sim, store, config()).await;
    engine.clean_up(None).await;
    let left: Vec<OperationId> = engine.inventory().operations().map(|operation| operation.id).collect();
    assert_eq!(left, [broken.id], "the others are undone");
    assert_eq!(statuses(&engine), [OperationStatus::Stale], "it stays as it is, to be tried again");
    assert_eq!(engine.inventory().bricks().count(), 0);
    let bricks_left = sim.leftovers(&before).iter().filter(|line| line.contains("logical volume")).count();
    assert_eq!(bricks_left, 3, "only the bricks that no record names stay");
    crate::support::volume(&engine, engine.volume_create(replica3(1)).await).await;
}

/// Core 7.4, 7.6: background cleaning takes no place of a request, and waits while none is free.
#[tokio::test]
async fn background_cleaning_takes_no_place_and_waits_for_one() {
    let (sim, store, _) = interrupted(1).await;
    let soon = Duration::from_millis(50);
    let narrow = EngineConfig { clean: true, clean_start: soon, max_in_flight: 1, ..config() };
    sim.add_latency("gluster", Duration::from_millis(60));
    sim.add_latency("lvremove", Duration::from_millis(300));
    let engine = engine(&sim, store, narrow).await;
    // The only place is taken before the cleaner starts.
    let first = engine.volume_create(replica3(1)).await;
    tokio::time::sleep(soon * 3).await;
    assert!(statuses(&engine).contains(&OperationStatus::Stale), "cleaning waits");
    volume(&engine, first).await;
    until("cleaning has begun", || engine.running() == 1).await;
    assert_eq!(engine.in_flight(), 0, "cleaning takes no place");
    volume(&engine, engine.volume_create(replica3(1)).await).await;
    until("all is over", || engine.inventory().operations().count() == 0).await;
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// Core 7.3, 7.6: a clean-up somebody asked for counts like the operations it resumes, and its job ends when
/// the run is over.
#[tokio::test]
async fn a_requested_clean_up_counts_and_reports() {
    let (sim, store, before) = interrupted(2).await;
    let narrow = EngineConfig { max_in_flight: 1, ..config() };
    let engine = engine(&sim, store, narrow).await;
    sim.add_latency("lvremove", Duration::from_millis(100));
    let unknown = OperationId::from_bytes([0xee; 16]);
    let first = engine.inventory().operations().next().unwrap().id;
    let job = engine.clean_up_request(vec![first, unknown]).await.unwrap();
    until("it counts", || engine.in_flight() == 1).await;
    assert_eq!(engine.volume_create(replica3(1)).await.unwrap_err().kind(), ErrorKind::Busy);
    assert!(engine.job(job).unwrap().result.is_none(), "the run is not over");
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(engine.inventory().operations().count(), 1, "the other was not asked for");
    let job = engine.clean_up_request(Vec::new()).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

/// The URL of a clean-up that a restart cut short answers: what was asked is not recorded, so it is not over.
#[tokio::test]
async fn a_clean_up_that_a_restart_cut_short_says_so() {
    let (sim, store, _) = interrupted(1).await;
    let engine = engine(&sim, store.clone(), config()).await;
    sim.add_latency("lvremove", Duration::from_millis(200));
    let job = engine.clean_up_request(Vec::new()).await.unwrap();
    until("it runs", || engine.running() == 1).await;
    engine.shut_down(LIMIT).await;
    drop(engine);
    let engine = crate::support::engine(&sim, store, config()).await;
    let JobResult::Failed(text) = finished(&engine, job).await else { panic!("it was cut short") };
    assert!(text.contains("request it again"), "{text}");
    engine.clean_up(None).await;
    assert_sound(&engine);
}

/// F28: a database that another server holds is waited for as long as heketi v10 waits, and then an error that says
/// so; no server that only reads. The one that holds it goes on.
#[tokio::test]
async fn a_locked_database_is_an_error_after_three_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let sim = simulated(1);
    let first = engine(&sim, Arc::new(FileStore::open(&path).unwrap()), config()).await;
    let start = Instant::now();
    let error = FileStore::open(&path).unwrap_err();
    let waited = start.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(15)).contains(&waited), "it took {waited:?}");
    assert!(error.0.contains(path.to_str().unwrap()) && error.0.contains("in use by another heketi"), "{error}");
    first.cluster_create(true, true).await.unwrap();
}

/// F21: a device that is added while its node is deleted is not orphaned: whoever plans first wins.
#[tokio::test]
async fn a_node_is_not_deleted_under_a_device_that_is_added() {
    for delete_first in [true, false] {
        let sim = simulated(2);
        let engine = engine(&sim, Arc::new(MemoryStore::new()), config()).await;
        let cluster = engine.cluster_create(true, true).await.unwrap();
        add_node(&engine, cluster, 1).await;
        let id = add_node(&engine, cluster, 2).await;
        let (deleted, added) = if delete_first {
            tokio::join!(engine.node_delete(id), engine.device_add(device(id, "/dev/sdb")))
        } else {
            let (added, deleted) = tokio::join!(engine.device_add(device(id, "/dev/sdb")), engine.node_delete(id));
            (deleted, added)
        };
        assert_eq!(deleted.is_ok(), delete_first, "{deleted:?}");
        assert_eq!(added.is_ok(), !delete_first, "{added:?}");
        for job in [deleted, added].into_iter().flatten() {
            assert_eq!(finished(&engine, job).await, JobResult::Done);
        }
        assert_sound(&engine);
        assert_nodes_match(&engine, &sim);
        let inventory = engine.inventory();
        assert_eq!(
            (inventory.nodes().count(), inventory.devices().count()),
            if delete_first { (1, 0) } else { (2, 1) }
        );
    }
}
