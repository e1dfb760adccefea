//! Runs operations: one task each, stage after stage.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use heketi_core::id::OperationId;
use heketi_core::inventory::{Change, ChangeSet, Job, JobResult, Record};
use heketi_core::operation::{
    Action, Advance, Certainty, Environment, Event, FailureKind, Next, Observation, Operation, OperationStatus, Step,
    StepFailure, StepOutcome, advance,
};
use heketi_core::{Error, ErrorKind};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::meter::Ended;
use super::{Engine, lock};

/// Counts a running task for as long as it lives.
struct Running(Engine, OperationId);

impl Drop for Running {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.0.inner.state);
            state.tracked.remove(&self.1);
            state.background.remove(&self.1);
        }
        self.0.progress_ends(self.1);
        self.0.inner.running.send_modify(|running| *running -= 1);
    }
}

/// On whose behalf an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// Somebody asked for it: it counts towards the limit.
    Requested,
    /// The background cleaner resumed it: it takes nobody's place.
    Background,
}

/// The pause between two tries to record that an operation stopped.
const MARK_PAUSE: Duration = Duration::from_millis(200);

impl Engine {
    /// Runs an operation in the background, unless it runs already.
    pub(super) fn start(&self, id: OperationId, event: Event, by: Started) -> Option<tokio::task::JoinHandle<()>> {
        {
            let mut state = lock(&self.inner.state);
            if !state.tracked.insert(id) {
                return None;
            }
            if by == Started::Background {
                state.background.insert(id);
            }
        }
        self.inner.running.send_modify(|running| *running += 1);
        let running = Running(self.without_key(), id);
        let task = async move {
            let engine = running.0.clone();
            let run = std::panic::AssertUnwindSafe(engine.run(id, event)).catch_unwind();
            let stopped = match run.await {
                Ok(Ok(())) => false,
                Ok(Err(error)) => {
                    tracing::error!(operation = %id, "operation stopped: {error}");
                    true
                }
                Err(_) => {
                    tracing::error!(operation = %id, "operation ended by a defect of heketi");
                    true
                }
            };
            if stopped && let Err(error) = engine.mark_failed(id, true).await {
                engine.mark_failed_later(id, &error);
            }
            drop(running);
        };
        // Its log lines, those of its commands too, belong to the request that asked for it.
        Some(tokio::spawn(task.in_current_span()))
    }

    async fn run(&self, id: OperationId, mut event: Event) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let facts = self.facts();
            let (operation, next, changes) = self
                .change_durably(|planning| {
                    let operation = planning.inventory.operation(id).cloned();
                    let Advance { next, changes } = {
                        let environment = Environment {
                            ids: planning.ids,
                            now: planning.now,
                            policy: &self.config().policy,
                            facts: &facts,
                        };
                        advance(planning.inventory, id, event, environment)?
                    };
                    Ok(((operation, next, changes.clone()), changes))
                })
                .await?;
            let steps = match next {
                Next::Run(steps) => steps,
                ended => {
                    if let Some(operation) = operation {
                        let outcome = log_end(&operation, &ended, &changes);
                        if let Some(meter) = &self.config().meter {
                            meter.operation_ended(operation.type_name(), outcome, started.elapsed());
                        }
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
        self.stage_begins(id, steps);
        let run = async |step| {
            let words = self.step_begins(id, step);
            let outcome = self.run_step(id, step).await;
            self.step_ends(id, &words);
            outcome
        };
        join_all(steps.iter().map(run)).await
    }

    async fn run_step(&self, id: OperationId, step: &Step) -> StepOutcome {
        if step.action == Action::Wait {
            return self.wait_for_next_look(step).await;
        }
        let step = &self.likely_hosts_first(step);
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
        let started = Instant::now();
        let outcome = self.inner.executor.execute(step).await;
        let (duration, action) = (started.elapsed(), step.action.describe());
        self.learn(step, &outcome);
        match &outcome {
            Ok(_) => tracing::debug!(operation = %id, host = %host.manage, ?duration, "{action}: done"),
            Err(failure) => {
                tracing::warn!(operation = %id, host = %host.manage, ?duration, "{action}: {}", failure.text);
            }
        }
        outcome
    }

    /// Waits without taking a place at any node, and no longer than the engine lives.
    async fn wait_for_next_look(&self, step: &Step) -> StepOutcome {
        let mut stopping = self.inner.stopping.subscribe();
        tokio::select! {
            () = tokio::time::sleep(self.config().poll_interval) => Ok(Observation::Done),
            _ = stopping.wait_for(|stopping| *stopping) => Err(shut_down(step)),
        }
    }

    /// An operation whose task ended without a word waits to be resumed. One that is resumed already is left
    /// alone, unless it is the caller's own.
    async fn mark_failed(&self, id: OperationId, own: bool) -> Result<(), Error> {
        self.change_durably(|planning| {
            let operation = planning.inventory.operation(id).ok_or_else(Error::not_found)?;
            let mut changes = ChangeSet::default();
            let runs = !own && planning.tracked.contains(&id);
            if operation.status == OperationStatus::New && !runs {
                changes.put_operation(Operation { status: OperationStatus::Failed, ..Operation::clone(operation) });
            }
            Ok(((), changes))
        })
        .await
    }

    /// Marks an operation failed as soon as the store takes changes again.
    fn mark_failed_later(&self, id: OperationId, error: &Error) {
        // It is over, and its record gone.
        if error.kind() == ErrorKind::NotFound || self.is_stopping() {
            return;
        }
        tracing::error!(operation = %id, "operation cannot be marked failed yet: {error}");
        let (weak, mut stopping) = (Arc::downgrade(&self.inner), self.inner.stopping.subscribe());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(MARK_PAUSE) => {}
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                }
                let Some(inner) = weak.upgrade() else { return };
                match (Engine { inner, key: None }).mark_failed(id, false).await {
                    Err(error) if error.kind() == ErrorKind::NotServing => {}
                    _ => return,
                }
            }
        });
    }
}

/// The one line an administrator reads about an operation.
fn log_end(operation: &Operation, ended: &Next, changes: &ChangeSet) -> Ended {
    let id = operation.id;
    let failed = changes.iter().find_map(|change| match change {
        Change::Put(Record::Job(Job { result: Some(JobResult::Failed(text)), .. })) => Some(text.as_str()),
        _ => None,
    });
    match (ended, failed) {
        (Next::Suspended(why), _) => {
            tracing::error!(operation = %id, "Could not {} nor undo it; it is resumed later: {why}", operation.describe(false));
            Ended::Suspended
        }
        (_, Some(text)) => {
            tracing::error!(operation = %id, "Could not {}: {text}", operation.describe(false));
            Ended::Failed
        }
        (_, None) => {
            tracing::info!(operation = %id, "{}", operation.describe(true));
            Ended::Done
        }
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
