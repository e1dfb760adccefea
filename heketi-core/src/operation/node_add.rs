//! Adds a node: a member of the cluster probes it, then it is recorded. The first node needs no probe.

use serde::{Deserialize, Serialize};

use super::machine::{
    Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, nothing_started, peers_have_settled, plan, settle,
};
use super::{Action, Certainty, Machine, Observation, Planned, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, IdSource, NodeId};
use crate::inventory::{ChangeSet, Claim, Inventory, JobResult, Object};
use crate::model::{EntryState, HostNames, Node, Tags};
use crate::units::Timestamp;

/// A node to add.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeAddRequest {
    /// The cluster it joins.
    pub cluster: ClusterId,
    /// Its failure domain.
    pub zone: i64,
    /// Its names.
    pub hostnames: HostNames,
    /// Its tags.
    pub tags: Tags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// A member looks whether the pool knows the node already.
    Inspect,
    /// A member probes it.
    Probe,
    /// It was not in the pool before: the nodes settle, then it is detached.
    UndoSettle,
    UndoDetach,
}

/// Adds a node to a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeAdd {
    node: Node,
    phase: Phase,
    /// The pool held the node before heketi probed it, so undoing leaves it there.
    was_member: bool,
}

impl NodeAdd {
    /// Checks a request against the state: its cluster exists and its host names are nobody's.
    ///
    /// # Errors
    /// `NotFound` for the cluster, `Conflict` for a host name, with heketi v10's texts; `Conflict` while all
    /// nodes of the cluster are being deleted.
    pub fn check(inventory: &Inventory, request: &NodeAddRequest) -> Result<(), Error> {
        inventory
            .cluster(request.cluster)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "Cluster id does not exist"))?;
        for host in request.hostnames.all() {
            if let Some(owner) = inventory.node_with_host(host) {
                let text = format!("Hostname {host} already used by node with id {owner}\n");
                return Err(Error::new(ErrorKind::Conflict, text));
            }
            if inventory.conflict(&Object::HostName(host.to_owned()), Claim::Exclusive).is_some() {
                let text = format!("Hostname {host} already used by a node that is being added\n");
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
        let mut members = inventory.nodes_of_cluster(request.cluster).peekable();
        let leaving = |node| inventory.conflict(&Object::Node(node), Claim::Shared).is_some();
        if members.peek().is_some() && members.all(leaving) {
            // Nobody is left to probe it.
            return Err(Error::conflict());
        }
        Ok(())
    }

    /// Plans to add a node. The embedder has seen glusterd answer on it (first node of a cluster) or on a
    /// member.
    ///
    /// # Errors
    /// As [`NodeAdd::check`].
    pub fn plan(
        inventory: &Inventory,
        request: NodeAddRequest,
        ids: &mut dyn IdSource,
        now: Timestamp,
    ) -> Result<Planned, Error> {
        Self::check(inventory, &request)?;
        let node = Node {
            id: NodeId::new(ids),
            cluster: request.cluster,
            zone: request.zone,
            hostnames: request.hostnames,
            tags: request.tags,
            state: EntryState::Online,
        };
        let work = Work::NodeAdd(Self { node, phase: Phase::Inspect, was_member: false });
        Ok(plan(work, ChangeSet::default(), ids, now))
    }

    fn step(&self, context: &Context<'_>, action: Action) -> Turn {
        let hosts = cluster_hosts(context.inventory, self.node.cluster, None);
        Turn::Run(vec![in_cluster(self.node.cluster, hosts, action)])
    }

    fn storage(&self) -> String {
        self.node.storage_host().to_owned()
    }

    fn accept(&self, context: &mut Context<'_>) -> Turn {
        context.changes.put_node(self.node.clone());
        Turn::Finish(JobResult::Node(self.node.id))
    }

    fn undo(&mut self, context: &Context<'_>) -> Turn {
        if self.was_member {
            return Turn::Finish(context.failed());
        }
        self.phase = Phase::UndoSettle;
        Turn::Run(settle(cluster_hosts(context.inventory, self.node.cluster, None)))
    }

    fn detach(&mut self, context: &Context<'_>) -> Turn {
        self.phase = Phase::UndoDetach;
        self.step(context, Action::DetachPeer { storage: self.storage() })
    }

    fn proceed(&mut self, context: &mut Context<'_>, outcomes: &[StepOutcome]) -> Turn {
        match (self.phase, outcomes) {
            (Phase::Inspect, [Ok(Observation::Pool(peers))]) => {
                self.was_member = peers.iter().any(|peer| peer.names.contains(&self.storage()));
                self.phase = Phase::Probe;
                self.step(context, Action::ProbePeer { storage: self.storage() })
            }
            (Phase::Inspect, _) => {
                context.note_failure(outcomes);
                Turn::Finish(context.failed())
            }
            (Phase::Probe, [Ok(_)]) => self.accept(context),
            (Phase::Probe, _) => {
                context.note_failure(outcomes);
                match outcomes {
                    [Err(failure)] if nothing_started(failure) => Turn::Finish(context.failed()),
                    [Err(failure)] if failure.certainty == Certainty::Failed && !self.was_member => {
                        self.detach(context)
                    }
                    _ => self.undo(context),
                }
            }
            (Phase::UndoSettle, outcomes) if peers_have_settled(outcomes) => self.detach(context),
            (Phase::UndoDetach, [Ok(_)]) => Turn::Finish(context.failed()),
            (Phase::UndoDetach, [Err(failure)]) if failure.certainty == Certainty::Failed => {
                // gluster refuses to detach what holds bricks or belongs to another pool: then the pool is
                // not ours to change, and the node was never recorded.
                Turn::Finish(context.failed())
            }
            (Phase::UndoSettle | Phase::UndoDetach, _) => Turn::Suspend(failure_texts(outcomes)),
        }
    }
}

impl Machine for NodeAdd {
    fn type_name(&self) -> &'static str {
        "add-node"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("add", "Added")
    }

    fn object(&self) -> String {
        format!("node {}", self.node.manage_host())
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        let hosts = self.node.hostnames.all().map(|host| (Object::HostName(host.to_owned()), Claim::Exclusive));
        let mut claims: Vec<_> = hosts.collect();
        claims.push((Object::Node(self.node.id), Claim::Exclusive));
        claims.push((Object::Cluster(self.node.cluster), Claim::Shared));
        claims
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let members = context.inventory.nodes_of_cluster(self.node.cluster).next().is_some();
        match event {
            Event::Start if !members => Ok(self.accept(context)),
            Event::Start => Ok(self.step(context, Action::ListPeers)),
            Event::Resume if self.phase == Phase::Inspect => Ok(Turn::Finish(context.failed())),
            Event::Resume => Ok(self.undo(context)),
            Event::Outcomes(outcomes) => Ok(self.proceed(context, &outcomes)),
        }
    }
}
