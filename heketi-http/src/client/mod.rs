//! A client of the REST service: one method for each route, jobs followed to their end.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use heketi_core::api::{DurabilityInfo, ReplicateInfo, VolumeCreateRequest, VolumeExpandRequest};
//! use heketi_http::auth::Secret;
//! use heketi_http::client::{Client, ClientError, Credentials};
//!
//! // A server to try it with; yours has an address of its own, and a key.
//! let demo = heketi_http::demo::Demo::start(None).await.unwrap();
//! demo.load_topology().await.unwrap();
//!
//! let credentials = Credentials::new("admin", Secret::new("key"));
//! let client = Client::new(&demo.url(), credentials)?;
//! let durability =
//!     DurabilityInfo { kind: "replicate".into(), replicate: ReplicateInfo { replica: 3 }, ..Default::default() };
//! let volume = client.volume_create(&VolumeCreateRequest { size: 10, durability, ..Default::default() }).await?;
//! assert_eq!(volume.bricks.len(), 3);
//! let volume = client.volume_expand(volume.id, &VolumeExpandRequest { expand_size: 5 }).await?;
//! assert_eq!(volume.size.0, 15);
//! client.volume_delete(volume.id).await?;
//!
//! // Why not: the server's text, and its status.
//! let error = client.volume_info(volume.id).await.unwrap_err();
//! assert!(error.is_not_found());
//! assert_eq!(error, ClientError::Refused { status: 404, text: "Id not found".into() });
//! # Ok::<(), ClientError>(())
//! # }).unwrap();
//! ```
//!
//! # Patience
//!
//! A busy server (429) is asked again after a random pause; one that is not found while a job is waited for, too: it may
//! be restarting, and goes on with the job then. [`ClientOptions`] tells how often. Each request carries a new token.
//!
//! # Giving up
//!
//! A call is cancelled by dropping its future, as by a limit of time. What the server was asked for goes on there;
//! [`Client::operation_history`] tells how it ends.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use std::time::Duration;
//!
//! use heketi_core::api::VolumeCreateRequest;
//!
//! let demo = heketi_http::demo::Demo::start(None).await.unwrap();
//! demo.load_topology().await.unwrap();
//! demo.sim().add_latency("lvcreate", Duration::from_millis(300));
//! let (client, request) = (demo.client(), VolumeCreateRequest { size: 1, ..Default::default() });
//! let volume = tokio::time::timeout(Duration::from_millis(50), client.volume_create(&request)).await;
//! assert!(volume.is_err(), "the time is over");
//! let history = client.operation_history().await.unwrap();
//! assert_eq!((history.operations[0].type_name.as_str(), history.operations[0].status.as_str()), ("create-volume", "running"));
//! # });
//! ```

mod block;
mod live;
mod methods;
mod operations;
mod progress;
mod raw;
mod topology;
mod transport;

use std::fmt;
use std::time::Duration;

use crate::auth::Secret;
use crate::tls::{ClientTls, TlsError};

pub use live::Events;
pub use progress::JobProgress;
pub use raw::Reply;
pub use topology::{Topology, TopologyClusterInfo};

/// Who the client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    key: Secret,
    sends_token: bool,
}

impl Credentials {
    /// Sends a token of this user with every request.
    pub fn new(user: impl Into<String>, key: Secret) -> Self {
        Self { user: user.into(), key, sends_token: true }
    }

    /// Sends no token.
    pub fn none() -> Self {
        Self::default()
    }
}

