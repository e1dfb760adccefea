use super::super::reply::accepted;
use super::{Call, Outcome, set_up};

pub(in crate::server) async fn evict(call: Call) -> Outcome {
    let request = call.optional_request()?;
    let job = call.backend.brick_evict(call.object()?, request).await;
    Ok(accepted(job.map_err(|error| set_up(error, "Failed to set up brick eviction: "))?))
}
