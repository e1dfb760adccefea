use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, QueueId, RequestKeyId};
use crate::units::Timestamp;

/// What a request with an `Idempotency-Key` came to. Recorded together with what the request changes, so that the
/// same request sent again is answered, not done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedRequest {
    /// Follows from the key, and from what it is scoped to: who sent it, method and path.
    pub id: RequestKeyId,
    /// Digest of the request's body: another body under the same key is another request.
    pub body: String,
    /// What to answer.
    pub outcome: KeyedOutcome,
    /// When it was taken.
    pub time: Timestamp,
}

/// How a request with an `Idempotency-Key` is answered when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyedOutcome {
    /// By the job that works for it.
    Job(QueueId),
    /// By the cluster it made.
    Cluster(ClusterId),
    /// It changed something that it may change again to the same effect; what it was answered was not recorded.
    Changed,
    /// With this answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body, empty or JSON.
        body: String,
    },
}
