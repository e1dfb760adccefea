//! Bricks whose disk is lost: which others they can be healed from, and whether they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::machine::{cluster_hosts, failure_texts, in_cluster};
use super::{Action, BrickHeal, GlusterBrick, GlusterVolume, Observation, Step, StepOutcome};
use crate::id::{BrickId, ClusterId, DeviceId, NodeId, VolumeId};
use crate::inventory::Inventory;
use crate::model::{Brick, Volume};

/// A brick whose disk is lost.
pub(super) struct LostBrick {
    pub brick: Arc<Brick>,
    pub volume: Arc<Volume>,
    /// As gluster calls it.
    pub name: GlusterBrick,
}

/// Bricks whose disks are lost, by volume and id.
pub(super) struct LostBricks(Vec<LostBrick>);

impl LostBricks {
    /// The bricks that these volumes use on these devices.
    pub fn of(inventory: &Inventory, devices: &[DeviceId], volumes: &[VolumeId]) -> Self {
        let mut bricks = Vec::new();
        for brick in devices.iter().flat_map(|device| inventory.bricks_of_device(*device)) {
            let Some(brick) = inventory.brick(brick).filter(|brick| !brick.retired) else { continue };
            let records = inventory.volume(brick.volume).zip(inventory.node(brick.node));
            if let Some((volume, node)) = records.filter(|_| volumes.contains(&brick.volume)) {
                let name = GlusterBrick { host: node.storage_host().to_owned(), path: brick.brick_directory() };
                bricks.push(LostBrick { brick: brick.clone(), volume: volume.clone(), name });
            }
        }
        bricks.sort_by_key(|lost| (lost.volume.id, lost.brick.id));
        Self(bricks)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &LostBrick> {
        self.0.iter()
    }

    /// Their volumes, each once.
    pub fn volumes(&self) -> Vec<&Arc<Volume>> {
        let volumes: BTreeMap<VolumeId, &Arc<Volume>> =
            self.0.iter().map(|lost| (lost.volume.id, &lost.volume)).collect();
        volumes.into_values().collect()
    }

    /// The steps that ask what [`gate`] and [`healing`] judge: all volumes, then what waits to be healed in each
    /// of theirs. `except` is not asked.
    pub fn questions(&self, inventory: &Inventory, cluster: ClusterId, except: Option<NodeId>) -> Vec<Step> {
        let mut hosts = cluster_hosts(inventory, cluster, None);
        hosts.retain(|host| Some(host.node) != except);
        let heal = self.volumes().into_iter().map(|volume| Action::HealInfo { name: volume.name.clone() });
        [Action::ListVolumes].into_iter().chain(heal).map(|action| in_cluster(cluster, hosts.clone(), action)).collect()
    }

    /// Each brick with the names of its set, in gluster's order, and what waits to be healed in its volume.
    fn answers<'a>(&'a self, outcomes: &'a [StepOutcome]) -> Result<Vec<Answer<'a>>, String> {
        let Some((Ok(Observation::Volumes(listed)), heal)) = outcomes.split_first() else {
            return Err(failure_texts(outcomes));
        };
        let heal: Vec<&[BrickHeal]> = heal
            .iter()
            .map(|outcome| match outcome {
                Ok(Observation::Heal(bricks)) => Ok(bricks.as_slice()),
                _ => Err(failure_texts(outcomes)),
            })
            .collect::<Result<_, _>>()?;
        let volumes = self.volumes();
        let mut answers = Vec::new();
        for lost in &self.0 {
            let place = volumes.iter().position(|volume| volume.id == lost.volume.id);
            let heal = place.and_then(|place| heal.get(place)).ok_or("gluster did not tell of every volume")?;
            answers.push(Answer { lost, set: set_of(lost, listed)?, heal });
        }
        Ok(answers)
    }
}

/// What gluster says of a brick.
struct Answer<'a> {
    lost: &'a LostBrick,
    /// All bricks of its set.
    set: &'a [GlusterBrick],
    /// The bricks of its volume.
    heal: &'a [BrickHeal],
}

