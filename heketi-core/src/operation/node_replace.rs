//! Takes a rebuilt node back under its old name: its place in the trusted pool, then its devices and bricks, which
//! gluster heals from the other nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::device_replace::heal_turn;
use super::heal_wait::{HealProgress, HealWait};
use super::machine::{Context, Event, Turn, cluster_hosts, failure_texts, in_cluster, on_node, plan, settle};
use super::rebuild::{End, Progress, Rebuild, check_bricks};
use super::{Action, Host, Machine, Observation, PeerIdentity, Planned, Step, StepOutcome, Work};
use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, DeviceId, IdSource, NodeId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Inventory, Object};
use crate::model::{EntryState, Node};
use crate::units::Timestamp;

/// How often the pool is looked at for the node and its volumes, after the node came back to it.
const LOOKS: u32 = 30;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Who is the node now, and who was it for the others?
    Ask,
    /// Resumed: commands of lost connections end.
    Settle,
    /// It gets its identity and its place in the pool.
    Restore,
    /// Is it back, and does it know the volumes?
    Verify,
    /// Not yet: some time passes.
    Wait,
    /// Its devices are rebuilt, one after the other.
    Devices,
    /// gluster fills the bricks.
    Heal(Box<HealWait>),
}

/// Takes a rebuilt node back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReplace {
    node: NodeId,
    cluster: ClusterId,
    /// What the pool knows it by, once that is found out.
    identity: Option<String>,
    /// Storage host name of the member through which it comes back.
    through: String,
    looks: u32,
    devices: Box<Devices>,
    volumes: Vec<VolumeId>,
    was_online: bool,
    phase: Phase,
}

/// The devices of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Devices {
    /// Left to do, the last one first.
    left: Vec<Rebuild>,
    /// Their bricks are back, or were never gone.
    done: Vec<DeviceId>,
    /// Why some could not be rebuilt.
    refused: Vec<String>,
}

