//! Moves all bricks of a device to others; the device is failed then.

use serde::{Deserialize, Serialize};

use super::entry_state::check_device_removal;
use super::evacuation::{Evacuated, Evacuation};
use super::machine::{Context, Event, Turn, plan};
use super::{Machine, Planned, Work};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{Brick, Device, EntryState};
use crate::units::Timestamp;

/// Moves all bricks of a device to others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceRemove {
    device: DeviceId,
    evacuation: Evacuation,
}

impl DeviceRemove {
    /// Plans to move all bricks of an offline device to others. `heal_check` as for
    /// [`BrickEvict`](super::BrickEvict::plan).
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless the device is offline, and while another operation works on it. A job reports
    /// the latter.
    pub fn plan(
        inventory: &Inventory,
        id: DeviceId,
        heal_check: bool,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        check_device_removal(inventory, id)?;
        let evacuation = Evacuation::new(vec![id], heal_check);
        let work = Work::DeviceRemove(Self { device: id, evacuation });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    /// The move of the bricks.
    pub(super) fn evacuation(&self) -> &Evacuation {
        &self.evacuation
    }
}

impl Machine for DeviceRemove {
    fn type_name(&self) -> &'static str {
        "remove-device"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("remove", "Removed")
    }

    fn object(&self) -> String {
        format!("device {}", self.device)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        self.evacuation.claims()
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.evacuation.changes_bricks_of(volume)
    }

    fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.evacuation.makes_or_removes(brick.id)
    }

    fn hides_brick(&self, brick: BrickId) -> bool {
        self.evacuation.hides_brick(brick)
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        Ok(match self.evacuation.advance(context, &event)? {
            Evacuated::Run(steps) => Turn::Run(steps),
            Evacuated::Suspend(why) => Turn::Suspend(why),
            Evacuated::Stopped(_, end) => Turn::Finish(JobResult::Failed(refused(self.device, &end))),
            Evacuated::Done => {
                let device = context.inventory.device(self.device);
                let device = device.ok_or_else(|| Error::internal(format!("device {} is lost", self.device)))?;
                context.changes.put_device(Device { state: EntryState::Failed, ..Device::clone(device) });
                Turn::Finish(JobResult::Done)
            }
        })
    }
}

/// The text for the client, heketi v10's where no device was found.
fn refused(device: DeviceId, end: &super::eviction::End) -> String {
    match end {
        super::eviction::End::NoReplacement(_) => {
            format!("Unable to delete device [{device}] as no device was found to replace it: {}", end.text())
        }
        other => other.text(),
    }
}
