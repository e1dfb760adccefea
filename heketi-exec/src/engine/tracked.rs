//! Which operations run, and how far they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use heketi_core::api::OperationProgress;
use heketi_core::id::{OperationId, QueueId};
use heketi_core::operation::{Operation, Step};

use super::{Engine, lock};

/// How far the running operations are, by their ids.
pub(super) type Progresses = BTreeMap<OperationId, OperationProgress>;

impl Engine {
    /// The operations that run now.
    pub fn tracked(&self) -> BTreeSet<OperationId> {
        lock(&self.inner.state).tracked.clone()
    }

    /// How far a running operation is with its steps; `None` for one that does not run.
    pub fn progress(&self, id: OperationId) -> Option<OperationProgress> {
        lock(&self.inner.progress).get(&id).cloned()
    }

    /// An unfinished operation by the place of its job in the queue.
    pub fn operation_of(&self, queue: QueueId) -> Option<Arc<Operation>> {
        self.inventory().operations().find(|it| it.queue == queue).cloned()
    }

    /// Remembers that the operation begins these steps.
    pub(super) fn stage_begins(&self, id: OperationId, steps: &[Step]) {
        let total = steps.len() as u64;
        lock(&self.inner.progress).insert(id, OperationProgress { total, ..OperationProgress::default() });
    }

    /// Remembers that a step of it runs, and returns the words it is known by.
    pub(super) fn step_begins(&self, id: OperationId, step: &Step) -> String {
        let action = step.action.describe();
        let words = match step.hosts.first() {
            Some(host) => format!("{action} on {}", host.manage),
            None => action,
        };
        if let Some(progress) = lock(&self.inner.progress).get_mut(&id) {
            progress.running.push(words.clone());
        }
        words
    }

    /// Remembers that the step of these words is over.
    pub(super) fn step_ends(&self, id: OperationId, words: &str) {
        if let Some(progress) = lock(&self.inner.progress).get_mut(&id) {
            progress.done += 1;
            let at = progress.running.iter().position(|running| running == words);
            at.map(|at| progress.running.remove(at));
        }
    }

    /// Forgets how far the operation was.
    pub(super) fn progress_ends(&self, id: OperationId) {
        lock(&self.inner.progress).remove(&id);
    }
}
