use std::collections::BTreeMap;
use std::sync::Mutex;

use heketi_core::inventory::{Change, ChangeSet, Key, Record};

use super::{CommitError, Revision, Store, StoreError};

/// A store that forgets everything with the process. For tests, dry runs and benches.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<(BTreeMap<Key, Record>, Revision)>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that holds these records.
    pub fn with(records: impl IntoIterator<Item = Record>) -> Self {
        let records = records.into_iter().map(|record| (record.key(), record)).collect();
        Self { state: Mutex::new((records, Revision::default())) }
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        let state = self.state.lock().map_err(|_| StoreError("the store was left by a panic".into()))?;
        Ok((state.0.values().cloned().collect(), state.1))
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        let mut state = self.state.lock().map_err(|_| CommitError::Failed("the store was left by a panic".into()))?;
        if state.1 != expected {
            return Err(CommitError::Fenced { expected, found: state.1 });
        }
        for change in batch.iter().flat_map(ChangeSet::iter) {
            match change {
                Change::Put(record) => state.0.insert(record.key(), record.clone()),
                Change::Delete(key) => state.0.remove(key),
            };
        }
        state.1.0 += 1;
        Ok(state.1)
    }
}
