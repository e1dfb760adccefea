//! Moves one brick to another device.

use serde::{Deserialize, Serialize};

use super::eviction::{End, Eviction, Progress, why_busy};
use super::machine::{Context, Event, Turn, plan};
use super::{Machine, Planned, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{BrickId, IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::Brick;
use crate::units::Timestamp;

/// Moves one brick to another device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrickEvict {
    eviction: Box<Eviction>,
}

impl BrickEvict {
    /// Plans to move a brick to another device. With `heal_check`, only if nothing is healed from it and enough
    /// other bricks of its set are online.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with heketi v10's texts while the brick or another of its volume is being made or
    /// taken away, or while its device is being removed; `Busy` while another operation works on the volume.
    pub fn plan(
        inventory: &Inventory,
        id: BrickId,
        heal_check: bool,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let brick = inventory.brick(id).filter(|brick| !brick.retired).ok_or_else(Error::not_found)?;
        if let Some(text) = why_busy(inventory, brick) {
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if inventory.conflict(&Object::Volume(brick.volume), Claim::Exclusive).is_some() {
            return Err(Error::busy());
        }
        if inventory.conflict(&Object::Device(brick.device), Claim::Shared).is_some() {
            return Err(Error::conflict());
        }
        let work = Work::BrickEvict(Self { eviction: Box::new(Eviction::new(brick, heal_check)) });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    /// The work of a heketi v10 that ended in the middle of it: gluster may use the brick or the new one.
    pub(crate) fn left_over(brick: &Brick, new: Option<&Brick>) -> Self {
        Self { eviction: Box::new(Eviction::left_over(brick, new)) }
    }

    /// The brick that goes, and the one that takes its place once there is one.
    pub(crate) fn bricks(&self) -> (BrickId, Option<BrickId>) {
        (self.eviction.brick(), self.eviction.new_brick())
    }

    /// The move of the brick.
    pub(super) fn eviction(&self) -> &Eviction {
        &self.eviction
    }
}

impl Machine for BrickEvict {
    fn type_name(&self) -> &'static str {
        "evict-brick"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("evict", "Evicted")
    }

    fn object(&self) -> String {
        format!("brick {}", self.eviction.brick())
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let mut claims = self.eviction.claims();
        claims.push((Object::Device(self.eviction.device()), Claim::Shared));
        claims
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.eviction.volume() == volume
    }

    fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.eviction.makes_or_removes(brick.id)
    }

    fn hides_brick(&self, brick: BrickId) -> bool {
        self.eviction.hides_brick(brick)
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let progress = match event {
            Event::Start => self.eviction.start(context)?,
            Event::Resume => self.eviction.resume(context)?,
            Event::Outcomes(outcomes) => self.eviction.proceed(context, &outcomes)?,
        };
        Ok(match progress {
            Progress::Run(steps) => Turn::Run(steps),
            Progress::Suspend(why) => Turn::Suspend(why),
            Progress::Over(End::Moved) => Turn::Finish(JobResult::Done),
            Progress::Over(end) => Turn::Finish(JobResult::Failed(end.text())),
        })
    }
}
