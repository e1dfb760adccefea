//! Nodes that do not answer, and the members of trusted pools.

use super::busy::Busy;
use super::facts::Facts;
use super::names;
use super::reports::Membership;
use super::{Repair, Report, Subject};
use crate::inventory::Object;
use crate::model::{Cluster, Node};
use crate::operation::Peer;

pub(super) fn check(facts: &Facts<'_>, busy: Busy<'_>, report: &mut Report) {
    for cluster in facts.inventory.clusters() {
        let nodes = facts.inventory.nodes_of_cluster(cluster.id).filter_map(|id| facts.inventory.node(id));
        for node in nodes.filter(|node| !busy.node(node.id)) {
            answers(facts, node, report);
        }
        // A node that joins or leaves is a member before or after its record.
        let changes = |(operation, _)| {
            let operation = facts.inventory.operation(operation);
            operation.is_some_and(|operation| matches!(operation.work, crate::operation::Work::NodeAdd(_)))
        };
        let joins = facts.inventory.claimants(&Object::Cluster(cluster.id)).any(changes);
        let leaves = facts.inventory.nodes_of_cluster(cluster.id).any(|node| busy.node(node));
        if !joins && !leaves {
            members(facts, cluster, report);
        }
    }
}

fn answers(facts: &Facts<'_>, node: &Node, report: &mut Report) {
    let Some(answer) = facts.reports.nodes.get(&node.id) else { return };
    let name = format!("Node {} ({})", node.id, node.manage_host());
    match (&answer.contents, &answer.peers, &answer.volumes) {
        (Err(why), ..) => report.warning(
            [Subject::Node(node.id)],
            format!("{name} cannot be inspected, what is on it was not judged: {why}"),
            Repair::by_hand("see that the node is up and that heketi's commands are allowed there, then audit again"),
        ),
        (_, Err(why), _) | (.., Err(why)) => report.warning(
            [Subject::Node(node.id)],
            format!("glusterd of {name} does not answer: {why}"),
            Repair::by_hand("start glusterd on the node, then audit again"),
        ),
        _ => {}
    }
}

fn members(facts: &Facts<'_>, cluster: &Cluster, report: &mut Report) {
    let Some(view) = facts.views.get(&cluster.id) else { return };
    for (id, membership) in &view.members {
        let Some(node) = facts.inventory.node(*id) else { continue };
        let name = format!("Node {id} ({})", node.storage_host());
        let objects = [Subject::Node(*id), Subject::InPool(cluster.id, format!("peer {}", node.storage_host()))];
        match membership {
            Membership::Out => report.error(
                objects,
                format!("{name} is not in the trusted pool of cluster {}", cluster.id),
                Repair::ProbePeer(*id),
            ),
            Membership::In { connected: false } if facts.reports.contents(*id).is_some() => report.warning(
                objects,
                format!("{name} is not connected to the other members of its trusted pool"),
                Repair::by_hand("start glusterd on the node, and let the nodes reach each other's port 24007"),
            ),
            _ => {}
        }
    }
    for peer in &view.strangers {
        stranger(facts, cluster, peer, report);
    }
}

/// A member that is no node: one whose record was lost holds heketi's bricks, others are somebody else's.
fn stranger(facts: &Facts<'_>, cluster: &Cluster, peer: &Peer, report: &mut Report) {
    let Some(name) = peer.names.first() else { return };
    let contents = facts.reports.strangers.get(&(cluster.id, name.clone()));
    let groups = contents.into_iter().flatten().flat_map(|contents| &contents.volume_groups);
    let mut devices = groups.filter_map(|group| names::device_of_group(&group.name));
    let holds_device = devices.any(|device| facts.inventory.device(device).is_none());
    let volumes = facts.views.get(&cluster.id).map_or(&[][..], |view| view.volumes);
    let bricks = volumes.iter().flat_map(|volume| &volume.bricks).filter(|brick| peer.names.contains(&brick.host));
    let mut places = bricks.filter_map(|brick| names::brick_of_path(&brick.path));
    let holds_brick = places.any(|(device, _)| facts.inventory.device(device).is_none());
    if !holds_device && !holds_brick {
        report.notes.push(format!("peer {name} of cluster {} is no node of heketi", cluster.id));
        return;
    }
    let what = if holds_brick { "bricks of heketi's volumes" } else { "volume groups of heketi's devices" };
    report.error(
        [Subject::InPool(cluster.id, format!("peer {name}"))],
        format!("Peer {name} of cluster {} holds {what} and is no node", cluster.id),
        Repair::TakeInNode { cluster: cluster.id, host: name.clone() },
    );
}
