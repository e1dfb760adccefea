//! Drives core's operations: the writer, the group commit, the operation runner, recovery.
//!
//! There is one place where the state changes ([`Engine`]'s writer, under a lock that is held only while core
//! plans), one that flushes (a thread that commits everything that waits in one transaction), and one that
//! runs steps (a task for each operation). A step runs, and an answer is given, only after the change it
//! follows from is durable.

mod audit;
mod block;
mod cleaner;
mod clone;
mod commit;
mod evacuate;
mod events;
mod examine;
mod failures;
mod health;
mod history;
mod host_keys;
mod keyed;
mod meter;
mod replace;
mod requests;
mod runner;
mod tracked;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::inventory::{HistoryLimits, Inventory};
use heketi_core::placement::Policy;
use heketi_core::{Error, ErrorKind};
use tokio::sync::{Notify, Semaphore, watch};

use crate::executor::Executor;
use crate::store::{Store, StoreError};
use events::EventLog;
pub use examine::Examination;
use health::Beliefs;
pub use health::{MonitorConfig, NodeHealth};
pub use host_keys::EngineHostKeys;
pub use keyed::RequestKey;
pub use meter::{Ended, Meter};
use writer::State;

/// Limits and times of an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Limits and defaults of placement.
    pub policy: Policy,
    /// Most operations on volumes at the same time; more are answered "busy" (`max_inflight_operations`).
    pub max_in_flight: usize,
    /// Most steps at the same time on one node.
    pub steps_per_node: usize,
    /// Resume operations that an ended server left behind, and those that failed to be undone.
    pub clean: bool,
    /// How long after the start that happens first (`start_time_background_cleaner`).
    pub clean_start: Duration,
    /// How often after that (`refresh_time_background_cleaner`).
    pub clean_interval: Duration,
    /// Ask nodes whether they are up; without it all nodes count as up.
    pub monitor: Option<MonitorConfig>,
    /// The pause between two looks at something that takes its time, such as a heal.
    pub poll_interval: Duration,
    /// How much is remembered of what is over.
    pub history: HistoryLimits,
    /// Is told how long commits and operations take.
    pub meter: Option<Arc<dyn Meter>>,
    /// Makes ids repeat from run to run. For simulations only: two stores made with one seed have the same ids.
    pub id_seed: Option<u64>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            max_in_flight: 8,
            steps_per_node: 4,
            clean: true,
            clean_start: Duration::from_secs(60),
            clean_interval: Duration::from_secs(3600),
            monitor: Some(MonitorConfig::default()),
            poll_interval: Duration::from_secs(10),
            history: HistoryLimits::default(),
            meter: None,
            id_seed: None,
        }
    }
}

/// The service itself: state, operations and their execution. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    /// The key of the request it works for, if that has one.
    key: Option<Arc<RequestKey>>,
}

struct Inner {
    config: EngineConfig,
    executor: Arc<dyn Executor>,
    store: Arc<dyn Store>,
    state: Mutex<State>,
    /// The state as of the last change, durable or not.
    current: ArcSwap<Inventory>,
    /// The state as of the last durable change.
    durable: ArcSwap<Inventory>,
    beliefs: Mutex<Beliefs>,
    nodes: Mutex<BTreeMap<NodeId, Arc<Semaphore>>>,
    clusters: Mutex<BTreeMap<ClusterId, Arc<tokio::sync::Mutex<()>>>>,
    progress: Mutex<tracked::Progresses>,
    stopping: watch::Sender<bool>,
    running: watch::Sender<usize>,
    /// Counts commits.
    commits: watch::Sender<u64>,
    events: EventLog,
    /// The state was read again after a failed commit.
    reloaded: Notify,
    /// A node that was believed down answers again.
    node_is_back: Notify,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("executor", &self.inner.executor).finish_non_exhaustive()
    }
}

