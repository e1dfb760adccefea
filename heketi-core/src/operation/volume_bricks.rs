//! What the volume operations share: brick steps, and gluster's word on which bricks it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::machine::{Context, failure_texts, on_node, settle};
use super::{Action, GlusterBrick, GlusterVolume, Host, Observation, Step, StepOutcome};
use crate::error::Error;
use crate::id::{BrickId, DeviceId};
use crate::inventory::{Inventory, Key};
use crate::model::{Brick, Volume};

/// The bricks of a volume with their nodes, in gluster's order.
pub(super) struct Bricks(Vec<(Arc<Brick>, Host)>);

impl Bricks {
    /// The bricks of `volume` that satisfy `select`.
    pub fn of(inventory: &Inventory, volume: &Volume, select: impl Fn(&Brick) -> bool) -> Result<Self, Error> {
        let bricks = inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id));
        let mut found = Vec::new();
        for brick in bricks.filter(|brick| select(brick)) {
            let node = inventory
                .node(brick.node)
                .ok_or_else(|| Error::internal(format!("brick {} is on unknown node {}", brick.id, brick.node)))?;
            found.push((brick.clone(), node.host()));
        }
        found.sort_by_key(|(brick, _)| (brick.position, brick.id));
        Ok(Self(found))
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The nodes with a brick, that of the first brick first, then by id. Only they are told to change the
    /// gluster volume: all of them have to be up for that anyway, and they are the nodes that
    /// [`Bricks::settle`] asks, so no command for these bricks runs on unnoticed elsewhere.
    pub fn hosts(&self) -> Vec<Host> {
        let mut hosts: Vec<Host> = self.0.iter().map(|(_, host)| host.clone()).collect();
        hosts.sort_by_key(|host| (Some(host.node) != self.first_node(), host.node));
        hosts.dedup_by_key(|host| host.node);
        hosts
    }

    /// The node of the first brick.
    pub fn first_node(&self) -> Option<crate::id::NodeId> {
        self.0.first().map(|(_, host)| host.node)
    }

    /// The devices of the bricks whose steps, one for each brick, failed.
    pub fn failed_devices(&self, outcomes: &[StepOutcome]) -> BTreeSet<DeviceId> {
        let failed = self.0.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_err());
        failed.map(|((brick, _), _)| brick.device).collect()
    }

    /// The devices they stand on.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.0.iter().map(|(brick, _)| brick.device).collect()
    }

    /// One step for each brick that creates it.
    pub fn create(&self, gid: i64) -> Vec<Step> {
        self.steps(|brick| Action::CreateBrick { brick: brick.spec(gid), redo: false })
    }

    /// One step for each brick that destroys it.
    pub fn destroy(&self, gid: i64) -> Vec<Step> {
        self.steps(|brick| Action::DestroyBrick { brick: brick.spec(gid) })
    }

    fn steps(&self, action: impl Fn(&Brick) -> Action) -> Vec<Step> {
        self.0.iter().map(|(brick, host)| on_node(host.clone(), action(brick))).collect()
    }

    /// One step for each node with a brick that waits for commands of lost connections.
    pub fn settle(&self) -> Vec<Step> {
        let hosts: BTreeMap<_, _> = self.0.iter().map(|(_, host)| (host.node, host.clone())).collect();
        settle(hosts.into_values())
    }

    /// The bricks as gluster names them, set by set.
    pub fn sets(&self) -> Vec<Vec<GlusterBrick>> {
        let mut sets: BTreeMap<Option<u32>, Vec<GlusterBrick>> = BTreeMap::new();
        for (brick, host) in &self.0 {
            let set = brick.position.map(|position| position.set);
            sets.entry(set).or_default().push(gluster_brick(brick, host));
        }
        sets.into_values().collect()
    }

    /// What gluster says about these bricks and the volume called `name`.
    pub fn view(&self, volumes: &[GlusterVolume], name: &str) -> View {
        let ours: BTreeSet<GlusterBrick> = self.0.iter().map(|(brick, host)| gluster_brick(brick, host)).collect();
        let listed: BTreeSet<GlusterBrick> =
            volumes.iter().flat_map(|volume| &volume.bricks).filter(|brick| ours.contains(brick)).cloned().collect();
        let named = match volumes.iter().find(|volume| volume.name == name) {
            None => Named::Absent,
            Some(volume) if volume.bricks.iter().any(|brick| ours.contains(brick)) => {
                Named::Ours { started: volume.started }
            }
            Some(_) => Named::Foreign,
        };
        let holders = volumes
            .iter()
            .filter(|volume| volume.bricks.iter().any(|brick| ours.contains(brick)))
            .map(|volume| volume.name.clone())
            .collect();
        View { named, listed, holders }
    }

    /// The bricks with their nodes.
    pub fn iter(&self) -> impl Iterator<Item = (&Brick, &Host)> {
        self.0.iter().map(|(brick, host)| (&**brick, host))
    }

    /// Forgets the bricks that are gone for good, so that their space is free again: that of a thin pool with
    /// its last brick. Returns whether all are, or why not.
    pub fn forget_destroyed(&self, context: &mut Context<'_>, outcomes: &[StepOutcome]) -> Result<(), String> {
        let kept = self.kept(context.inventory, outcomes);
        for ((brick, _), outcome) in self.0.iter().zip(outcomes) {
            if outcome.is_ok() && !kept.contains_key(&brick.id) {
                context.changes.delete(Key::Brick(brick.id));
            }
        }
        let texts = failure_texts(outcomes);
        match (texts.is_empty(), kept.is_empty(), outcomes.len() == self.0.len()) {
            (true, true, true) => Ok(()),
            (false, ..) => Err(texts),
            _ => Err(kept.into_values().collect::<Vec<_>>().join("\n")),
        }
    }

    /// Did some destroyed brick leave its thin pool behind, though no other brick is known to live in it? An
    /// operation that ends at the same moment may just have taken its brick out of that pool.
    pub fn left_pools(&self, inventory: &Inventory, outcomes: &[StepOutcome]) -> bool {
        !self.kept(inventory, outcomes).is_empty()
    }

    /// Destroyed bricks whose thin pools stayed without another brick's being the reason.
    fn kept(&self, inventory: &Inventory, outcomes: &[StepOutcome]) -> BTreeMap<BrickId, String> {
        let mut pools: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((brick, host), outcome) in self.0.iter().zip(outcomes) {
            pools.entry((brick.device, brick.pool_key())).or_default().push((brick, host, outcome));
        }
        let mut kept = BTreeMap::new();
        for bricks in pools.into_values() {
            let pool_gone =
                |outcome: &StepOutcome| matches!(outcome, Ok(Observation::BrickDestroyed { pool_removed: true }));
            let known = bricks.first().map_or(0, |(brick, ..)| inventory.bricks_in_pool_of(brick));
            // Of bricks in one pool that go together, the last takes the pool along.
            let explained = known as usize > bricks.len()
                || bricks.iter().any(|(.., outcome)| pool_gone(outcome) || outcome.is_err());
            if explained {
                continue;
            }
            kept.extend(bricks.into_iter().map(|(brick, host, _)| {
                let pool = brick.thin_pool_name();
                let text = format!(
                    "thin pool {pool} of brick {} on {} still holds another logical volume",
                    brick.id, host.manage
                );
                (brick.id, text)
            }));
        }
        kept
    }
}

