//! What happens in an engine, as it happens: what became durable, as the REST service tells it, and steps on nodes.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use heketi_core::api::EventInfo;
use heketi_exec::engine::Engine as Manager;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::{self, error::RecvError};

use super::watched::StepEvent;
use super::{Shared, lock};
use crate::pending::{Pending, Value};

/// Events from the moment this was made.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Events {
    source: Arc<tokio::sync::Mutex<Source>>,
}

/// Both sources are gone once the engine is closed and what they held was read.
struct Source {
    shared: Shared,
    durable: Option<BoxStream<'static, Arc<EventInfo>>>,
    steps: Option<broadcast::Receiver<StepEvent>>,
    /// The id of the last durable event.
    last: u64,
}

impl Events {
    pub(super) fn new(shared: Shared, manager: &Manager, steps: broadcast::Receiver<StepEvent>) -> Self {
        let source = Source { shared, durable: Some(manager.all_events(None)), steps: Some(steps), last: 0 };
        Self { source: Arc::new(tokio::sync::Mutex::new(source)) }
    }
}

#[pymethods]
impl Events {
    /// Results in the next event as JSON; in nothing once the engine is closed, or after `timeout` seconds.
    fn next(&self, timeout: Option<f64>) -> PyResult<Pending> {
        let limit = timeout.map(|seconds| crate::client::seconds_of("timeout", seconds)).transpose()?;
        let source = self.source.clone();
        Pending::start(async move {
            let mut source = source.lock().await;
            let next = source.next();
            let event = match limit {
                Some(limit) => tokio::time::timeout(limit, next).await.unwrap_or_default(),
                None => next.await,
            };
            Ok(event.map_or(Value::Nothing, |event| Value::Text(event.to_string())))
        })
    }
}

impl Source {
    async fn next(&mut self) -> Option<Json> {
        loop {
            let (tells_durable, tells_steps) = (self.durable.is_some(), self.steps.is_some());
            let (durable, steps) = (self.durable.as_mut(), self.steps.as_mut());
            tokio::select! {
                biased;
                told = async { durable?.next().await }, if tells_durable => match told {
                    Some(told) => {
                        if let Some(event) = self.durable_event(&told) {
                            return Some(event);
                        }
                    }
                    None => self.durable = None,
                },
                told = async { steps?.recv().await.map_or_else(not_closed, |step| Some(Ok(step))) },
                    if tells_steps => match told {
                    Some(Ok(StepEvent { kind, host, text })) => return Some(event(kind, "", &host, &text)),
                    Some(Err(missed)) => {
                        return Some(event("missed", "", "", &format!("{missed} steps were not read in time")));
                    }
                    None => self.steps = None,
                },
                else => return None,
            }
        }
    }

    /// A durable event for Python; none for those that tell of the stream alone.
    fn durable_event(&mut self, told: &EventInfo) -> Option<Json> {
        match told.event.as_str() {
            "connected" => {
                self.last = told.id;
                None
            }
            "too_slow" => {
                // The last ones are remembered.
                let open = lock(&self.shared).clone();
                self.durable = open.map(|open| open.manager.all_events(Some(self.last)));
                self.durable.is_none().then(|| event("missed", "", "", "events were not read before the end"))
            }
            "missed" => Some(event("missed", "", "", "events were not read in time")),
            kind => {
                self.last = told.id;
                let mut known = match (&told.object, &told.operation) {
                    (Some(object), _) => {
                        let state = object.state.map(|state| format!(" is {state}")).unwrap_or_default();
                        event(kind, &object.id, "", &format!("{}{state}", object.name))
                    }
                    (None, Some(operation)) => {
                        let error = operation.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                        event(kind, &operation.id.to_string(), "", &format!("{}{error}", operation.text))
                    }
                    (None, None) => event(kind, "", "", ""),
                };
                known["event"] = serde_json::to_value(told).unwrap_or_default();
                Some(known)
            }
        }
    }
}

/// How many steps a slow reader missed; none if no more will come.
fn not_closed(error: RecvError) -> Option<Result<StepEvent, u64>> {
    match error {
        RecvError::Lagged(missed) => Some(Err(missed)),
        RecvError::Closed => None,
    }
}

fn event(kind: &str, id: &str, host: &str, text: &str) -> Json {
    json!({"kind": kind, "id": id, "host": host, "text": text})
}
