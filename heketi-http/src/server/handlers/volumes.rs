use heketi_core::api::{VolumeCreateRequest, VolumeExpandRequest};
use heketi_core::{Error, ErrorKind};
use hyper::StatusCode;

use super::super::reply::{Refusal, accepted, json};
use super::{Call, Outcome};

pub(in crate::server) async fn create(call: Call) -> Outcome {
    let request = call.request::<VolumeCreateRequest>()?.check()?;
    let job =
        call.backend.volume_create(request).await.map_err(|e| allocation(e, "Failed to allocate new volume: "))?;
    Ok(accepted(job))
}

pub(in crate::server) async fn list(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.volume_list().await?))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.volume_info(call.object()?).await?))
}

pub(in crate::server) async fn expand(call: Call) -> Outcome {
    let size = call.request::<VolumeExpandRequest>()?.size();
    let size = size.ok_or_else(|| Error::new(ErrorKind::Invalid, "Invalid volume size"))?;
    let job = call.backend.volume_expand(call.object()?, size).await;
    Ok(accepted(job.map_err(|error| allocation(error, "Failed to allocate volume expansion: "))?))
}

pub(in crate::server) async fn delete(call: Call) -> Outcome {
    let job = call.backend.volume_delete(call.object()?).await.map_err(|error| {
        let in_use = error.kind() == ErrorKind::Conflict && error.text() == Error::conflict().text();
        if in_use || matches!(error.kind(), ErrorKind::Internal | ErrorKind::CannotAllocate) {
            internal(error, "Failed to set up volume delete: ")
        } else {
            Refusal::of(&error)
        }
    })?;
    Ok(accepted(job))
}

/// What could not be placed is a 500 with a prefix; other errors are told as they are.
fn allocation(error: Error, prefix: &str) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Busy | ErrorKind::NotServing => Refusal::of(&error),
        _ => internal(error, prefix),
    }
}

fn internal(error: Error, prefix: &str) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.prefixed(prefix).to_string())
}
