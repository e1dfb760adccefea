//! Links, names and space of clusters, nodes, devices and bricks.

use std::collections::BTreeMap;

use super::{Finding, error, warning};
use crate::inventory::Inventory;
use crate::units::Kib;

pub(super) fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !inventory.indexes_match_records() {
        findings.push(error("the indexes differ from the records".into(), "restart the server"));
    }
    nodes(inventory, &mut findings);
    devices(inventory, &mut findings);
    bricks(inventory, &mut findings);
    findings
}

fn nodes(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut owners = BTreeMap::new();
    for node in inventory.nodes() {
        if inventory.cluster(node.cluster).is_none() {
            findings
                .push(error(format!("Node {} unknown cluster {}", node.id, node.cluster), "add the cluster's record"));
        }
        if node.hostnames.manage.is_empty() || node.hostnames.storage.is_empty() {
            findings.push(error(
                format!("Node {} has no manage or no storage host name", node.id),
                "delete and add the node",
            ));
        }
        for host in node.hostnames.all() {
            if let Some(other) = owners.insert(host, node.id).filter(|other| *other != node.id) {
                findings.push(error(
                    format!("Host name {host} belongs to nodes {other} and {}", node.id),
                    "delete one of the nodes",
                ));
            }
        }
    }
}

fn devices(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let (mut names, mut disks) = (BTreeMap::new(), BTreeMap::new());
    for device in inventory.devices() {
        if inventory.node(device.node).is_none() {
            findings.push(error(format!("Device {} unknown node {}", device.id, device.node), "add the node's record"));
        }
        if let Some(other) = names.insert((device.node, &device.name), device.id) {
            let text = format!("Devices {other} and {} are both {} of node {}", device.id, device.name, device.node);
            findings.push(error(text, "compare with the node's volume groups"));
        }
        let disk = device.pv_uuid.as_ref();
        if let Some((uuid, other)) = disk.and_then(|uuid| Some((uuid, disks.insert(uuid, device.id)?))) {
            let text = format!("Devices {other} and {} are the same physical volume {uuid}", device.id);
            findings.push(error(text, "compare with the node's volume groups"));
        }
        let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
        let charged: Kib = bricks.map(|brick| brick.charge()).sum();
        if charged != inventory.charged(device.id) {
            let text = format!(
                "Device {} is charged {}, its bricks add up to {charged}",
                device.id,
                inventory.charged(device.id)
            );
            findings.push(error(text, "restart the server"));
        }
        if charged + device.foreign > device.total {
            let text = format!(
                "Device {} of {} holds bricks of {charged} and {} of others",
                device.id, device.total, device.foreign
            );
            findings.push(error(text, "resync the device"));
        }
        if device.extent == Kib::ZERO {
            findings.push(warning(format!("Device {} has no extent size", device.id), "resync the device"));
        }
    }
}

fn bricks(inventory: &Inventory, findings: &mut Vec<Finding>) {
    for brick in inventory.bricks() {
        match inventory.device(brick.device) {
            None => findings.push(error(
                format!("Brick {} unknown device {}", brick.id, brick.device),
                "remove the brick's record",
            )),
            Some(device) if device.node != brick.node => {
                let text = format!(
                    "Brick {} names node {}, its device {} is on node {}",
                    brick.id, brick.node, device.id, device.node
                );
                findings.push(error(text, "take the device's node"));
            }
            Some(_) => {}
        }
        let cluster = inventory.node(brick.node).map(|node| node.cluster);
        match inventory.volume(brick.volume) {
            None => {
                let text = format!("Brick {} unknown volume {}", brick.id, brick.volume);
                findings.push(error(text, "destroy the brick"));
            }
            Some(volume) if cluster.is_some_and(|cluster| cluster != volume.cluster) => {
                let text = format!(
                    "Brick {} is on a node of another cluster than {}, the one of its volume {}",
                    brick.id, volume.cluster, volume.id
                );
                findings.push(error(text, "compare with gluster's brick list"));
            }
            Some(_) => {}
        }
        if brick.metadata_size == Kib::ZERO {
            let text = format!("Brick {} has a thin pool without metadata", brick.id);
            findings.push(warning(text, "compare with the node's volume group"));
        }
        if brick.size == Kib::ZERO || brick.pool_size < brick.size {
            let text = format!("Brick {} of {} is in a thin pool of {}", brick.id, brick.size, brick.pool_size);
            findings.push(error(text, "compare with the node's volume group"));
        }
    }
}
