//! Work that goes on without the interpreter lock: waited for by a thread, or by an event loop.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::gate;
use crate::runtime;

/// How often a waiting thread looks for signals such as Ctrl-C.
const SIGNAL_PERIOD: Duration = Duration::from_millis(50);

/// Makes a Python object once the interpreter lock is held.
type Maker = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What work results in.
pub(crate) enum Value {
    /// Nothing to tell.
    Nothing,
    /// A text, JSON in most cases.
    Text(String),
    /// An object.
    Object(Maker),
}

impl Value {
    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Nothing => Ok(py.None()),
            Self::Text(text) => Ok(text.into_pyobject(py)?.into_any().unbind()),
            Self::Object(make) => make(py),
        }
    }
}

pub(crate) type Outcome = Result<Value, Failure>;

/// Work that was started. It is given up when this object goes away, or a wait for it is interrupted.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Pending {
    outcome: Mutex<Option<oneshot::Receiver<Outcome>>>,
    work: AbortHandle,
    runtime: Handle,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Pending {
    /// Starts `work` on the threads of this process.
    pub(crate) fn start(work: impl Future<Output = Outcome> + Send + 'static) -> PyResult<Self> {
        let runtime = runtime::handle()?;
        let (sender, receiver) = oneshot::channel();
        let task = runtime.spawn(async move {
            // Nobody may be waiting any more.
            let _ = sender.send(work.await);
        });
        Ok(Self { outcome: Mutex::new(Some(receiver)), work: task.abort_handle(), runtime })
    }

    fn take(&self) -> PyResult<oneshot::Receiver<Outcome>> {
        let taken = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| PyRuntimeError::new_err("this is waited for already"))
    }
}

#[pymethods]
impl Pending {
    /// Waits for the end without holding the interpreter lock; Ctrl-C interrupts.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut outcome = self.take()?;
        loop {
            let waited = py.detach(|| self.runtime.block_on(async { timeout(SIGNAL_PERIOD, &mut outcome).await }));
            match waited {
                Ok(received) => return ended(received, py),
                Err(_) => py.check_signals().inspect_err(|_| self.work.abort())?,
            }
        }
    }

    /// Calls `callback(result, exception)` at the end, on a thread of heketi; one of both is `None`.
    fn then(&self, callback: Py<PyAny>) -> PyResult<()> {
        let outcome = self.take()?;
        self.runtime.spawn(async move {
            let received = outcome.await;
            let call = move || {
                // Nothing is to be told once the interpreter ends.
                let _ = gate::attach(|py| {
                    let arguments = match ended(received, py) {
                        Ok(value) => (value, py.None()),
                        Err(error) => (py.None(), error.into_value(py).into_any()),
                    };
                    callback.call1(py, arguments).map_err(|error| error.write_unraisable(py, None))
                });
            };
            let _ = spawn_blocking(call).await;
        });
        Ok(())
    }

    /// Gives the work up.
    fn cancel(&self) {
        self.work.abort();
    }
}

fn ended(received: Result<Outcome, oneshot::error::RecvError>, py: Python<'_>) -> PyResult<Py<PyAny>> {
    match received {
        Ok(outcome) => outcome?.into_python(py),
        Err(_) => Err(PyRuntimeError::new_err("this was given up")),
    }
}
