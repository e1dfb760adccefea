use heketi_core::api::{BlockRestrictionRequest, VolumeCloneRequest, VolumeCreateRequest, VolumeExpandRequest};
use heketi_core::{Error, ErrorKind};
use hyper::StatusCode;

use super::super::reply::{Refusal, accepted, json, json_text};
use super::{Call, Outcome, internal, set_up};

pub(in crate::server) async fn create(call: Call) -> Outcome {
    let request = call.request::<VolumeCreateRequest>()?.check()?;
    let job = call.backend.volume_create(request).await.map_err(|e| set_up(e, "Failed to allocate new volume: "))?;
    Ok(accepted(job))
}

pub(in crate::server) async fn list(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.volume_list().await?))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json_text(StatusCode::OK, call.backend.volume_text(call.object()?).await?))
}

pub(in crate::server) async fn expand(call: Call) -> Outcome {
    let size = call.request::<VolumeExpandRequest>()?.size();
    let size = size.ok_or_else(|| Error::new(ErrorKind::Invalid, "Invalid volume size"))?;
    let job = call.backend.volume_expand(call.object()?, size).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to allocate volume expansion: "))?))
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

pub(in crate::server) async fn clone(call: Call) -> Outcome {
    let request: VolumeCloneRequest = call.request()?;
    let id = call.object()?;
    let job = call.backend.volume_clone(id, request).await;
    Ok(accepted(job.map_err(|error| set_up(error, &format!("Failed clone volume {id}: ")))?))
}

pub(in crate::server) async fn block_restriction(call: Call) -> Outcome {
    let restriction = call.request::<BlockRestrictionRequest>()?.target();
    let restriction = restriction.ok_or_else(|| Error::new(ErrorKind::Invalid, "Invalid block restriction"))?;
    let job = call.backend.volume_block_restriction(call.object()?, restriction).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to set block restriction: "))?))
}
