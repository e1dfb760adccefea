//! Moves every brick of some devices away, one after the other: what device remove and node remove share.

use serde::{Deserialize, Serialize};

use super::Step;
use super::eviction::{End, Eviction, Progress};
use super::machine::{Context, Event};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::model::Brick;

/// The move of every brick of some devices, by id of the device and of the brick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Evacuation {
    devices: Vec<DeviceId>,
    heal_check: bool,
    /// The brick that is moved now.
    current: Option<Box<Eviction>>,
}

/// What follows for whoever empties the devices.
pub(super) enum Evacuated {
    /// Run these steps.
    Run(Vec<Step>),
    /// Cannot go on; the text tells why.
    Suspend(String),
    /// No device holds a brick that a volume uses.
    Done,
    /// A brick of this device could not be moved. Those moved before stay where they are.
    Stopped(DeviceId, End),
}

impl Evacuation {
    /// The move of all bricks of these devices, not begun.
    pub fn new(devices: Vec<DeviceId>, heal_check: bool) -> Self {
        Self { devices, heal_check, current: None }
    }

    /// The devices that are emptied.
    pub fn devices(&self) -> &[DeviceId] {
        &self.devices
    }

    /// The move of the current brick.
    pub fn current(&self) -> Option<&Eviction> {
        self.current.as_deref()
    }

    /// What it holds: the devices alone, and what the move of the current brick needs.
    pub fn claims(&self) -> Vec<(Object, Claim)> {
        let devices = self.devices.iter().map(|device| (Object::Device(*device), Claim::Exclusive));
        devices.chain(self.current.iter().flat_map(|current| current.claims())).collect()
    }

    /// Is a brick of this volume just being moved?
    pub fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.current.as_ref().is_some_and(|current| current.volume() == volume)
    }

    /// Is this the brick that comes or the one that goes?
    pub fn makes_or_removes(&self, brick: BrickId) -> bool {
        self.current.as_ref().is_some_and(|current| current.makes_or_removes(brick))
    }

    /// Is this the brick that comes?
    pub fn hides_brick(&self, brick: BrickId) -> bool {
        self.current.as_ref().is_some_and(|current| current.hides_brick(brick))
    }

    fn next(&self, inventory: &Inventory) -> Option<Box<Eviction>> {
        let mut bricks = self.devices.iter().flat_map(|device| inventory.used_bricks_of_device(*device));
        bricks.next().map(|brick: &std::sync::Arc<Brick>| Box::new(Eviction::new(brick, self.heal_check)))
    }

    /// Takes it one event further.
    pub fn advance(&mut self, context: &mut Context<'_>, event: &Event) -> Result<Evacuated, Error> {
        let mut progress = match (&mut self.current, event) {
            (Some(current), Event::Outcomes(outcomes)) => current.proceed(context, outcomes)?,
            (Some(current), _) => current.resume(context)?,
            (None, _) => Progress::Over(End::Interrupted),
        };
        loop {
            let end = match progress {
                Progress::Run(steps) => return Ok(Evacuated::Run(steps)),
                Progress::Suspend(why) => return Ok(Evacuated::Suspend(why)),
                Progress::Over(end) => end,
            };
            let ended = self.current.take();
            match (end, ended) {
                (End::Moved | End::Interrupted, _) => {}
                (end, Some(eviction)) => {
                    let end = match end {
                        End::Busy(text) => End::Busy(format!(
                            "failed to construct brick-evict for device remove ({}): {text}",
                            context.operation
                        )),
                        other => other,
                    };
                    return Ok(Evacuated::Stopped(eviction.device(), end));
                }
                (_, None) => {}
            }
            self.current = self.next(&context.so_far()?);
            match &mut self.current {
                None => return Ok(Evacuated::Done),
                Some(next) => progress = next.start(context)?,
            }
        }
    }
}
