//! Room: where a volume would go, and how large one could be.

use heketi_core::api::VolumeCreateRequest;
use hyper::StatusCode;

use super::super::reply::{Refusal, json};
use super::{Call, Outcome};

/// The body is that of `POST /volumes`.
pub(in crate::server) async fn explain(call: Call) -> Outcome {
    let request = call.request::<VolumeCreateRequest>()?.check()?;
    Ok(json(StatusCode::OK, &call.backend.placement_explain(request).await?))
}

/// `?cluster=<id>` asks for one cluster, `?factor=<number>` for room for snapshots.
pub(in crate::server) async fn capacity(call: Call) -> Outcome {
    let unknown = |_| Refusal::new(StatusCode::NOT_FOUND, "Id not found");
    let cluster = call.parameter("cluster").map(str::parse).transpose().map_err(unknown)?;
    let factor = match call.parameter("factor").map(str::parse::<f32>) {
        None => 1.0,
        Some(Ok(factor)) if (1.0..=100.0).contains(&factor) => factor,
        Some(_) => return Err(Refusal::new(StatusCode::BAD_REQUEST, "factor: must be a number from 1 to 100")),
    };
    Ok(json(StatusCode::OK, &call.backend.capacity(cluster, factor).await?))
}
