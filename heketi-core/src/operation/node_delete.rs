//! Takes a node without devices out of its cluster and out of the trusted pool.

use serde::{Deserialize, Serialize};

use super::machine::{
    Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, nothing_started, peers_have_settled, plan, settle,
};
use super::{Action, Certainty, Host, Machine, Observation, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{IdSource, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Key, Object};
use crate::model::Node;
use crate::units::Timestamp;

/// How often it is detached when the pool no longer lists it but detaching still fails.
const DETACH_TRIES: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Resumed: commands of lost connections end.
    Settle,
    /// Another member detaches it.
    Detach,
    /// That failed: is it still in the pool?
    Ask,
}

/// Takes a node out of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeDelete {
    node: NodeId,
    phase: Phase,
    tries: u32,
    /// An earlier run may have detached it.
    begun: bool,
}

impl NodeDelete {
    /// Plans to delete a node.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while it has devices, an operation works on it, or it is the only one that can
    /// probe a node that is being added.
    pub fn plan(inventory: &Inventory, id: NodeId, ids: &mut dyn IdSource, now: Timestamp) -> Result<Planned, Error> {
        let cluster = inventory.node(id).ok_or_else(Error::not_found)?.cluster;
        if inventory.devices_of_node(id).next().is_some() {
            let text = format!("Unable to delete node [{id}] because it contains devices");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let last = cluster_hosts(inventory, cluster, None).iter().all(|host| host.node == id);
        let joining = inventory.conflict(&Object::Cluster(cluster), Claim::Exclusive).is_some();
        if inventory.conflict(&Object::Node(id), Claim::Exclusive).is_some() || (last && joining) {
            return Err(Error::conflict());
        }
        let work = Self { node: id, phase: Phase::Detach, tries: 0, begun: false };
        Ok(plan(Work::NodeDelete(work), ChangeSet::default(), ids, now))
    }

    fn detach(&mut self, context: &mut Context<'_>, node: &Node) -> Turn {
        self.phase = Phase::Detach;
        self.tries += 1;
        self.step(context, node, Action::DetachPeer { storage: node.storage_host().to_owned() })
    }

    /// A step for another member; where there is none, there is no pool to leave.
    fn step(&self, context: &mut Context<'_>, node: &Node, action: Action) -> Turn {
        match self.others(context, node) {
            others if others.is_empty() => self.forget(context),
            others => Turn::Run(vec![in_cluster(node.cluster, others, action)]),
        }
    }

    /// The other members. Those that are being deleted too count only when no others are left.
    fn others(&self, context: &Context<'_>, node: &Node) -> Vec<Host> {
        let inventory = context.inventory;
        let mut others = cluster_hosts(inventory, node.cluster, None);
        if others.is_empty() {
            let nodes = inventory.nodes_of_cluster(node.cluster).filter_map(|id| inventory.node(id));
            others = nodes.filter(|other| other.id != node.id).map(|other| other.host()).collect();
        }
        others
    }

    fn proceed(&mut self, context: &mut Context<'_>, node: &Node, outcomes: &[StepOutcome]) -> Turn {
        match (self.phase, outcomes) {
            (Phase::Settle, outcomes) if peers_have_settled(outcomes) => self.detach(context, node),
            (Phase::Detach, [Ok(_)]) => self.forget(context),
            (Phase::Detach, [Err(failure)]) if nothing_started(failure) && !self.begun && self.tries == 1 => {
                context.note_failure(outcomes);
                Turn::Finish(context.failed())
            }
            (Phase::Detach, [Err(failure)]) if failure.certainty == Certainty::Failed => {
                context.note_failure(outcomes);
                self.phase = Phase::Ask;
                self.step(context, node, Action::ListPeers)
            }
            (Phase::Ask, [Ok(Observation::Pool(peers))]) => {
                let is_it = |name: &String| node.hostnames.all().any(|host| host.eq_ignore_ascii_case(name));
                if peers.iter().flat_map(|peer| &peer.names).any(is_it) {
                    return Turn::Finish(context.failed());
                }
                if self.tries >= DETACH_TRIES {
                    self.tries = 0;
                    return Turn::Suspend(context.error.clone().unwrap_or_default());
                }
                // It may be listed by a name nobody told us: detaching what is not in the pool succeeds.
                self.detach(context, node)
            }
            _ => Turn::Suspend(failure_texts(outcomes)),
        }
    }

    fn forget(&self, context: &mut Context<'_>) -> Turn {
        context.changes.delete(Key::Node(self.node));
        Turn::Finish(JobResult::Done)
    }
}

impl Machine for NodeDelete {
    fn type_name(&self) -> &'static str {
        "delete-node"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("delete", "Deleted")
    }

    fn object(&self) -> String {
        format!("node {}", self.node)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        vec![(Object::Node(self.node), Claim::Exclusive)]
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let node =
            context.inventory.node(self.node).cloned().ok_or_else(|| {
                Error::internal(format!("operation deletes node {}, which does not exist", self.node))
            })?;
        match event {
            Event::Start => Ok(self.detach(context, &node)),
            Event::Resume => {
                self.begun = true;
                self.phase = Phase::Settle;
                let others = self.others(context, &node);
                Ok(if others.is_empty() { self.forget(context) } else { Turn::Run(settle(others)) })
            }
            Event::Outcomes(outcomes) => Ok(self.proceed(context, &node, &outcomes)),
        }
    }
}
