//! Moves one brick to another device: the machine inside of brick evict, device remove and node remove.
//!
//! Until gluster is told of the new brick everything is undone; after that gluster's word decides: the new brick in
//! use means forward, the old one back. It never tells gluster again: what waited to be healed may have changed since
//! it was checked. A brick that cannot be destroyed now, because its node does not answer or something keeps it busy,
//! is retired: its volume is free again, and its space is in use until it is destroyed.

mod choose;
mod heal_gate;
mod in_use;
mod scene;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use heal_gate::{BrickInSet, find_set, refusal};
use in_use::{InUse, Told};
pub(super) use scene::why_busy;
use scene::{Scene, retire, unclear};

use super::machine::{Context, cluster_hosts, failure_texts, in_cluster, nothing_started, on_node, settle};
use super::volume_bricks::{gluster_brick, listed_volumes};
use super::{Action, GlusterBrick, Host, Observation, Step, StepOutcome};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, VolumeId};
use crate::inventory::{Claim, Key, Object};
use crate::model::{Brick, EntryState};

/// heketi v10's text.
const NO_REPLACEMENT: &str = "No Replacement was found for resource requested to be removed";

/// heketi v10's text.
const NO_PEERS: &str = "replace brick is not supported for volume durability type none";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Which set does gluster have the brick in?
    Find,
    /// Is everything healed, and are enough others of the set there?
    Heal,
    /// The new brick is made; gluster knows nothing of it.
    Create,
    /// gluster is told.
    Replace,
    /// Telling went wrong: commands of lost connections end.
    AskSettle,
    /// Which of the two does gluster use?
    Ask,
    /// The node that was told lost what it knew, so all others are asked.
    AskOthers,
    /// The new one, so the old one is destroyed.
    DestroyOld,
    /// Undo: commands of lost connections end.
    UndoSettle,
    /// Undo: gluster was told, so it is asked once more.
    UndoAsk,
    /// Undo: the new brick is destroyed.
    UndoNew,
}

/// The move of one brick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Eviction {
    brick: BrickId,
    volume: VolumeId,
    device: DeviceId,
    heal_check: bool,
    phase: Phase,
    /// What gluster calls the brick, once it was asked.
    known_as: Option<GlusterBrick>,
    /// The other bricks of its set.
    others: Vec<BrickId>,
    new: Option<BrickId>,
    target: Option<DeviceId>,
    /// Devices on which the new brick could not be made.
    avoid: BTreeSet<DeviceId>,
    /// After the undo another device is tried.
    retry: bool,
    /// gluster may know of the new brick.
    told: bool,
}

/// What follows for whoever moves the brick.
pub(super) enum Progress {
    /// Run these steps.
    Run(Vec<Step>),
    /// Cannot go on; the text tells why.
    Suspend(String),
    /// Over.
    Over(End),
}

/// How a move ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// The volume uses the new brick.
    Moved,
    /// Another operation works on the volume.
    Busy(String),
    /// No device can take the brick; lines that explain it.
    NoReplacement(Vec<String>),
    /// It was not moved, for this reason.
    Failed(String),
    /// It was undone after a restart, with no reason to fail.
    Interrupted,
}

impl End {
    /// The text for the client of a move that failed.
    pub fn text(&self) -> String {
        match self {
            Self::Moved => String::new(),
            Self::Busy(text) | Self::Failed(text) => text.clone(),
            Self::NoReplacement(lines) => with_lines(NO_REPLACEMENT, lines),
            Self::Interrupted => "the operation was interrupted and undone".to_owned(),
        }
    }
}

