//! Runs operations: one task each, stage after stage.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use heketi_core::Error;
use heketi_core::id::OperationId;
use heketi_core::inventory::{Change, ChangeSet, Job, JobResult, Record};
use heketi_core::operation::{
    Advance, Certainty, Event, FailureKind, Next, Operation, OperationStatus, Step, StepFailure, StepOutcome, advance,
};
use tokio::sync::Semaphore;

use super::{Engine, lock};

/// Counts a running task for as long as it lives.
struct Running(Engine, OperationId);

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.0.inner.state).tracked.remove(&self.1);
        self.0.inner.running.send_modify(|running| *running -= 1);
    }
}

impl Engine {
    /// Runs an operation in the background, unless it runs already.
    pub(super) fn start(&self, id: OperationId, event: Event) -> Option<tokio::task::JoinHandle<()>> {
        if !lock(&self.inner.state).tracked.insert(id) {
            return None;
        }
        self.inner.running.send_modify(|running| *running += 1);
        let running = Running(self.clone(), id);
        Some(tokio::spawn(async move {
            let engine = running.0.clone();
            let run = std::panic::AssertUnwindSafe(engine.run(id, event)).catch_unwind();
            match run.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(operation = %id, "operation stopped: {error}"),
                Err(_) => {
                    tracing::error!(operation = %id, "operation ended by a defect of heketi");
                    engine.mark_failed(id).await;
                }
            }
            drop(running);
        }))
    }

    async fn run(&self, id: OperationId, mut event: Event) -> Result<(), Error> {
        loop {
            let (operation, next, changes) = self
                .change_durably(|planning| {
                    let operation = planning.inventory.operation(id).cloned();
                    let Advance { next, changes } = advance(planning.inventory, id, event, planning.now)?;
                    Ok(((operation, next, changes.clone()), changes))
                })
                .await?;
            let steps = match next {
                Next::Run(steps) => steps,
                ended => {
                    if let Some(operation) = operation {
                        log_end(&operation, &ended, &changes);
                    }
                    return Ok(());
                }
            };
            if self.is_stopping() {
                return Ok(());
            }
            event = Event::Outcomes(self.run_stage(id, &steps).await);
        }
    }

    async fn run_stage(&self, id: OperationId, steps: &[Step]) -> Vec<StepOutcome> {
        join_all(steps.iter().map(|step| self.run_step(id, step))).await
    }

    async fn run_step(&self, id: OperationId, step: &Step) -> StepOutcome {
        let Some(host) = step.hosts.first() else { return Err(no_host(step)) };
        // gluster locks a whole cluster: commands that wait there would time out instead.
        let cluster =
            step.changes_gluster.map(|cluster| lock(&self.inner.clusters).entry(cluster).or_default().clone());
        let _cluster = match &cluster {
            Some(cluster) => Some(cluster.lock().await),
            None => None,
        };
        let limit = {
            let mut nodes = lock(&self.inner.nodes);
            let limit = || Arc::new(Semaphore::new(self.inner.config.steps_per_node.max(1)));
            nodes.entry(host.node).or_insert_with(limit).clone()
        };
        let _permit = limit.acquire().await;
        if self.is_stopping() {
            return Err(shut_down(step));
        }
        let started = std::time::Instant::now();
        let outcome = self.inner.executor.execute(step).await;
        let (duration, action) = (started.elapsed(), step.action.describe());
        match &outcome {
            Ok(_) => tracing::debug!(operation = %id, host = %host.manage, ?duration, "{action}: done"),
            Err(failure) => {
                tracing::warn!(operation = %id, host = %host.manage, ?duration, "{action}: {}", failure.text);
            }
        }
        outcome
    }

    /// An operation whose task ended without a word waits to be resumed.
    pub(super) async fn mark_failed(&self, id: OperationId) {
        let marked = self.change_durably(|planning| {
            let operation = planning.inventory.operation(id).ok_or_else(Error::not_found)?;
            let mut changes = ChangeSet::default();
            changes.put_operation(Operation { status: OperationStatus::Failed, ..Operation::clone(operation) });
            Ok(((), changes))
        });
        if let Err(error) = marked.await {
            tracing::error!(operation = %id, "operation cannot be marked failed: {error}");
        }
    }
}

/// The one line an administrator reads about an operation.
fn log_end(operation: &Operation, ended: &Next, changes: &ChangeSet) {
    let id = operation.id;
    let failed = changes.iter().find_map(|change| match change {
        Change::Put(Record::Job(Job { result: Some(JobResult::Failed(text)), .. })) => Some(text.as_str()),
        _ => None,
    });
    match (ended, failed) {
        (Next::Suspended(why), _) => {
            tracing::error!(operation = %id, "Could not {} nor undo it; it is resumed later: {why}", operation.describe(false));
        }
        (_, Some(text)) => tracing::error!(operation = %id, "Could not {}: {text}", operation.describe(false)),
        (_, None) => tracing::info!(operation = %id, "{}", operation.describe(true)),
    }
}

fn no_host(step: &Step) -> StepFailure {
    StepFailure {
        host: String::new(),
        kind: FailureKind::Unreachable,
        certainty: Certainty::NotStarted,
        text: format!("no node to {}", step.action.describe()),
    }
}

fn shut_down(step: &Step) -> StepFailure {
    StepFailure {
        host: step.hosts.first().map(|host| host.manage.clone()).unwrap_or_default(),
        kind: FailureKind::ShutDown,
        certainty: Certainty::NotStarted,
        text: "the server is shutting down".into(),
    }
}
