//! Why something did not happen, on its way to a Python exception.

use heketi_core::{Error, ErrorKind};
use heketi_http::client::ClientError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// What became of a request that brought no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The planner, the engine or a node refused.
    Refused(Error),
    /// The operation was accepted and failed later, with this text.
    Failed(String),
    /// A remote server gave no usable answer.
    Client(ClientError),
    /// The caller's values are wrong.
    Invalid(String),
    /// The database file cannot be used.
    Store(String),
    /// An exception of Python code that was called.
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => {
                let explanation = error.explanation().to_vec();
                raised(class_of(&error), error.text().to_owned(), explanation)
            }
            Failure::Failed(text) => {
                let mut lines = text.lines().map(str::to_owned);
                let first = lines.next().unwrap_or_default();
                let class = if first.contains("No space") { "NoSpace" } else { "OperationFailed" };
                raised(class, first, lines.collect())
            }
            Failure::Client(error) => {
                let class = match &error {
                    ClientError::Unreachable { .. } => "Unreachable",
                    ClientError::Address { .. } | ClientError::Certificates { .. } | ClientError::Key => "Invalid",
                    _ => "BadAnswer",
                };
                raised(class, error.to_string(), Vec::new())
            }
            Failure::Invalid(text) => raised("Invalid", text, Vec::new()),
            Failure::Store(text) => raised("StoreError", text, Vec::new()),
            Failure::Python(error) => error,
        }
    }
}

/// The class in `heketi.errors` for a refusal.
fn class_of(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "NotFound",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::Invalid => "Invalid",
        // Lack of space and limits are explained, other reasons (a taken name) are not.
        ErrorKind::CannotAllocate if error.text().contains("No space") || !error.explanation().is_empty() => "NoSpace",
        ErrorKind::CannotAllocate => "CannotAllocate",
        ErrorKind::Busy => "Busy",
        ErrorKind::NotServing => "NotServing",
        ErrorKind::Unavailable => "Unavailable",
        _ => "Internal",
    }
}

fn raised(class: &str, text: String, explanation: Vec<String>) -> PyErr {
    Python::attach(|py| {
        let made = || -> PyResult<PyErr> {
            let class = py.import("heketi.errors")?.getattr(class)?.cast_into::<PyType>()?;
            Ok(PyErr::from_value(class.call1((text, explanation))?))
        };
        made().unwrap_or_else(|error| error)
    })
}