/// A brick in gluster's words.
pub(super) fn gluster_brick(brick: &Brick, host: &Host) -> GlusterBrick {
    GlusterBrick { host: host.storage.clone(), path: brick.brick_directory() }
}

/// What gluster says about some bricks.
pub(super) struct View {
    /// The volume of the name in question.
    pub named: Named,
    /// Those of the bricks that some volume uses.
    pub listed: BTreeSet<GlusterBrick>,
    /// The volumes that use them.
    pub holders: Vec<String>,
}

/// Whose is the gluster volume of a name?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// There is none.
    Absent,
    /// It uses our bricks.
    Ours { started: bool },
    /// It uses none of our bricks: somebody else made it, and it is not touched.
    Foreign,
}

/// The volumes in the one outcome of a listing stage, or why there are none.
pub(super) fn listed_volumes(outcomes: &[StepOutcome]) -> Result<&[GlusterVolume], String> {
    match outcomes {
        [Ok(Observation::Volumes(volumes))] => Ok(volumes),
        _ => Err(failure_texts(outcomes)),
    }
}

/// Why bricks may not be destroyed.
pub(super) fn still_used(view: &View) -> String {
    let bricks: Vec<String> = view.listed.iter().map(ToString::to_string).collect();
    format!("gluster volume {} still uses {}", view.holders.join(", "), bricks.join(" "))
}
