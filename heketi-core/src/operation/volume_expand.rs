//! Expands a volume: new bricks side by side, then they are added to the gluster volume.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, plan};
use super::volume_bricks::{Bricks, listed_volumes, still_used};
use super::volume_plan::{bricks_for, free_volume};
use super::{Action, GlusterBrick, Machine, Planned, StepOutcome, Work};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{Brick, Volume};
use crate::placement::{Choice, Policy};
use crate::units::{Gib, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// New bricks are made; gluster knows nothing of them.
    Bricks,
    /// gluster is told of them.
    Adding,
    /// Something went wrong while gluster was told: commands of lost connections end.
    AskSettle,
    /// Which of the new bricks does gluster use?
    Ask,
    /// gluster uses all; existing data is spread.
    Rebalance,
    /// Undo: commands of lost connections end.
    UndoSettle,
    /// Undo: gluster was told, so it is asked once more.
    UndoAsk,
    /// Undo: the new bricks are destroyed.
    UndoBricks,
}

/// How often `add-brick` is tried for sets that gluster did not take.
const ADD_TRIES: u32 = 3;

/// Adds brick sets to a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeExpand {
    volume: VolumeId,
    increment: Gib,
    bricks: Vec<BrickId>,
    devices: Vec<DeviceId>,
    rebalance: bool,
    phase: Phase,
    told: bool,
    tries: u32,
}

impl VolumeExpand {
    /// Plans to expand a volume by `increment` on the devices of `choice`; none if that choice does not fit
    /// the state any more.
    ///
    /// # Errors
    /// `NotFound`; `Busy` while another operation works on the volume.
    pub fn plan(
        inventory: &Inventory,
        id: VolumeId,
        increment: Gib,
        choice: &Choice,
        policy: &Policy,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Option<Planned>, Error> {
        let Some(bricks) = Self::records(inventory, id, choice, policy, ids)? else {
            return Ok(None);
        };
        let mut devices: Vec<DeviceId> = bricks.iter().map(|brick| brick.device).collect();
        devices.sort();
        devices.dedup();
        let work = Work::VolumeExpand(Self {
            volume: id,
            increment,
            bricks: bricks.iter().map(|brick| brick.id).collect(),
            devices,
            rebalance: policy.rebalance,
            phase: Phase::Bricks,
            told: false,
            tries: 0,
        });
        let mut changes = ChangeSet::default();
        bricks.into_iter().for_each(|brick| changes.put_brick(brick));
        Ok(Some(plan(work, changes, ids, now)))
    }

    /// The records alone: the new bricks.
    pub(crate) fn records(
        inventory: &Inventory,
        id: VolumeId,
        choice: &Choice,
        policy: &Policy,
        ids: &mut dyn IdSource,
    ) -> Result<Option<Vec<Brick>>, Error> {
        let volume = free_volume(inventory, id)?;
        let existing = inventory.bricks_of_volume(id).filter_map(|brick| inventory.brick(brick));
        let sets = existing.map(|brick| brick.position.map_or(0, |position| position.set + 1)).max().unwrap_or(0);
        let existing = inventory.bricks_of_volume(id).count() as u64;
        let unnumbered = existing / u64::from(volume.durability.set_size().max(1));
        let first_set = sets.max(u32::try_from(unnumbered).unwrap_or(u32::MAX));
        Ok(bricks_for(inventory, volume, choice, first_set, policy, ids))
    }

    /// The work of a heketi v10 that ended in the middle of it: gluster may have been told, and its word decides.
    pub(crate) fn left_over(volume: VolumeId, increment: Gib, bricks: &[Brick]) -> Self {
        let devices: std::collections::BTreeSet<DeviceId> = bricks.iter().map(|brick| brick.device).collect();
        Self {
            volume,
            increment,
            bricks: bricks.iter().map(|brick| brick.id).collect(),
            devices: devices.into_iter().collect(),
            rebalance: false,
            phase: Phase::Adding,
            told: true,
            tries: 0,
        }
    }

    /// By how much it grows.
    pub(crate) fn increment(&self) -> Gib {
        self.increment
    }

    /// The volume that is expanded.
    pub fn volume(&self) -> VolumeId {
        self.volume
    }

    /// The bricks it adds.
    pub(crate) fn bricks(&self) -> &[BrickId] {
        &self.bricks
    }

    fn resume(&mut self, context: &mut Context<'_>, volume: &Volume, bricks: &Bricks) -> Turn {
        match self.phase {
            Phase::Bricks | Phase::UndoSettle | Phase::UndoAsk | Phase::UndoBricks => self.undo(bricks),
            Phase::Adding | Phase::AskSettle | Phase::Ask => self.find_out(bricks),
            Phase::Rebalance => self.accept(context, volume),
        }
    }

    fn find_out(&mut self, bricks: &Bricks) -> Turn {
        self.phase = Phase::AskSettle;
        Turn::Run(bricks.settle())
    }

    fn undo(&mut self, bricks: &Bricks) -> Turn {
        self.phase = Phase::UndoSettle;
        Turn::Run(bricks.settle())
    }

    fn ask(&self, context: &Context<'_>, volume: &Volume, bricks: &Bricks) -> Turn {
        let hosts = cluster_hosts(context.inventory, volume.cluster, bricks.first_node());
        Turn::Run(vec![in_cluster(volume.cluster, hosts, Action::ListVolumes)])
    }

    fn add(&mut self, volume: &Volume, bricks: &Bricks, sets: Vec<Vec<GlusterBrick>>) -> Turn {
        self.phase = Phase::Adding;
        self.told = true;
        self.tries += 1;
        let Volume { durability, .. } = *volume;
        let action = Action::AddBricks { name: volume.name.clone(), durability, arbiter: volume.has_arbiter(), sets };
        Turn::Run(vec![in_cluster(volume.cluster, bricks.hosts(), action)])
    }

    fn accept(&self, context: &mut Context<'_>, volume: &Volume) -> Turn {
        context.changes.put_volume(volume.grown(self.increment));
        Turn::Finish(JobResult::Volume(volume.id))
    }

    fn added(&mut self, context: &mut Context<'_>, volume: &Volume, bricks: &Bricks) -> Turn {
        if !self.rebalance {
            return self.accept(context, volume);
        }
        self.phase = Phase::Rebalance;
        let action = Action::Rebalance { name: volume.name.clone() };
        Turn::Run(vec![in_cluster(volume.cluster, bricks.hosts(), action)])
    }

    fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let failures = failure_texts(outcomes);
        match self.phase {
            Phase::Bricks if context.note_failure(outcomes) => Ok(self.undo(bricks)),
            Phase::Bricks => Ok(self.add(volume, bricks, bricks.sets())),
            Phase::Adding if context.note_failure(outcomes) => Ok(self.find_out(bricks)),
            Phase::Adding => Ok(self.added(context, volume, bricks)),
            Phase::AskSettle | Phase::UndoSettle if !failures.is_empty() => Err(failures),
            Phase::AskSettle => {
                self.phase = Phase::Ask;
                Ok(self.ask(context, volume, bricks))
            }
            Phase::Ask => self.judge(context, volume, bricks, outcomes),
            // The volume serves all its bricks; spreading old data over them can be started by hand.
            Phase::Rebalance => Ok(self.accept(context, volume)),
            Phase::UndoSettle if self.told => {
                self.phase = Phase::UndoAsk;
                Ok(self.ask(context, volume, bricks))
            }
            Phase::UndoSettle => Ok(self.destroy(volume, bricks)),
            Phase::UndoAsk => {
                let view = bricks.view(listed_volumes(outcomes)?, &volume.name);
                if view.listed.is_empty() { Ok(self.destroy(volume, bricks)) } else { Err(still_used(&view)) }
            }
            Phase::UndoBricks => {
                bricks.forget_destroyed(context, outcomes)?;
                Ok(Turn::Finish(context.failed()))
            }
        }
    }

