use heketi_core::api::AuditRepairRequest;
use hyper::StatusCode;

use super::super::reply::{accepted, json};
use super::{Call, Outcome};

/// `?nodes=true` asks the nodes too.
pub(in crate::server) async fn check(call: Call) -> Outcome {
    let nodes = call.query.split('&').any(|pair| matches!(pair, "nodes" | "nodes=true" | "nodes=1"));
    Ok(json(StatusCode::OK, &call.backend.audit(nodes).await?))
}

pub(in crate::server) async fn repair(call: Call) -> Outcome {
    let request: AuditRepairRequest = call.request()?;
    if request.apply {
        return Ok(accepted(call.backend.audit_repair(request).await?));
    }
    Ok(json(StatusCode::OK, &call.backend.audit_plan(request).await?))
}
