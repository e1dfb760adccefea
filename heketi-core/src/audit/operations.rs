//! Pending operations, their claims and their jobs.

use super::{Finding, error, warning};
use crate::inventory::{Claim, Inventory, Object};
use crate::operation::Work;

pub(super) fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operation in inventory.operations() {
        let volume = match &operation.work {
            Work::VolumeCreate(work) => Some(work.volume()),
            Work::VolumeExpand(work) => Some(work.volume()),
            Work::VolumeDelete(work) => Some(work.volume()),
            _ => None,
        };
        if let Some(volume) = volume.filter(|volume| inventory.volume(*volume).is_none()) {
            let text =
                format!("Pending operation {} ({}) unknown volume {volume}", operation.id, operation.type_name());
            findings.push(error(text, "remove the operation's record"));
        }
        for (object, claim) in operation.claims() {
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
        if job.operation.is_none() && job.result.is_none() {
            findings
                .push(warning(format!("Job {} is pending without an operation", job.id), "remove the job's record"));
        }
    }
    findings
}

fn contested(object: &Object) -> Finding {
    error(
        format!("{object:?} is claimed by an operation that must have it alone, and by another"),
        "resume one of them",
    )
}
