//! What the replacements of a node and of a device share: one device, from an empty disk to bricks that gluster
//! fills again.
//!
//! Nothing that holds data is overwritten: only a disk that is empty is set up, and only what this operation put
//! on it itself is made again. From the moment gluster may have taken the bricks back they are left as they are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::lost_bricks::{LostBrick, LostBricks, gate};
use super::machine::{Context, failure_texts, in_cluster, on_node, settle};
use super::{Action, Certainty, DeviceContents, DeviceReport, GlusterBrick, Host, Observation, Step, StepOutcome};
use crate::error::{Error, ErrorKind};
use crate::id::{BrickId, DeviceId, VolumeId};
use crate::inventory::{Inventory, Key};
use crate::model::{Device, Node};
use crate::units::Kib;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Resumed: commands of lost connections end.
    Settle,
    /// What is on the disk?
    Inspect,
    /// Are enough other bricks there to heal these from?
    Gate,
    /// What may still run on the lost disk ends.
    Stop,
    /// The disk becomes a physical volume again.
    SetUp,
    /// The bricks are made.
    Bricks,
    /// gluster is told to take them back.
    Reset,
}

/// How far this operation came with the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Disk {
    /// It did nothing to it.
    Untouched,
    /// It was empty; what is on it now this operation made, and gluster was told nothing.
    Ours,
    /// gluster may have filled the bricks.
    Told,
}

/// One device that is rebuilt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rebuild {
    device: DeviceId,
    /// Where the disk is now.
    path: String,
    phase: Phase,
    disk: Disk,
    /// Its volume group is there, as of the last look in this run.
    group: bool,
    /// A physical volume of ours without a volume group is on it.
    bare: bool,
    /// The node went on without the disk: brick processes may still run.
    live: bool,
}

/// What comes next.
pub(super) enum Progress {
    /// Run these steps.
    Run(Vec<Step>),
    /// It cannot go on now; the text tells why.
    Suspend(String),
    /// This device is done with.
    Over(End),
}

/// How the rebuilding of a device ended.
pub(super) enum End {
    /// Its bricks are in their volumes again.
    Rebuilt,
    /// The node still has the volume group of the device, on this disk or another: nothing was touched.
    Kept,
    /// The disk cannot be used, and nothing was done to it; the text tells why.
    Refused(String),
}

/// What a rebuild works with: records as they are now.
struct Scene<'a> {
    device: &'a Device,
    node: &'a Node,
    bricks: LostBricks,
}

impl Rebuild {
    /// A device whose disk is at `path` now. With `live` its node was up all the time.
    pub fn new(device: DeviceId, path: String, live: bool) -> Self {
        let (phase, disk) = (Phase::Inspect, Disk::Untouched);
        Self { device, path, phase, disk, group: false, bare: false, live }
    }

