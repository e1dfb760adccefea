//! Deletes a block volume.

use serde::{Deserialize, Serialize};

use super::block_hosts::{self, block_step, exporting, free_block_volume, hosting_of, listed_block_volumes, to_ask};
use super::machine::{Context, Event, Turn, failure_texts, nothing_started, plan, settle};
use super::{Action, Certainty, Machine, Planned, StepOutcome, Work};
use crate::error::Error;
use crate::id::{BlockVolumeId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{BlockVolume, Volume};
use crate::placement::Facts;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Resumed: commands of lost connections end.
    Settle,
    /// It is deleted.
    Delete,
    /// The outcome of deleting is unknown: the command must have ended.
    CheckSettle,
    /// Deleting failed: is it still there?
    Check,
}

/// Deletes a block volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockVolumeDelete {
    block_volume: BlockVolumeId,
    hosting: VolumeId,
    /// Nodes that are told to delete it.
    nodes: Vec<NodeId>,
    phase: Phase,
    /// An earlier run may have deleted it.
    begun: bool,
}

impl BlockVolumeDelete {
    /// Plans to delete a block volume. Nodes that `facts` say are down are asked last.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it is being created or deleted; `Busy` while it or its hosting volume grows.
    pub fn plan(
        inventory: &Inventory,
        id: BlockVolumeId,
        facts: &Facts,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let (block_volume, volume) = free_block_volume(inventory, id)?;
        let nodes = exporting(inventory, volume.cluster);
        let work = Work::BlockVolumeDelete(Self {
            block_volume: id,
            hosting: volume.id,
            nodes: to_ask(inventory, facts, &nodes, &block_volume.hosts),
            phase: Phase::Delete,
            begun: false,
        });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    /// The work of a heketi v10 that ended in the middle of it: it may be deleted already.
    pub(crate) fn left_over(block_volume: BlockVolumeId, hosting: VolumeId, nodes: Vec<NodeId>) -> Self {
        Self { block_volume, hosting, nodes, phase: Phase::Delete, begun: true }
    }

    /// The block volume that is deleted.
    pub fn block_volume(&self) -> BlockVolumeId {
        self.block_volume
    }

    fn settle(&mut self, context: &Context<'_>, phase: Phase) -> Turn {
        self.phase = phase;
        Turn::Run(settle(block_hosts::hosts(context.inventory, &self.nodes)))
    }

    fn delete(&mut self, context: &Context<'_>, volume: &Volume, block_volume: &BlockVolume) -> Turn {
        self.phase = Phase::Delete;
        let action = Action::DeleteBlockVolume { hosting: volume.name.clone(), name: block_volume.name.clone() };
        Turn::Run(vec![block_step(context.inventory, &self.nodes, action)])
    }

    fn list(&mut self, context: &Context<'_>, volume: &Volume) -> Turn {
        self.phase = Phase::Check;
        let action = Action::ListBlockVolumes { hosting: volume.name.clone() };
        Turn::Run(vec![block_step(context.inventory, &self.nodes, action)])
    }

    fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        block_volume: &BlockVolume,
        outcomes: &[StepOutcome],
    ) -> Turn {
        let failures = failure_texts(outcomes);
        match (self.phase, outcomes) {
            (Phase::Settle | Phase::CheckSettle, _) if !failures.is_empty() => Turn::Suspend(failures),
            (Phase::Settle, _) => self.delete(context, volume, block_volume),
            (Phase::CheckSettle, _) => self.list(context, volume),
            (Phase::Delete, [Ok(_)]) => forget(context, volume, block_volume),
            (Phase::Delete, [Err(failure)]) if nothing_started(failure) && self.begun => Turn::Suspend(failures),
            (Phase::Delete, [Err(failure)]) if nothing_started(failure) => {
                context.note_failure(outcomes);
                Turn::Finish(context.failed())
            }
            (Phase::Delete, [Err(failure)]) if failure.certainty == Certainty::Failed => {
                context.note_failure(outcomes);
                self.list(context, volume)
            }
            (Phase::Delete, _) => {
                context.note_failure(outcomes);
                self.settle(context, Phase::CheckSettle)
            }
            // Either it is gone, or it goes on as before, as far as gluster-block left it its targets.
            (Phase::Check, _) => match listed_block_volumes(outcomes) {
                Err(text) => Turn::Suspend(text),
                Ok(names) if names.contains(&block_volume.name) => Turn::Finish(context.failed()),
                Ok(_) => forget(context, volume, block_volume),
            },
        }
    }
}

fn forget(context: &mut Context<'_>, volume: &Volume, block_volume: &BlockVolume) -> Turn {
    match volume.with_released(block_volume.size) {
        Ok(volume) => {
            context.changes.delete(Key::BlockVolume(block_volume.id));
            context.changes.put_volume(volume);
            Turn::Finish(JobResult::Done)
        }
        Err(error) => Turn::Suspend(error.to_string()),
    }
}

impl Machine for BlockVolumeDelete {
    fn type_name(&self) -> &'static str {
        "delete-block-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("delete", "Deleted")
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

    fn hides_block_volume(&self, block_volume: BlockVolumeId) -> bool {
        self.block_volume == block_volume
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown =
            || Error::internal(format!("operation deletes block volume {}, which is not known", self.block_volume));
        let block_volume = context.inventory.block_volume(self.block_volume).cloned().ok_or_else(unknown)?;
        let volume = hosting_of(context.inventory, &block_volume)?.clone();
        Ok(match event {
            Event::Start => self.delete(context, &volume, &block_volume),
            Event::Resume => {
                self.begun = true;
                self.settle(context, Phase::Settle)
            }
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &block_volume, &outcomes),
        })
    }
}
