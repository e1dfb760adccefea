//! A store that dies with its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heketi_core::inventory::{ChangeSet, Record};
use heketi_exec::sim::SimCluster;
use heketi_exec::store::{CommitError, MemoryStore, Revision, Store, StoreError};

/// The store of a process that dies at one commit (before it, or right after it and before anybody is told),
/// or together with its connections to the nodes.
#[derive(Debug)]
pub struct Mortal {
    pub under: Arc<MemoryStore>,
    sim: SimCluster,
    commits: AtomicU64,
    pub dies_at: AtomicU64,
    after: bool,
}

impl Mortal {
    pub fn new(sim: &SimCluster, after: bool) -> Arc<Self> {
        Self::over(sim, after, Arc::new(MemoryStore::new()))
    }

    /// The store of the next process, over what the last one left.
    pub fn over(sim: &SimCluster, after: bool, under: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { under, sim: sim.clone(), commits: AtomicU64::new(0), dies_at: AtomicU64::new(u64::MAX), after })
    }

    pub fn commits(&self) -> u64 {
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