    /// gluster's word decides: all bricks in use, forward; none, back; some, the rest is added.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let view = bricks.view(listed_volumes(outcomes)?, &volume.name);
        let in_use = |set: &Vec<GlusterBrick>| set.iter().all(|brick| view.listed.contains(brick));
        let missing: Vec<Vec<GlusterBrick>> = bricks.sets().into_iter().filter(|set| !in_use(set)).collect();
        if missing.is_empty() {
            context.error = None;
            return Ok(self.added(context, volume, bricks));
        }
        if view.listed.is_empty() {
            self.phase = Phase::UndoBricks;
            return Ok(Turn::Run(bricks.destroy(volume.gid)));
        }
        if self.tries >= ADD_TRIES {
            self.tries = 0;
            return Err(context.error.clone().unwrap_or_else(|| still_used(&view)));
        }
        Ok(self.add(volume, bricks, missing))
    }

    fn destroy(&mut self, volume: &Volume, bricks: &Bricks) -> Turn {
        self.phase = Phase::UndoBricks;
        Turn::Run(bricks.destroy(volume.gid))
    }
}

impl Machine for VolumeExpand {
    fn type_name(&self) -> &'static str {
        "expand-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("expand", "Expanded")
    }

    fn object(&self) -> String {
        format!("volume {}", self.volume)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let devices = self.devices.iter().map(|device| (Object::Device(*device), Claim::Shared));
        devices.chain([(Object::Volume(self.volume), Claim::Exclusive)]).collect()
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.volume == volume
    }

    fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.bricks.contains(&brick.id)
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let volume =
            context.inventory.volume(self.volume).cloned().ok_or_else(|| {
                Error::internal(format!("operation expands volume {}, which is not known", self.volume))
            })?;
        let bricks = Bricks::of(context.inventory, &volume, |brick| self.bricks.contains(&brick.id))?;
        let turn = match event {
            Event::Start => Ok(Turn::Run(bricks.create(volume.gid))),
            Event::Resume => Ok(self.resume(context, &volume, &bricks)),
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &bricks, &outcomes),
        };
        Ok(turn.unwrap_or_else(Turn::Suspend))
    }
}
