//! Takes up operations that an ended server left behind, or that could not be undone.
//!
//! Each is resumed in a task of its own: one that fails, cannot be loaded or ends by a defect stops no other.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use heketi_core::id::{OperationId, QueueId};
use heketi_core::inventory::{ChangeSet, Inventory, Job, JobResult};
use heketi_core::operation::{Event, Operation, OperationStatus, mark_stale};
use heketi_core::{Error, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use super::runner::Started;
use super::{Engine, lock};

/// Operations resumed side by side: one that waits for a dead node must not hold up the others.
const AT_ONCE: usize = 4;

/// How soon operations are resumed that stopped because their commits failed, at the latest.
const AFTER_RELOAD: Duration = Duration::from_secs(60);

/// How soon operations are resumed after a node came back: others may come back with it.
const AFTER_RETURN: Duration = Duration::from_secs(5);

/// How often a clean-up looks whether there is room for it again, at least.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(1);

/// Starts the background cleaner.
pub(super) fn spawn(engine: &Engine) {
    let config = engine.config();
    if !config.clean {
        return;
    }
    let (first, interval) = (config.clean_start, config.clean_interval.max(Duration::from_secs(1)));
    let engine = engine.clone();
    tokio::spawn(async move {
        let mut stopping = engine.inner.stopping.subscribe();
        let (mut next, mut is_first) = (Instant::now() + first, true);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                // Operations whose commits failed stopped in the middle: they do not wait for a whole interval.
                () = engine.inner.reloaded.notified() => {
                    (next, is_first) = (next.min(Instant::now() + first.min(AFTER_RELOAD)), false);
                    continue;
                }
                // It may be what suspended operations wait for.
                () = engine.inner.node_is_back.notified() => {
                    next = next.min(Instant::now() + first.min(AFTER_RETURN));
                    continue;
                }
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            if !is_first && let Err(error) = engine.mark_abandoned_stale().await {
                tracing::warn!("stale operations cannot be marked: {error}");
            }
            engine.resume_all(None, Started::Background).await;
            (next, is_first) = (Instant::now() + interval, false);
        }
    });
}

/// How old a new operation that nobody runs is at least when it is taken for left over.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// How long the task of an operation that stopped may take to end.
const TASK_ENDS: Duration = Duration::from_secs(1);

impl Engine {
    /// Resumes stale and failed operations, all or only the given ones, and waits for them. Those that are
    /// running, unknown, or neither stale nor failed are left alone. They count towards the limit of operations
    /// in flight, and wait while it is reached. With all of them, retired bricks are destroyed too.
    pub async fn clean_up(&self, only: Option<&[OperationId]>) {
        self.resume_all(only, Started::Requested).await;
    }

    /// As [`Engine::clean_up`], in the background; the job ends well when the run is over, whatever became of
    /// the operations. An empty list is all of them.
    ///
    /// # Errors
    /// `NotServing`.
    pub async fn clean_up_request(&self, ids: Vec<OperationId>) -> Result<QueueId, Error> {
        self.accepting()?;
        let queue = self
            .change_durably(|planning| {
                let id = QueueId::new(planning.ids);
                let mut changes = ChangeSet::default();
                changes.put_job(Job::without_operation(id, None, planning.now));
                Ok((id, changes))
            })
            .await?;
        let engine = self.without_key();
        let clean_up = async move {
            engine.clean_up(if ids.is_empty() { None } else { Some(&ids) }).await;
            // A run that the end of the server cut short is reported at the next start.
            if !engine.is_stopping()
                && let Err(error) = engine.end_clean_up(queue, JobResult::Done).await
            {
                tracing::error!("the end of a clean-up cannot be stored: {error}");
            }
        };
        tokio::spawn(clean_up.in_current_span());
        Ok(queue)
    }

    async fn end_clean_up(&self, queue: QueueId, result: JobResult) -> Result<(), Error> {
        self.change_durably(|planning| Ok(((), ended(planning.inventory, &[queue], &result, planning.now)))).await
    }

