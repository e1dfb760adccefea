//! Moves all bricks of a node to other nodes; the node is failed then.

use serde::{Deserialize, Serialize};

use super::entry_state::check_node_removal;
use super::evacuation::{Evacuated, Evacuation};
use super::eviction::{End, with_lines};
use super::machine::{Context, Event, Turn, plan};
use super::{Machine, Planned, Work};
use crate::error::Error;
use crate::id::{BrickId, DeviceId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{Brick, EntryState, Node};
use crate::units::Timestamp;

/// Moves all bricks of a node to other nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRemove {
    node: NodeId,
    evacuation: Evacuation,
}

impl NodeRemove {
    /// Plans to move all bricks of an offline node to others, whatever the state of its devices. `heal_check` as for
    /// [`BrickEvict`](super::BrickEvict::plan).
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless the node is offline, and while another operation works on it or one of its
    /// devices. A job reports the latter.
    pub fn plan(
        inventory: &Inventory,
        id: NodeId,
        heal_check: bool,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        check_node_removal(inventory, id)?;
        let devices = inventory.devices_of_node(id).collect();
        let work = Work::NodeRemove(Self { node: id, evacuation: Evacuation::new(devices, heal_check) });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    fn refused(&self, device: DeviceId, end: &End) -> String {
        match end {
            End::NoReplacement(lines) => {
                let text = format!(
                    "Unable to remove node [{}] as no device was found to replace device [{device}]",
                    self.node
                );
                with_lines(&text, lines)
            }
            other => other.text(),
        }
    }

    /// The move of the bricks.
    pub(super) fn evacuation(&self) -> &Evacuation {
        &self.evacuation
    }

    /// The node that is emptied.
    pub fn node(&self) -> NodeId {
        self.node
    }
}

impl Machine for NodeRemove {
    fn type_name(&self) -> &'static str {
        "remove-node"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("remove", "Removed")
    }

    fn object(&self) -> String {
        format!("node {}", self.node)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let mut claims = self.evacuation.claims();
        claims.push((Object::Node(self.node), Claim::Exclusive));
        claims
    }

    fn takes_slot(&self) -> bool {
        true
    }

    fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.evacuation.changes_bricks_of(volume)
    }

    fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.evacuation.makes_or_removes(brick.id)
    }

    fn hides_brick(&self, brick: BrickId) -> bool {
        self.evacuation.hides_brick(brick)
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        Ok(match self.evacuation.advance(context, &event)? {
            Evacuated::Run(steps) => Turn::Run(steps),
            Evacuated::Suspend(why) => Turn::Suspend(why),
            Evacuated::Stopped(device, end) => Turn::Finish(JobResult::Failed(self.refused(device, &end))),
            Evacuated::Done => {
                let node = context.inventory.node(self.node);
                let node = node.ok_or_else(|| Error::internal(format!("node {} is lost", self.node)))?;
                context.changes.put_node(Node { state: EntryState::Failed, ..Node::clone(node) });
                Turn::Finish(JobResult::Done)
            }
        })
    }
}
