//! Gives a disk back: removes its volume group and physical volume, then the record.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, failure_texts, nothing_started, on_node, plan, settle};
use super::{Action, Certainty, Host, Machine, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{DeviceId, IdSource};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{Device, EntryState};
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Resumed: commands of lost connections end.
    Settle,
    TearDown,
    /// That failed: is the volume group still there?
    Look,
    /// It is gone, so the rest is tried once more.
    TearDownRest,
}

/// Gives a disk back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceDelete {
    device: DeviceId,
    /// Forget the device even if its node does not cooperate.
    force: bool,
    phase: Phase,
}

impl DeviceDelete {
    /// Plans to delete a device.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` unless the device is failed; `Conflict` while it holds bricks or an operation
    /// works on it. With `force` retired bricks are forgotten together with the device.
    pub fn plan(
        inventory: &Inventory,
        id: DeviceId,
        force: bool,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let device = inventory.device(id).ok_or_else(Error::not_found)?;
        if device.state != EntryState::Failed {
            return Err(Error::new(ErrorKind::Invalid, format!("device: {id} is not in failed state")));
        }
        // Bricks that no volume uses need the device no more, only their node to be told so.
        let holds_bricks = inventory.used_bricks_of_device(id).next().is_some();
        if holds_bricks || (!force && inventory.bricks_of_device(id).next().is_some()) {
            let text = format!("Unable to delete device [{id}] because it contains bricks");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if inventory.conflict(&Object::Device(id), Claim::Exclusive).is_some() {
            return Err(Error::conflict());
        }
        let work = Work::DeviceDelete(Self { device: id, force, phase: Phase::TearDown });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    fn proceed(&mut self, context: &mut Context<'_>, device: &Device, host: Host, outcomes: &[StepOutcome]) -> Turn {
        let step = |action| Turn::Run(vec![on_node(host.clone(), action)]);
        match (self.phase, outcomes) {
            (Phase::Settle, [Ok(_)]) => {
                self.phase = Phase::TearDown;
                step(tear_down(device))
            }
            (Phase::Settle, _) if !self.force => Turn::Suspend(failure_texts(outcomes)),
            (Phase::TearDown | Phase::TearDownRest, [Ok(_)]) => self.forget(context),
            // With `force` nothing that a node answers, or does not, stands in the way.
            (Phase::Settle | Phase::TearDown | Phase::TearDownRest, _) if self.force => self.forget(context),
            (Phase::TearDown | Phase::TearDownRest, [Err(failure)]) if failure.certainty != Certainty::Unknown => {
                let text = format!(
                    "Failed to delete device {} with id {} on host {}: {}",
                    device.name, self.device, host.manage, failure.text
                );
                context.error.get_or_insert(text);
                if nothing_started(failure) || self.phase == Phase::TearDownRest {
                    return Turn::Finish(context.failed());
                }
                self.phase = Phase::Look;
                step(Action::ReadDevice { device: device.name.clone(), volume_group: device.volume_group() })
            }
            // Without its volume group the device is of no use to anybody.
            (Phase::Look, [Err(failure)]) if failure.certainty == Certainty::Failed => {
                self.phase = Phase::TearDownRest;
                step(tear_down(device))
            }
            (Phase::Look, _) => Turn::Finish(context.failed()),
            _ => Turn::Suspend(failure_texts(outcomes)),
        }
    }

    fn forget(&self, context: &mut Context<'_>) -> Turn {
        let retired = context.inventory.bricks_of_device(self.device);
        retired.for_each(|brick| context.changes.delete(Key::Brick(brick)));
        context.changes.delete(Key::Device(self.device));
        Turn::Finish(JobResult::Done)
    }
}

fn tear_down(device: &Device) -> Action {
    Action::TearDownDevice {
        device: device.name.clone(),
        pv_uuid: device.pv_uuid.clone(),
        volume_group: device.volume_group(),
        // By its UUID it is ours even when an earlier try removed the group and no more.
        bare_too: device.pv_uuid.is_some(),
    }
}

impl Machine for DeviceDelete {
    fn type_name(&self) -> &'static str {
        "delete-device"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("delete", "Deleted")
    }

    fn object(&self) -> String {
        format!("device {}", self.device)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Device(self.device), Claim::Exclusive)]
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown = || Error::internal(format!("operation deletes device {}, which is not known", self.device));
        let device = context.inventory.device(self.device).cloned().ok_or_else(unknown)?;
        let host = context.inventory.node(device.node).ok_or_else(unknown)?.host();
        match event {
            Event::Start => Ok(Turn::Run(vec![on_node(host, tear_down(&device))])),
            Event::Resume => {
                self.phase = Phase::Settle;
                Ok(Turn::Run(settle([host])))
            }
            Event::Outcomes(outcomes) => Ok(self.proceed(context, &device, host, &outcomes)),
        }
    }
}
