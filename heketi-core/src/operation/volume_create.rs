//! Creates a volume: all bricks side by side, then the gluster volume. When a command fails, everything is undone
//! and then tried again on other devices, a few times.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::machine::{Context, Environment, Event, Turn, cluster_hosts, failure_texts, in_cluster, plan};
use super::volume_bricks::{Bricks, Named, listed_volumes, still_used};
use super::volume_plan::{ClusterChoice, all_options, bricks_for, choose_cluster, still_eligible};
use super::{Action, GlusterVolumeSpec, Machine, Planned, Step, StepOutcome, Work};
use crate::api::CheckedVolumeCreate;
use crate::error::Error;
use crate::id::{DeviceId, IdSource, VolumeId};
use crate::inventory::{ApplyError, ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{BlockHosting, Brick, Volume};
use crate::placement::{BlockHostingPolicy, Effort, Facts, Policy};
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
    /// Clusters the client named, in order of preference; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clusters: Vec<String>,
    /// How often it was planned again.
    #[serde(default)]
    retries: u32,
    /// Devices that may be to blame for earlier failures.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    avoid: BTreeSet<DeviceId>,
    /// When it is undone, that is its end.
    #[serde(default)]
    last: bool,
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
        let Some((work, volume, bricks)) = Self::prepare(inventory, request, chosen, policy, ids)? else {
            return Ok(None);
        };
        let mut changes = ChangeSet::default();
        changes.put_volume(volume);
        bricks.into_iter().for_each(|brick| changes.put_brick(brick));
        Ok(Some(plan(Work::VolumeCreate(work), changes, ids, now)))
    }

    /// The work and the records of [`VolumeCreate::plan`], for an operation that creates a volume on its way.
    pub(super) fn prepare(
        inventory: &Inventory,
        request: &CheckedVolumeCreate,
        chosen: &ClusterChoice,
        policy: &Policy,
        ids: &mut dyn IdSource,
    ) -> Result<Option<(Self, Volume, Vec<Brick>)>, Error> {
        let Some((volume, bricks)) = Self::records(inventory, request, chosen, policy, ids)? else {
            return Ok(None);
        };
        let work = Self {
            volume: volume.id,
            devices: devices_of(&bricks),
            phase: Phase::Bricks,
            told: false,
            clusters: request.clusters.clone(),
            retries: 0,
            avoid: BTreeSet::new(),
            last: false,
        };
        Ok(Some((work, volume, bricks)))
    }

    /// The records alone.
    pub(crate) fn records(
        inventory: &Inventory,
        request: &CheckedVolumeCreate,
        chosen: &ClusterChoice,
        policy: &Policy,
        ids: &mut dyn IdSource,
    ) -> Result<Option<(Volume, Vec<Brick>)>, Error> {
        let id = VolumeId::new(ids);
        let name = request.name.clone().unwrap_or_else(|| format!("vol_{id}"));
        still_eligible(inventory, chosen.cluster, Some(&name), request.block, policy)?;
        let volume = Volume {
            id,
            cluster: chosen.cluster,
            name,
            size: request.size,
            durability: request.durability,
            gid: request.gid,
            snapshot: request.snapshot,
            options: all_options(request, policy),
            hosting: request.block.then(|| BlockHosting::of(request.size)),
        };
        let bricks = bricks_for(inventory, &volume, &chosen.choice, 0, policy, ids);
        Ok(bricks.map(|bricks| (volume, bricks)))
    }

    /// The work of a heketi v10 that ended in the middle of it: gluster may have been told, and it is undone.
    pub(crate) fn left_over(volume: VolumeId, bricks: &[Brick]) -> Self {
        Self {
            volume,
            devices: devices_of(bricks),
            phase: Phase::Volume,
            told: true,
            clusters: Vec::new(),
            retries: 0,
            avoid: BTreeSet::new(),
            last: true,
        }
    }

    /// For a part of another operation, whose records name this volume: it is tried once.
    pub(super) fn without_retries(mut self) -> Self {
        self.last = true;
        self
    }

    /// The volume that is created.
    pub fn volume(&self) -> VolumeId {
        self.volume
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
                    self.avoid.extend(match self.phase {
                        Phase::Bricks => bricks.failed_devices(outcomes),
                        // Any of its bricks may be why gluster did not make the volume.
                        _ => bricks.devices(),
                    });
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
                // No other devices help while the name is taken.
                self.last |= view.named == Named::Foreign;
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
                match self.again(context, volume) {
                    Some(turn) => Ok(turn),
                    None => {
                        context.changes.delete(Key::Volume(volume.id));
                        Ok(Turn::Finish(context.failed()))
                    }
                }
            }
        }
    }

    /// Everything is undone because commands failed: starts again on other devices, unless it was tried often
    /// enough. Where no place is left the client is told that, with the failure that came before it.
    fn again(&mut self, context: &mut Context<'_>, volume: &Volume) -> Option<Turn> {
        if self.last || self.retries >= context.environment.policy.create_retries {
            return None;
        }
        match self.plan_again(context, volume) {
            Ok(turn) => {
                context.error = None;
                Some(turn)
            }
            Err(error) => {
                let before = context.error.take().map(|cause| format!("\nAn earlier try failed: {cause}"));
                context.error = Some(format!("{error}{}", before.unwrap_or_default()));
                None
            }
        }
    }

    fn plan_again(&mut self, context: &mut Context<'_>, volume: &Volume) -> Result<Turn, Error> {
        let defect = |error: ApplyError| Error::internal(error.to_string());
        // What the bricks that are gone took is free, and so is the volume's name.
        let mut inventory = context.inventory.clone();
        let mut gone = context.changes.clone();
        gone.delete(Key::Volume(volume.id));
        inventory.apply(&gone).map_err(defect)?;

        let Environment { policy, facts, ids, .. } = &mut context.environment;
        let request = CheckedVolumeCreate {
            size: volume.size,
            name: Some(volume.name.clone()),
            clusters: self.clusters.clone(),
            durability: volume.durability,
            gid: volume.gid,
            options: volume.options.clone(),
            block: volume.hosting.is_some(),
            snapshot: volume.snapshot,
        };
        let policy = options_are_complete(policy);
        let avoid = facts.avoid.union(&self.avoid).copied().collect();
        let facts = Facts { avoid, ..(*facts).clone() };
        let seed = u64::from(self.retries);
        let look = |effort| choose_cluster(&inventory, &request, &policy, &facts, effort, seed);
        let chosen = match look(Effort::Quick)? {
            Some(chosen) => Some(chosen),
            None => look(Effort::Exact)?,
        };
        let chosen = chosen.ok_or_else(Error::busy)?;
        let volume = Volume { cluster: chosen.cluster, ..volume.clone() };
        let bricks = bricks_for(&inventory, &volume, &chosen.choice, 0, &policy, *ids).ok_or_else(Error::busy)?;

        self.devices = devices_of(&bricks);
        self.phase = Phase::Bricks;
        self.told = false;
        self.retries += 1;
        let mut planned = ChangeSet::default();
        planned.put_volume(volume.clone());
        bricks.into_iter().for_each(|brick| planned.put_brick(brick));
        inventory.apply(&planned).map_err(defect)?;
        context.changes.append(planned);
        Ok(Turn::Run(Bricks::of(&inventory, &volume, |_| true)?.create(volume.gid)))
    }

    fn destroy(&mut self, volume: &Volume, bricks: &Bricks) -> Turn {
        self.phase = Phase::UndoBricks;
        Turn::Run(bricks.destroy(volume.gid))
    }
}

