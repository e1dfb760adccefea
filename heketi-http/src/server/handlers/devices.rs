use hyper::StatusCode;

use super::super::reply::{accepted, accepted_get, json};
use super::{Call, Outcome};

pub(in crate::server) async fn add(call: Call) -> Outcome {
    Ok(accepted(call.backend.device_add(call.request()?).await?))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.device_info(call.object()?).await?))
}

pub(in crate::server) async fn delete(call: Call) -> Outcome {
    let request = call.optional_request()?;
    Ok(accepted(call.backend.device_delete(call.object()?, request).await?))
}

pub(in crate::server) async fn state(call: Call) -> Outcome {
    let request = call.request()?;
    Ok(accepted(call.backend.device_state(call.object()?, request).await?))
}

pub(in crate::server) async fn tags(call: Call) -> Outcome {
    let request = call.request()?;
    Ok(json(StatusCode::OK, &call.backend.device_tags(call.object()?, request).await?))
}

pub(in crate::server) async fn resync(call: Call) -> Outcome {
    let job = call.backend.device_resync(call.object()?).await?;
    Ok(accepted_get(job))
}

pub(in crate::server) async fn replace(call: Call) -> Outcome {
    let request = call.optional_request()?;
    Ok(accepted(call.backend.device_replace(call.object()?, request).await?))
}