    pub fn device(&self) -> DeviceId {
        self.device
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// Was nothing done to the disk yet?
    pub fn is_untouched(&self) -> bool {
        self.disk == Disk::Untouched
    }

    /// Begins; the bricks of `volumes` are brought back, here and in what follows.
    pub fn start(&mut self, context: &Context<'_>, volumes: &[VolumeId]) -> Result<Progress, Error> {
        let scene = self.scene(context.inventory, volumes)?;
        Ok(self.inspect(&scene))
    }

    pub fn resume(&mut self, context: &Context<'_>, volumes: &[VolumeId]) -> Result<Progress, Error> {
        let scene = self.scene(context.inventory, volumes)?;
        self.phase = Phase::Settle;
        Ok(Progress::Run(settle([scene.node.host()])))
    }

    fn scene<'a>(&self, inventory: &'a Inventory, volumes: &[VolumeId]) -> Result<Scene<'a>, Error> {
        let unknown = || Error::internal(format!("operation rebuilds device {}, which is not known", self.device));
        let device = inventory.device(self.device).ok_or_else(unknown)?;
        let node = inventory.node(device.node).ok_or_else(unknown)?;
        let bricks = LostBricks::of(inventory, &[device.id], volumes);
        Ok(Scene { device, node, bricks })
    }

    pub fn proceed(
        &mut self,
        context: &mut Context<'_>,
        volumes: &[VolumeId],
        outcomes: &[StepOutcome],
    ) -> Result<Progress, Error> {
        let inventory = context.inventory;
        let scene = self.scene(inventory, volumes)?;
        let failures = failure_texts(outcomes);
        Ok(match self.phase {
            Phase::Settle if failures.is_empty() => self.inspect(&scene),
            Phase::Inspect => self.inspected(context, &scene, outcomes),
            Phase::Gate => match gate(&scene.bricks, self.disk == Disk::Told, outcomes) {
                Ok(back) => self.after_gate(&scene, &back),
                Err(text) => Progress::Suspend(text),
            },
            // A process that ended with its disk cannot be ended.
            Phase::Stop if all_answered(outcomes) => self.make_or_set_up(&scene),
            Phase::SetUp => match outcomes {
                [Ok(Observation::Device(report))] => match self.record(context, &scene, report) {
                    Ok(()) => self.make(&scene),
                    Err(text) => Progress::Suspend(text),
                },
                _ => Progress::Suspend(failures),
            },
            Phase::Bricks if failures.is_empty() => self.reset(&scene, &[]),
            Phase::Reset if failures.is_empty() => Progress::Over(End::Rebuilt),
            Phase::Settle | Phase::Stop | Phase::Bricks | Phase::Reset => Progress::Suspend(failures),
        })
    }

    /// Looks at the disk at the given path, and for the volume group wherever it is.
    fn inspect(&mut self, scene: &Scene<'_>) -> Progress {
        self.phase = Phase::Inspect;
        let (host, volume_group) = (scene.node.host(), scene.device.volume_group());
        Progress::Run(vec![
            on_node(host.clone(), Action::InspectDevice { device: self.path.clone() }),
            on_node(host, Action::ReadDevice { device: self.path.clone(), volume_group }),
        ])
    }

    fn inspected(&mut self, context: &mut Context<'_>, scene: &Scene<'_>, outcomes: &[StepOutcome]) -> Progress {
        let (contents, report) = match outcomes {
            [Ok(Observation::Contents(contents)), Ok(Observation::Device(report))] => (contents, Some(report)),
            // LVM knows no such group.
            [Ok(Observation::Contents(contents)), Err(failure)] if failure.certainty == Certainty::Failed => {
                (contents, None)
            }
            _ => return Progress::Suspend(failure_texts(outcomes)),
        };
        let host = scene.node.host();
        let volume_group = scene.device.volume_group();
        let on_the_disk = contents.volume_group.as_ref() == Some(&volume_group);
        self.group = report.is_some() || on_the_disk;
        self.bare = contents.pv_uuid.is_some() && contents.volume_group.is_none();
        if self.group {
            if self.disk == Disk::Untouched {
                return Progress::Over(End::Kept);
            }
            if !on_the_disk {
                let (path, manage) = (&self.path, &host.manage);
                return Progress::Over(End::Refused(format!(
                    "volume group {volume_group} is on another disk of {manage} than {path} now"
                )));
            }
            // The server may have ended before it recorded what it had set up.
            if let Some(report) = report.filter(|report| report.pv_uuid != scene.device.pv_uuid)
                && let Err(text) = self.record(context, scene, report)
            {
                return Progress::Suspend(text);
            }
        } else {
            // What was on it is gone with the disk.
            if self.disk == Disk::Told {
                self.disk = Disk::Untouched;
            }
            if let Some(text) = self.refusal(context.inventory, contents, &host) {
                self.disk = Disk::Untouched;
                return Progress::Over(End::Refused(text));
            }
        }
        self.gate(context, scene)
    }

    /// Why the disk cannot be used, or none if it is empty. heketi writes over nothing here: whoever means it can
    /// wipe the disk.
    fn refusal(&self, inventory: &Inventory, contents: &DeviceContents, host: &Host) -> Option<String> {
        let (path, manage) = (&self.path, &host.manage);
        let why = if !contents.exists {
            "there is no such block device".to_owned()
        } else if contents.read_only {
            "it is read-only".to_owned()
        } else if !contents.mount_points.is_empty() {
            format!("it is in use ({})", contents.mount_points.join(", "))
        } else if let Some(group) = &contents.volume_group {
            format!("it belongs to volume group {group}")
        } else if let Some(uuid) = contents.pv_uuid.as_ref().filter(|_| self.disk == Disk::Untouched) {
            format!("it holds LVM physical volume {uuid}; wipe it first if nobody needs that")
        } else if !contents.children.is_empty() {
            format!("it holds {}; remove them first if nobody needs them", contents.children.join(", "))
        } else if let Some(signature) = &contents.signature {
            format!("it holds a signature of {signature}; wipe it first if nobody needs what is on it")
        } else if contents.size != Kib::ZERO && contents.size < inventory.charged(self.device) + OVERHEAD {
            let needed = inventory.charged(self.device) + OVERHEAD;
            format!("it has {}, the bricks of the device need {needed}", contents.size)
        } else {
            return None;
        };
        Some(format!("Unable to rebuild device {} on disk {path} of {manage}: {why}", self.device))
    }

    fn gate(&mut self, context: &Context<'_>, scene: &Scene<'_>) -> Progress {
        if scene.bricks.is_empty() {
            return self.after_gate(scene, &[]);
        }
        self.phase = Phase::Gate;
        Progress::Run(scene.bricks.questions(context.inventory, scene.node.cluster, Some(scene.node.id)))
    }

    fn after_gate(&mut self, scene: &Scene<'_>, back: &[BrickId]) -> Progress {
        if self.group && self.disk == Disk::Told {
            return self.reset(scene, back);
        }
        if !self.live || scene.bricks.is_empty() {
            return self.make_or_set_up(scene);
        }
        self.phase = Phase::Stop;
        Progress::Run(
            scene
                .bricks
                .iter()
                .map(|lost| in_gluster(scene, lost, |name, brick| Action::StopBrick { name, brick }))
                .collect(),
        )
    }

    fn make_or_set_up(&mut self, scene: &Scene<'_>) -> Progress {
        if self.group {
            return self.make(scene);
        }
        self.phase = Phase::SetUp;
        self.disk = Disk::Ours;
        let (device, volume_group) = (self.path.clone(), scene.device.volume_group());
        let action = Action::SetUpDevice { device, volume_group, wipe: self.bare };
        Progress::Run(vec![on_node(scene.node.host(), action)])
    }

    /// Keeps size and identity of the new disk, or tells why it cannot be used after all.
    fn record(&mut self, context: &mut Context<'_>, scene: &Scene<'_>, report: &DeviceReport) -> Result<(), String> {
        let inventory = context.inventory;
        let (foreign, charged) = (report.total.saturating_sub(report.free), inventory.charged(self.device));
        let manage = scene.node.manage_host();
        if report.extent == Kib::ZERO || charged + foreign > report.total {
            return Err(format!(
                "disk {} of {manage} is too small for device {}: it has {}, the bricks need {charged}; replace it by \
                 a larger one",
                self.path, self.device, report.total
            ));
        }
        let uuid = report.pv_uuid.as_ref();
        let is_theirs = |other: &Device| other.id != self.device && uuid.is_some() && other.pv_uuid.as_ref() == uuid;
        if let Some(owner) = inventory.devices().find(|other| is_theirs(other)) {
            return Err(format!("disk {} of {manage} is device {}", self.path, owner.id));
        }
        context.changes.put_device(Device {
            name: self.path.clone(),
            paths: report.paths.clone(),
            pv_uuid: report.pv_uuid.clone(),
            total: report.total,
            foreign,
            extent: report.extent,
            ..scene.device.clone()
        });
        // Bricks that no volume uses waited only for their node to be told to destroy them.
        let bricks = inventory.bricks_of_device(self.device).filter_map(|id| inventory.brick(id));
        bricks.filter(|brick| brick.retired).for_each(|brick| context.changes.delete(Key::Brick(brick.id)));
        self.group = true;
        Ok(())
    }

    /// Mounts and fstab lines of the lost disk may be left: they go first, with whatever an earlier try made.
    fn make(&mut self, scene: &Scene<'_>) -> Progress {
        self.phase = Phase::Bricks;
        if scene.bricks.is_empty() {
            return Progress::Over(End::Rebuilt);
        }
        let host = scene.node.host();
        let steps = scene.bricks.iter().map(|lost| {
            let brick = lost.brick.spec(lost.volume.gid);
            on_node(host.clone(), Action::CreateBrick { brick, redo: true })
        });
        Progress::Run(steps.collect())
    }

    /// Has gluster take the bricks, those that are `back` already excepted.
    fn reset(&mut self, scene: &Scene<'_>, back: &[BrickId]) -> Progress {
        self.phase = Phase::Reset;
        self.disk = Disk::Told;
        let bricks = scene.bricks.iter().filter(|lost| !back.contains(&lost.brick.id));
        let steps: Vec<Step> =
            bricks.map(|lost| in_gluster(scene, lost, |name, brick| Action::ResetBrick { name, brick })).collect();
        if steps.is_empty() { Progress::Over(End::Rebuilt) } else { Progress::Run(steps) }
    }
}

