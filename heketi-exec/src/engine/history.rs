//! What was asked for, and what became of it.

use std::sync::Arc;

use heketi_core::Error;
use heketi_core::api::{HistoryInfo, HistoryList};
use heketi_core::id::{OperationId, QueueId};
use heketi_core::inventory::{Change, ChangeSet, Job, Record};

use super::Engine;

impl Engine {
    /// A job as it is on disk, until its client was told how it ended.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn job(&self, id: QueueId) -> Result<Arc<Job>, Error> {
        let collected = self.inventory().job(id).is_some_and(|job| job.collected);
        self.durable_inventory().job(id).filter(|_| !collected).cloned().ok_or_else(Error::not_found)
    }

    /// Notes that the client of a finished job has the answer. A pending one stays as it is.
    ///
    /// # Errors
    /// `NotFound`, `NotServing`.
    pub fn collect_job(&self, id: QueueId) -> Result<(), Error> {
        let applied = self.change(|planning| {
            let job = planning.inventory.job(id).filter(|job| !job.collected).ok_or_else(Error::not_found)?;
            let mut changes = ChangeSet::default();
            if job.result.is_some() {
                changes.put_job(Job { collected: true, ..Job::clone(job) });
            }
            Ok(((), changes))
        })?;
        // Losing this change only lets the client ask once more.
        drop(applied);
        Ok(())
    }

    /// A request and what became of it, by the id of its operation or of its job. It is remembered for as long as
    /// [`super::EngineConfig::history`] says, also after [`Engine::collect_job`].
    ///
    /// # Errors
    /// `NotFound`.
    pub fn request(&self, id: [u8; 16]) -> Result<HistoryInfo, Error> {
        let inventory = self.durable_inventory();
        let (queue, operation) = (QueueId::from_bytes(id), OperationId::from_bytes(id));
        let by_operation = || match inventory.operation(operation) {
            Some(pending) => inventory.job(pending.queue),
            None => inventory.jobs().find(|job| job.work.as_ref().is_some_and(|work| work.operation == operation)),
        };
        let job = inventory.job(queue).or_else(by_operation).ok_or_else(Error::not_found)?;
        Ok(HistoryInfo::new(job, &inventory))
    }

    /// All requests that are remembered, at most `limit`: what runs, then what is over, the newest first.
    pub fn history(&self, limit: usize) -> HistoryList {
        let inventory = self.durable_inventory();
        let mut running: Vec<&Arc<Job>> = inventory.jobs().filter(|job| job.result.is_none()).collect();
        running.sort_by_key(|job| std::cmp::Reverse((job.time, job.id)));
        let over = inventory.finished_jobs().rev().filter_map(|(_, id)| inventory.job(id));
        let told = running.into_iter().chain(over).take(limit).map(|job| HistoryInfo::new(job, &inventory));
        HistoryList { operations: told.collect() }
    }
}

/// Does a change add to what is remembered? Then what is old goes with it.
pub(super) fn adds(changes: &ChangeSet) -> bool {
    changes
        .iter()
        .any(|change| matches!(change, Change::Put(Record::Job(Job { result: Some(_), .. }) | Record::KeyedRequest(_))))
}
