//! Makes a block volume larger.

use serde::{Deserialize, Serialize};

use super::block_hosts::{self, block_step, exporting, free_block_volume, hosting_of, to_ask};
use super::machine::{Context, Event, Turn, failure_texts, nothing_started, plan, settle};
use super::volume_plan::cannot;
use super::{Action, Certainty, GlusterBlock, Machine, Observation, Planned, StepOutcome, Work};
use crate::error::Error;
use crate::id::{BlockVolumeId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{BlockVolume, Volume};
use crate::placement::Facts;
use crate::units::{Gib, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// gluster-block is told.
    Expand,
    /// The outcome is unknown: commands of lost connections end.
    Settle,
    /// How large is it now?
    Read,
}

/// How often the command is run at most: again where its outcome is unknown and the file has the new size.
const TRIES: u32 = 2;

/// Makes a block volume larger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockVolumeExpand {
    block_volume: BlockVolumeId,
    hosting: VolumeId,
    /// The size it shall have.
    new_size: Gib,
    /// What of the hosting volume's space is held for that.
    held: Gib,
    /// Nodes that are told to expand it.
    nodes: Vec<NodeId>,
    phase: Phase,
    tries: u32,
}

impl BlockVolumeExpand {
    /// Plans to make a block volume `new_size` large. A block volume that has this size, and is smaller on some
    /// hosts, is brought to it there. Nodes that `facts` say are down are asked last.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it is being created or deleted; `Busy` while it or its hosting volume grows;
    /// `CannotAllocate` with heketi v10's texts.
    pub fn plan(
        inventory: &Inventory,
        id: BlockVolumeId,
        new_size: Gib,
        facts: &Facts,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let (block_volume, volume) = free_block_volume(inventory, id)?;
        let (new, size) = (new_size.0, block_volume.size.0);
        if new == size && block_volume.usable == block_volume.size {
            return Err(cannot(format!(
                "Requested new-size {new} is same as current block volume size {size}, nothing to be done."
            )));
        }
        let held = new.checked_sub(size).map(Gib).ok_or_else(|| {
            cannot(format!(
                "Requested new-size {new} is less than current block volume size {size}, shrinking is not allowed."
            ))
        })?;
        if volume.hosting.is_none_or(|hosting| hosting.free < held) {
            return Err(cannot("No space"));
        }
        let mut changes = ChangeSet::default();
        if held > Gib(0) {
            changes.put_volume(volume.with_hosted(held)?);
        }
        let nodes = exporting(inventory, volume.cluster);
        let work = Work::BlockVolumeExpand(Self {
            block_volume: id,
            hosting: volume.id,
            new_size,
            held,
            nodes: to_ask(inventory, facts, &nodes, &block_volume.hosts),
            phase: Phase::Expand,
            tries: 0,
        });
        Ok(plan(work, changes, ids, now))
    }

    /// The work of a heketi v10 that ended in the middle of it: its real size decides. `held` is what of the hosting
    /// volume's space is held for it.
    pub(crate) fn left_over(
        block_volume: BlockVolumeId,
        hosting: VolumeId,
        new_size: Gib,
        held: Gib,
        nodes: Vec<NodeId>,
    ) -> Self {
        Self { block_volume, hosting, new_size, held, nodes, phase: Phase::Expand, tries: 0 }
    }

    /// The size it shall have.
    pub(crate) fn new_size(&self) -> Gib {
        self.new_size
    }

    /// The block volume that grows.
    pub fn block_volume(&self) -> BlockVolumeId {
        self.block_volume
    }

    fn expand(&mut self, context: &Context<'_>, volume: &Volume, block_volume: &BlockVolume) -> Turn {
        self.phase = Phase::Expand;
        self.tries += 1;
        let (hosting, name) = (volume.name.clone(), block_volume.name.clone());
        let action = Action::ExpandBlockVolume { hosting, name, size: self.new_size };
        Turn::Run(vec![block_step(context.inventory, &self.nodes, action)])
    }

    fn settle(&mut self, context: &Context<'_>) -> Turn {
        self.phase = Phase::Settle;
        Turn::Run(settle(block_hosts::hosts(context.inventory, &self.nodes)))
    }

    fn read(&mut self, context: &Context<'_>, volume: &Volume, block_volume: &BlockVolume) -> Turn {
        self.phase = Phase::Read;
        let hosting = volume.name.clone();
        let read = Action::ReadBlockVolume { hosting: hosting.clone(), name: block_volume.name.clone() };
        let actions = [read, Action::ListBlockVolumes { hosting }];
        Turn::Run(actions.map(|action| block_step(context.inventory, &self.nodes, action)).into())
    }

