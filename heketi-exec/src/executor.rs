//! How a step is carried out: the [`Executor`] trait.

use std::fmt;

use async_trait::async_trait;
use heketi_core::operation::{Step, StepOutcome};

/// Carries out steps on nodes.
///
/// An executor keeps no state of its own about volumes and bricks: what is true is on the nodes.
#[async_trait]
pub trait Executor: Send + Sync + fmt::Debug {
    /// Carries out one step. Running the same step again is allowed after any outcome.
    ///
    /// # Errors
    /// A [`heketi_core::operation::StepFailure`] that names node and command, and tells whether the step is
    /// known not to have started, failed with an answer, or has an unknown outcome.
    async fn execute(&self, step: &Step) -> StepOutcome;

    /// Lets go of connections.
    async fn close(&self) {}
}
