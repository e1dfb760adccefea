//! Clones a volume: a snapshot of it, a gluster volume made of that, and the bricks gluster made for both.

use serde::{Deserialize, Serialize};

use super::clone_bricks::{self, Listed, Owner, Parts, Storage};
use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, nothing_started, plan};
use super::volume_bricks::{Bricks, listed_volumes, still_used};
use super::volume_plan::{free_volume, no_more_volumes};
use super::{Action, Certainty, GlusterVolume, Machine, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{BrickId, DeviceId, IdSource, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::{Brick, Volume};
use crate::placement::Policy;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Nothing was done: is the name free in gluster, and in which order are the source's bricks?
    Inspect,
    /// gluster is told: a snapshot of the source is taken.
    Snapshot,
    /// The clone is made of it.
    Clone,
    /// Which directories did gluster give the clone?
    Find,
    /// On which logical volumes do they lie?
    Storage,
    /// The clone is started.
    Start,
    /// It gets its own id: glusterd cannot set options of a clone that was never started, because the volume file of
    /// its self-heal daemon is missing.
    Mark,
    /// The snapshot is deleted.
    Tidy,
    /// Undo: commands of lost connections end.
    UndoSettle,
    /// Undo: does gluster have the source?
    UndoLook,
    /// Undo: gluster goes on with what it began, even without the command that asked for it. It has ended when it
    /// lets the source be changed.
    UndoWait,
    /// Undo: the snapshot is deleted.
    UndoSnapshot,
    /// Undo: whose is the volume with the clone's name?
    UndoFind,
    /// Undo: on which logical volumes do its bricks lie?
    UndoStorage,
    /// Undo: ours, so it is deleted.
    UndoVolume,
    /// Undo: does any volume still use its bricks?
    UndoAsk,
    /// Undo: its bricks are destroyed.
    UndoBricks,
}

/// Makes a volume of a volume, with all its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeClone {
    source: VolumeId,
    clone: VolumeId,
    /// Each brick of the source, and the one made beside it.
    bricks: Vec<(BrickId, BrickId)>,
    devices: Vec<DeviceId>,
    phase: Phase,
    /// The clone's gluster volume, while the storage of its bricks is read.
    listed: Option<Listed>,
    /// heketi v10 began it: it started the clone before it recorded anything of it, the order of its bricks included.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_v10: bool,
}