/// A text and the lines that explain it.
pub(super) fn with_lines(text: &str, lines: &[String]) -> String {
    [text].into_iter().chain(lines.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}

impl Eviction {
    /// The move of a brick, not begun.
    pub fn new(brick: &Brick, heal_check: bool) -> Self {
        Self {
            brick: brick.id,
            volume: brick.volume,
            device: brick.device,
            heal_check,
            phase: Phase::Find,
            known_as: None,
            others: Vec::new(),
            new: None,
            target: None,
            avoid: BTreeSet::new(),
            retry: false,
            told: false,
        }
    }

    /// The move of a brick that another program began. Without a new brick gluster was told nothing.
    pub fn left_over(brick: &Brick, new: Option<&Brick>) -> Self {
        let phase = if new.is_some() { Phase::Replace } else { Phase::Find };
        Self {
            phase,
            new: new.map(|new| new.id),
            target: new.map(|new| new.device),
            told: new.is_some(),
            ..Self::new(brick, true)
        }
    }

    /// The brick.
    pub fn brick(&self) -> BrickId {
        self.brick
    }

    /// The brick that takes its place, once there is one.
    pub fn new_brick(&self) -> Option<BrickId> {
        self.new
    }

    /// The volume it belongs to.
    pub fn volume(&self) -> VolumeId {
        self.volume
    }

    /// The device it leaves.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// What it holds, the device the brick leaves excepted.
    pub fn claims(&self) -> Vec<(Object, Claim)> {
        let target = self.target.map(|device| (Object::Device(device), Claim::Shared));
        [(Object::Volume(self.volume), Claim::Exclusive)].into_iter().chain(target).collect()
    }

    /// Is this the brick that comes or the one that goes?
    pub fn makes_or_removes(&self, brick: BrickId) -> bool {
        self.brick == brick || self.new == Some(brick)
    }

    /// Is this the brick that comes?
    pub fn hides_brick(&self, brick: BrickId) -> bool {
        self.new == Some(brick)
    }

    /// Begins. Nothing is recorded yet but the claims.
    pub fn start(&mut self, context: &mut Context<'_>) -> Result<Progress, Error> {
        let scene = self.scene(context.inventory)?;
        if scene.volume.durability.set_size() < 2 {
            return Ok(Progress::Over(End::Failed(NO_PEERS.into())));
        }
        if context.is_claimed(&Object::Volume(self.volume), Claim::Exclusive) {
            let busy = why_busy(context.inventory, &scene.old);
            let text = busy.unwrap_or_else(|| Error::busy().text().to_owned());
            return Ok(Progress::Over(End::Busy(text)));
        }
        let hosts = self.askable(context, &scene);
        Ok(Progress::Run(vec![in_cluster(scene.volume.cluster, hosts, Action::ListVolumes)]))
    }

    /// Goes on after a restart.
    pub fn resume(&mut self, context: &mut Context<'_>) -> Result<Progress, Error> {
        let scene = self.scene(context.inventory)?;
        self.retry = false;
        Ok(match self.phase {
            Phase::Find | Phase::Heal => Progress::Over(End::Interrupted),
            Phase::Create | Phase::UndoSettle | Phase::UndoAsk | Phase::UndoNew => self.undo(&scene),
            Phase::Replace | Phase::AskSettle | Phase::Ask | Phase::AskOthers => self.find_out(&scene),
            // gluster uses the new brick. Whether the old one may be destroyed is asked by whoever destroys it.
            Phase::DestroyOld => self.accept(context, &scene, None),
        })
    }

    /// Goes on after a stage.
    pub fn proceed(&mut self, context: &mut Context<'_>, outcomes: &[StepOutcome]) -> Result<Progress, Error> {
        let scene = self.scene(context.inventory)?;
        let failures = failure_texts(outcomes);
        Ok(match self.phase {
            Phase::Find => self.found(context, &scene, outcomes),
            Phase::Heal => self.healed(context, &scene, outcomes),
            Phase::Create => match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
                None => self.replace(&scene),
                Some(failure) => {
                    context.note_failure(outcomes);
                    self.shun_target(context, nothing_started(failure));
                    if nothing_started(failure) { self.forget_new(context)? } else { self.undo(&scene) }
                }
            },
            Phase::Replace => match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
                None => self.ask(&scene, Phase::Ask),
                Some(failure) => {
                    context.note_failure(outcomes);
                    if nothing_started(failure) {
                        // It was told only here, and certainly heard nothing.
                        self.told = false;
                        self.shun_target(context, true);
                        return Ok(self.undo(&scene));
                    }
                    self.find_out(&scene)
                }
            },
            Phase::AskSettle if failures.is_empty() => self.ask(&scene, Phase::Ask),
            Phase::AskSettle => Progress::Suspend(failures),
            Phase::Ask => match self.told_host_says(&scene, outcomes) {
                Told::Says(in_use) => self.judge(context, &scene, in_use),
                Told::KnowsNothing => self.ask_others(context, &scene),
                Told::Unclear(why) => Progress::Suspend(why),
            },
            Phase::AskOthers => match self.others_say(&scene, outcomes) {
                Ok(in_use) => self.judge(context, &scene, in_use),
                Err(why) => Progress::Suspend(why),
            },
            Phase::DestroyOld => self.accept(context, &scene, outcomes.first()),
            Phase::UndoSettle if !failures.is_empty() && self.told => Progress::Suspend(failures),
            Phase::UndoSettle if !failures.is_empty() => {
                self.shun_node(context);
                self.retire_new(context, &scene)?
            }
            Phase::UndoSettle if self.told => self.ask(&scene, Phase::UndoAsk),
            Phase::UndoSettle => self.destroy_new(&scene),
            // The new brick may be half destroyed: it is no way forward any more.
            Phase::UndoAsk => match self.told_host_says(&scene, outcomes) {
                Told::Unclear(why) => Progress::Suspend(why),
                Told::Says(InUse::New) => Progress::Suspend(unclear(&scene)),
                Told::Says(InUse::Old) | Told::KnowsNothing => self.destroy_new(&scene),
            },
            Phase::UndoNew => match outcomes {
                [Ok(Observation::BrickDestroyed { pool_removed: true })] => self.forget_new(context)?,
                _ => self.retire_new(context, &scene)?,
            },
        })
    }

    /// Hosts to ask about the volume: the brick's own node first, unless it is not expected to answer.
    fn askable(&self, context: &Context<'_>, scene: &Scene) -> Vec<Host> {
        let (inventory, down) = (context.inventory, &context.environment.facts.down);
        let mut hosts = cluster_hosts(inventory, scene.volume.cluster, Some(scene.old_host.node));
        let is_online = |host: &Host| inventory.node(host.node).is_some_and(|node| node.state == EntryState::Online);
        hosts.sort_by_key(|host| down.contains(&host.node) || !is_online(host));
        hosts
    }

    fn found(&mut self, context: &mut Context<'_>, scene: &Scene, outcomes: &[StepOutcome]) -> Progress {
        let volume = &scene.volume;
        let found = listed_volumes(outcomes).and_then(|volumes| {
            find_set(context.inventory, (volume.id, &volume.name), volume.durability, self.brick, volumes)
        });
        match found {
            Err(text) => Progress::Over(End::Failed(text)),
            Ok(BrickInSet { name, others }) => {
                (self.known_as, self.others) = (Some(name), others);
                if !self.heal_check {
                    return self.choose(context, context.inventory, scene);
                }
                self.phase = Phase::Heal;
                let (hosts, action) = (self.askable(context, scene), Action::HealInfo { name: volume.name.clone() });
                Progress::Run(vec![Step { hosts, changes_gluster: None, action }])
            }
        }
    }

    fn healed(&mut self, context: &mut Context<'_>, scene: &Scene, outcomes: &[StepOutcome]) -> Progress {
        let [Ok(Observation::Heal(heal))] = outcomes else {
            return Progress::Over(End::Failed(failure_texts(outcomes)));
        };
        let (inventory, volume) = (context.inventory, &scene.volume);
        match refusal(inventory, volume.id, volume.durability, (self.brick, &self.others), heal) {
            Some(text) => Progress::Over(End::Failed(text)),
            None => self.choose(context, inventory, scene),
        }
    }

    fn replace(&mut self, scene: &Scene) -> Progress {
        let (Some(old), Some((new, host))) = (self.known_as.clone(), &scene.new) else {
            return Progress::Suspend(unclear(scene));
        };
        (self.phase, self.told) = (Phase::Replace, true);
        let action = Action::ReplaceBrick { name: scene.volume.name.clone(), old, new: gluster_brick(new, host) };
        // gluster wants this node to be up anyway, and no other has to settle then.
        Progress::Run(vec![in_cluster(scene.volume.cluster, vec![host.clone()], action)])
    }

    fn find_out(&mut self, scene: &Scene) -> Progress {
        self.phase = Phase::AskSettle;
        Progress::Run(settle(scene.new.iter().map(|(_, host)| host.clone())))
    }

    fn judge(&mut self, context: &mut Context<'_>, scene: &Scene, in_use: InUse) -> Progress {
        if in_use == InUse::Old {
            return self.destroy_new(scene);
        }
        context.error = None;
        self.phase = Phase::DestroyOld;
        // No use waiting for a node that is known to be down.
        if context.environment.facts.down.contains(&scene.old.node) {
            return self.accept(context, scene, None);
        }
        let action = Action::DestroyBrick { brick: scene.old.spec(scene.volume.gid) };
        Progress::Run(vec![on_node(scene.old_host.clone(), action)])
    }

    /// The new brick takes the old one's place. The old one is forgotten if it is destroyed, else retired.
    fn accept(&mut self, context: &mut Context<'_>, scene: &Scene, destroyed: Option<&StepOutcome>) -> Progress {
        let Some((new, _)) = &scene.new else { return Progress::Suspend(unclear(scene)) };
        let old = &scene.old;
        context.changes.put_brick(Brick { position: old.position, ..Brick::clone(new) });
        match destroyed {
            Some(Ok(Observation::BrickDestroyed { pool_removed }))
                if *pool_removed || context.inventory.bricks_in_pool_of(old) > 1 =>
            {
                context.changes.delete(Key::Brick(old.id));
            }
            _ => retire(context, old),
        }
        context.error = None;
        Progress::Over(End::Moved)
    }

    fn undo(&mut self, scene: &Scene) -> Progress {
        self.phase = Phase::UndoSettle;
        Progress::Run(settle(scene.new.iter().map(|(_, host)| host.clone())))
    }

    fn destroy_new(&mut self, scene: &Scene) -> Progress {
        self.phase = Phase::UndoNew;
        let destroy = |(brick, host): &(Arc<Brick>, Host)| {
            on_node(host.clone(), Action::DestroyBrick { brick: brick.spec(scene.volume.gid) })
        };
        Progress::Run(scene.new.iter().map(destroy).collect())
    }

    fn forget_new(&mut self, context: &mut Context<'_>) -> Result<Progress, Error> {
        if let Some(new) = self.new {
            context.changes.delete(Key::Brick(new));
        }
        self.undone(context)
    }

    fn retire_new(&mut self, context: &mut Context<'_>, scene: &Scene) -> Result<Progress, Error> {
        if let Some((new, _)) = &scene.new {
            retire(context, new);
        }
        self.undone(context)
    }

    /// The new brick is given up: another device is tried, or the move has failed.
    fn undone(&mut self, context: &mut Context<'_>) -> Result<Progress, Error> {
        (self.new, self.target, self.told) = (None, None, false);
        if !std::mem::take(&mut self.retry) {
            let end = context.error.clone().map_or(End::Interrupted, End::Failed);
            return Ok(Progress::Over(end));
        }
        // The space of the brick given up counts again.
        let inventory = context.so_far()?;
        let scene = self.scene(&inventory)?;
        Ok(self.choose(context, &inventory, &scene))
    }
}
