//! The REST client: requests go out as the caller wrote them, jobs are followed to their end.

use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use heketi_http::auth::Secret;
use heketi_http::client::{Client, ClientOptions, Credentials};
use heketi_http::tls::ClientTls;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::Failure;
use crate::pending::{Pending, Value};

/// Stands for "no limit": longer than any process lives.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A server, from afar.
#[pyclass(frozen, module = "heketi._heketi")]
pub(crate) struct Remote {
    server: String,
    credentials: Credentials,
    options: ClientOptions,
    /// The client and the process that made it: connections are not shared with a fork.
    client: Mutex<Option<(u32, Client)>>,
}

#[pymethods]
impl Remote {
    /// `timeout` is in seconds and for one answer, `poll_delay` in seconds; without a user no token is sent. `insecure`
    /// takes any certificate; `certificates` are PEM files to trust instead of the system's.
    #[new]
    #[allow(clippy::too_many_arguments)] // the Python half gives each a name
    fn new(
        server: String,
        user: String,
        key: String,
        poll_delay: f64,
        timeout: Option<f64>,
        retries: u32,
        insecure: bool,
        certificates: Vec<PathBuf>,
    ) -> PyResult<Self> {
        let credentials = if user.is_empty() && key.is_empty() {
            Credentials::none()
        } else {
            Credentials::new(user, Secret::new(key))
        };
        let limit = timeout.map_or(Ok(NO_LIMIT), |seconds| seconds_of("timeout", seconds))?;
        let options = ClientOptions {
            poll_delay: seconds_of("poll_delay", poll_delay)?,
            busy_retries: retries,
            poll_retries: retries,
            connect_timeout: limit.min(ClientOptions::default().connect_timeout),
            request_timeout: limit,
            tls: ClientTls { insecure, certificates },
            ..ClientOptions::default()
        };
        Ok(Self { server, credentials, options, client: Mutex::new(None) })
    }

    /// Sends a request and follows the job it may start. Results in `(status, headers, body, path)` of the
    /// last answer, whatever its status.
    fn send(&self, method: String, path: String, body: Option<String>) -> PyResult<Pending> {
        let client = self.client()?;
        Pending::start(async move {
            let reply = client.send_raw(&method, &path, body).await?;
            Ok(Value::Object(Box::new(move |py| {
                let body = PyBytes::new(py, &reply.body);
                Ok((reply.status, reply.headers, body, reply.path).into_pyobject(py)?.into_any().unbind())
            })))
        })
    }
}

impl Remote {
    fn client(&self) -> PyResult<Client> {
        let mut slot = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let process = process::id();
        if let Some((owner, client)) = slot.as_ref()
            && *owner == process
        {
            return Ok(client.clone());
        }
        let client = Client::with_options(&self.server, self.credentials.clone(), self.options.clone());
        let client = client.map_err(Failure::Client)?;
        *slot = Some((process, client.clone()));
        Ok(client)
    }
}

/// A span of time from Python.
pub(crate) fn seconds_of(name: &str, seconds: f64) -> PyResult<Duration> {
    let wrong = || PyValueError::new_err(format!("{name} must be seconds, zero or more, not {seconds}"));
    Duration::try_from_secs_f64(seconds).map(|span| span.min(NO_LIMIT)).map_err(|_| wrong())
}
