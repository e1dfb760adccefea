use hyper::StatusCode;

use super::super::reply::json;
use super::{Call, Outcome};

pub(in crate::server) async fn counts(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.operations().await?))
}
