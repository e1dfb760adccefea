//! Takes a new disk for a device whose disk is lost: the same volume group, the same bricks, healed by gluster.

use serde::{Deserialize, Serialize};

use super::heal_wait::{HealProgress, HealWait};
use super::machine::{Context, Event, Turn, plan};
use super::rebuild::{End, Progress, Rebuild, check_bricks};
use super::{Machine, Planned, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, DeviceId, IdSource, NodeId, VolumeId};
use crate::inventory::{Change, ChangeSet, Claim, Inventory, JobResult, Object, Record};
use crate::model::{Device, EntryState};
use crate::units::Timestamp;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// The bricks come back.
    Rebuild,
    /// gluster fills them.
    Heal(Box<HealWait>),
}

/// Takes a new disk for a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceReplace {
    node: NodeId,
    cluster: ClusterId,
    rebuild: Rebuild,
    volumes: Vec<VolumeId>,
    /// It was online, and is again when its bricks are back.
    was_online: bool,
    phase: Phase,
}

impl DeviceReplace {
    /// Plans to rebuild a device on a new disk at `path`, or where the old one was.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while an operation works on the device or a volume with bricks on it, when the path
    /// belongs to another device, or when volumes have bricks there that nothing can bring back, naming them.
    pub fn plan(
        inventory: &Inventory,
        id: DeviceId,
        path: Option<String>,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        let device = inventory.device(id).ok_or_else(Error::not_found)?;
        let node = inventory.node(device.node).ok_or_else(Error::not_found)?;
        let path = path.unwrap_or_else(|| device.name.clone());
        let others = inventory.devices_of_node(node.id).filter(|other| *other != id);
        let has_path = |other: &Device| other.name == path || other.paths.contains(&path);
        if let Some(other) = others.filter_map(|other| inventory.device(other)).find(|other| has_path(other)) {
            let text = format!("Device {path} on {} is already in use (ID: {})", node.manage_host(), other.id);
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let volumes = check_bricks(inventory, &format!("device {id}"), &[id])?;
        let volume_claims = volumes.iter().map(|volume| (Object::Volume(*volume), Claim::Exclusive));
        let mut claims: Vec<(Object, Claim)> = volume_claims.collect();
        claims.push((Object::Device(id), Claim::Exclusive));
        claims.push((Object::DevicePath(node.id, path.clone()), Claim::Exclusive));
        claims.push((Object::Node(node.id), Claim::Shared));
        if claims.iter().any(|(object, claim)| inventory.conflict(object, *claim).is_some()) {
            return Err(Error::conflict());
        }
        let was_online = device.state == EntryState::Online;
        let mut changes = ChangeSet::default();
        if was_online {
            // It gets no new bricks meanwhile.
            changes.put_device(Device { state: EntryState::Offline, ..Device::clone(device) });
        }
        let work = Work::DeviceReplace(Self {
            node: node.id,
            cluster: node.cluster,
            rebuild: Rebuild::new(id, path, true),
            volumes,
            was_online,
            phase: Phase::Rebuild,
        });
        Ok(plan(work, changes, ids, now))
    }

    fn turn(&mut self, context: &mut Context<'_>, progress: Progress) -> Turn {
        match progress {
            Progress::Run(steps) => Turn::Run(steps),
            // Nothing was done yet: the client gets the reason and may try again.
            Progress::Suspend(why) if self.rebuild.is_untouched() => self.give_up(context, why),
            Progress::Suspend(why) => Turn::Suspend(why),
            Progress::Over(End::Refused(why)) => self.give_up(context, why),
            Progress::Over(End::Kept) => {
                let why = format!(
                    "the volume group of device {} is still there: its disk was not replaced, or the old one is still \
                     in the node; nothing was done",
                    self.rebuild.device()
                );
                self.give_up(context, why)
            }
            Progress::Over(End::Rebuilt) => {
                self.set_online(context);
                let mut wait = HealWait::new(self.cluster, vec![self.rebuild.device()], self.volumes.clone());
                let progress = wait.start(context);
                self.phase = Phase::Heal(Box::new(wait));
                heal_turn(context, progress)
            }
        }
    }

    fn give_up(&self, context: &mut Context<'_>, why: String) -> Turn {
        self.set_online(context);
        context.error.get_or_insert(why);
        Turn::Finish(context.failed())
    }

    fn set_online(&self, context: &mut Context<'_>) {
        if !self.was_online {
            return;
        }
        let recorded = context.changes.iter().filter_map(|change| match change {
            Change::Put(Record::Device(device)) if device.id == self.rebuild.device() => Some(device),
            _ => None,
        });
        let known = context.inventory.device(self.rebuild.device()).map(|device| device.as_ref());
        let device = recorded.last().or(known).filter(|device| device.state == EntryState::Offline).cloned();
        if let Some(device) = device {
            context.changes.put_device(Device { state: EntryState::Online, ..device });
        }
    }

    /// The device that gets a new disk.
    pub fn device(&self) -> DeviceId {
        self.rebuild.device()
    }
}

/// What an operation does that has nothing left to do but wait for gluster.
pub(super) fn heal_turn(context: &mut Context<'_>, progress: HealProgress) -> Turn {
    match progress {
        HealProgress::Run(steps) => Turn::Run(steps),
        HealProgress::Healed => Turn::Finish(JobResult::Done),
        HealProgress::Later(why) => {
            Turn::Suspend(format!("the bricks are rebuilt, heketi looks later whether they are healed: {why}"))
        }
        HealProgress::Stuck(why) => {
            context.error.get_or_insert(format!("the bricks are rebuilt, but not healed: {why}"));
            Turn::Finish(context.failed())
        }
    }
}

impl Machine for DeviceReplace {
    fn type_name(&self) -> &'static str {
        "replace-device"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("replace", "Replaced")
    }

    fn object(&self) -> String {
        format!("device {}", self.rebuild.device())
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let (device, node) = (Object::Device(self.rebuild.device()), Object::Node(self.node));
        match self.phase {
            // What is being healed may be used.
            Phase::Heal(_) => vec![(device, Claim::Shared), (node, Claim::Shared)],
            Phase::Rebuild => {
                let path = Object::DevicePath(self.node, self.rebuild.path().to_owned());
                let volumes = self.volumes.iter().map(|volume| (Object::Volume(*volume), Claim::Exclusive));
                let mut claims: Vec<(Object, Claim)> = volumes.collect();
                claims.extend([(device, Claim::Exclusive), (path, Claim::Exclusive), (node, Claim::Shared)]);
                claims
            }
        }
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        if let Phase::Heal(wait) = &mut self.phase {
            let progress = match event {
                Event::Outcomes(outcomes) => wait.proceed(context, &outcomes),
                Event::Start | Event::Resume => wait.start(context),
            };
            return Ok(heal_turn(context, progress));
        }
        let progress = match event {
            Event::Start => self.rebuild.start(context, &self.volumes)?,
            Event::Resume => self.rebuild.resume(context, &self.volumes)?,
            Event::Outcomes(outcomes) => self.rebuild.proceed(context, &self.volumes, &outcomes)?,
        };
        Ok(self.turn(context, progress))
    }
}