    /// The block volume has this size now, of which `usable` is served everywhere; what was held for more is
    /// free again.
    fn accept(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        (size, usable): (Gib, Gib),
    ) -> Result<(), Error> {
        let grown = Gib(size.0.saturating_sub(block_volume.size.0));
        let free = Gib(self.held.0.saturating_sub(grown.0));
        if (size, usable) != (block_volume.size, block_volume.usable) {
            context.changes.put_block_volume(BlockVolume { size, usable, ..block_volume.clone() });
        }
        if free > Gib(0) {
            context.changes.put_volume(volume.with_released(free)?);
        }
        Ok(())
    }

    fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, Error> {
        let failures = failure_texts(outcomes);
        let unchanged = (block_volume.size, block_volume.usable);
        match (self.phase, outcomes) {
            (Phase::Expand, [Ok(_)]) => {
                self.accept(context, volume, block_volume, (self.new_size, self.new_size))?;
                Ok(Turn::Finish(JobResult::BlockVolume(block_volume.id)))
            }
            (Phase::Expand, [Err(failure)]) if nothing_started(failure) && self.tries == 1 => {
                context.note_failure(outcomes);
                self.accept(context, volume, block_volume, unchanged)?;
                Ok(Turn::Finish(context.failed()))
            }
            (Phase::Expand, [Err(failure)]) if failure.certainty == Certainty::Failed => {
                context.note_failure(outcomes);
                Ok(self.read(context, volume, block_volume))
            }
            (Phase::Expand, _) => {
                context.note_failure(outcomes);
                Ok(self.settle(context))
            }
            (Phase::Settle, _) if !failures.is_empty() => Ok(Turn::Suspend(failures)),
            (Phase::Settle, _) => Ok(self.read(context, volume, block_volume)),
            (Phase::Read, [_, Ok(Observation::BlockVolumes(names))]) if !names.contains(&block_volume.name) => {
                self.accept(context, volume, block_volume, unchanged)?;
                Ok(Turn::Finish(context.failed()))
            }
            (Phase::Read, [Ok(Observation::BlockVolume(found)), _]) => match found.size {
                Some(size) => self.judge(context, volume, block_volume, found, size),
                None => Ok(Turn::Suspend(format!("gluster-block does not tell the size of {}", block_volume.name))),
            },
            (Phase::Read, _) => Ok(Turn::Suspend(failures)),
        }
    }

    /// The size of the file decides. gluster-block gives it the new size first and then tells every host. Sizes
    /// it rounded can be the old one as well: then the space stays charged.
    fn judge(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        found: &GlusterBlock,
        size: Gib,
    ) -> Result<Turn, Error> {
        let is = |told: Gib, size: Gib| told.0.abs_diff(size.0) <= found.rounding.0;
        let grown = is(size, self.new_size);
        // Nobody says that some hosts serve less, so all may be done: running it again tells.
        if grown && found.usable.is_none() && self.tries < TRIES {
            return Ok(self.expand(context, volume, block_volume));
        }
        let told = found.usable.filter(|told| !is(*told, block_volume.usable));
        let done = grown && told.is_some_and(|told| told >= self.new_size);
        let size = if grown { self.new_size } else { size.clamp(block_volume.size, self.new_size) };
        let usable = told.unwrap_or(block_volume.usable).min(size);
        self.accept(context, volume, block_volume, (size, usable))?;
        Ok(Turn::Finish(if done { JobResult::BlockVolume(block_volume.id) } else { context.failed() }))
    }
}

impl Machine for BlockVolumeExpand {
    fn type_name(&self) -> &'static str {
        "expand-block-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("expand", "Expanded")
    }

    fn object(&self) -> String {
        format!("block volume {}", self.block_volume)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        block_hosts::claims(self.block_volume, self.hosting, &self.nodes)
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn holds_block_space(&self, hosting: VolumeId) -> Gib {
        if self.hosting == hosting { self.held } else { Gib(0) }
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown =
            || Error::internal(format!("operation expands block volume {}, which is not known", self.block_volume));
        let block_volume = context.inventory.block_volume(self.block_volume).cloned().ok_or_else(unknown)?;
        let volume = hosting_of(context.inventory, &block_volume)?.clone();
        match event {
            Event::Start => Ok(self.expand(context, &volume, &block_volume)),
            Event::Resume => {
                self.tries = 1;
                Ok(self.settle(context))
            }
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &block_volume, &outcomes),
        }
    }
}
