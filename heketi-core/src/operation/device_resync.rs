//! Measures a device again: its size, and what is in use on it and belongs to no brick.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, on_node, plan};
use super::{Action, DeviceReport, Machine, Observation, Planned, Work};
use crate::error::Error;
use crate::id::{DeviceId, IdSource};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::Device;
use crate::units::{Kib, Timestamp};

/// Measures a device again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceResync {
    device: DeviceId,
    /// What its bricks were charged when its node was asked.
    #[serde(default)]
    charged: Kib,
}

impl DeviceResync {
    /// Plans to measure a device.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while another operation works on the device or on its bricks, since space that was promised to bricks is
    /// not in use yet. A job reports the latter.
    pub fn plan(inventory: &Inventory, id: DeviceId, ids: &mut dyn IdSource, now: Timestamp) -> Result<Planned, Error> {
        inventory.device(id).ok_or_else(Error::not_found)?;
        if inventory.conflict(&Object::Device(id), Claim::Exclusive).is_some() || bricks_change(inventory, id) {
            return Err(Error::conflict());
        }
        let work = Self { device: id, charged: inventory.charged(id) };
        Ok(plan(Work::DeviceResync(work), ChangeSet::default(), ids, now))
    }
}

impl Machine for DeviceResync {
    fn type_name(&self) -> &'static str {
        "resync-device"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("resync", "Resynced")
    }

    fn object(&self) -> String {
        format!("device {}", self.device)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Device(self.device), Claim::Exclusive)]
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown = || Error::internal(format!("operation measures device {}, which is not known", self.device));
        let device = context.inventory.device(self.device).ok_or_else(unknown)?;
        let Event::Outcomes(outcomes) = event else {
            self.charged = context.inventory.charged(device.id);
            let host = context.inventory.node(device.node).ok_or_else(unknown)?.host();
            let action = Action::ReadDevice { device: device.name.clone(), volume_group: device.volume_group() };
            return Ok(Turn::Run(vec![on_node(host, action)]));
        };
        let [Ok(Observation::Device(report))] = outcomes.as_slice() else {
            context.note_failure(&outcomes);
            return Ok(Turn::Finish(context.failed()));
        };
        // A volume is deleted without holding its devices: what the node told may be from before or after that.
        if self.charged != context.inventory.charged(device.id) || bricks_change(context.inventory, device.id) {
            return Ok(Turn::Finish(JobResult::Failed(Error::conflict().to_string())));
        }
        Ok(Turn::Finish(match measured(context.inventory, device, report) {
            Ok(measured) => {
                context.changes.put_device(measured);
                JobResult::Done
            }
            Err(why) => JobResult::Failed(format!("Unable to resync device [{}]: {why}", device.id)),
        }))
    }
}

/// Is some operation just making or destroying bricks of the device, or may be?
fn bricks_change(inventory: &Inventory, device: DeviceId) -> bool {
    let mut bricks = inventory.bricks_of_device(device).filter_map(|id| inventory.brick(id));
    bricks.any(|brick| inventory.is_brick_pending(brick))
}

/// The device as its node reports it. What is in use there and is no brick's, such as LVM's spare of thin pool
/// metadata, is nothing heketi gives away.
fn measured(inventory: &Inventory, device: &Device, report: &DeviceReport) -> Result<Device, String> {
    let charged = inventory.charged(device.id);
    if report.extent == Kib::ZERO {
        return Err("its volume group has no extent size".into());
    }
    if report.total < charged {
        return Err(format!(
            "its node reports {}, and its bricks take {charged}: compare with the node's volume groups",
            report.total
        ));
    }
    let owner = |uuid: &String| inventory.devices().find(|it| it.id != device.id && it.pv_uuid.as_ref() == Some(uuid));
    if let Some(owner) = report.pv_uuid.as_ref().and_then(owner) {
        return Err(format!("Device already in use (ID: {})", owner.id));
    }
    Ok(Device {
        total: report.total,
        foreign: report.total.saturating_sub(report.free).saturating_sub(charged),
        extent: report.extent,
        pv_uuid: report.pv_uuid.clone().or_else(|| device.pv_uuid.clone()),
        paths: if report.paths.is_empty() { device.paths.clone() } else { report.paths.clone() },
        ..device.clone()
    })
}
