//! Group commit: one thread, one transaction for all changes that wait.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use heketi_core::inventory::{ChangeSet, Inventory};
use tokio::sync::oneshot;

use super::{Inner, lock};
use crate::store::{CommitError, Revision, Store, StoreError};

/// Most changes of records in one transaction. A waiting writer should not pay for thousands of others.
const BATCH_RECORDS: usize = 4096;

/// Time between two tries to read a store that failed.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// A change on its way to the store.
pub(super) struct Commit {
    pub changes: ChangeSet,
    /// The state with this change.
    pub after: Arc<Inventory>,
    pub done: Waiting,
}

/// A writer that waits for an answer.
type Waiting = oneshot::Sender<Result<(), String>>;

/// Reads the whole state.
pub(super) fn load(store: &dyn Store) -> Result<(Inventory, Revision), StoreError> {
    let (records, revision) = store.load()?;
    let inventory = Inventory::from_records(records)
        .map_err(|error| StoreError(format!("the stored records contradict each other: {error}")))?;
    Ok((inventory, revision))
}

/// Starts the thread that commits. It ends when the engine is gone.
pub(super) fn spawn(
    engine: Weak<Inner>,
    store: Arc<dyn Store>,
    revision: Revision,
    receiver: Receiver<Commit>,
) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("heketi-commit".into())
        .spawn(move || run(&engine, store.as_ref(), revision, &receiver))
        .map(drop)
        .map_err(|error| StoreError(format!("no thread for commits: {error}")))
}

fn run(engine: &Weak<Inner>, store: &dyn Store, mut revision: Revision, receiver: &Receiver<Commit>) {
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        let mut records = batch[0].changes.len();
        while records < BATCH_RECORDS
            && let Ok(next) = receiver.try_recv()
        {
            records += next.changes.len();
            batch.push(next);
        }
        let (mut sets, mut after, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for commit in batch {
            sets.push(commit.changes);
            after.push(commit.after);
            waiting.push(commit.done);
        }
        let started = Instant::now();
        match store.commit(revision, &sets) {
            Ok(next) => {
                revision = next;
                if let (Some(inner), Some(last)) = (engine.upgrade(), after.last()) {
                    let before = inner.durable.swap(last.clone());
                    inner.commits.send_modify(|commits| *commits += 1);
                    if let Some(meter) = &inner.config.meter {
                        meter.committed(started.elapsed());
                    }
                    answer(std::mem::take(&mut waiting), &Ok(()));
                    tell(&inner, before, &sets, &after);
                }
                answer(waiting, &Ok(()));
            }
            Err(error) => {
                tracing::error!("commit failed: {error}; no work is taken until the store was read again");
                let fenced = matches!(error, CommitError::Fenced { .. });
                let failed = Err(error.to_string());
                if let Some(inner) = engine.upgrade() {
                    lock(&inner.state).broken = Some(error.to_string());
                }
                answer(waiting, &failed);
                if fenced {
                    refuse_for_good(receiver, &failed);
                    return;
                }
                match reload(engine, store, receiver, &failed) {
                    Some(found) => revision = found,
                    None => return,
                }
            }
        }
    }
}

/// Tells those who watch what each of these changes means.
fn tell(inner: &Inner, before: Arc<Inventory>, sets: &[ChangeSet], after: &[Arc<Inventory>]) {
    let mut before = &before;
    for (changes, after) in sets.iter().zip(after) {
        inner.events.changed(before, changes, after);
        before = after;
    }
}

fn answer(waiting: Vec<Waiting>, result: &Result<(), String>) {
    for done in waiting {
        // A writer that stopped waiting needs no answer.
        let _ = done.send(result.clone());
    }
}

fn refuse_for_good(receiver: &Receiver<Commit>, failed: &Result<(), String>) {
    while let Ok(commit) = receiver.recv() {
        let _ = commit.done.send(failed.clone());
    }
}

/// Reads the store until that works; changes that were applied on top of what failed are refused meanwhile.
fn reload(
    engine: &Weak<Inner>,
    store: &dyn Store,
    receiver: &Receiver<Commit>,
    failed: &Result<(), String>,
) -> Option<Revision> {
    loop {
        match receiver.recv_timeout(RELOAD_PAUSE) {
            Ok(commit) => {
                let _ = commit.done.send(failed.clone());
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        match load(store) {
            Ok((inventory, revision)) => {
                let inner = engine.upgrade()?;
                let mut state = lock(&inner.state);
                let snapshot = Arc::new(inventory.clone());
                state.inventory = inventory;
                state.broken = None;
                inner.current.store(snapshot.clone());
                inner.durable.store(snapshot);
                inner.reloaded.notify_one();
                inner.events.gap();
                tracing::warn!("the store was read again; interrupted operations will be resumed");
                return Some(revision);
            }
            Err(error) => tracing::error!("the store cannot be read: {error}"),
        }
    }
}
