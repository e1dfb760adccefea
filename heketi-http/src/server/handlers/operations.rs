use heketi_core::ErrorKind;
use heketi_core::id::QueueId;
use hyper::StatusCode;

use super::super::reply::{Refusal, accepted, json};
use super::{Call, Outcome};

pub(in crate::server) async fn counts(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.operations().await?))
}

pub(in crate::server) async fn list(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.operation_list().await?))
}

pub(in crate::server) async fn details(call: Call) -> Outcome {
    // v10 names the operation in this text only.
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("Id not found: {}", call.id));
    let id = call.id.parse().map_err(|_| unknown())?;
    let details = call.backend.operation_details(id).await.map_err(|error| match error.kind() {
        ErrorKind::NotFound => unknown(),
        _ => Refusal::of(&error),
    })?;
    Ok(json(StatusCode::OK, &details))
}

/// Requests one answer tells of, unless the client asks for fewer.
const HISTORY: usize = 1000;

/// `?limit=<number>` tells of fewer.
pub(in crate::server) async fn history(call: Call) -> Outcome {
    let limit = match call.parameter("limit") {
        None => HISTORY,
        Some(text) => {
            let bad = |_| Refusal::new(StatusCode::BAD_REQUEST, format!("limit: must be a number from 1 to {HISTORY}"));
            text.parse().map_err(bad)?
        }
    };
    Ok(json(StatusCode::OK, &call.backend.history(limit.clamp(1, HISTORY)).await?))
}

/// By the id of the operation or of the queue entry.
pub(in crate::server) async fn one(call: Call) -> Outcome {
    let id: QueueId = call.object()?;
    Ok(json(StatusCode::OK, &call.backend.history_of(*id.bytes()).await?))
}

pub(in crate::server) async fn clean_up(call: Call) -> Outcome {
    Ok(accepted(call.backend.operation_clean_up(call.request()?).await?))
}
