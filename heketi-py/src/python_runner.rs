//! Command lines for nodes, run by an object that a Python program brings.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use heketi_exec::runner::{
    Batch, BatchResult, CommandLine, CommandRunner, LineResult, LineStatus, OUTPUT_LIMIT, RunError, RunErrorKind,
};
use pyo3::exceptions::{PyTimeoutError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::gate;

/// What a call may take beyond the time of its line: `run` is told that time and ends by itself.
const MARGIN: Duration = Duration::from_secs(5);

/// An object with `run(host, command, timeout)`.
#[derive(Clone)]
pub(crate) struct PythonRunner {
    object: Arc<Py<PyAny>>,
    /// The most a command may take, where that is less than its own time.
    limit: Duration,
}

impl fmt::Debug for PythonRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PythonRunner").finish_non_exhaustive()
    }
}

/// How a call went that gave no result.
enum Trouble {
    /// The command ran out of its time.
    TimedOut,
    /// It certainly did not start.
    NotStarted(String),
    /// Nobody knows what it did.
    Unknown(String),
}

impl PythonRunner {
    pub(crate) fn new(object: Py<PyAny>, limit: Duration) -> Self {
        Self { object: Arc::new(object), limit }
    }

    async fn run_line(&self, host: &str, line: &CommandLine) -> Result<LineResult, Trouble> {
        let started = Instant::now();
        let (object, host, text) = (self.object.clone(), host.to_owned(), line.text.clone());
        let (limit, secret) = (line.timeout.min(self.limit), line.secret_output);
        let call = move || {
            gate::attach(|py| {
                let called = object.bind(py).call_method1("run", (host, text, limit.as_secs_f64()));
                called.and_then(|done| result(&done)).map_err(|error| trouble(py, &error, secret))
            })
        };
        let ended = match timeout(limit + MARGIN, spawn_blocking(call)).await {
            Ok(Ok(Some(ended))) => ended,
            Ok(_) => return Err(Trouble::Unknown("the interpreter is ending".into())),
            Err(_) => return Err(Trouble::Unknown("run() did not return in time".into())),
        };
        let (status, stdout, stderr) = match ended {
            Ok((status, stdout, stderr)) => (LineStatus::Exited(status), stdout, stderr),
            Err(Trouble::TimedOut) => (LineStatus::TimedOut, String::new(), String::new()),
            Err(other) => return Err(other),
        };
        Ok(LineResult { status, stdout, stderr, duration: started.elapsed() })
    }
}

#[async_trait]
impl CommandRunner for PythonRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let mut finished = BatchResult::default();
        for line in &batch.lines {
            let (kind, message, nothing_more_ran) = match self.run_line(host, line).await {
                Ok(result) => {
                    let ok = result.success();
                    finished.lines.push(result);
                    if ok {
                        continue;
                    }
                    break;
                }
                Err(Trouble::NotStarted(why)) => (RunErrorKind::Unreachable, why, true),
                Err(Trouble::Unknown(why)) => {
                    (RunErrorKind::Protocol, format!("{why}; the outcome of command [{}] is unknown", line.text), false)
                }
                Err(Trouble::TimedOut) => (RunErrorKind::Protocol, "timed out".into(), false),
            };
            return Err(RunError { host: host.to_owned(), kind, message, finished, nothing_more_ran });
        }
        Ok(finished)
    }
}

/// Reads a `CommandResult`, a `subprocess.CompletedProcess`, or whatever has their attributes.
fn result(done: &Bound<'_, PyAny>) -> PyResult<(i32, String, String)> {
    let status = match done.getattr_opt("status")?.map_or_else(|| done.getattr_opt("returncode"), |it| Ok(Some(it)))? {
        Some(status) => status.extract()?,
        None => {
            let kind = done.get_type().name()?;
            return Err(PyTypeError::new_err(format!("run() returned {kind}, not a heketi.CommandResult")));
        }
    };
    Ok((status, stream(done, "stdout")?, stream(done, "stderr")?))
}

fn stream(done: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let Some(value) = done.getattr_opt(name)?.filter(|value| !value.is_none()) else { return Ok(String::new()) };
    let mut text = match value.cast::<PyBytes>() {
        Ok(bytes) => String::from_utf8_lossy(bytes.as_bytes()).into_owned(),
        Err(_) => value.extract::<String>()?,
    };
    text.truncate(text.floor_char_boundary(OUTPUT_LIMIT));
    Ok(text)
}

fn trouble(py: Python<'_>, error: &PyErr, secret: bool) -> Trouble {
    let is = |module: &str, class: &str| {
        let class = py.import(module).and_then(|module| module.getattr(class));
        class.is_ok_and(|class| error.matches(py, class).unwrap_or(false))
    };
    if error.is_instance_of::<PyTimeoutError>(py) || is("subprocess", "TimeoutExpired") {
        return Trouble::TimedOut;
    }
    // Outputs of such a line can hold a password, and exceptions can quote outputs.
    let kind = error.get_type(py).name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
    let told = if secret { kind } else { format!("{kind}: {}", error.value(py)) };
    if is("heketi.errors", "Unavailable") {
        return Trouble::NotStarted(told);
    }
    Trouble::Unknown(format!("run() of the Python executor raised {told}"))
}
