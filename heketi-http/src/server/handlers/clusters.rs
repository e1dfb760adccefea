use hyper::StatusCode;

use super::super::reply::{empty_json, json};
use super::{Call, Outcome};

pub(in crate::server) async fn create(call: Call) -> Outcome {
    let cluster = call.backend.cluster_create(call.request()?).await?;
    Ok(json(StatusCode::CREATED, &cluster))
}

pub(in crate::server) async fn list(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.cluster_list().await?))
}

pub(in crate::server) async fn info(call: Call) -> Outcome {
    Ok(json(StatusCode::OK, &call.backend.cluster_info(call.object()?).await?))
}

pub(in crate::server) async fn delete(call: Call) -> Outcome {
    call.backend.cluster_delete(call.object()?).await?;
    Ok(empty_json())
}

pub(in crate::server) async fn flags(call: Call) -> Outcome {
    let request = call.request()?;
    call.backend.cluster_flags(call.object()?, request).await?;
    Ok(empty_json())
}
