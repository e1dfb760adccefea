//! What happens in an engine, as it happens: steps on nodes, and changes of the durable state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use heketi_core::inventory::Inventory;
use heketi_core::model::EntryState;
use heketi_exec::engine::Engine as Manager;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};
use tokio::sync::broadcast::{self, error::TryRecvError};

use super::watched::StepEvent;
use super::{Shared, lock};
use crate::pending::{Pending, Value};

/// How often the state is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Events from the moment this was made.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Events {
    source: Arc<tokio::sync::Mutex<Source>>,
}

struct Source {
    shared: Shared,
    steps: broadcast::Receiver<StepEvent>,
    seen: Arc<Inventory>,
    pictures: Pictures,
    waiting: VecDeque<Json>,
    ended: bool,
}

impl Events {
    pub(super) fn new(shared: Shared, manager: &Manager, steps: broadcast::Receiver<StepEvent>) -> Self {
        let seen = manager.durable_inventory();
        let pictures = Pictures::of(&seen);
        let source = Source { shared, steps, seen, pictures, waiting: VecDeque::new(), ended: false };
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
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let now = {
                let slot = lock(&self.shared);
                self.ended = slot.open.is_none();
                slot.open.as_ref().map(|open| open.manager.durable_inventory()).or_else(|| slot.last.clone())?
            };
            self.take_steps();
            if !Arc::ptr_eq(&now, &self.seen) {
                let pictures = Pictures::of(&now);
                self.waiting.extend(self.pictures.changes(&pictures));
                (self.seen, self.pictures) = (now, pictures);
            }
            if self.waiting.is_empty() {
                if self.ended {
                    return None;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    fn take_steps(&mut self) {
        loop {
            match self.steps.try_recv() {
                Ok(StepEvent { kind, host, text }) => {
                    self.waiting.push_back(json!({"kind": kind, "id": "", "host": host, "text": text}));
                }
                Err(TryRecvError::Lagged(missed)) => {
                    let text = format!("{missed} steps were not read in time");
                    self.waiting.push_back(json!({"kind": "missed", "id": "", "host": "", "text": text}));
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

/// The objects of a state, each with what events tell of it. Without bricks: they change with their volumes.
#[derive(Default)]
struct Pictures {
    objects: BTreeMap<(&'static str, String), String>,
}

impl Pictures {
    fn of(inventory: &Inventory) -> Self {
        let mut objects = BTreeMap::new();
        let mut add = |kind, id: String, text: String| drop(objects.insert((kind, id), text));
        for cluster in inventory.clusters() {
            add("cluster", cluster.id.to_string(), format!("file {}, block {}", cluster.file, cluster.block));
        }
        let told = |state: EntryState| format!("{state}");
        for node in inventory.nodes() {
            add("node", node.id.to_string(), format!("{} is {}", node.manage_host(), told(node.state)));
        }
        for device in inventory.devices() {
            add("device", device.id.to_string(), format!("{} is {}", device.name, told(device.state)));
        }
        for volume in inventory.volumes().filter(|volume| !inventory.is_volume_hidden(volume.id)) {
            add("volume", volume.id.to_string(), format!("{} has {}", volume.name, volume.size));
        }
        for volume in inventory.block_volumes().filter(|volume| !inventory.is_block_volume_hidden(volume.id)) {
            add("block-volume", volume.id.to_string(), format!("{} has {}", volume.name, volume.size));
        }
        for operation in inventory.operations() {
            let error = operation.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
            add("operation", operation.id.to_string(), operation.describe(false) + &error);
        }
        Self { objects }
    }

    /// What is different in `later`.
    fn changes(&self, later: &Self) -> Vec<Json> {
        let event = |(kind, id): &(&str, String), what: &str, text: &String| json!({"kind": format!("{kind}-{what}"), "id": id, "host": "", "text": text});
        let gone = self.objects.iter().filter(|(key, _)| !later.objects.contains_key(*key));
        let new_or_changed = later.objects.iter().filter_map(|(key, text)| match self.objects.get(key) {
            None => Some(event(key, if key.0 == "operation" { "started" } else { "added" }, text)),
            Some(old) if old != text => Some(event(key, "changed", text)),
            Some(_) => None,
        });
        let gone = gone.map(|(key, text)| event(key, if key.0 == "operation" { "ended" } else { "removed" }, text));
        new_or_changed.chain(gone).collect()
    }
}