/// The longest pause before a server that was not found is looked for again.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How patient the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Longest pause between two questions about a job; the first pauses are shorter.
    pub poll_delay: Duration,
    /// How often a request is repeated that the server is too busy for.
    pub busy_retries: u32,
    /// Shortest pause before such a repetition.
    pub busy_min_delay: Duration,
    /// Longest pause before such a repetition.
    pub busy_max_delay: Duration,
    /// How often a request that found no server is repeated, after pauses that grow from `poll_delay` to
    /// [`LONGEST_PAUSE`]. One that may have reached a server is repeated only if it changes nothing.
    pub connect_retries: u32,
    /// Give each POST a key of its own (`Idempotency-Key`), and repeat it too when it may have reached the server: heketi
    /// does what has one key once. A server of heketi v10 ignores keys, and may do it twice.
    pub idempotency_keys: bool,
    /// How often in a row a question about a job may find no server: it may be restarting. The pauses are those of
    /// `connect_retries`; 20 of them take about a minute and a half.
    pub poll_retries: u32,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for one answer. Long, because some requests run commands on nodes before they are answered.
    pub request_timeout: Duration,
    /// What is demanded of the server's certificate.
    pub tls: ClientTls,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            poll_delay: Duration::from_millis(400),
            busy_retries: 6,
            busy_min_delay: Duration::from_secs(10),
            busy_max_delay: Duration::from_secs(30),
            connect_retries: 0,
            idempotency_keys: false,
            poll_retries: 20,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(600),
            tls: ClientTls::default(),
        }
    }
}

/// Why a request brought no result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The address of the server cannot be used.
    Address {
        /// The address.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server did not answer.
    Unreachable {
        /// The address.
        server: String,
        /// May the request have reached it?
        sent: bool,
        /// The cause.
        reason: String,
    },
    /// The server refused, or the job failed.
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's text, trimmed.
        text: String,
    },
    /// The answer is not one of heketi.
    Answer {
        /// What was asked.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The certificates that were to be trusted cannot be used.
    Certificates {
        /// Which, and why.
        reason: String,
    },
    /// No token can be made with this key.
    Key,
}

impl ClientError {
    /// Does the server not know the object?
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { server, reason } => write!(f, "{server} is not the address of a heketi server: {reason}"),
            Self::Unreachable { server, reason, .. } => {
                write!(
                    f,
                    "cannot reach the heketi server at {server}: {reason}; is it running, and is the address right?"
                )
            }
            Self::Refused { text, .. } => f.write_str(text),
            Self::Answer { path, reason } => write!(f, "the answer to {path} cannot be understood: {reason}"),
            Self::Certificates { reason } => {
                write!(f, "the certificates to be trusted cannot be used: {reason}; name readable PEM files")
            }
            Self::Key => f.write_str("no token can be made with this key"),
        }
    }
}

impl std::error::Error for ClientError {}

/// A heketi server, from afar. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    credentials: Credentials,
    options: ClientOptions,
    observer: progress::Observer,
}

impl Client {
    /// A client of the server at `server`, such as `http://localhost:8080`.
    ///
    /// # Errors
    /// [`ClientError::Address`] when that is no address of a server.
    pub fn new(server: &str, credentials: Credentials) -> Result<Self, ClientError> {
        Self::with_options(server, credentials, ClientOptions::default())
    }

    /// The same with other patience.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_options(server: &str, credentials: Credentials, options: ClientOptions) -> Result<Self, ClientError> {
        let address = |reason: &str| ClientError::Address { server: server.to_owned(), reason: reason.to_owned() };
        let url = reqwest::Url::parse(server).map_err(|_| address("write it with its scheme, http://host:port"))?;
        match url.scheme() {
            "http" | "https" => {}
            _ => return Err(address("write it with its scheme, http://host:port")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Not `address`: the text would show the password.
            let server = url.host_str().unwrap_or_default().to_owned();
            return Err(ClientError::Address { server, reason: "it holds a user; give user and key apart".to_owned() });
        }
        // No proxy: the token would be shown to it, and for a server on this host it would be wrong.
        let http = http_client(&options.tls)
            .map_err(|error| ClientError::Certificates { reason: error.to_string() })?
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.request_timeout)
            .build()
            .map_err(|error| address(&error.to_string()))?;
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { http, server, credentials, options, observer: progress::Observer::default() })
    }

    /// The address it was made with, without a final slash.
    pub fn server(&self) -> &str {
        &self.server
    }
}

/// The builder of an HTTP client with this TLS.
pub(crate) fn http_client(tls: &ClientTls) -> Result<reqwest::ClientBuilder, TlsError> {
    // The system's certificates are used with the provider of the process. Whoever set one first keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(match tls.config()? {
        Some(config) => reqwest::Client::builder().tls_backend_preconfigured(config),
        None => reqwest::Client::builder(),
    })
}
