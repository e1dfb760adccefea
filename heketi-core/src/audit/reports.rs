//! What the nodes were asked and what they answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ClusterId, NodeId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::operation::{Action, BrickHeal, GlusterVolume, Host, NodeContents, Observation, Peer, Step, StepOutcome};

/// Answers of one node; each may be missing, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// What is on it.
    pub contents: Result<NodeContents, String>,
    /// The other members of its trusted pool.
    pub peers: Result<Vec<Peer>, String>,
    /// The volumes of its trusted pool.
    pub volumes: Result<Vec<GlusterVolume>, String>,
}

impl Default for NodeReport {
    fn default() -> Self {
        let nothing = || "it was not asked".to_owned();
        Self { contents: Err(nothing()), peers: Err(nothing()), volumes: Err(nothing()) }
    }
}

/// Answers of all nodes that were asked. A node that is not among them is not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// By node.
    pub nodes: BTreeMap<NodeId, NodeReport>,
    /// What waits to be healed, for volumes that were asked about.
    pub heals: BTreeMap<VolumeId, Result<Vec<BrickHeal>, String>>,
    /// Members of trusted pools that are no nodes, by cluster and name: what is on them.
    pub strangers: BTreeMap<(ClusterId, String), Result<NodeContents, String>>,
}

/// Steps that ask a node: what is on it, whom it knows, which volumes.
const QUESTIONS: [Action; 3] = [Action::InspectNode, Action::ListPeers, Action::ListVolumes];

/// The questions whose answers [`Reports::read`] takes, for those nodes that there are. The first list holds one
/// node for each question.
pub fn questions(inventory: &Inventory, nodes: impl IntoIterator<Item = NodeId>) -> (Vec<NodeId>, Vec<Step>) {
    let (mut asked, mut steps) = (Vec::new(), Vec::new());
    for node in nodes.into_iter().filter_map(|id| inventory.node(id)) {
        for action in QUESTIONS {
            asked.push(node.id);
            steps.push(question(node.host(), action));
        }
    }
    (asked, steps)
}

fn question(host: Host, action: Action) -> Step {
    Step { hosts: vec![host], changes_gluster: None, action }
}

impl Reports {
    /// Sorts outcomes of [`questions`]; one for each node of the list that came with them.
    pub fn read(asked: &[NodeId], outcomes: &[StepOutcome]) -> Self {
        let mut reports = Self::default();
        for (place, (node, outcome)) in asked.iter().zip(outcomes).enumerate() {
            let report = reports.nodes.entry(*node).or_default();
            let odd = || "it gave another answer than was asked for".to_owned();
            let why = outcome.as_ref().map_or_else(|failure| failure.text.clone(), |_| odd());
            match (place % QUESTIONS.len(), outcome) {
                (0, Ok(Observation::Node(contents))) => report.contents = Ok(NodeContents::clone(contents)),
                (0, _) => report.contents = Err(why),
                (1, Ok(Observation::Pool(peers))) => report.peers = Ok(peers.clone()),
                (1, _) => report.peers = Err(why),
                (_, Ok(Observation::Volumes(volumes))) => report.volumes = Ok(volumes.clone()),
                _ => report.volumes = Err(why),
            }
        }
        reports
    }

    /// Takes what `volume` has to heal.
    pub fn read_heal(&mut self, volume: VolumeId, outcome: &StepOutcome) {
        let answer = match outcome {
            Ok(Observation::Heal(heal)) => Ok(heal.clone()),
            Ok(_) => Err("gluster gave another answer than was asked for".to_owned()),
            Err(failure) => Err(failure.text.clone()),
        };
        self.heals.insert(volume, answer);
    }

    /// Members of the trusted pools that are no nodes, by the only name known of them.
    pub fn strangers_to_ask(&self, inventory: &Inventory) -> Vec<(ClusterId, String)> {
        let views = inventory.clusters().filter_map(|it| Some((it.id, PoolView::of(inventory, self, it.id)?)));
        let names = views.flat_map(|(cluster, view)| {
            let peers = view.strangers.into_iter().filter_map(|peer| peer.names.first());
            peers.map(|name| (cluster, name.clone())).collect::<Vec<_>>()
        });
        names.collect()
    }

    /// The question what is on such a member.
    pub fn question_to_stranger(name: &str) -> Step {
        let host = Host { node: NodeId::from_bytes([0; 16]), manage: name.to_owned(), storage: name.to_owned() };
        question(host, Action::InspectNode)
    }

    /// Takes the answer to [`Reports::question_to_stranger`].
    pub fn read_stranger(&mut self, place: (ClusterId, String), outcome: &StepOutcome) {
        let contents = match outcome {
            Ok(Observation::Node(contents)) => Ok(NodeContents::clone(contents)),
            Ok(_) => Err("it gave another answer than was asked for".to_owned()),
            Err(failure) => Err(failure.text.clone()),
        };
        self.strangers.insert(place, contents);
    }

    /// What is on a node, if it answered.
    pub(crate) fn contents(&self, node: NodeId) -> Option<&NodeContents> {
        self.nodes.get(&node)?.contents.as_ref().ok()
    }

