use heketi_core::ErrorKind;
use hyper::StatusCode;

use super::super::reply::{Refusal, accepted, json};
use super::{Call, Outcome};

pub(in crate::server) async fn add(call: Call) -> Outcome {
    let job = call.backend.node_add(call.request()?).await.map_err(|error| match error.kind() {
        // v10's text about a taken host name ends in a newline of its own.
        ErrorKind::Conflict => Refusal::new(StatusCode::CONFLICT, format!("{}\n", error.to_string().trim_end())),
        _ => Refusal::of(&error),
    })?;
    Ok(accepted(job))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.node_info(call.object()?).await?))
}

pub(in crate::server) async fn delete(call: Call) -> Outcome {
    Ok(accepted(call.backend.node_delete(call.object()?).await?))
}

pub(in crate::server) async fn state(call: Call) -> Outcome {
    let request = call.request()?;
    Ok(accepted(call.backend.node_state(call.object()?, request).await?))
}

pub(in crate::server) async fn tags(call: Call) -> Outcome {
    let request = call.request()?;
    Ok(json(StatusCode::OK, &call.backend.node_tags(call.object()?, request).await?))
}

pub(in crate::server) async fn replace(call: Call) -> Outcome {
    Ok(accepted(call.backend.node_replace(call.object()?).await?))
}
