//! Links, names and space of clusters, nodes, devices and bricks.

use std::collections::BTreeMap;

use super::{Repair, Report, Subject};
use crate::inventory::Inventory;
use crate::units::Kib;

/// Are the indexes those of the records?
pub(super) fn indexes(inventory: &Inventory, report: &mut Report) {
    if !inventory.indexes_match_records() {
        let text = "the indexes differ from the records".to_owned();
        report.error([], text, Repair::by_hand("restart the server"));
    }
}

pub(super) fn check(inventory: &Inventory, report: &mut Report) {
    nodes(inventory, report);
    devices(inventory, report);
    bricks(inventory, report);
}

fn nodes(inventory: &Inventory, report: &mut Report) {
    let mut owners = BTreeMap::new();
    for node in inventory.nodes() {
        if inventory.cluster(node.cluster).is_none() {
            let text = format!("Node {} unknown cluster {}", node.id, node.cluster);
            let objects = [Subject::Node(node.id), Subject::Cluster(node.cluster)];
            report.error(objects, text, Repair::by_hand("add the cluster's record"));
        }
        if node.hostnames.manage.is_empty() || node.hostnames.storage.is_empty() {
            let text = format!("Node {} has no manage or no storage host name", node.id);
            report.error([Subject::Node(node.id)], text, Repair::by_hand("delete and add the node"));
        }
        for host in node.hostnames.all() {
            if let Some(other) = owners.insert(host, node.id).filter(|other| *other != node.id) {
                let text = format!("Host name {host} belongs to nodes {other} and {}", node.id);
                let objects = [Subject::Node(other), Subject::Node(node.id)];
                report.error(objects, text, Repair::by_hand("delete one of the nodes"));
            }
        }
    }
}

fn devices(inventory: &Inventory, report: &mut Report) {
    let (mut names, mut disks) = (BTreeMap::new(), BTreeMap::new());
    for device in inventory.devices() {
        let subject = Subject::Device(device.id);
        if inventory.node(device.node).is_none() {
            let text = format!("Device {} unknown node {}", device.id, device.node);
            let objects = [subject.clone(), Subject::Node(device.node)];
            report.error(objects, text, Repair::by_hand("add the node's record"));
        }
        if let Some(other) = names.insert((device.node, &device.name), device.id) {
            let text = format!("Devices {other} and {} are both {} of node {}", device.id, device.name, device.node);
            let objects = [Subject::Device(other), subject.clone()];
            report.error(objects, text, Repair::by_hand("compare with the node's volume groups"));
        }
        let disk = device.pv_uuid.as_ref();
        if let Some((uuid, other)) = disk.and_then(|uuid| Some((uuid, disks.insert(uuid, device.id)?))) {
            let text = format!("Devices {other} and {} are the same physical volume {uuid}", device.id);
            let objects = [Subject::Device(other), subject.clone()];
            report.error(objects, text, Repair::by_hand("compare with the node's volume groups"));
        }
        let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
        let pools: BTreeMap<_, _> = bricks.map(|brick| (brick.pool_key(), brick.charge())).collect();
        let charged: Kib = pools.into_values().sum();
        if charged != inventory.charged(device.id) {
            let text = format!(
                "Device {} is charged {}, its bricks add up to {charged}",
                device.id,
                inventory.charged(device.id)
            );
            report.error([subject.clone()], text, Repair::by_hand("restart the server"));
        }
        if charged + device.foreign > device.total {
            let text = format!(
                "Device {} of {} holds bricks of {charged} and {} of others",
                device.id, device.total, device.foreign
            );
            report.error([subject.clone()], text, Repair::by_hand("resync the device"));
        }
        if device.extent == Kib::ZERO {
            let text = format!("Device {} has no extent size", device.id);
            report.warning([subject], text, Repair::by_hand("resync the device"));
        }
    }
}

fn bricks(inventory: &Inventory, report: &mut Report) {
    for brick in inventory.bricks() {
        let subject = Subject::Brick(brick.id);
        match inventory.device(brick.device) {
            None => {
                let text = format!("Brick {} unknown device {}", brick.id, brick.device);
                let objects = [subject.clone(), Subject::Device(brick.device)];
                report.error(objects, text, Repair::DropBrick(brick.id));
            }
            Some(device) if device.node != brick.node => {
                let text = format!(
                    "Brick {} names node {}, its device {} is on node {}",
                    brick.id, brick.node, device.id, device.node
                );
                let objects = [subject.clone(), Subject::Node(brick.node), Subject::Device(device.id)];
                report.error(objects, text, Repair::by_hand("take the device's node"));
            }
            Some(_) => {}
        }
        let cluster = inventory.node(brick.node).map(|node| node.cluster);
        match inventory.volume(brick.volume) {
            None if brick.retired => {}
            None => {
                let text = format!("Brick {} unknown volume {}", brick.id, brick.volume);
                let objects = [subject.clone(), Subject::Volume(brick.volume)];
                report.error(objects, text, Repair::by_hand("destroy the brick"));
            }
            Some(volume) if cluster.is_some_and(|cluster| cluster != volume.cluster) => {
                let text = format!(
                    "Brick {} is on a node of another cluster than {}, the one of its volume {}",
                    brick.id, volume.cluster, volume.id
                );
                let objects = [subject.clone(), Subject::Volume(volume.id)];
                report.error(objects, text, Repair::by_hand("compare with gluster's brick list"));
            }
            Some(_) => {}
        }
        if brick.metadata_size == Kib::ZERO {
            let text = format!("Brick {} has a thin pool without metadata", brick.id);
            report.warning([subject.clone()], text, Repair::by_hand("compare with the node's volume group"));
        }
        if brick.size == Kib::ZERO || brick.pool_size < brick.size {
            let text = format!("Brick {} of {} is in a thin pool of {}", brick.id, brick.size, brick.pool_size);
            report.error([subject], text, Repair::by_hand("compare with the node's volume group"));
        }
    }
}