impl NodeReplace {
    /// Plans to take a rebuilt node back.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while an operation works on the node or a volume with bricks on it, when no other
    /// node could tell it its place, or when volumes have bricks there that nothing can bring back, naming them.
    pub fn plan(inventory: &Inventory, id: NodeId, ids: &mut dyn IdSource, now: Timestamp) -> Result<Planned, Error> {
        let node = inventory.node(id).ok_or_else(Error::not_found)?;
        if other_members(inventory, node).is_empty() {
            let text = format!(
                "Unable to replace node {id}: no other node of its cluster knows its place in the trusted pool"
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let devices: Vec<DeviceId> = inventory.devices_of_node(id).collect();
        let volumes = check_bricks(inventory, &format!("node {id}"), &devices)?;
        let volume_claims = volumes.iter().map(|volume| (Object::Volume(*volume), Claim::Exclusive));
        let device_claims = devices.iter().map(|device| (Object::Device(*device), Claim::Shared));
        let mut claims = volume_claims.chain(device_claims).chain([(Object::Node(id), Claim::Closed)]);
        if claims.any(|(object, claim)| inventory.conflict(&object, claim).is_some()) {
            return Err(Error::conflict());
        }
        let was_online = node.state == EntryState::Online;
        let mut changes = ChangeSet::default();
        if was_online {
            // It gets no new bricks meanwhile.
            changes.put_node(Node { state: EntryState::Offline, ..Node::clone(node) });
        }
        let records = devices.iter().rev().filter_map(|device| inventory.device(*device));
        let left = records.map(|device| Rebuild::new(device.id, device.name.clone(), false)).collect();
        let work = Work::NodeReplace(Self {
            node: id,
            cluster: node.cluster,
            identity: None,
            through: String::new(),
            looks: 0,
            devices: Box::new(Devices { left, done: Vec::new(), refused: Vec::new() }),
            volumes,
            was_online,
            phase: Phase::Ask,
        });
        Ok(plan(work, changes, ids, now))
    }

    /// Asks the node itself, then all others.
    fn ask(&mut self, context: &Context<'_>, node: &Node) -> Turn {
        self.phase = Phase::Ask;
        let others = other_members(context.inventory, node);
        let hosts = [node.host()].into_iter().chain(others);
        Turn::Run(hosts.map(|host| on_node(host, Action::ReadPeerIdentity)).collect())
    }

    fn asked(&mut self, context: &mut Context<'_>, node: &Node, outcomes: &[StepOutcome]) -> Turn {
        let others = other_members(context.inventory, node);
        match judge(node, &others, outcomes) {
            Ok((identity, through)) => {
                self.identity = Some(identity);
                self.through = through;
                self.restore(node)
            }
            Err(why) => {
                self.set_online(context);
                context.error.get_or_insert(format!("Unable to replace node {}: {why}", self.node));
                Turn::Finish(context.failed())
            }
        }
    }

    fn restore(&mut self, node: &Node) -> Turn {
        self.phase = Phase::Restore;
        let uuid = self.identity.clone().unwrap_or_default();
        let action = Action::RestorePeer { uuid, through: self.through.clone() };
        Turn::Run(vec![in_cluster(self.cluster, vec![node.host()], action)])
    }

    fn verify(&mut self, context: &Context<'_>, node: &Node) -> Turn {
        self.phase = Phase::Verify;
        self.looks += 1;
        let others = other_members(context.inventory, node);
        Turn::Run(vec![
            in_cluster(self.cluster, others, Action::ListPeers),
            in_cluster(self.cluster, vec![node.host()], Action::ListVolumes),
        ])
    }

    fn verified(&mut self, context: &mut Context<'_>, node: &Node, outcomes: &[StepOutcome]) -> Result<Turn, Error> {
        let missing = match outcomes {
            [Ok(Observation::Pool(peers)), Ok(Observation::Volumes(listed))] => {
                let is_back = peers.iter().any(|peer| peer.connected && Some(&peer.uuid) == self.identity.as_ref());
                let volumes = self.volumes.iter().filter_map(|id| context.inventory.volume(*id));
                let known = |name: &str| listed.iter().any(|volume| volume.name == name);
                let unknown: Vec<&str> =
                    volumes.map(|volume| volume.name.as_str()).filter(|name| !known(name)).collect();
                match (is_back, unknown.as_slice()) {
                    (true, []) => None,
                    (true, names) => Some(format!("gluster on it does not know volume {} yet", names.join(", "))),
                    (false, _) => Some("its peers are not connected to it yet".to_owned()),
                }
            }
            _ => Some(failure_texts(outcomes)),
        };
        match missing {
            None => {
                self.phase = Phase::Devices;
                self.next_device(context, false)
            }
            Some(_) if self.looks < LOOKS => {
                self.phase = Phase::Wait;
                Ok(Turn::Run(vec![Step { hosts: Vec::new(), changes_gluster: None, action: Action::Wait }]))
            }
            Some(why) => Ok(Turn::Suspend(format!("node {} is not back in its pool: {why}", node.manage_host()))),
        }
    }

    fn next_device(&mut self, context: &mut Context<'_>, resumed: bool) -> Result<Turn, Error> {
        let Some(rebuild) = self.devices.left.last_mut() else {
            self.set_online(context);
            let mut wait = HealWait::new(self.cluster, self.devices.done.clone(), self.volumes.clone());
            let progress = wait.start(context);
            self.phase = Phase::Heal(Box::new(wait));
            return Ok(self.heal_turn(context, progress));
        };
        let progress =
            if resumed { rebuild.resume(context, &self.volumes)? } else { rebuild.start(context, &self.volumes)? };
        self.device_turn(context, progress)
    }

    fn device_turn(&mut self, context: &mut Context<'_>, progress: Progress) -> Result<Turn, Error> {
        match progress {
            Progress::Run(steps) => Ok(Turn::Run(steps)),
            Progress::Suspend(why) => Ok(Turn::Suspend(why)),
            Progress::Over(end) => {
                let device = self.devices.left.pop().map(|rebuild| rebuild.device());
                match end {
                    // One disk that is not as it should be does not keep the others away.
                    End::Refused(why) => self.devices.refused.push(why),
                    End::Rebuilt | End::Kept => self.devices.done.extend(device),
                }
                self.next_device(context, false)
            }
        }
    }

    fn heal_turn(&mut self, context: &mut Context<'_>, progress: HealProgress) -> Turn {
        if !self.devices.refused.is_empty() {
            let hint = "the node is back without these devices; use device replace for each";
            context.error.get_or_insert(format!("{}\n{hint}", self.devices.refused.join("\n")));
        }
        match heal_turn(context, progress) {
            Turn::Finish(_) if !self.devices.refused.is_empty() => Turn::Finish(context.failed()),
            other => other,
        }
    }

    fn set_online(&self, context: &mut Context<'_>) {
        let node = context.inventory.node(self.node).filter(|node| node.state == EntryState::Offline);
        if let Some(node) = node.filter(|_| self.was_online) {
            context.changes.put_node(Node { state: EntryState::Online, ..Node::clone(node) });
        }
    }

    /// The node that comes back.
    pub fn node(&self) -> NodeId {
        self.node
    }
}

/// The other nodes of the cluster, by id.
fn other_members(inventory: &Inventory, node: &Node) -> Vec<Host> {
    let mut hosts = cluster_hosts(inventory, node.cluster, None);
    hosts.retain(|host| host.node != node.id);
    hosts
}

/// The identity the pool knows the node by, and the storage name of a member that can take it back; or why it
/// cannot be taken back.
fn judge(node: &Node, others: &[Host], outcomes: &[StepOutcome]) -> Result<(String, String), String> {
    let Some((own, answers)) = outcomes.split_first() else { return Err(failure_texts(outcomes)) };
    let own = match own {
        Ok(Observation::Identity(own)) => own,
        _ => return Err(failure_texts(outcomes)),
    };
    let members: Vec<(&Host, &PeerIdentity)> = others
        .iter()
        .zip(answers)
        .filter_map(|(host, answer)| match answer {
            Ok(Observation::Identity(member)) => Some((host, member)),
            _ => None,
        })
        .collect();
    let Some((through, _)) = members.first() else { return Err(failure_texts(outcomes)) };
    let identity = identity_in_pool(node, &members)?;
    let connected = members.iter().flat_map(|(_, it)| &it.peers).any(|peer| peer.uuid == identity && peer.connected);
    let manage = node.manage_host();
    if own.uuid == identity && connected {
        return Err(format!(
            "{manage} is connected to its pool as the node it was: it was not rebuilt, and nothing was done to it; a \
             disk is replaced with device replace"
        ));
    }
    if own.uuid != identity && !own.peers.is_empty() {
        return Err(format!("gluster on {manage} is a member of another pool; detach it there first"));
    }
    Ok((identity, through.storage.clone()))
}

/// Peers are known by any of their names, or by one that nobody told heketi: then the node is the one member that
/// nobody who answers is.
fn identity_in_pool(node: &Node, members: &[(&Host, &PeerIdentity)]) -> Result<String, String> {
    // Every member may know it by another name.
    let mut peers: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for peer in members.iter().flat_map(|(_, member)| &member.peers) {
        peers.entry(peer.uuid.as_str()).or_default().extend(&peer.names);
    }
    members.iter().for_each(|(_, member)| drop(peers.remove(member.uuid.as_str())));
    let is_named = |name: &&String| node.hostnames.all().any(|host| host.eq_ignore_ascii_case(name));
    let named: Vec<&str> =
        peers.iter().filter(|(_, names)| names.iter().any(is_named)).map(|(uuid, _)| *uuid).collect();
    let left: Vec<&str> = peers.keys().copied().collect();
    let storage = node.storage_host();
    match (named.as_slice(), left.as_slice()) {
        ([uuid], _) | ([], [uuid]) => Ok((*uuid).to_owned()),
        ([], []) => Err(format!("the trusted pool has no place for {storage}: none of its members is missing")),
        ([], _) => Err(format!(
            "the trusted pool misses several members, and knows none of them as {storage}: bring the others back first"
        )),
        _ => Err(format!("the trusted pool knows several members as {storage}")),
    }
}

impl Machine for NodeReplace {
    fn type_name(&self) -> &'static str {
        "replace-node"
    }

    fn verbs(&self) -> (&'static str, &'static str) {
        ("replace", "Replaced")
    }

    fn object(&self) -> String {
        format!("node {}", self.node)
    }

    fn claims(&self) -> Vec<(Object, Claim)> {
        // What is being healed may be used.
        if let Phase::Heal(wait) = &self.phase {
            let devices = wait.devices().iter().map(|device| (Object::Device(*device), Claim::Shared));
            return devices.chain([(Object::Node(self.node), Claim::Shared)]).collect();
        }
        let volumes = self.volumes.iter().map(|volume| (Object::Volume(*volume), Claim::Exclusive));
        let devices = self.devices.left.iter().map(Rebuild::device).chain(self.devices.done.iter().copied());
        // Operations on volumes that wait for this node hold its devices too, and must not keep it away.
        let devices = devices.map(|device| (Object::Device(device), Claim::Shared));
        volumes.chain(devices).chain([(Object::Node(self.node), Claim::Closed)]).collect()
    }

    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error> {
        let node = context.inventory.node(self.node).cloned();
        let node = node.ok_or_else(|| Error::internal(format!("operation replaces unknown node {}", self.node)))?;
        if let Phase::Heal(wait) = &mut self.phase {
            let progress = match event {
                Event::Outcomes(outcomes) => wait.proceed(context, &outcomes),
                Event::Start | Event::Resume => wait.start(context),
            };
            return Ok(self.heal_turn(context, progress));
        }
        let outcomes = match event {
            Event::Start => return Ok(self.ask(context, &node)),
            Event::Resume => {
                self.looks = 0;
                return match self.phase {
                    Phase::Ask => Ok(self.ask(context, &node)),
                    Phase::Devices => self.next_device(context, true),
                    _ => {
                        self.phase = Phase::Settle;
                        Ok(Turn::Run(settle([node.host()])))
                    }
                };
            }
            Event::Outcomes(outcomes) => outcomes,
        };
        let failures = failure_texts(&outcomes);
        match self.phase {
            Phase::Ask => Ok(self.asked(context, &node, &outcomes)),
            // Giving it what it has already does nothing.
            Phase::Settle if failures.is_empty() => Ok(self.restore(&node)),
            Phase::Restore if failures.is_empty() => Ok(self.verify(context, &node)),
            Phase::Settle | Phase::Restore => Ok(Turn::Suspend(failures)),
            Phase::Verify => self.verified(context, &node, &outcomes),
            Phase::Wait => Ok(self.verify(context, &node)),
            Phase::Devices => match self.devices.left.last_mut() {
                Some(rebuild) => {
                    let progress = rebuild.proceed(context, &self.volumes, &outcomes)?;
                    self.device_turn(context, progress)
                }
                None => self.next_device(context, false),
            },
            Phase::Heal(_) => Ok(Turn::Suspend(failures)),
        }
    }
}