impl VolumeClone {
    /// Plans to clone a volume. The clone's records are there from now on, and hidden until it is made. Its
    /// bricks live in the thin pools of the source's, so they take no space of their own.
    ///
    /// # Errors
    /// `NotFound`; `Busy` while another operation works on the volume or removes one of its devices;
    /// `CannotAllocate` with heketi v10's texts for block hosting volumes, a name in use and the limit of
    /// volumes.
    pub fn plan(
        inventory: &Inventory,
        id: VolumeId,
        name: Option<String>,
        policy: &Policy,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let cannot = |text: String| Error::new(ErrorKind::CannotAllocate, text);
        let visible = inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
        if visible.hosting.is_some() {
            return Err(cannot("Cloning of block hosting volumes is not supported".into()));
        }
        let source = free_volume(inventory, id)?;
        let clone = VolumeId::new(ids);
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("vol_{clone}"));
        if let Some(reason) = no_more_volumes(inventory, source.cluster, Some(&name), policy) {
            return Err(cannot(reason));
        }
        let origin = Bricks::of(inventory, source, |_| true)?;
        if origin.is_empty() {
            return Err(cannot(format!("Volume {id} has no bricks")));
        }
        let mut devices: Vec<DeviceId> = origin.iter().map(|(brick, _)| brick.device).collect();
        devices.sort();
        devices.dedup();
        if devices.iter().any(|device| inventory.conflict(&Object::Device(*device), Claim::Shared).is_some()) {
            return Err(Error::busy());
        }
        let mut changes = ChangeSet::default();
        changes.put_volume(Volume { id: clone, name, ..source.clone() });
        let mut bricks = Vec::new();
        for (beside, brick) in clone_bricks::planned(&origin, clone, ids) {
            bricks.push((beside, brick.id));
            changes.put_brick(brick);
        }
        let (phase, listed) = (Phase::Inspect, None);
        let work = Work::VolumeClone(Self { source: id, clone, bricks, devices, phase, listed, by_v10: false });
        Ok(plan(work, changes, ids, now))
    }

    /// The work of a heketi v10 that ended in the middle of it: gluster may have made the clone, and it is undone.
    /// `bricks` names each brick of the source with that of the clone beside it.
    pub(crate) fn left_over(
        source: VolumeId,
        clone: VolumeId,
        bricks: Vec<(BrickId, BrickId)>,
        devices: Vec<DeviceId>,
    ) -> Self {
        Self { source, clone, bricks, devices, phase: Phase::Clone, listed: None, by_v10: true }
    }

    /// The volume that is cloned.
    pub fn source(&self) -> VolumeId {
        self.source
    }

    /// The volume that is made.
    pub fn volume(&self) -> VolumeId {
        self.clone
    }

    /// The bricks of the clone, in gluster's order.
    pub(crate) fn new_bricks(&self) -> impl Iterator<Item = BrickId> {
        self.bricks.iter().map(|(_, new)| *new)
    }

    /// Name of the snapshot the clone is made of; heketi v10 names it like this too.
    fn snapshot(&self) -> String {
        format!("tmpsnap_{}", self.clone)
    }

    fn list(&mut self, context: &Context<'_>, parts: &Parts, phase: Phase) -> Turn {
        self.phase = phase;
        let cluster = parts.source.cluster;
        let hosts = cluster_hosts(context.inventory, cluster, parts.origin.first_node());
        Turn::Run(vec![in_cluster(cluster, hosts, Action::ListVolumes)])
    }

    fn tell(&mut self, parts: &Parts, phase: Phase, action: Action) -> Turn {
        self.phase = phase;
        Turn::Run(vec![in_cluster(parts.source.cluster, parts.origin.hosts(), action)])
    }

    fn delete_snapshot(&mut self, parts: &Parts, phase: Phase) -> Turn {
        let action = Action::DeleteSnapshot { snapshot: self.snapshot() };
        self.tell(parts, phase, action)
    }

    fn undo(&mut self, parts: &Parts) -> Turn {
        self.phase = Phase::UndoSettle;
        self.listed = None;
        Turn::Run(parts.origin.settle())
    }

    fn explain(&self, context: &mut Context<'_>, parts: &Parts) {
        let refusal = context.error.as_ref().filter(|_| self.phase == Phase::Snapshot);
        let hint = refusal.and_then(|text| clone_bricks::snapshot_hint(&parts.source, &parts.origin, text));
        context.error = context.error.take().map(|text| hint.map_or(text.clone(), |hint| format!("{text}\n{hint}")));
    }

    /// The turn to undo after a stage that failed. Where it is known how its steps ended, nobody is waited for:
    /// a node that is down is a usual reason to get here, and must not hold the source for as long as that.
    fn turn_back(&mut self, context: &mut Context<'_>, parts: &Parts, outcomes: &[StepOutcome]) -> Turn {
        let failures = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        if self.phase == Phase::Snapshot && failures().all(nothing_started) {
            return forget(context, parts);
        }
        if failures().any(|failure| failure.certainty == Certainty::Unknown) {
            return self.undo(parts);
        }
        self.listed = None;
        self.delete_snapshot(parts, Phase::UndoSnapshot)
    }

    fn proceed(&mut self, context: &mut Context<'_>, parts: &Parts, outcomes: &[StepOutcome]) -> Result<Turn, Error> {
        let is_forward = matches!(
            self.phase,
            Phase::Snapshot | Phase::Clone | Phase::Storage | Phase::Start | Phase::Mark | Phase::Tidy
        );
        if is_forward && context.note_failure(outcomes) {
            self.explain(context, parts);
            return Ok(self.turn_back(context, parts, outcomes));
        }
        let name = || parts.clone.name.clone();
        match self.phase {
            Phase::Inspect => match self.inspect(context, parts, outcomes) {
                Ok(()) => {
                    let (volume, snapshot) = (parts.source.name.clone(), self.snapshot());
                    Ok(self.tell(parts, Phase::Snapshot, Action::CreateSnapshot { volume, snapshot }))
                }
                Err(text) => {
                    context.error.get_or_insert(text);
                    Ok(forget(context, parts))
                }
            },
            Phase::Snapshot => {
                let (snapshot, clone) = (self.snapshot(), name());
                Ok(self.tell(parts, Phase::Clone, Action::CloneSnapshot { snapshot, clone }))
            }
            Phase::Clone => Ok(self.list(context, parts, Phase::Find)),
            Phase::Find | Phase::Storage => match self.record(context, parts, outcomes) {
                Ok(turn) => Ok(turn),
                Err(text) => {
                    context.error.get_or_insert(text);
                    Ok(self.turn_back(context, parts, outcomes))
                }
            },
            Phase::Start => Ok(self.set_id(parts, Phase::Mark, &parts.clone)),
            Phase::Mark => Ok(self.delete_snapshot(parts, Phase::Tidy)),
            Phase::Tidy => Ok(Turn::Finish(JobResult::Volume(self.clone))),
            _ => Ok(self.proceed_undo(context, parts, outcomes)?.unwrap_or_else(Turn::Suspend)),
        }
    }

    /// May gluster be told? Then the clone's bricks take the places that the source's have in gluster.
    fn inspect(&self, context: &mut Context<'_>, parts: &Parts, outcomes: &[StepOutcome]) -> Result<(), String> {
        let name = &parts.clone.name;
        let prefixed = |text| format!("Unable to clone volume {}: {text}", parts.source.name);
        let volumes = listed_volumes(outcomes).map_err(prefixed)?;
        if volumes.iter().any(|volume| volume.name == *name) {
            return Err(format!("Volume name '{name}' already in use by a gluster volume that heketi does not know"));
        }
        let ordered =
            clone_bricks::in_source_order(context.inventory, &parts.source, &parts.origin, &self.bricks, volumes);
        for brick in ordered.map_err(prefixed)? {
            if context.inventory.brick(brick.id).is_none_or(|known| **known != brick) {
                context.changes.put_brick(brick);
            }
        }
        Ok(())
    }

    /// Learns where gluster put the clone's bricks, and records it.
    fn record(&mut self, context: &mut Context<'_>, parts: &Parts, outcomes: &[StepOutcome]) -> Result<Turn, String> {
        if self.phase == Phase::Find {
            return match self.owner(context, parts, listed_volumes(outcomes)?) {
                Owner::Clone(listed) => Ok(self.read_storage(parts, Phase::Storage, listed)),
                Owner::Another(text) => Err(text),
                Owner::Nobody => Err(format!("gluster made volume {} and does not list it", parts.clone.name)),
            };
        }
        let storage = self.storage(context, parts, outcomes)?;
        if let Some(text) = storage.elsewhere.or(storage.missing) {
            return Err(text);
        }
        self.keep(context, storage.bricks);
        Ok(self.tell(parts, Phase::Start, Action::StartVolume { name: parts.clone.name.clone() }))
    }

    fn owner(&self, context: &Context<'_>, parts: &Parts, volumes: &[GlusterVolume]) -> Owner {
        clone_bricks::owner(context.inventory, self.source, &parts.clone, &parts.bricks, volumes, self.by_v10)
    }

    fn read_storage(&mut self, parts: &Parts, phase: Phase, listed: Listed) -> Turn {
        self.phase = phase;
        let steps = clone_bricks::read_storage(&parts.bricks, &listed);
        self.listed = Some(listed);
        Turn::Run(steps)
    }

    fn storage(&self, context: &Context<'_>, parts: &Parts, outcomes: &[StepOutcome]) -> Result<Storage, String> {
        let listed = self.listed.as_ref().ok_or("the clone's bricks were not listed")?;
        clone_bricks::storage(context.inventory, &parts.bricks, listed, outcomes)
    }

    fn keep(&mut self, context: &mut Context<'_>, bricks: Vec<Brick>) {
        bricks.into_iter().for_each(|brick| context.changes.put_brick(brick));
        self.listed = None;
    }

    fn set_id(&mut self, parts: &Parts, phase: Phase, volume: &Volume) -> Turn {
        let options = vec![clone_bricks::id_option(volume.id)];
        self.tell(parts, phase, Action::SetOptions { name: volume.name.clone(), options })
    }

    fn proceed_undo(
        &mut self,
        context: &mut Context<'_>,
        parts: &Parts,
        outcomes: &[StepOutcome],
    ) -> Result<Result<Turn, String>, Error> {
        let failures = failure_texts(outcomes);
        let made = clone_bricks::made(context.inventory, &parts.clone)?;
        if !failures.is_empty() && self.phase != Phase::UndoBricks {
            return Ok(Err(failures));
        }
        Ok(match self.phase {
            Phase::UndoSettle => Ok(self.list(context, parts, Phase::UndoLook)),
            Phase::UndoLook => listed_volumes(outcomes).map(|volumes| match has(volumes, &parts.source) {
                true => self.set_id(parts, Phase::UndoWait, &parts.source),
                // gluster deletes no volume that it takes a snapshot of or has one of: there is nothing to wait for.
                false => self.delete_snapshot(parts, Phase::UndoSnapshot),
            }),
            Phase::UndoWait => Ok(self.delete_snapshot(parts, Phase::UndoSnapshot)),
            Phase::UndoSnapshot => Ok(self.list(context, parts, Phase::UndoFind)),
            Phase::UndoFind => self.find_to_undo(context, parts, &made, outcomes),
            Phase::UndoStorage => self.storage(context, parts, outcomes).map(|storage| match storage.elsewhere {
                None => {
                    self.keep(context, storage.bricks);
                    self.delete_volume(parts)
                }
                // It stays as it is, and nothing was made for us.
                Some(text) => {
                    context.error.get_or_insert(text);
                    forget(context, parts)
                }
            }),
            Phase::UndoVolume => Ok(self.list(context, parts, Phase::UndoAsk)),
            Phase::UndoAsk => self.destroy(context, parts, &made, outcomes),
            _ => made.forget_destroyed(context, outcomes).map(|()| forget(context, parts)),
        })
    }

    fn find_to_undo(
        &mut self,
        context: &mut Context<'_>,
        parts: &Parts,
        made: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let volumes = listed_volumes(outcomes)?;
        let (source, clone) = (&parts.source, &parts.clone);
        if has(volumes, clone) && !has(volumes, source) {
            return Err(format!(
                "gluster has volume {}, but not the volume {} it was cloned from: it may hold the only copy of the data, \
                 so it is not deleted; save what is needed, delete it with `gluster volume delete {0}`, and clean up again",
                clone.name, source.name
            ));
        }
        let ordered = self.ordered_by_gluster(context, parts, volumes)?;
        let parts = ordered.as_ref().unwrap_or(parts);
        match self.owner(context, parts, volumes) {
            Owner::Clone(listed) if made.is_empty() => Ok(self.read_storage(parts, Phase::UndoStorage, listed)),
            Owner::Clone(_) => Ok(self.delete_volume(parts)),
            Owner::Nobody | Owner::Another(_) => self.destroy(context, parts, made, outcomes),
        }
    }

    /// heketi v10 did not record which brick of the clone is which of gluster's: they take the places that the
    /// source's have, in the records too. None where there is nothing to put in order.
    fn ordered_by_gluster(
        &self,
        context: &mut Context<'_>,
        parts: &Parts,
        volumes: &[GlusterVolume],
    ) -> Result<Option<Parts>, String> {
        if !self.by_v10 || volumes.iter().all(|volume| volume.name != parts.clone.name) {
            return Ok(None);
        }
        let ordered =
            clone_bricks::in_source_order(context.inventory, &parts.source, &parts.origin, &self.bricks, volumes)?;
        ordered.into_iter().for_each(|brick| context.changes.put_brick(brick));
        let so_far = context.so_far().map_err(|error| error.to_string())?;
        Parts::of(&so_far, self.source, self.clone).map(Some).map_err(|error| error.to_string())
    }

    fn delete_volume(&mut self, parts: &Parts) -> Turn {
        let action = Action::DeleteVolume { name: parts.clone.name.clone() };
        self.tell(parts, Phase::UndoVolume, action)
    }

    /// Destroys what gluster made for the clone, now that no volume uses it.
    fn destroy(
        &mut self,
        context: &mut Context<'_>,
        parts: &Parts,
        made: &Bricks,
        outcomes: &[StepOutcome],
    ) -> Result<Turn, String> {
        let view = made.view(listed_volumes(outcomes)?, &parts.clone.name);
        if !view.listed.is_empty() {
            return Err(still_used(&view));
        }
        if made.is_empty() {
            return Ok(forget(context, parts));
        }
        self.phase = Phase::UndoBricks;
        Ok(Turn::Run(made.destroy(parts.clone.gid)))
    }
}

