//! The one place where the state changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{SystemTime, UNIX_EPOCH};

use heketi_core::id::OperationId;
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::operation::{Operation, OperationStatus};
use heketi_core::{Error, IdSource, Timestamp};
use tokio::sync::oneshot;

use super::commit::Commit;
use super::{Engine, history, keyed, lock, not_serving};
use crate::random::Ids;

/// What the lock guards.
pub(super) struct State {
    pub inventory: Inventory,
    /// Operations whose task is running.
    pub tracked: BTreeSet<OperationId>,
    /// Those of them that the background cleaner resumed: they count towards no limit.
    pub background: BTreeSet<OperationId>,
    /// Why no work is taken, after the store failed.
    pub broken: Option<String>,
    pub ids: Ids,
    pub commits: Sender<Commit>,
}

impl State {
    pub fn new(inventory: Inventory, ids: Ids, commits: Sender<Commit>) -> Self {
        let (tracked, background) = (BTreeSet::new(), BTreeSet::new());
        Self { inventory, tracked, background, broken: None, ids, commits }
    }

    /// Operations that are planned or run and count towards the limit.
    pub fn in_flight(&self) -> usize {
        in_flight(&self.inventory, &self.tracked, &self.background)
    }
}

/// What a planner may use.
pub(super) struct Planning<'a> {
    pub inventory: &'a Inventory,
    pub ids: &'a mut dyn IdSource,
    pub now: Timestamp,
    pub tracked: &'a BTreeSet<OperationId>,
    pub background: &'a BTreeSet<OperationId>,
}

impl Planning<'_> {
    /// Operations that are planned or run and count towards the limit.
    pub fn in_flight(&self) -> usize {
        in_flight(self.inventory, self.tracked, self.background)
    }
}

fn in_flight(inventory: &Inventory, tracked: &BTreeSet<OperationId>, background: &BTreeSet<OperationId>) -> usize {
    let runs = |operation: &&Arc<Operation>| {
        // One that is resumed is tracked before its record says so.
        operation.status == OperationStatus::New || tracked.contains(&operation.id)
    };
    let counts = |operation: &&Arc<Operation>| operation.takes_slot() && !background.contains(&operation.id);
    inventory.operations().filter(runs).filter(counts).count()
}

/// Something that is true in memory and becomes durable soon.
#[must_use]
pub(super) struct Applied<T> {
    value: T,
    durable: Option<oneshot::Receiver<Result<(), String>>>,
}

impl<T> Applied<T> {
    /// Waits until the change is durable.
    pub async fn durable(self) -> Result<T, Error> {
        match self.durable {
            None => Ok(self.value),
            Some(receiver) => match receiver.await {
                Ok(Ok(())) => Ok(self.value),
                Ok(Err(why)) => Err(not_serving(format!("the change could not be stored: {why}"))),
                Err(_) => Err(not_serving("the change could not be stored: heketi is stopping")),
            },
        }
    }
}

/// The clock, in seconds since 1970.
pub(super) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

impl Engine {
    /// Plans and applies one change under the lock. The planner reads the state of this very moment.
    pub(super) fn change<T>(
        &self,
        planner: impl FnOnce(&mut Planning<'_>) -> Result<(T, ChangeSet), Error>,
    ) -> Result<Applied<T>, Error> {
        let mut guard = lock(&self.inner.state);
        let state = &mut *guard;
        if let Some(why) = &state.broken {
            return Err(not_serving(format!("the store failed: {why}")));
        }
        let mut planning = Planning {
            inventory: &state.inventory,
            ids: &mut state.ids,
            now: now(),
            tracked: &state.tracked,
            background: &state.background,
        };
        let (value, mut changes) = planner(&mut planning)?;
        if changes.is_empty() {
            return Ok(Applied { value, durable: None });
        }
        let now = planning.now;
        let recorded =
            self.key.as_ref().map(|key| keyed::recorded(key, &state.inventory, &changes, now)).transpose()?;
        if recorded.is_some() || history::adds(&changes) {
            changes.append(state.inventory.prune_history(self.config().history, now));
        }
        changes.append(recorded.unwrap_or_default());
        state.inventory.apply(&changes).map_err(|error| Error::internal(error.to_string()))?;
        let snapshot = Arc::new(state.inventory.clone());
        // Before it is sent: whoever sees a change on disk also sees it in memory.
        self.inner.current.store(snapshot.clone());
        let (sender, receiver) = oneshot::channel();
        // Sent under the lock: changes become durable in the order they were applied.
        let commit = Commit { changes, after: snapshot, done: sender };
        state.commits.send(commit).map_err(|_| not_serving("heketi is stopping"))?;
        Ok(Applied { value, durable: Some(receiver) })
    }

    /// As [`Engine::change`], and waits until the change is durable.
    pub(super) async fn change_durably<T>(
        &self,
        planner: impl FnOnce(&mut Planning<'_>) -> Result<(T, ChangeSet), Error>,
    ) -> Result<T, Error> {
        let applied = self.change(planner)?;
        applied.durable().await
    }
}
