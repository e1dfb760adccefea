//! The service itself: what it logs, and a copy of its database.

use std::sync::OnceLock;

use heketi_core::Error;
use heketi_core::api::{self, LogLevelInfo};
use hyper::StatusCode;

use super::super::openapi;
use super::super::reply::{Refusal, file, json, json_text};
use super::{Call, Outcome};
use crate::config::LogLevel;

pub(in crate::server) async fn log_level(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &LogLevelInfo::new(call.log.level().name())))
}

/// Other loggers beside the one there is are passed over; an empty level changes nothing.
pub(in crate::server) async fn set_log_level(call: Call) -> Outcome {
    let refused = |status, text: String| Refusal::new(status, text);
    let request: LogLevelInfo = api::decode(&call.body)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, format!("request unable to be parsed: {error}")))?;
    let unprocessable = |text: String| refused(StatusCode::UNPROCESSABLE_ENTITY, text);
    let name = request.level().ok_or_else(|| unprocessable("Only \"glusterfs\" logger may be modified".into()))?;
    if !name.is_empty() {
        let level = LogLevel::named(name).ok_or_else(|| unprocessable(format!("invalid log level: {name}")))?;
        call.log.set(level);
        tracing::info!("log level is {}", level.name());
    }
    log_level(call).await
}

/// Made once: it is the same for as long as the program runs.
pub(in crate::server) async fn openapi(_: Call) -> Outcome {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    Ok(json_text(StatusCode::OK, DOCUMENT.get_or_init(openapi::text).clone()))
}

pub(in crate::server) async fn backup(call: Call) -> Outcome {
    let copy = call.backend.backup().await?;
    file(copy, "heketi.db").map_err(|error| Error::internal(format!("the copy of the database: {error}")).into())
}
