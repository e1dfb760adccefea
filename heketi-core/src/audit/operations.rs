//! Pending operations, their claims and their jobs.

use super::{Repair, Report, Subject};
use crate::inventory::{Claim, Inventory, Object};
use crate::operation::{Operation, Work};

pub(super) fn check(inventory: &Inventory, report: &mut Report) {
    for operation in inventory.operations() {
        for (object, claim) in operation.claims() {
            if let Some((missing, object)) = missing(inventory, operation, &object) {
                let text = format!("Pending operation {} ({}) unknown {missing}", operation.id, operation.type_name());
                let objects = [Subject::Operation(operation.id), object];
                report.error(objects, text, Repair::DropOperation(operation.id));
            }
            if claim == Claim::Exclusive && inventory.claimants(&object).count() > 1 {
                let text = format!("{object:?} is claimed by an operation that must have it alone, and by another");
                report.error([Subject::Operation(operation.id)], text, Repair::by_hand("resume one of them"));
            }
        }
    }
    for job in inventory.jobs() {
        let subject = Subject::Job(job.id);
        if let Some(operation) = job.operation.filter(|id| inventory.operation(*id).is_none()) {
            let text = format!("Job {} waits for unknown operation {operation}", job.id);
            report.warning([subject.clone(), Subject::Operation(operation)], text, Repair::DropJob(job.id));
        }
        let served = job.operation.and_then(|id| inventory.operation(id));
        if let Some(operation) = served.filter(|operation| operation.queue != job.id) {
            let text = format!("Job {} waits for operation {}, which reports to another job", job.id, operation.id);
            report.warning([subject.clone(), Subject::Operation(operation.id)], text, Repair::DropJob(job.id));
        }
        if job.operation.is_none() && job.result.is_none() {
            let text = format!("Job {} is pending without an operation", job.id);
            let advice = "wait for the clean-up it belongs to; if none runs, restart heketi, which ends it";
            report.warning([subject], text, Repair::by_hand(advice));
        }
    }
}

/// What the operation works on and is not there, unless it is about to make it.
fn missing(inventory: &Inventory, operation: &Operation, object: &Object) -> Option<(String, Subject)> {
    let makes_node = matches!(operation.work, Work::NodeAdd(_));
    let makes_device = matches!(operation.work, Work::DeviceAdd(_));
    if matches!(operation.work, Work::AuditRepair(_)) {
        return None;
    }
    let subject = match object {
        Object::Cluster(id) if inventory.cluster(*id).is_none() => Subject::Cluster(*id),
        Object::Node(id) if inventory.node(*id).is_none() && !makes_node => Subject::Node(*id),
        Object::Device(id) if inventory.device(*id).is_none() && !makes_device => Subject::Device(*id),
        Object::BlockVolume(id) if inventory.block_volume(*id).is_none() => Subject::BlockVolume(*id),
        Object::Volume(id) if inventory.volume(*id).is_none() => Subject::Volume(*id),
        _ => return None,
    };
    Some((subject.to_string(), subject))
}