    /// Ends the jobs of clean-ups that were not over when the server ended: what they were asked to resume is
    /// not recorded. Whoever waits for them is told; the background cleaner goes on anyway.
    pub(super) async fn end_interrupted_clean_ups(&self) -> Result<(), Error> {
        let text = "heketi was restarted before the clean-up was over; request it again, or wait for the background \
                    clean-up";
        let result = JobResult::Failed(text.to_owned());
        self.change_durably(|planning| {
            let pending = planning.inventory.jobs().filter(|job| job.operation.is_none() && job.result.is_none());
            let pending: Vec<QueueId> = pending.map(|job| job.id).collect();
            Ok(((), ended(planning.inventory, &pending, &result, planning.now)))
        })
        .await
    }

    async fn resume_all(&self, only: Option<&[OperationId]>, by: Started) {
        let resumable: Vec<OperationId> = self
            .inventory()
            .operations()
            .filter(|operation| operation.status != OperationStatus::New)
            .map(|operation| operation.id)
            .filter(|id| only.is_none_or(|only| only.contains(id)))
            .collect();
        stream::iter(resumable)
            .for_each_concurrent(AT_ONCE, async |id| {
                if !self.wait_for_room().await {
                    return;
                }
                if let Some(task) = self.resume(id, by).await {
                    tracing::info!(operation = %id, "operation is resumed");
                    if task.await.is_err() {
                        tracing::error!(operation = %id, "operation could not be resumed");
                    }
                }
            })
            .await;
        if only.is_none() {
            self.destroy_all_retired_bricks().await;
        }
    }

    /// Resumes an operation, unless it runs. One that stopped is known to have stopped a moment before its task
    /// ends: that is waited for.
    async fn resume(&self, id: OperationId, by: Started) -> Option<JoinHandle<()>> {
        let mut running = self.inner.running.subscribe();
        let give_up = tokio::time::sleep(TASK_ENDS);
        tokio::pin!(give_up);
        loop {
            let stopped = self.inventory().operation(id).is_some_and(|it| it.status != OperationStatus::New);
            if !stopped {
                return None;
            }
            if let Some(task) = self.start(id, Event::Resume, by) {
                return Some(task);
            }
            tokio::select! {
                _ = running.changed() => {}
                () = &mut give_up => return None,
            }
        }
    }

    /// Waits until fewer operations are in flight than may be; false if the engine stops before. Background
    /// cleaning takes no place, and gives way to those who wait for one.
    async fn wait_for_room(&self) -> bool {
        let mut running = self.inner.running.subscribe();
        let mut stopping = self.inner.stopping.subscribe();
        loop {
            if self.is_stopping() {
                return false;
            }
            if lock(&self.inner.state).in_flight() < self.config().max_in_flight {
                return true;
            }
            tokio::select! {
                _ = running.changed() => {}
                () = tokio::time::sleep(LOOK_FOR_ROOM) => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
    }

    /// Marks every operation stale, also failed ones: right after the start nobody runs any.
    pub(super) async fn mark_all_stale(&self) -> Result<(), Error> {
        self.mark_stale_where(|operation, _| operation.status != OperationStatus::Stale).await
    }

    /// Marks operations stale that are new, were planned before the last pause, and are run by nobody.
    async fn mark_abandoned_stale(&self) -> Result<(), Error> {
        // Between its plan and its start an operation is new and run by nobody, for the time of one flush.
        let old = self.config().clean_start.min(STALE_AFTER).as_secs();
        self.mark_stale_where(|operation, now| {
            operation.status == OperationStatus::New && operation.created.0.saturating_add(old) < now.0
        })
        .await
    }

    async fn mark_stale_where(&self, select: impl Fn(&Operation, Timestamp) -> bool) -> Result<(), Error> {
        self.change_durably(|planning| {
            let abandoned = planning
                .inventory
                .operations()
                .filter(|operation| !planning.tracked.contains(&operation.id) && select(operation, planning.now));
            let mut changes = ChangeSet::default();
            abandoned.for_each(|operation| changes.append(mark_stale(operation)));
            Ok(((), changes))
        })
        .await
    }
}

/// Ends jobs that no operation works for.
fn ended(inventory: &Inventory, jobs: &[QueueId], result: &JobResult, now: Timestamp) -> ChangeSet {
    let mut changes = ChangeSet::default();
    for job in jobs.iter().filter_map(|id| inventory.job(*id)) {
        changes.put_job(Job { result: Some(result.clone()), time: now, ..Job::clone(job) });
    }
    changes
}
