use std::time::Duration;

use heketi_core::inventory::{ChangeSet, Record};
use heketi_exec::store::{CommitError, Revision, Store, StoreError};

/// A store whose commits take longer: as on a disk whose flushes do.
#[derive(Debug)]
pub struct SlowStore<S> {
    store: S,
    flush: Duration,
}

impl<S: Store> SlowStore<S> {
    /// `store`, with `flush` on top of the time of each commit.
    pub fn new(store: S, flush: Duration) -> Self {
        Self { store, flush }
    }
}

impl<S: Store> Store for SlowStore<S> {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.store.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        std::thread::sleep(self.flush);
        self.store.commit(expected, batch)
    }
}
