//! Destroys bricks that no volume uses any more and whose node could not be told so before.
//!
//! It changes nothing but such bricks, so it never has to be undone: what it cannot do is left for the next time.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, on_node, plan, settle};
use super::volume_bricks::listed_volumes;
use super::{Action, GlusterBrick, Host, Machine, Observation, Planned, Step, StepOutcome, Work};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, IdSource, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::Brick;
use crate::units::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Commands of lost connections end; the node answers.
    Settle,
    /// Does any volume use one of the bricks after all?
    Ask,
    /// Those that none uses are destroyed.
    Destroy,
}

/// Destroys bricks of a node that no volume uses any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetiredBricks {
    node: NodeId,
    bricks: Vec<BrickId>,
    devices: Vec<DeviceId>,
    phase: Phase,
}

impl RetiredBricks {
    /// Plans to destroy the retired bricks of a node; none if it has none that may be touched now.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while they are being destroyed already.
    pub fn plan(
        inventory: &Inventory,
        id: NodeId,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Option<Planned>, Error> {
        inventory.node(id).ok_or_else(Error::not_found)?;
        if inventory.conflict(&Object::RetiredBricks(id), Claim::Exclusive).is_some() {
            return Err(Error::conflict());
        }
        let free = |brick: &&Arc<Brick>| inventory.conflict(&Object::Device(brick.device), Claim::Shared).is_none();
        let bricks = inventory.retired_bricks_of_node(id).filter_map(|id| inventory.brick(id)).filter(free);
        let (bricks, devices): (Vec<_>, BTreeSet<_>) = bricks.map(|brick| (brick.id, brick.device)).unzip();
        if bricks.is_empty() {
            return Ok(None);
        }
        let work = Self { node: id, bricks, devices: devices.into_iter().collect(), phase: Phase::Settle };
        Ok(Some(plan(Work::RetiredBricks(work), ChangeSet::default(), ids, now)))
    }

    fn records<'a>(&'a self, inventory: &'a Inventory) -> impl Iterator<Item = &'a Arc<Brick>> {
        self.bricks.iter().filter_map(|id| inventory.brick(*id))
    }

    /// The other members are asked first: a node that was away may not know yet what changed meanwhile.
    fn ask(&mut self, context: &Context<'_>, host: &Host) -> Turn {
        self.phase = Phase::Ask;
        let Some(node) = context.inventory.node(self.node) else { return Turn::Finish(context.failed()) };
        let (mut hosts, down) = (cluster_hosts(context.inventory, node.cluster, None), &context.environment.facts.down);
        hosts.sort_by_key(|other| (down.contains(&other.node), other.node == host.node));
        Turn::Run(vec![in_cluster(node.cluster, hosts, Action::ListVolumes)])
    }

    fn destroy(&mut self, context: &mut Context<'_>, host: &Host, outcomes: &[StepOutcome]) -> Turn {
        let volumes = match listed_volumes(outcomes) {
            Ok(volumes) => volumes,
            Err(text) => return Turn::Finish(JobResult::Failed(text)),
        };
        // gluster may know the node by another name than its first one, or by one nobody told us.
        let used: BTreeSet<&String> = volumes
            .iter()
            .flat_map(|volume| &volume.bricks)
            .filter(|it| is_of(context, it, self.node))
            .map(|it| &it.path)
            .collect();
        let free = |brick: &&Arc<Brick>| !used.contains(&brick.brick_directory());
        let bricks: Vec<Arc<Brick>> = self.records(context.inventory).filter(free).cloned().collect();
        if bricks.len() < self.bricks.len() {
            let kept = self.bricks.iter().filter(|id| !bricks.iter().any(|brick| brick.id == **id));
            let kept: Vec<String> = kept.map(ToString::to_string).collect();
            context.error.get_or_insert(format!("gluster still uses retired bricks {}", kept.join(", ")));
        }
        if bricks.is_empty() {
            return Turn::Finish(context.failed());
        }
        self.bricks = bricks.iter().map(|brick| brick.id).collect();
        self.phase = Phase::Destroy;
        let step =
            |brick: &Arc<Brick>| -> Step { on_node(host.clone(), Action::DestroyBrick { brick: brick.spec(0) }) };
        Turn::Run(bricks.iter().map(step).collect())
    }

    fn forget(&self, context: &mut Context<'_>, outcomes: &[StepOutcome]) -> Turn {
        context.note_failure(outcomes);
        for (brick, outcome) in self.records(context.inventory).zip(outcomes) {
            match outcome {
                Ok(Observation::BrickDestroyed { pool_removed })
                    if *pool_removed || context.inventory.bricks_in_pool_of(brick) > 1 =>
                {
                    context.changes.delete(Key::Brick(brick.id));
                }
                Ok(_) => {
                    let text = format!("the thin pool of brick {} still holds another logical volume", brick.id);
                    context.error.get_or_insert(text);
                }
                Err(_) => {}
            }
        }
        Turn::Finish(if context.error.is_some() { context.failed() } else { JobResult::Done })
    }

    /// The bricks that are destroyed, as far as no volume uses them.
    pub(super) fn bricks(&self) -> &[BrickId] {
        &self.bricks
    }
}

fn is_of(context: &Context<'_>, brick: &GlusterBrick, node: NodeId) -> bool {
    context.inventory.node_with_host(&brick.host).is_none_or(|owner| owner == node)
}

impl Machine for RetiredBricks {
    fn type_name(&self) -> &'static str {
        "destroy-retired-bricks"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("destroy", "Destroyed")
    }

    fn object(&self) -> String {
        format!("retired bricks of node {}", self.node)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let devices = self.devices.iter().map(|device| (Object::Device(*device), Claim::Shared));
        devices.chain([(Object::RetiredBricks(self.node), Claim::Exclusive)]).collect()
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let unknown =
            || Error::internal(format!("operation destroys bricks of node {}, which is not known", self.node));
        let host = context.inventory.node(self.node).ok_or_else(unknown)?.host();
        let Event::Outcomes(outcomes) = event else {
            self.phase = Phase::Settle;
            return Ok(Turn::Run(settle([host])));
        };
        Ok(match self.phase {
            Phase::Settle if context.note_failure(&outcomes) => {
                Turn::Finish(JobResult::Failed(failure_texts(&outcomes)))
            }
            Phase::Settle => self.ask(context, &host),
            Phase::Ask => self.destroy(context, &host, &outcomes),
            Phase::Destroy => self.forget(context, &outcomes),
        })
    }
}