fn has(volumes: &[GlusterVolume], volume: &Volume) -> bool {
    volumes.iter().any(|listed| listed.name == volume.name)
}

/// Ends an operation that was undone. Bricks with a logical volume were destroyed and forgotten before.
fn forget(context: &mut Context<'_>, parts: &Parts) -> Turn {
    for (brick, _) in parts.bricks.iter().filter(|(brick, _)| brick.logical_volume.is_none()) {
        context.changes.delete(Key::Brick(brick.id));
    }
    context.changes.delete(Key::Volume(parts.clone.id));
    Turn::Finish(context.failed())
}

impl Machine for VolumeClone {
    fn type_name(&self) -> &'static str {
        "clone-volume"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("clone", "Cloned")
    }

    fn object(&self) -> String {
        format!("volume {} to {}", self.source, self.clone)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let devices = self.devices.iter().map(|device| (Object::Device(*device), Claim::Shared));
        let volumes = [self.source, self.clone].map(|volume| (Object::Volume(volume), Claim::Exclusive));
        devices.chain(volumes).collect()
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn hides_volume(&self, volume: VolumeId) -> bool {
        self.clone == volume
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.clone == volume
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let parts = Parts::of(context.inventory, self.source, self.clone)?;
        match event {
            Event::Start => Ok(self.list(context, &parts, Phase::Inspect)),
            // gluster was told nothing, or nothing is left of it.
            Event::Resume if self.phase == Phase::Inspect || parts.bricks.is_empty() => Ok(forget(context, &parts)),
            Event::Resume => Ok(self.undo(&parts)),
            Event::Outcomes(outcomes) => self.proceed(context, &parts, &outcomes),
        }
    }
}
