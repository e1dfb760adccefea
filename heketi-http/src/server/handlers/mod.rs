//! What each route does: read, ask the backend, answer. Statuses and prefixes that v10 has for one route
//! only are here.

pub(super) mod admin;
pub(super) mod audit;
pub(super) mod block_volumes;
pub(super) mod bricks;
pub(super) mod clusters;
pub(super) mod database;
pub(super) mod devices;
pub(super) mod events;
pub(super) mod nodes;
pub(super) mod operations;
pub(super) mod placement;
pub(super) mod queue;
pub(super) mod service;
pub(super) mod volumes;

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use heketi_core::api::{self, Validate};
use heketi_core::{Error, ErrorKind};
use hyper::StatusCode;
use serde::de::DeserializeOwned;

use super::event_stream::EventStreams;
use super::mode::AdminMode;
use super::reply::{Refusal, Reply};
use crate::backend::Backend;
use crate::logging::LogControl;

/// What a handler gets.
pub(super) struct Call {
    /// The engine.
    pub(super) backend: Arc<dyn Backend>,
    /// The `{id}` of the path.
    pub(super) id: String,
    /// What follows the `?` of the URL.
    pub(super) query: String,
    /// The event a client saw last.
    pub(super) last_event_id: Option<String>,
    /// The body.
    pub(super) body: Bytes,
    /// What requests the service takes.
    pub(super) mode: AdminMode,
    /// How much is logged.
    pub(super) log: LogControl,
    /// The streams of events there are.
    pub(super) streams: EventStreams,
}

/// What a handler returns.
pub(super) type Outcome = Result<Reply, Refusal>;

impl Call {
    /// The object of the path. Digits that are no id (too short, upper case) name nothing.
    fn object<T: FromStr>(&self) -> Result<T, Refusal> {
        self.id.parse().map_err(|_| Error::not_found().into())
    }

    /// The value of a parameter of the query, as it was sent; the first counts.
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The body, decoded and valid.
    fn request<T: DeserializeOwned + Validate>(&self) -> Result<T, Refusal> {
        let request: T = api::decode(&self.body).map_err(|error| {
            tracing::debug!(%error, "request unable to be parsed");
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "request unable to be parsed")
        })?;
        request.validate().map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        Ok(request)
    }

    /// The same for a body that may be missing.
    fn optional_request<T: DeserializeOwned + Validate + Default>(&self) -> Result<T, Refusal> {
        if self.body.is_empty() { Ok(T::default()) } else { self.request() }
    }
}

/// What could not be placed or prepared is a 500 with a prefix; other errors are told as they are.
fn set_up(error: Error, prefix: &str) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Busy | ErrorKind::NotServing => Refusal::of(&error),
        _ => internal(error, prefix),
    }
}

fn internal(error: Error, prefix: &str) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.prefixed(prefix).to_string())
}
