//! What each route does: read, ask the backend, answer. Statuses and prefixes that v10 has for one route
//! only are here.

pub(super) mod clusters;
pub(super) mod devices;
pub(super) mod nodes;
pub(super) mod operations;
pub(super) mod queue;
pub(super) mod volumes;

use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use heketi_core::Error;
use heketi_core::api::{self, Validate};
use hyper::StatusCode;
use serde::de::DeserializeOwned;

use super::reply::{Refusal, Reply};
use crate::backend::Backend;

/// What a handler gets.
pub(super) struct Call {
    /// The engine.
    pub(super) backend: Arc<dyn Backend>,
    /// The `{id}` of the path.
    pub(super) id: String,
    /// The body.
    pub(super) body: Bytes,
}

/// What a handler returns.
pub(super) type Outcome = Result<Reply, Refusal>;

impl Call {
    /// The object of the path. Digits that are no id (too short, upper case) name nothing.
    fn object<T: FromStr>(&self) -> Result<T, Refusal> {
        self.id.parse().map_err(|_| Error::not_found().into())
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
