//! Disks.

use heketi_core::operation::{Action, DeviceReport, FailureKind, Observation};

use super::subject::{Broken, Checked, GROUP, Subject, broken, same};

/// Makes a volume group of the disk of each node.
pub(super) async fn set_up(subject: &Subject) -> Checked {
    for (at, node) in subject.nodes.iter().enumerate() {
        let inspect = Action::InspectDevice { device: node.disk.clone() };
        match subject.good(at, inspect).await? {
            Observation::Contents(found) if found.exists && found.pv_uuid.is_none() && found.signature.is_none() => {}
            other => return broken(format!("{} must be an empty disk: {other:?}", node.disk)),
        }
        let missing = Action::InspectDevice { device: "/dev/heketi-testkit-none".into() };
        match subject.good(at, missing).await? {
            Observation::Contents(found) if !found.exists => {}
            other => return broken(format!("a disk that is not there exists: {other:?}")),
        }
        let set_up = |wipe| Action::SetUpDevice { device: node.disk.clone(), volume_group: GROUP.into(), wipe };
        let made = report(subject, at, set_up(false)).await?;
        same("a new volume group is all free", &made.free, &made.total)?;
        if made.pv_uuid.is_none() {
            return broken("a device that was set up has a UUID");
        }
        let read = report(subject, at, read(&node.disk)).await?;
        same("a device that is read", &(read.total, read.free, read.pv_uuid), &(made.total, made.free, made.pv_uuid))?;
        let other_group = "vg_7e570000000000000000000000000bad".to_owned();
        let again = Action::SetUpDevice { device: node.disk.clone(), volume_group: other_group, wipe: false };
        same("a disk in use", &subject.bad(at, again).await?.kind, &FailureKind::DeviceNotAvailable)?;
    }
    Ok(())
}

/// Gives the disks back.
pub(super) async fn tear_down(subject: &Subject) -> Checked {
    for (at, node) in subject.nodes.iter().enumerate() {
        let (device, volume_group) = (node.disk.clone(), GROUP.to_owned());
        subject.twice(at, Action::TearDownDevice { device, pv_uuid: None, volume_group, bare_too: false }).await?;
    }
    Ok(())
}

pub(super) fn read(disk: &str) -> Action {
    Action::ReadDevice { device: disk.into(), volume_group: GROUP.into() }
}

pub(super) async fn report(subject: &Subject, node: usize, action: Action) -> Result<DeviceReport, Broken> {
    match subject.good(node, action).await? {
        Observation::Device(report) => Ok(report),
        other => broken(format!("a device is reported as {other:?}")),
    }
}
