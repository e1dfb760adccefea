//! Takes up operations that an ended server left behind, or that could not be undone.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use heketi_core::id::OperationId;
use heketi_core::inventory::ChangeSet;
use heketi_core::operation::{Event, OperationStatus, mark_stale};
use heketi_core::{Error, Timestamp};

use super::Engine;

/// Operations resumed side by side: one that waits for a dead node must not hold up the others.
const AT_ONCE: usize = 4;

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
        let (mut pause, mut is_first) = (first, true);
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // Operations whose commits failed stopped in the middle: they do not wait for a whole interval.
                () = engine.inner.reloaded.notified() => {
                    (pause, is_first) = (first, false);
                    continue;
                }
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            if !is_first && let Err(error) = engine.mark_abandoned_stale().await {
                tracing::warn!("stale operations cannot be marked: {error}");
            }
            engine.clean_up(None).await;
            (pause, is_first) = (interval, false);
        }
    });
}

/// How old a new operation that nobody runs is at least when it is taken for left over.
const STALE_AFTER: Duration = Duration::from_secs(60);

impl Engine {
    /// Resumes stale and failed operations, all or only the given ones, and waits for them. Those that are
    /// running, unknown, or neither stale nor failed are left alone.
    pub async fn clean_up(&self, only: Option<&[OperationId]>) {
        let resumable: Vec<OperationId> = self
            .inventory()
            .operations()
            .filter(|operation| operation.status != OperationStatus::New)
            .map(|operation| operation.id)
            .filter(|id| only.is_none_or(|only| only.contains(id)))
            .collect();
        stream::iter(resumable)
            .for_each_concurrent(AT_ONCE, async |id| {
                if self.is_stopping() {
                    return;
                }
                if let Some(task) = self.start(id, Event::Resume) {
                    tracing::info!(operation = %id, "operation is resumed");
                    if task.await.is_err() {
                        tracing::error!(operation = %id, "operation could not be resumed");
                    }
                }
            })
            .await;
    }

    /// Marks every operation stale: right after the start nobody runs any.
    pub(super) async fn mark_all_stale(&self) -> Result<(), Error> {
        self.mark_stale_where(|_, _| true).await
    }

    /// Marks operations stale that are new, were planned before the last pause, and are run by nobody.
    async fn mark_abandoned_stale(&self) -> Result<(), Error> {
        // Between its plan and its start an operation is new and run by nobody, for the time of one flush.
        let old = self.config().clean_start.min(STALE_AFTER).as_secs();
        self.mark_stale_where(|created, now| created.0.saturating_add(old) < now.0).await
    }

    async fn mark_stale_where(&self, old_enough: impl Fn(Timestamp, Timestamp) -> bool) -> Result<(), Error> {
        self.change_durably(|planning| {
            let abandoned = planning.inventory.operations().filter(|operation| {
                operation.status == OperationStatus::New
                    && !planning.tracked.contains(&operation.id)
                    && old_enough(operation.created, planning.now)
            });
            let mut changes = ChangeSet::default();
            abandoned.for_each(|operation| changes.append(mark_stale(operation)));
            Ok(((), changes))
        })
        .await
    }
}