impl Machine for VolumeCreate {
    fn type_name(&self) -> &'static str {
        "create-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("create", "Created")
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

    fn hides_volume(&self, volume: VolumeId) -> bool {
        self.volume == volume
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.volume == volume
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let volume =
            context.inventory.volume(self.volume).cloned().ok_or_else(|| {
                Error::internal(format!("operation creates volume {}, which is not known", self.volume))
            })?;
        let bricks = Bricks::of(context.inventory, &volume, |_| true)?;
        Ok(match event {
            Event::Start => Turn::Run(bricks.create(volume.gid)),
            Event::Resume => {
                // The client was told of a failure, or waits since a server ended: it is over with the undo.
                self.last = true;
                self.undo(&bricks)
            }
            Event::Outcomes(outcomes) => self.proceed(context, &volume, &bricks, &outcomes),
        })
    }
}

fn devices_of(bricks: &[Brick]) -> Vec<DeviceId> {
    let devices: BTreeSet<DeviceId> = bricks.iter().map(|brick| brick.device).collect();
    devices.into_iter().collect()
}

/// The policy for a volume that has its options, those of the server among them.
fn options_are_complete(policy: &Policy) -> Policy {
    let block_hosting = BlockHostingPolicy { options: Vec::new(), ..policy.block_hosting.clone() };
    Policy { pre_options: Vec::new(), post_options: Vec::new(), block_hosting, ..policy.clone() }
}

fn create_step(volume: &Volume, bricks: &Bricks) -> Step {
    let mut options = volume.options.clone();
    options.push(format!("user.heketi.id {}", volume.id));
    let spec = GlusterVolumeSpec {
        name: volume.name.clone(),
        durability: volume.durability,
        arbiter: volume.has_arbiter(),
        sets: bricks.sets(),
        options,
    };
    in_cluster(volume.cluster, bricks.hosts(), Action::CreateVolume { volume: spec })
}
