//! The database as heketi v10 has it, and beside what the nodes report.

use heketi_core::{Error, api};
use hyper::StatusCode;
use serde::Serialize;

use super::super::reply::{Refusal, json_text};
use super::{Call, Outcome, internal};

pub(in crate::server) async fn dump(call: Call) -> Outcome {
    let dump = call.backend.db_dump().await;
    encoded(dump.map_err(|error| internal(error, "Could not construct dump from DB: "))?).await
}

pub(in crate::server) async fn check(call: Call) -> Outcome {
    encoded(call.backend.db_check().await?).await
}

pub(in crate::server) async fn examine(call: Call) -> Outcome {
    encoded(call.backend.examine_gluster().await?).await
}

/// Off the threads that serve: of a large state it is many megabytes.
async fn encoded<T: Serialize + Send + 'static>(value: T) -> Outcome {
    let made =
        tokio::task::spawn_blocking(move || json_text(StatusCode::OK, api::encode_indented(&value) + "\n")).await;
    made.map_err(|_| Refusal::of(&Error::internal("the answer could not be written")))
}
