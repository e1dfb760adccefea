//! Requests and what became of them.

use serde::{Deserialize, Serialize};

use crate::id::{OperationId, QueueId};
use crate::inventory::{Inventory, Job, JobResult};
use crate::operation::OperationStatus;
use crate::units::Timestamp;

/// Answer of `GET /operations/history`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HistoryList {
    /// What runs, then what is over; the newest first in each.
    pub operations: Vec<HistoryInfo>,
}

/// Answer of `GET /operations/{id}`: one request that was accepted, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryInfo {
    /// The operation that works or worked for it; none where none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<OperationId>,
    /// Its queue entry, the last part of the `Location` it was answered with.
    pub queue: QueueId,
    /// Name of the kind of operation, such as `create-volume`; empty where none was needed.
    #[serde(default)]
    pub type_name: String,
    /// What it does, such as `create volume <id>`.
    #[serde(default)]
    pub text: String,
    /// `running`, `suspended` (waits to be resumed), `done` or `failed`.
    pub status: String,
    /// When it was taken.
    pub started: Timestamp,
    /// When it was over, or suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The path of what it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl HistoryInfo {
    /// What is told of a job.
    pub fn new(job: &Job, inventory: &Inventory) -> Self {
        let operation = job.operation.and_then(|id| inventory.operation(id));
        let waits = operation.is_some_and(|operation| operation.status != OperationStatus::New);
        let status = match (&job.result, operation) {
            (None, _) if waits => "suspended",
            (None, _) => "running",
            // It has its first error, and is still to be undone or finished.
            (Some(_), Some(_)) if waits => "suspended",
            (Some(_), Some(_)) => "running",
            (Some(JobResult::Failed(_)), None) => "failed",
            (Some(_), None) => "done",
        };
        let work = job.work.as_ref();
        let error = match &job.result {
            Some(JobResult::Failed(text)) => Some(text.clone()),
            _ => operation.and_then(|operation| operation.error.clone()),
        };
        Self {
            id: work.map(|work| work.operation),
            queue: job.id,
            type_name: work.map(|work| work.kind.clone()).unwrap_or_default(),
            text: work.map(|work| work.text.clone()).unwrap_or_default(),
            status: status.to_owned(),
            started: work.map_or(job.time, |work| work.started),
            ended: job.result.is_some().then_some(job.time),
            result: job.result.as_ref().and_then(JobResult::path),
            error,
        }
    }
}

impl JobResult {
    /// The path of what was made, if something was.
    pub fn path(&self) -> Option<String> {
        match self {
            Self::Node(id) => Some(format!("/nodes/{id}")),
            Self::Volume(id) => Some(format!("/volumes/{id}")),
            Self::BlockVolume(id) => Some(format!("/blockvolumes/{id}")),
            Self::Done | Self::Failed(_) => None,
        }
    }
}