impl Answer<'_> {
    fn of(&self, brick: &GlusterBrick) -> Option<&BrickHeal> {
        self.heal.iter().find(|heal| heal.brick.as_ref() == Some(brick))
    }

    fn is_connected(&self, brick: &GlusterBrick) -> bool {
        self.of(brick).is_some_and(|heal| heal.connected)
    }
}

/// The set of a brick, from gluster's own list: v10 did not record the order.
fn set_of<'a>(lost: &LostBrick, listed: &'a [GlusterVolume]) -> Result<&'a [GlusterBrick], String> {
    let volume = listed.iter().find(|volume| volume.name == lost.volume.name);
    let bricks = volume.map(|volume| volume.bricks.as_slice()).unwrap_or_default();
    let size = usize::try_from(lost.volume.durability.set_size()).unwrap_or(1).max(1);
    let mut sets = bricks.chunks(size);
    sets.find(|set| set.contains(&lost.name))
        .ok_or_else(|| format!("gluster volume {} does not list brick {}", lost.volume.name, lost.name))
}

/// May these bricks be made anew? Enough others of each set must be there to heal it from, and the brick itself
/// must be gone, unless gluster was `told` to take it back already. Those that gluster did take back are returned.
pub(super) fn gate(bricks: &LostBricks, told: bool, outcomes: &[StepOutcome]) -> Result<Vec<BrickId>, String> {
    let mut back = Vec::new();
    for answer in bricks.answers(outcomes)? {
        let lost = answer.lost;
        if told && answer.is_connected(&lost.name) {
            back.push(lost.brick.id);
            continue;
        }
        if answer.is_connected(&lost.name) {
            return Err(format!(
                "brick {} of volume {} answers: it is not lost, and nothing was done to it",
                lost.name, lost.volume.name
            ));
        }
        let others = answer.set.iter().filter(|brick| **brick != lost.name);
        let online = others.filter(|brick| answer.is_connected(brick)).count();
        let needed = lost.volume.durability.peers_needed().unwrap_or(u32::MAX);
        if u32::try_from(online).unwrap_or(u32::MAX) < needed {
            return Err(format!(
                "Cannot rebuild brick {} of volume {} as only {online} of {needed} required peer bricks are online",
                lost.brick.id, lost.volume.name
            ));
        }
    }
    Ok(back)
}

/// How far gluster is with healing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Healing {
    /// Nothing waits to be healed in the sets of the bricks.
    Done,
    /// It goes on; the text tells how far.
    Going(String),
    /// Some of the bricks do not answer, so they are not healed; the text names them.
    Stuck(String),
}

/// What is left to heal in the sets of these bricks.
pub(super) fn healing(bricks: &LostBricks, outcomes: &[StepOutcome]) -> Healing {
    let answers = match bricks.answers(outcomes) {
        Ok(answers) => answers,
        Err(text) => return Healing::Going(text),
    };
    let mut away = Vec::new();
    let mut left: BTreeMap<&str, u64> = BTreeMap::new();
    let mut unknown = Vec::new();
    for answer in &answers {
        let (lost, volume) = (answer.lost, answer.lost.volume.name.as_str());
        if !answer.is_connected(&lost.name) {
            away.push(format!("brick {} of volume {volume} does not answer", lost.name));
        }
        for brick in answer.set.iter().filter(|brick| answer.is_connected(brick)) {
            match answer.of(brick).and_then(|heal| heal.entries) {
                Some(entries) => {
                    let most = left.entry(volume).or_default();
                    *most = entries.max(*most);
                }
                None => unknown.push(format!("gluster cannot tell what is left to heal on {brick}")),
            }
        }
    }
    if !away.is_empty() {
        return Healing::Stuck(away.join("\n"));
    }
    let left = left.into_iter().filter(|(_, entries)| *entries > 0);
    let mut texts: Vec<String> =
        left.map(|(volume, entries)| format!("{entries} entries of volume {volume} wait to be healed")).collect();
    texts.extend(unknown);
    if texts.is_empty() { Healing::Done } else { Healing::Going(texts.join("\n")) }
}
