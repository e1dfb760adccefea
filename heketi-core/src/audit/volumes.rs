//! Names, sets and bricks of volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Finding, error};
use crate::inventory::Inventory;
use crate::model::{Brick, Volume, VolumeOptions, ZoneChecking};
use crate::operation::Work;

pub(super) fn check(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names = BTreeMap::new();
    for volume in inventory.volumes() {
        if inventory.cluster(volume.cluster).is_none() {
            findings.push(error(
                format!("Volume {} unknown cluster {}", volume.id, volume.cluster),
                "add the cluster's record",
            ));
        }
        if let Some(other) = names.insert((volume.cluster, &volume.name), volume.id) {
            findings
                .push(error(format!("Volumes {other} and {} have the name {}", volume.id, volume.name), "rename one"));
        }
        let bricks: Vec<&Arc<Brick>> =
            inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id)).collect();
        sets(inventory, volume, &bricks, &mut findings);
    }
    findings
}

/// Is some operation just taking the volume's bricks away? Then its sets are incomplete for a while.
fn shrinking(inventory: &Inventory, volume: &Volume) -> bool {
    inventory.operations().any(|operation| match &operation.work {
        Work::VolumeCreate(work) => work.volume() == volume.id,
        Work::VolumeDelete(work) => work.volume() == volume.id,
        Work::VolumeExpand(work) => work.volume() == volume.id,
        _ => false,
    })
}

fn sets(inventory: &Inventory, volume: &Volume, bricks: &[&Arc<Brick>], findings: &mut Vec<Finding>) {
    let set_size = volume.durability.set_size() as usize;
    if !shrinking(inventory, volume) && (bricks.is_empty() || !bricks.len().is_multiple_of(set_size.max(1))) {
        let text = format!(
            "Volume {} ({}) has {} bricks, not whole sets of {set_size}",
            volume.id,
            volume.durability,
            bricks.len()
        );
        findings.push(error(text, "compare with gluster's brick list"));
    }
    let mut by_set: BTreeMap<u32, Vec<&Arc<Brick>>> = BTreeMap::new();
    for brick in bricks {
        if let Some(position) = brick.position {
            by_set.entry(position.set).or_default().push(brick);
        }
    }
    for (set, members) in by_set {
        one_set(inventory, volume, set, &members, findings);
    }
}

fn one_set(inventory: &Inventory, volume: &Volume, set: u32, members: &[&Arc<Brick>], findings: &mut Vec<Finding>) {
    let name = format!("Set {set} of volume {}", volume.id);
    let distinct = |count: usize| count == members.len();
    if !distinct(members.iter().map(|brick| brick.node).collect::<BTreeSet<_>>().len()) {
        findings.push(error(format!("{name} has two bricks on one node"), "evict one of them"));
    }
    if !distinct(members.iter().map(|brick| brick.position).collect::<BTreeSet<_>>().len()) {
        findings.push(error(format!("{name} has two bricks in one place"), "compare with gluster's brick list"));
    }
    if members.len() > volume.durability.set_size() as usize {
        findings.push(error(format!("{name} has {} bricks", members.len()), "compare with gluster's brick list"));
    }
    if VolumeOptions(&volume.options).zone_checking(ZoneChecking::None) == ZoneChecking::Strict {
        let zones = members.iter().filter_map(|brick| inventory.node(brick.node)).map(|node| node.zone);
        if !distinct(zones.collect::<BTreeSet<_>>().len()) {
            findings.push(error(
                format!("{name} has two bricks in one zone though its zones are strict"),
                "evict one of them",
            ));
        }
    }
}
