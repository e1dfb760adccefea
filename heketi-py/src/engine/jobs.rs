//! Waits for the end of an operation and tells how it gets on.

use std::sync::Arc;

use heketi_core::id::{OperationId, QueueId};
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::operation::Operation;
use heketi_core::{Error, ErrorKind};
use heketi_exec::engine::Engine as Manager;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::given_up;
use crate::failure::Failure;
use crate::gate;

/// Waits until the job is over.
///
/// # Errors
/// [`Failure::Failed`] with the job's text; [`Failure::Python`] when `progress` raises: the operation
/// goes on; `NotServing` when the engine was closed before the end.
pub(super) async fn finished(
    manager: &Manager,
    mut stopped: watch::Receiver<bool>,
    queue: QueueId,
    progress: Option<Py<PyAny>>,
) -> Result<JobResult, Failure> {
    let (mut commits, mut told) = (manager.commits(), None);
    let progress = progress.map(Arc::new);
    loop {
        // Before the look: what it does not see then will not come.
        let last_look = *stopped.borrow_and_update();
        commits.mark_unchanged();
        let inventory = manager.durable_inventory();
        let job = inventory.job(queue).ok_or_else(Error::not_found)?;
        let operation = job.operation.and_then(|id| inventory.operation(id));
        if let (Some(callback), Some(operation)) = (&progress, operation) {
            let now = picture(operation, &inventory);
            if told.as_ref() != Some(&now) {
                let (callback, text) = (callback.clone(), now.to_string());
                let call = move || gate::attach(|py| callback.call1(py, (text,)).map(drop)).unwrap_or(Ok(()));
                spawn_blocking(call).await.map_err(|_| given_up())??;
                told = Some(now);
                continue;
            }
        }
        if let Some(result) = job.result.clone() {
            // The answer counts even if the job cannot be forgotten.
            let _ = manager.collect_job(queue);
            return match result {
                JobResult::Failed(text) => Err(Failure::Failed(text)),
                done => Ok(done),
            };
        }
        if last_look {
            let text = "the engine was closed meanwhile; the next one over this database resumes the operation";
            return Err(Error::new(ErrorKind::NotServing, text).into());
        }
        // Both ends live as long as the engine is open.
        tokio::select! {
            changed = commits.changed() => changed.map_err(|_| given_up())?,
            changed = stopped.changed() => changed.map_err(|_| given_up())?,
        }
    }
}

/// What `progress` is told.
fn picture(operation: &Operation, inventory: &Inventory) -> Json {
    let id: OperationId = operation.id;
    let changes: Vec<Json> = operation
        .changes(inventory)
        .into_iter()
        .map(|change| json!({"id": change.id, "description": change.description}))
        .collect();
    json!({
        "operation": id.to_string(),
        "type_name": operation.type_name(),
        "description": operation.describe(false),
        "phase": phase(operation),
        "error": operation.error,
        "changes": changes,
    })
}

/// How far the work is: the name of its phase as it is stored.
fn phase(operation: &Operation) -> String {
    let work = serde_json::to_value(&operation.work).unwrap_or_default();
    let kind = work.as_object().and_then(|kinds| kinds.values().next()).cloned().unwrap_or_default();
    match &kind["phase"] {
        Json::String(name) => name.clone(),
        Json::Object(named) => named.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
