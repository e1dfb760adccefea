use serde::{Deserialize, Serialize};

/// Answer of `GET /operations`: how many operations are recorded, and in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OperationCounts {
    /// All that are recorded.
    pub total: u64,
    /// Those that are worked on now.
    pub in_flight: u64,
    /// Left over by a server that ended.
    pub stale: u64,
    /// Could not be finished or undone; they are resumed later.
    pub failed: u64,
    /// Planned or running.
    pub new: u64,
}
