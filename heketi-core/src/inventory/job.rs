use serde::{Deserialize, Serialize};

use super::{ChangeSet, Inventory, Key};
use crate::id::{BlockVolumeId, NodeId, OperationId, QueueId, VolumeId};
use crate::operation::Operation;
use crate::units::Timestamp;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobResult {
    /// Well, with nothing to point at.
    Done,
    /// Well; the result is this node.
    Node(NodeId),
    /// Well; the result is this volume.
    Volume(VolumeId),
    /// Well; the result is this block volume.
    BlockVolume(BlockVolumeId),
    /// Badly, with the text for the client.
    Failed(String),
}

/// What the client of `/queue/<id>` learns: pending, or how it ended. Kept for a while after that, as history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id, the last part of the URL.
    pub id: QueueId,
    /// The operation that works for it, for as long as it is pending.
    pub operation: Option<OperationId>,
    /// How it ended; none while pending.
    pub result: Option<JobResult>,
    /// When it ended, or started while pending.
    pub time: Timestamp,
    /// Its client was told how it ended: `/queue/<id>` does not know it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collected: bool,
    /// What was done; none where no operation was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<JobWork>,
}

/// The operation a job had, for the time after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobWork {
    /// Its id.
    pub operation: OperationId,
    /// Name of its kind, such as `create-volume`.
    pub kind: String,
    /// What it does, such as `create volume <id>`.
    pub text: String,
    /// When it was planned.
    pub started: Timestamp,
}

impl Job {
    /// The job that an operation works for, pending.
    pub fn of(operation: &Operation) -> Self {
        let work = JobWork {
            operation: operation.id,
            kind: operation.type_name().to_owned(),
            text: operation.describe(false),
            started: operation.created,
        };
        let job = Self::without_operation(operation.queue, None, operation.created);
        Self { operation: Some(operation.id), work: Some(work), ..job }
    }

    /// A job without an operation: over already, or worked for by something that is not recorded.
    pub fn without_operation(id: QueueId, result: Option<JobResult>, time: Timestamp) -> Self {
        Self { id, operation: None, result, time, collected: false, work: None }
    }
}

/// How much is remembered of what is over: finished jobs, and requests with an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Seconds.
    pub age: u64,
    /// Most of each.
    pub entries: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { age: 24 * 3600, entries: 10_000 }
    }
}

/// Records that one change forgets at most: it stays small enough for one commit of any store.
const FORGOTTEN_AT_ONCE: usize = 20;

impl Inventory {
    /// Forgets what is too old, or too much with one record more. The job of a suspended operation lives as long as
    /// the operation.
    pub fn prune_history(&self, limits: HistoryLimits, now: Timestamp) -> ChangeSet {
        let mut changes = ChangeSet::default();
        let too_old = |time: Timestamp| time.0.saturating_add(limits.age) < now.0;
        let too_many = |count: usize| (count + 1).saturating_sub(limits.entries);
        let jobs = too_many(self.finished_jobs_count());
        self.finished_jobs()
            .enumerate()
            .take_while(|(i, (ended, _))| *i < jobs || too_old(*ended))
            .map(|(_, (_, id))| id)
            .filter(|id| self.job(*id).is_some_and(|job| job.operation.is_none()))
            .take(FORGOTTEN_AT_ONCE)
            .for_each(|id| changes.delete(Key::Job(id)));
        let keyed = too_many(self.keyed_requests_count());
        self.keyed_requests_by_time()
            .enumerate()
            .take_while(|(i, (taken, _))| *i < keyed || too_old(*taken))
            .take(FORGOTTEN_AT_ONCE)
            .for_each(|(_, (_, id))| changes.delete(Key::KeyedRequest(id)));
        changes
    }
}
