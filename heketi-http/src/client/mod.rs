//! A client of the REST service: one method for each route, jobs followed to their end.
//!
//! ```no_run
//! # async fn example() -> Result<(), heketi_http::client::ClientError> {
//! use heketi_http::auth::Secret;
//! use heketi_http::client::{Client, Credentials};
//!
//! let credentials = Credentials::new("admin", Secret::new("key"));
//! let client = Client::new("http://localhost:8080", credentials)?;
//! for cluster in client.cluster_list().await?.clusters {
//!     println!("{cluster}");
//! }
//! # Ok(())
//! # }
//! ```

mod methods;
mod topology;
mod transport;

use std::fmt;
use std::time::Duration;

use crate::auth::Secret;

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

/// How patient the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Pause between two questions about a job.
    pub poll_delay: Duration,
    /// How often a request is repeated that the server is too busy for.
    pub busy_retries: u32,
    /// Shortest pause before such a repetition.
    pub busy_min_delay: Duration,
    /// Longest pause before such a repetition.
    pub busy_max_delay: Duration,
    /// How often in a row a question about a job may find no server: it may be restarting.
    pub poll_retries: u32,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for one answer. Long, because some requests run commands on nodes before they are answered.
    pub request_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            poll_delay: Duration::from_millis(400),
            busy_retries: 6,
            busy_min_delay: Duration::from_secs(10),
            busy_max_delay: Duration::from_secs(30),
            poll_retries: 20,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(600),
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
            Self::Unreachable { server, reason } => {
                write!(
                    f,
                    "cannot reach the heketi server at {server}: {reason}; is it running, and is the address right?"
                )
            }
            Self::Refused { text, .. } => f.write_str(text),
            Self::Answer { path, reason } => write!(f, "the answer to {path} cannot be understood: {reason}"),
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
            "http" => {}
            "https" => return Err(address("https is not supported yet")),
            _ => return Err(address("write it with its scheme, http://host:port")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Not `address`: the text would show the password.
            let server = url.host_str().unwrap_or_default().to_owned();
            return Err(ClientError::Address { server, reason: "it holds a user; give user and key apart".to_owned() });
        }
        // No proxy: the token would be shown to it, and for a server on this host it would be wrong.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.request_timeout)
            .build()
            .map_err(|error| address(&error.to_string()))?;
        Ok(Self { http, server: server.trim_end_matches('/').to_owned(), credentials, options })
    }

    /// The address it was made with, without a final slash.
    pub fn server(&self) -> &str {
        &self.server
    }
}
