//! Pending operations, their claims and their jobs.

use super::{Finding, error, warning};
use crate::inventory::{Claim, Inventory, Object};
use crate::operation::{Operation, Work};

pub(super) fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operation in inventory.operations() {
        for (object, claim) in operation.claims() {
            if let Some(missing) = missing(inventory, operation, &object) {
                let text = format!("Pending operation {} ({}) unknown {missing}", operation.id, operation.type_name());
                findings.push(error(text, "remove the operation's record"));
            }
            if claim == Claim::Exclusive && inventory.claimants(&object).count() > 1 {
                findings.push(contested(&object));
            }
        }
    }
    for job in inventory.jobs() {
        if let Some(operation) = job.operation.filter(|id| inventory.operation(*id).is_none()) {
            findings.push(warning(
                format!("Job {} waits for unknown operation {operation}", job.id),
                "remove the job's record",
            ));
        }
        let served = job.operation.and_then(|id| inventory.operation(id));
        if let Some(operation) = served.filter(|operation| operation.queue != job.id) {
            let text = format!("Job {} waits for operation {}, which reports to another job", job.id, operation.id);
            findings.push(warning(text, "remove the job's record"));
        }
        if job.operation.is_none() && job.result.is_none() {
            findings
                .push(warning(format!("Job {} is pending without an operation", job.id), "remove the job's record"));
        }
    }
    findings
}

/// What the operation works on and is not there, unless it is about to make it.
fn missing(inventory: &Inventory, operation: &Operation, object: &Object) -> Option<String> {
    let makes_node = matches!(operation.work, Work::NodeAdd(_));
    let makes_device = matches!(operation.work, Work::DeviceAdd(_));
    match object {
        Object::Cluster(id) if inventory.cluster(*id).is_none() => Some(format!("cluster {id}")),
        Object::Node(id) if inventory.node(*id).is_none() && !makes_node => Some(format!("node {id}")),
        Object::Device(id) if inventory.device(*id).is_none() && !makes_device => Some(format!("device {id}")),
        Object::Volume(id) if inventory.volume(*id).is_none() => Some(format!("volume {id}")),
        _ => None,
    }
}

fn contested(object: &Object) -> Finding {
    error(
        format!("{object:?} is claimed by an operation that must have it alone, and by another"),
        "resume one of them",
    )
}