    /// All brick paths that any asked node of the cluster's pool lists in any volume.
    pub(crate) fn listed_paths<'a>(&'a self, inventory: &'a Inventory, cluster: ClusterId) -> BTreeSet<&'a str> {
        let reports = inventory.nodes_of_cluster(cluster).filter_map(|node| self.nodes.get(&node));
        let volumes = reports.filter_map(|report| report.volumes.as_ref().ok()).flatten();
        volumes.flat_map(|volume| &volume.bricks).map(|brick| super::names::real_path(&brick.path)).collect()
    }
}

/// How a node of the state stands to the trusted pool of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It is a member.
    In {
        /// Does the asked node reach it?
        connected: bool,
    },
    /// It answered, and its pool is another.
    Out,
    /// It did not answer, and no member has one of its names.
    Unknown,
}

/// The trusted pool of a cluster as its best informed node sees it.
pub(crate) struct PoolView<'a> {
    /// That node.
    pub host: NodeId,
    /// Its volumes.
    pub volumes: &'a [GlusterVolume],
    /// The nodes of the cluster.
    pub members: BTreeMap<NodeId, Membership>,
    /// Members that are no nodes of the cluster.
    pub strangers: Vec<&'a Peer>,
}

impl<'a> PoolView<'a> {
    /// None when no node of the cluster answered both questions about its pool.
    ///
    /// Members are told apart by glusterd's identity, because their names in the pool need not be those of the
    /// state: two nodes are in one pool when each lists all members that the other lists, but for the two
    /// themselves.
    pub fn of(inventory: &'a Inventory, reports: &'a Reports, cluster: ClusterId) -> Option<Self> {
        let nodes: Vec<NodeId> = inventory
            .nodes_of_cluster(cluster)
            .filter(|node| inventory.conflict(&Object::Node(*node), Claim::Shared).is_none())
            .collect();
        let answers = |node: &NodeId| {
            let report = reports.nodes.get(node)?;
            Some((*node, report.peers.as_ref().ok()?, report.volumes.as_ref().ok()?))
        };
        let answered: Vec<_> = nodes.iter().filter_map(answers).collect();
        // The most members; the lowest id among equals.
        let mut best = None;
        for answer in &answered {
            if best.is_none_or(|(_, peers, _): (NodeId, &Vec<Peer>, _)| answer.1.len() > peers.len()) {
                best = Some(*answer);
            }
        }
        let (host, peers, volumes) = best?;
        let mut members = BTreeMap::from([(host, Membership::In { connected: true })]);
        let mut others: Vec<&Peer> = peers.iter().collect();
        let asked = nodes.iter().filter(|node| **node != host);
        let mut silent = Vec::new();
        for node in asked {
            let Some(theirs) = reports.nodes.get(node).and_then(|report| report.peers.as_ref().ok()) else {
                silent.push(*node);
                continue;
            };
            // Two pools of two have no member in common that would tell them apart: there a name has to agree.
            let agreed = |_: &&str| {
                let named = |peers: &[Peer], id| peers.iter().any(|peer| is_called(inventory, id, peer));
                peers.len() > 1 || named(peers, *node) || named(theirs, host)
            };
            let found = identity(peers, theirs).filter(agreed);
            let found = found.and_then(|uuid| others.iter().position(|peer| peer.uuid == uuid));
            let membership = match found {
                Some(at) => Membership::In { connected: others.remove(at).connected },
                None => Membership::Out,
            };
            members.insert(*node, membership);
        }
        for node in silent {
            let membership = match others.iter().position(|peer| is_called(inventory, node, peer)) {
                Some(at) => Membership::In { connected: others.remove(at).connected },
                None => Membership::Unknown,
            };
            members.insert(node, membership);
        }
        // A member without a known name may be any of the nodes that did not answer.
        let unknown = members.values().filter(|member| **member == Membership::Unknown).count();
        let strangers = if unknown == 0 { others } else { Vec::new() };
        Some(Self { host, volumes, members, strangers })
    }
}

/// Does the pool know the peer by one of the node's names?
fn is_called(inventory: &Inventory, node: NodeId, peer: &Peer) -> bool {
    let mut names = inventory.node(node).into_iter().flat_map(|node| node.hostnames.all());
    names.any(|name| peer.names.iter().any(|other| other.eq_ignore_ascii_case(name)))
}

/// glusterd's identity of the node that lists `theirs`, if it is in the pool of the one that lists `mine`.
fn identity<'a>(mine: &'a [Peer], theirs: &[Peer]) -> Option<&'a str> {
    let knows = |peers: &[Peer], uuid: &str| peers.iter().any(|peer| peer.uuid == uuid);
    let mut only_mine = mine.iter().filter(|peer| !knows(theirs, &peer.uuid));
    let mut only_theirs = theirs.iter().filter(|peer| !knows(mine, &peer.uuid));
    match (only_mine.next(), only_mine.next(), only_theirs.next(), only_theirs.next()) {
        (Some(peer), None, Some(_), None) => Some(&peer.uuid),
        _ => None,
    }
}
