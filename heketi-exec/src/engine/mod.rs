//! Drives core's operations: the writer, the group commit, the operation runner, recovery.
//!
//! There is one place where the state changes ([`Engine`]'s writer, under a lock that is held only while core
//! plans), one that flushes (a thread that commits everything that waits in one transaction), and one that
//! runs steps (a task for each operation). A step runs, and an answer is given, only after the change it
//! follows from is durable.

mod cleaner;
mod commit;
mod host_keys;
mod ids;
mod requests;
mod runner;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::operation::{Operation, OperationStatus};
use heketi_core::placement::Policy;
use heketi_core::{Error, ErrorKind};
use tokio::sync::{Notify, Semaphore, watch};

use crate::executor::Executor;
use crate::store::{Store, StoreError};
pub use host_keys::EngineHostKeys;
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
        }
    }
}

/// The service itself: state, operations and their execution. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: EngineConfig,
    executor: Arc<dyn Executor>,
    state: Mutex<State>,
    /// The state as of the last change, durable or not.
    current: ArcSwap<Inventory>,
    /// The state as of the last durable change.
    durable: ArcSwap<Inventory>,
    nodes: Mutex<BTreeMap<NodeId, Arc<Semaphore>>>,
    clusters: Mutex<BTreeMap<ClusterId, Arc<tokio::sync::Mutex<()>>>>,
    stopping: watch::Sender<bool>,
    running: watch::Sender<usize>,
    /// The state was read again after a failed commit.
    reloaded: Notify,
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
    /// Loads the state, marks operations of an ended server stale, and starts the background cleaner. Must be
    /// called inside a tokio runtime.
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
        let inner = Arc::new(Inner {
            config,
            executor,
            state: Mutex::new(State::new(Inventory::clone(&inventory), sender)),
            current: ArcSwap::new(inventory.clone()),
            durable: ArcSwap::new(inventory),
            nodes: Mutex::default(),
            clusters: Mutex::default(),
            stopping: watch::Sender::new(false),
            running: watch::Sender::new(0),
            reloaded: Notify::new(),
        });
        commit::spawn(Arc::downgrade(&inner), store, revision, receiver)?;
        let engine = Self { inner };
        engine.mark_all_stale().await.map_err(|error| StoreError(error.to_string()))?;
        cleaner::spawn(&engine);
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

    /// Limits and times.
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// Ends the engine: no new work is taken, running steps are waited for up to `grace`, operations that are
    /// not over then are left to be resumed.
    pub async fn shut_down(&self, grace: Duration) {
        self.inner.stopping.send_replace(true);
        if !self.wait_idle(grace).await {
            tracing::warn!("operations are still running; they will be resumed at the next start");
        }
        self.inner.executor.close().await;
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

    /// Operations that run now and count towards the limit.
    pub fn in_flight(&self) -> usize {
        in_flight(&self.inventory())
    }
}

fn in_flight(inventory: &Inventory) -> usize {
    let counted = |operation: &&Arc<Operation>| operation.status == OperationStatus::New && operation.takes_slot();
    inventory.operations().filter(counted).count()
}

/// heketi takes no work for this reason.
fn not_serving(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotServing, why)
}