/// A gluster command about a brick. Only the brick's own node is asked: it must be up anyway, and only its commands
/// are waited for.
fn in_gluster(scene: &Scene<'_>, lost: &LostBrick, action: impl Fn(String, GlusterBrick) -> Action) -> Step {
    in_cluster(scene.node.cluster, vec![scene.node.host()], action(lost.volume.name.clone(), lost.name.clone()))
}

/// Did every step end, well or not?
fn all_answered(outcomes: &[StepOutcome]) -> bool {
    outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|failure| failure.certainty == Certainty::Failed)
}

/// What LVM takes from a disk before the first brick: its metadata area of 128 MiB and alignment.
const OVERHEAD: Kib = Kib(129 * 1024);

/// The volumes with bricks on these devices, each once, if all these bricks can be brought back.
///
/// # Errors
/// `Conflict` that names volumes whose bricks hold the only copy of their data, and clones whose bricks share
/// thin pools with others.
pub(super) fn check_bricks(inventory: &Inventory, what: &str, devices: &[DeviceId]) -> Result<Vec<VolumeId>, Error> {
    let (mut volumes, mut only_copies, mut shared) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for brick in devices.iter().flat_map(|device| inventory.bricks_of_device(*device)) {
        let Some(brick) = inventory.brick(brick).filter(|brick| !brick.retired) else { continue };
        // A volume that is being created or deleted may wait for this hardware; its bricks are its own business.
        if inventory.is_volume_hidden(brick.volume) {
            continue;
        }
        let volume = inventory
            .volume(brick.volume)
            .ok_or_else(|| Error::internal(format!("brick {} names unknown volume {}", brick.id, brick.volume)))?;
        volumes.insert(volume.id);
        if volume.durability.set_size() < 2 {
            only_copies.insert(volume.name.as_str());
        }
        // Its mounts are glusterd's, and its thin pool is another brick's.
        if brick.thin_pool.is_some() || inventory.bricks_in_pool_of(brick) > 1 {
            shared.insert(format!("brick {} of volume {}", brick.id, volume.name));
        }
    }
    let refuse = |why: String| Err(Error::new(ErrorKind::Conflict, format!("Unable to replace {what}: {why}")));
    if !only_copies.is_empty() {
        let names: Vec<&str> = only_copies.into_iter().collect();
        return refuse(format!(
            "it holds the only copy of data of volume {} (durability none), which cannot come back; delete those \
             volumes first",
            names.join(", ")
        ));
    }
    if !shared.is_empty() {
        let names: Vec<String> = shared.into_iter().collect();
        return refuse(format!("{} share thin pools with clones; evict those bricks first", names.join(", ")));
    }
    Ok(volumes.into_iter().collect())
}
