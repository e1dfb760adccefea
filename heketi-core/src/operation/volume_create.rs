//! Creates a volume: all bricks side by side, then the gluster volume.

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, plan};
use super::volume_bricks::{Bricks, Named, listed_volumes, still_used};
use super::volume_plan::{ClusterChoice, all_options, bricks_for, still_eligible};
use super::{Action, GlusterVolumeSpec, Planned, Step, StepOutcome, Work};
use crate::api::CheckedVolumeCreate;
use crate::error::Error;
use crate::id::{DeviceId, IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{Volume, VolumeOptions};
use crate::placement::Policy;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Bricks are made; gluster knows nothing.
    Bricks,
    /// gluster is told.
    Volume,
    /// Undo: commands of lost connections end.
    UndoSettle,
    /// Undo: whose is the volume of that name?
    UndoInspect,
    /// Undo: ours, so it is deleted.
    UndoVolume,
    /// Undo: does any volume still use the bricks?
    UndoAsk,
    /// Undo: bricks are destroyed.
    UndoBricks,
}

/// Creates a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeCreate {
    volume: VolumeId,
    devices: Vec<DeviceId>,
    phase: Phase,
    /// gluster may know of the bricks.
    told: bool,
}

impl VolumeCreate {
    /// Plans to create a volume on the devices of `chosen`; none if that choice does not fit the state any
    /// more.
    ///
    /// # Errors
    /// `CannotAllocate` when the name was taken or the cluster's limit reached meanwhile.
    pub fn plan(
        inventory: &Inventory,
        request: &CheckedVolumeCreate,
        chosen: &ClusterChoice,
        policy: &Policy,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Option<Planned>, Error> {
        let id = VolumeId::new(ids);
        let name = request.name.clone().unwrap_or_else(|| format!("vol_{id}"));
        still_eligible(inventory, chosen.cluster, Some(&name), policy)?;
        let volume = Volume {
            id,
            cluster: chosen.cluster,
            name,
            size: request.size,
            durability: request.durability,
            gid: request.gid,
            snapshot: request.snapshot,
            options: all_options(request, policy),
        };
        let zones = VolumeOptions(&volume.options).zone_checking(policy.zone_checking);
        let Some(bricks) = bricks_for(inventory, &volume, &chosen.choice, 0, zones, ids) else {
            return Ok(None);
        };
        let mut devices: Vec<DeviceId> = bricks.iter().map(|brick| brick.device).collect();
        devices.sort();
        devices.dedup();
        let mut changes = ChangeSet::default();
        changes.put_volume(volume);
        bricks.into_iter().for_each(|brick| changes.put_brick(brick));
        let work = Work::VolumeCreate(Self { volume: id, devices, phase: Phase::Bricks, told: false });
        Ok(Some(plan(work, changes, ids, now)))
    }

    /// The volume that is created.
    pub fn volume(&self) -> VolumeId {
        self.volume
    }

    pub(super) fn object(&self) -> String {
        format!("volume {}", self.volume)
    }

    pub(super) fn claims(&self) -> Vec<(Object, Claim)> {
        let devices = self.devices.iter().map(|device| (Object::Device(*device), Claim::Shared));
        devices.chain([(Object::Volume(self.volume), Claim::Exclusive)]).collect()
    }

    pub(super) fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let volume =
            context.inventory.volume(self.volume).cloned().ok_or_else(|| {
                Error::internal(format!("operation creates volume {}, which is not known", self.volume))
            })?;
        let bricks = Bricks::of(context.inventory, &volume, |_| true)?;
        Ok(match event {
            Event::Start => Turn::Run(bricks.create(volume.gid)),
            Event::Resume => self.undo(&bricks),
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &bricks, &outcomes),
        })
    }

    fn undo(&mut self, bricks: &Bricks) -> Turn {
        self.phase = Phase::UndoSettle;
        Turn::Run(bricks.settle())
    }

    fn ask(&self, context: &Context<'_>, volume: &Volume, bricks: &Bricks) -> Turn {
        let hosts = cluster_hosts(context.inventory, volume.cluster, bricks.first_node());
        Turn::Run(vec![in_cluster(volume.cluster, hosts, Action::ListVolumes)])
    }

    fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Turn {
        match self.phase {
            Phase::Bricks | Phase::Volume => {
                if context.note_failure(outcomes) {
                    return self.undo(bricks);
                }
                if self.phase == Phase::Volume {
                    return Turn::Finish(JobResult::Volume(volume.id));
                }
                self.phase = Phase::Volume;
                self.told = true;
                Turn::Run(vec![create_step(volume, bricks)])
            }
            _ => self.proceed_undo(context, volume, bricks, outcomes).unwrap_or_else(Turn::Suspend),
        }
    }

    fn proceed_undo(
        &mut self,
        context: &mut Context<'_>,
        volume: &Volume,
        bricks: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let failures = failure_texts(outcomes);
        match self.phase {
            Phase::UndoSettle | Phase::UndoVolume if !failures.is_empty() => Err(failures),
            Phase::UndoSettle if self.told => {
                self.phase = Phase::UndoInspect;
                Ok(self.ask(context, volume, bricks))
            }
            Phase::UndoSettle => Ok(self.destroy(volume, bricks)),
            Phase::UndoInspect => {
                let view = bricks.view(listed_volumes(outcomes)?, &volume.name);
                match view.named {
                    // Somebody else's volume of that name: creating ours failed because of it.
                    Named::Absent | Named::Foreign if view.listed.is_empty() => Ok(self.destroy(volume, bricks)),
                    Named::Absent | Named::Foreign => Err(still_used(&view)),
                    Named::Ours { .. } => {
                        self.phase = Phase::UndoVolume;
                        let action = Action::DeleteVolume { name: volume.name.clone() };
                        Ok(Turn::Run(vec![in_cluster(volume.cluster, bricks.hosts(), action)]))
                    }
                }
            }
            Phase::UndoVolume => {
                self.phase = Phase::UndoAsk;
                Ok(self.ask(context, volume, bricks))
            }
            Phase::UndoAsk => {
                let view = bricks.view(listed_volumes(outcomes)?, &volume.name);
                if view.listed.is_empty() { Ok(self.destroy(volume, bricks)) } else { Err(still_used(&view)) }
            }
            _ => {
                bricks.forget_destroyed(context, outcomes)?;
                context.changes.delete(Key::Volume(volume.id));
                Ok(Turn::Finish(context.failed()))
            }
        }
    }

    fn destroy(&mut self, volume: &Volume, bricks: &Bricks) -> Turn {
        self.phase = Phase::UndoBricks;
        Turn::Run(bricks.destroy(volume.gid))
    }
}

fn create_step(volume: &Volume, bricks: &Bricks) -> Step {
    let mut options = volume.options.clone();
    options.push(format!("user.heketi.id {}", volume.id));
    let spec =
        GlusterVolumeSpec { name: volume.name.clone(), durability: volume.durability, sets: bricks.sets(), options };
    in_cluster(volume.cluster, bricks.hosts(), Action::CreateVolume { volume: spec })
}
