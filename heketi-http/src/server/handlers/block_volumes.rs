use heketi_core::api::{BlockVolumeCreateRequest, BlockVolumeExpandRequest};
use heketi_core::{Error, ErrorKind};
use hyper::StatusCode;

use super::super::reply::{accepted, json};
use super::{Call, Outcome, set_up};

pub(in crate::server) async fn create(call: Call) -> Outcome {
    let request = call.request::<BlockVolumeCreateRequest>()?;
    let job = call.backend.block_volume_create(request).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to allocate new block volume: "))?))
}

pub(in crate::server) async fn list(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.block_volume_list().await?))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.block_volume_info(call.object()?).await?))
}

pub(in crate::server) async fn expand(call: Call) -> Outcome {
    let size = call.request::<BlockVolumeExpandRequest>()?.new_size();
    let size = size.ok_or_else(|| Error::new(ErrorKind::Invalid, "Invalid block volume size"))?;
    let job = call.backend.block_volume_expand(call.object()?, size).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to allocate block volume expansion: "))?))
}

pub(in crate::server) async fn delete(call: Call) -> Outcome {
    let job = call.backend.block_volume_delete(call.object()?).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to set up block volume delete: "))?))
}
