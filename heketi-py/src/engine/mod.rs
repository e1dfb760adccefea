//! The whole manager in this process.

mod calls;
mod events;
mod jobs;
mod watched;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heketi_core::{Error, ErrorKind};
use heketi_exec::engine::Engine as Manager;
use heketi_exec::store::{FileStore, MemoryStore, Store};
use heketi_http::backend::EngineBackend;
use pyo3::prelude::*;
use tokio::sync::{broadcast, watch};
use tokio::task::spawn_blocking;

use crate::client::seconds_of;
use crate::executor::Executor;
use crate::failure::Failure;
use crate::pending::{Pending, Value};
use crate::runtime;
use crate::settings::{EngineSettings, read};
use calls::Call;
pub(crate) use events::Events;
use watched::{StepEvent, Watched};

/// Steps that a slow reader of events may be behind before it misses some.
const EVENTS_KEPT: usize = 4096;

/// How long the database file may take to be let go of once nothing uses it.
const RELEASE: Duration = Duration::from_secs(10);

/// An open engine.
#[derive(Clone)]
struct Open {
    manager: Manager,
    backend: Arc<EngineBackend>,
    steps: broadcast::Sender<StepEvent>,
    store: std::sync::Weak<dyn Store>,
    /// Set once running steps have ended: what is not over by then will not be over in this process.
    stopped: Arc<watch::Sender<bool>>,
}

/// None once it is closed.
type Shared = Arc<Mutex<Option<Open>>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Option<Open>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A manager that embeds everything: state, planning, and the way to the nodes.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Engine {
    shared: Shared,
}

#[pymethods]
impl Engine {
    /// Opens or creates the database, in memory without a path. `settings` is JSON. Results in an `Engine`.
    #[staticmethod]
    fn open(db: Option<PathBuf>, executor: &Executor, settings: &str) -> PyResult<Pending> {
        let config = read::<EngineSettings>(settings)?.config()?;
        let runtime = runtime::handle()?;
        let connected = {
            let _inside = runtime.enter();
            executor.connect()?
        };
        Pending::start(async move {
            let open_store = move || -> Result<Arc<dyn Store>, Failure> {
                Ok(match db {
                    Some(path) => Arc::new(FileStore::open(path).map_err(|error| Failure::Store(error.to_string()))?),
                    None => Arc::new(MemoryStore::default()),
                })
            };
            let store = spawn_blocking(open_store).await.map_err(|_| given_up())??;
            let weak = Arc::downgrade(&store);
            let (watched, steps) = Watched::new(connected.executor, EVENTS_KEPT);
            let manager = Manager::open(store, Arc::new(watched), config).await;
            let manager = manager.map_err(|error| Failure::Store(error.to_string()))?;
            if let Some(keys) = connected.host_keys {
                keys.keep_in(&manager);
            }
            let backend = Arc::new(EngineBackend::new(manager.clone()));
            let open = Some(Open { manager, backend, steps, store: weak, stopped: Arc::default() });
            let shared = Arc::new(Mutex::new(open));
            Ok(Value::Object(Box::new(move |py| Ok(Py::new(py, Engine { shared })?.into_any()))))
        })
    }

    /// Does what `name` says to the object `id`, with a JSON body; see `calls`. `progress` is called with JSON
    /// each time the operation gets on. Results in JSON or nothing.
    #[pyo3(signature = (name, id, body, progress=None))]
    fn call(&self, name: String, id: String, body: String, progress: Option<Py<PyAny>>) -> PyResult<Pending> {
        let Open { manager, backend, stopped, .. } = self.opened()?;
        let stopped = stopped.subscribe();
        Pending::start(async move { Call { manager, backend, stopped, id, body, progress }.run(&name).await })
    }

    /// What happens from now on.
    fn events(&self) -> PyResult<Events> {
        let open = self.opened()?;
        Ok(Events::new(self.shared.clone(), &open.manager, open.steps.subscribe()))
    }

    /// Takes no more work, waits up to `grace` seconds for running steps, and lets go of nodes and database.
    /// What is not over then is resumed by the next engine over the same database.
    fn close(&self, grace: f64) -> PyResult<Pending> {
        let grace = seconds_of("grace", grace)?;
        let shared = self.shared.clone();
        Pending::start(async move {
            let Some(open) = lock(&shared).clone() else { return Ok(Value::Nothing) };
            open.manager.shut_down(grace).await;
            open.stopped.send_replace(true);
            *lock(&shared) = None;
            let store = open.store.clone();
            drop(open);
            let released = async {
                while store.strong_count() > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            // Whoever opens the file too early is told that it is in use.
            let _ = tokio::time::timeout(RELEASE, released).await;
            Ok(Value::Nothing)
        })
    }

    /// Is it closed?
    #[getter]
    fn closed(&self) -> bool {
        lock(&self.shared).is_none()
    }
}

impl Engine {
    fn opened(&self) -> PyResult<Open> {
        let open = lock(&self.shared).clone();
        let closed = || Failure::Refused(Error::new(ErrorKind::NotServing, "the engine is closed"));
        Ok(open.ok_or_else(closed)?)
    }
}

fn given_up() -> Failure {
    Failure::Refused(Error::internal("the work ended by a defect"))
}
