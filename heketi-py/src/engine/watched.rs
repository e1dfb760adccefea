//! Tells what steps run on the nodes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use heketi_core::operation::{Step, StepOutcome};
use heketi_exec::executor::Executor;
use serde::Serialize;
use tokio::sync::broadcast;

/// A step that began or ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepEvent {
    /// `step.started`, `step.done` or `step.failed`.
    pub(crate) kind: &'static str,
    /// Management host name of the node, the first one where several may do.
    pub(crate) host: String,
    /// What is done, or why it failed.
    pub(crate) text: String,
}

/// An executor whose steps are told.
pub(crate) struct Watched {
    inner: Arc<dyn Executor>,
    steps: broadcast::Sender<StepEvent>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Watched {
    /// Also returns where the steps are told; `kept` of them wait for a slow reader.
    pub(crate) fn new(inner: Arc<dyn Executor>, kept: usize) -> (Self, broadcast::Sender<StepEvent>) {
        let steps = broadcast::Sender::new(kept);
        (Self { inner, steps: steps.clone() }, steps)
    }
}

#[async_trait]
impl Executor for Watched {
    async fn execute(&self, step: &Step) -> StepOutcome {
        if self.steps.receiver_count() == 0 {
            return self.inner.execute(step).await;
        }
        let host = step.hosts.first().map(|host| host.manage.clone()).unwrap_or_default();
        let tell = |kind, text| {
            // The reader may have gone.
            let _ = self.steps.send(StepEvent { kind, host: host.clone(), text });
        };
        tell("step.started", step.action.describe());
        let outcome = self.inner.execute(step).await;
        match &outcome {
            Ok(_) => tell("step.done", step.action.describe()),
            Err(failure) => tell("step.failed", format!("{}: {}", step.action.describe(), failure.text)),
        }
        outcome
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