/// A lock that is taken even after a panic elsewhere: what it guards is replaced whole, never half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Loads the state, marks operations of an ended server stale, and starts the background cleaner and
    /// the monitor of nodes. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or its records contradict each other.
    pub async fn open(
        store: Arc<dyn Store>,
        executor: Arc<dyn Executor>,
        config: EngineConfig,
    ) -> Result<Self, StoreError> {
        let (inventory, revision) = commit::load(store.as_ref())?;
        let inventory = Arc::new(inventory);
        let (sender, receiver) = std::sync::mpsc::channel();
        let ids = crate::random::Ids::new(config.id_seed);
        let inner = Arc::new(Inner {
            config,
            executor,
            store: store.clone(),
            state: Mutex::new(State::new(Inventory::clone(&inventory), ids, sender)),
            current: ArcSwap::new(inventory.clone()),
            durable: ArcSwap::new(inventory),
            beliefs: Mutex::default(),
            nodes: Mutex::default(),
            clusters: Mutex::default(),
            progress: Mutex::default(),
            stopping: watch::Sender::new(false),
            running: watch::Sender::new(0),
            commits: watch::Sender::new(0),
            events: EventLog::default(),
            reloaded: Notify::new(),
            node_is_back: Notify::new(),
        });
        commit::spawn(Arc::downgrade(&inner), store, revision, receiver)?;
        let engine = Self { inner, key: None };
        engine.mark_all_stale().await.map_err(|error| StoreError(error.to_string()))?;
        engine.end_interrupted_clean_ups().await.map_err(|error| StoreError(error.to_string()))?;
        cleaner::spawn(&engine);
        health::spawn(&engine);
        Ok(engine)
    }

    /// The state as of the last change. It may be ahead of what is on disk by the length of one flush.
    pub fn inventory(&self) -> Arc<Inventory> {
        self.inner.current.load_full()
    }

    /// The state as of the last change that is on disk.
    pub fn durable_inventory(&self) -> Arc<Inventory> {
        self.inner.durable.load_full()
    }

    /// Changes whenever something became durable.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.inner.commits.subscribe()
    }

    /// A compact copy of everything that is durable now, as a file that another heketi can open. It has no name
    /// and takes its space in `directory` until it is closed. Commits go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, the copy cannot be written, or the store is no file.
    pub async fn backup(&self, directory: &Path) -> Result<std::fs::File, StoreError> {
        let (store, directory) = (self.inner.store.clone(), directory.to_path_buf());
        let copy = tokio::task::spawn_blocking(move || store.backup(&directory)).await;
        copy.unwrap_or_else(|_| Err(StoreError("the copy of the database ended by a defect".into())))
    }

    /// Why no work is taken, if so: the store failed, or the engine is stopping.
    pub fn trouble(&self) -> Option<String> {
        if self.is_stopping() {
            return Some("heketi is stopping".into());
        }
        lock(&self.inner.state).broken.clone()
    }

    /// Limits and times.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// Ends the engine: no new work is taken, running steps are waited for up to `grace`, operations that are
    /// not over then are left to be resumed, and the store is closed.
    pub async fn shut_down(&self, grace: Duration) {
        self.inner.stopping.send_replace(true);
        if !self.wait_idle(grace).await {
            tracing::warn!("operations are still running; they will be resumed at the next start");
        }
        self.inner.executor.close().await;
        let store = self.inner.store.clone();
        // It may wait for a copy that is being made.
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the store could not be closed; it is repaired at the next start");
        }
    }

    /// Waits until no operation runs, at most `limit`; true if that was reached.
    pub async fn wait_idle(&self, limit: Duration) -> bool {
        let mut running = self.inner.running.subscribe();
        tokio::time::timeout(limit, running.wait_for(|running| *running == 0)).await.is_ok()
    }

    fn is_stopping(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    /// Operations that run now.
    pub fn running(&self) -> usize {
        *self.inner.running.borrow()
    }

    /// Operations that are planned or run and count towards the limit. Those that the background cleaner resumed
    /// do not.
    pub fn in_flight(&self) -> usize {
        lock(&self.inner.state).in_flight()
    }
}

/// heketi takes no work for this reason.
fn not_serving(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotServing, why)
}
