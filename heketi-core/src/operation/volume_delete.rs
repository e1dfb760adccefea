//! Deletes a volume: the gluster volume first, then its bricks.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, nothing_started, plan};
use super::volume_bricks::{Bricks, Named, listed_volumes, still_used};
use super::{Action, Certainty, Machine, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::Volume;
use crate::units::Timestamp;

/// The volume that holds the server's own database in Kubernetes deployments; it is never deleted.
const DATABASE_VOLUME: &str = "heketidbstorage";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Resumed: commands of lost connections end.
    Settle,
    /// Is the gluster volume of that name ours?
    Inspect,
    /// It is stopped and deleted.
    Volume,
    /// The outcome of deleting is unknown: the command must have ended.
    CheckSettle,
    /// Deleting failed: is it still there?
    Check,
    /// It is, but stopped: it is started again.
    Restart,
    /// Does any volume still use the bricks?
    Ask,
    /// The bricks are destroyed.
    Bricks,
}

/// Deletes a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeDelete {
    volume: VolumeId,
    phase: Phase,
    /// An earlier run came so far that the gluster volume may be stopped or gone: there is no way back.
    begun: bool,
    /// The bricks were destroyed again, because thin pools of theirs were left.
    #[serde(default)]
    again: bool,
}

impl VolumeDelete {
    /// Plans to delete a volume.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for the database volume, one that hosts block volumes, and while another operation works on the volume.
    pub fn plan(inventory: &Inventory, id: VolumeId, ids: &mut dyn IdSource, now: Timestamp) -> Result<Planned, Error> {
        let hidden = inventory.is_volume_hidden(id);
        let volume = inventory.volume(id).ok_or_else(Error::not_found)?;
        if volume.name == DATABASE_VOLUME {
            let text = "Cannot delete volume containing the Heketi database";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if inventory.block_volumes_of_volume(id).next().is_some() {
            let text = "Cannot delete a block hosting volume containing block volumes";
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        if hidden || inventory.conflict(&Object::Volume(id), Claim::Exclusive).is_some() {
            return Err(Error::conflict());
        }
        let work = Work::VolumeDelete(Self { volume: id, phase: Phase::Inspect, begun: false, again: false });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    /// The work of a heketi v10 that ended in the middle of it: the gluster volume may be gone.
    pub(crate) fn left_over(volume: VolumeId) -> Self {
        Self { volume, phase: Phase::Volume, begun: true, again: false }
    }

    /// The volume that is deleted.
    pub fn volume(&self) -> VolumeId {
        self.volume
    }

    fn list(&mut self, context: &Context<'_>, volume: &Volume, bricks: &Bricks, phase: Phase) -> Turn {
        self.phase = phase;
        let hosts = cluster_hosts(context.inventory, volume.cluster, bricks.first_node());
        Turn::Run(vec![in_cluster(volume.cluster, hosts, Action::ListVolumes)])
    }

    fn change(&mut self, volume: &Volume, bricks: &Bricks, phase: Phase, action: Action) -> Turn {
        self.phase = phase;
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
            Phase::Settle if !failures.is_empty() => Err(failures),
            Phase::Settle => Ok(self.list(context, volume, bricks, Phase::Inspect)),
            Phase::Inspect => self.inspect(context, volume, bricks, outcomes),
            Phase::Volume => match outcomes {
                [Err(failure)] if nothing_started(failure) && self.begun => Err(failures),
                [Err(failure)] if nothing_started(failure) => {
                    context.note_failure(outcomes);
                    Ok(Turn::Finish(context.failed()))
                }
                [Err(failure)] if failure.certainty == Certainty::Unknown => {
                    context.note_failure(outcomes);
                    self.phase = Phase::CheckSettle;
                    Ok(Turn::Run(bricks.settle()))
                }
                [Err(_)] => {
                    context.note_failure(outcomes);
                    Ok(self.list(context, volume, bricks, Phase::Check))
                }
                _ => Ok(self.list(context, volume, bricks, Phase::Ask)),
            },
            Phase::CheckSettle if !failures.is_empty() => Err(failures),
            Phase::CheckSettle => Ok(self.list(context, volume, bricks, Phase::Check)),
            Phase::Check => self.check(context, volume, bricks, outcomes),
            Phase::Restart if failures.is_empty() => Ok(Turn::Finish(context.failed())),
            Phase::Restart => Err(failures),
            Phase::Ask => self.ask(volume, bricks, outcomes),
            // The last brick of a clone may have left such a pool in the same moment.
            Phase::Bricks if failures.is_empty() && !self.again && bricks.left_pools(context.inventory, outcomes) => {
                self.again = true;
                Ok(Turn::Run(bricks.destroy(volume.gid)))
            }
            Phase::Bricks => {
                bricks.forget_destroyed(context, outcomes)?;
                Ok(forget(context, volume))
            }
        }
    }

    fn inspect(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let volumes = match listed_volumes(outcomes) {
            Ok(volumes) => volumes,
            Err(text) if self.begun => return Err(text),
            // Nothing was changed yet: the client gets the reason and may try again.
            Err(text) => {
                context.error.get_or_insert(format!("Unable to delete volume {}: {text}", volume.name));
                return Ok(Turn::Finish(context.failed()));
            }
        };
        match bricks.view(volumes, &volume.name).named {
            Named::Ours { .. } => {
                let action = Action::DeleteVolume { name: volume.name.clone() };
                Ok(self.change(volume, bricks, Phase::Volume, action))
            }
            Named::Absent => self.ask(volume, bricks, outcomes),
            // Ours is gone, and somebody took its name since.
            Named::Foreign if self.begun => self.ask(volume, bricks, outcomes),
            Named::Foreign => {
                context.error.get_or_insert(format!(
                    "Unable to delete volume {0}: the gluster volume {0} uses none of the bricks heketi made for it, so \
                     somebody else created it; rename or remove one of them by hand",
                    volume.name
                ));
                Ok(Turn::Finish(context.failed()))
            }
        }
    }

    /// Deleting failed or its outcome is unknown: the volume is either gone, or goes on as before.
    fn check(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        match bricks.view(listed_volumes(outcomes)?, &volume.name).named {
            Named::Absent | Named::Foreign => self.ask(volume, bricks, outcomes),
            Named::Ours { started: false } => {
                let action = Action::StartVolume { name: volume.name.clone() };
                Ok(self.change(volume, bricks, Phase::Restart, action))
            }
            Named::Ours { started: true } => Ok(Turn::Finish(context.failed())),
        }
    }

    fn ask(&mut self, volume: &Volume, bricks: &Bricks, outcomes: &[StepOutcome]) -> Result<Turn, String> {
        let view = bricks.view(listed_volumes(outcomes)?, &volume.name);
        if !view.listed.is_empty() {
            return Err(still_used(&view));
        }
        self.phase = Phase::Bricks;
        Ok(Turn::Run(bricks.destroy(volume.gid)))
    }
}

impl Machine for VolumeDelete {
    fn type_name(&self) -> &'static str {
        "delete-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("delete", "Deleted")
    }

    fn object(&self) -> String {
        format!("volume {}", self.volume)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Volume(self.volume), Claim::Exclusive)]
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn hides_volume(&self, volume: VolumeId) -> bool {
        self.volume == volume
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.volume == volume
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let volume =
            context.inventory.volume(self.volume).cloned().ok_or_else(|| {
                Error::internal(format!("operation deletes volume {}, which is not known", self.volume))
            })?;
        let bricks = Bricks::of(context.inventory, &volume, |_| true)?;
        let turn = match event {
            Event::Start => Ok(self.list(context, &volume, &bricks, Phase::Inspect)),
            // The last bricks may be forgotten already while the volume's record was not.
            Event::Resume if bricks.is_empty() => Ok(forget(context, &volume)),
            Event::Resume => {
                self.begun |= !matches!(self.phase, Phase::Settle | Phase::Inspect);
                self.phase = Phase::Settle;
                Ok(Turn::Run(bricks.settle()))
            }
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &bricks, &outcomes),
        };
        Ok(turn.unwrap_or_else(Turn::Suspend))
    }
}

fn forget(context: &mut Context<'_>, volume: &Volume) -> Turn {
    context.changes.delete(Key::Volume(volume.id));
    Turn::Finish(JobResult::Done)
}
