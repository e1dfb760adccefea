use serde::{Deserialize, Serialize};

use crate::id::{NodeId, OperationId, QueueId, VolumeId};
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
    /// Badly, with the text for the client.
    Failed(String),
}

/// What the client of `/queue/<id>` learns: pending, or how it ended.
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
}
