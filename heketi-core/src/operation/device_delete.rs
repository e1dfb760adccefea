//! Gives a disk back: removes its volume group and physical volume, then the record.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, failure_texts, on_node, plan, settle};
use super::{Action, Certainty, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{DeviceId, IdSource};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::EntryState;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Settle,
    TearDown,
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
    /// works on it.
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
        if inventory.bricks_of_device(id).next().is_some() {
            let text = format!("Unable to delete device [{id}] because it contains bricks");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if inventory.conflict(&Object::Device(id), Claim::Exclusive).is_some() {
            return Err(Error::conflict());
        }
        let work = Work::DeviceDelete(Self { device: id, force, phase: Phase::TearDown });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    pub(super) fn object(&self) -> String {
        format!("device {}", self.device)
    }

    pub(super) fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Device(self.device), Claim::Exclusive)]
    }

    pub(super) fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown = || Error::internal(format!("operation deletes device {}, which is not known", self.device));
        let device = context.inventory.device(self.device).ok_or_else(unknown)?;
        let host = context.inventory.node(device.node).ok_or_else(unknown)?.host();
        let tear_down = Action::TearDownDevice {
            device: device.name.clone(),
            pv_uuid: device.pv_uuid.clone(),
            volume_group: device.volume_group(),
            // By its UUID it is ours even when an earlier try removed the group and no more.
            bare_too: device.pv_uuid.is_some(),
        };
        match event {
            Event::Start => Ok(Turn::Run(vec![on_node(host, tear_down)])),
            Event::Resume => {
                self.phase = Phase::Settle;
                Ok(Turn::Run(settle([host])))
            }
            Event::Outcomes(outcomes) => match (self.phase, outcomes.as_slice()) {
                (Phase::Settle, [Ok(_)]) => {
                    self.phase = Phase::TearDown;
                    Ok(Turn::Run(vec![on_node(host, tear_down)]))
                }
                (Phase::Settle, _) if !self.force => Ok(Turn::Suspend(failure_texts(&outcomes))),
                _ => Ok(self.finish(context, &device.name, &host.manage, &outcomes)),
            },
        }
    }

    fn finish(&self, context: &mut Context<'_>, name: &str, host: &str, outcomes: &[StepOutcome]) -> Turn {
        match outcomes {
            [Ok(_)] => {}
            _ if self.force => {}
            [Err(failure)] if failure.certainty != Certainty::Unknown => {
                let text =
                    format!("Failed to delete device {name} with id {} on host {host}: {}", self.device, failure.text);
                return Turn::Finish(JobResult::Failed(text));
            }
            _ => return Turn::Suspend(failure_texts(outcomes)),
        }
        context.changes.delete(Key::Device(self.device));
        Turn::Finish(JobResult::Done)
    }
}
