use heketi_core::api::{self, AdminStatus, Validate};
use hyper::StatusCode;

use super::super::reply::{Refusal, empty, json};
use super::{Call, Outcome};

pub(in crate::server) async fn get(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &AdminStatus::from(call.mode.get())))
}

/// Unlike for other routes a body that cannot be parsed is a bad request, and the reason is told.
pub(in crate::server) async fn set(call: Call) -> Outcome {
    let bad = |text| Refusal::new(StatusCode::BAD_REQUEST, text);
    let status: AdminStatus =
        api::decode(&call.body).map_err(|error| bad(format!("request unable to be parsed: {error}")))?;
    status.validate().map_err(|error| bad(error.to_string()))?;
    if let Some(state) = status.target() {
        call.mode.set(state);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}
