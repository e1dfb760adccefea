//! Names, sets and bricks of volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Finding, error, warning};
use crate::inventory::Inventory;
use crate::model::{Brick, Volume, VolumeOptions, ZoneChecking};
use crate::operation::Work;
use crate::units::Kib;

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

/// Is some operation just giving the volume bricks or taking them away? Then its sets are incomplete for a
/// while, and its size is not that of its bricks.
fn changing(inventory: &Inventory, volume: &Volume) -> bool {
    inventory.operations().any(|operation| match &operation.work {
        Work::VolumeCreate(work) => work.volume() == volume.id,
        Work::VolumeDelete(work) => work.volume() == volume.id,
        Work::VolumeExpand(work) => work.volume() == volume.id,
        _ => false,
    })
}

fn sets(inventory: &Inventory, volume: &Volume, bricks: &[&Arc<Brick>], findings: &mut Vec<Finding>) {
    let set_size = volume.durability.set_size() as usize;
    let changing = changing(inventory, volume);
    if !changing && (bricks.is_empty() || !bricks.len().is_multiple_of(set_size.max(1))) {
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
    for (set, members) in &by_set {
        one_set(inventory, volume, *set, members, findings);
    }
    // Where some places are not known, nothing can be said about those that are.
    if changing || bricks.is_empty() || bricks.iter().any(|brick| brick.position.is_none()) {
        return;
    }
    for (expected, (set, members)) in (0..).zip(&by_set) {
        if *set != expected {
            let text = format!("Volume {} has set {set} where set {expected} should be", volume.id);
            findings.push(error(text, "compare with gluster's brick list"));
            return;
        }
        let mut places = members.iter().filter_map(|brick| brick.position).map(|position| position.index);
        if members.len() < set_size || places.any(|index| index as usize >= set_size) {
            let text = format!("Set {set} of volume {} lacks a brick", volume.id);
            findings.push(error(text, "compare with gluster's brick list"));
        }
    }
    size(volume, by_set.values(), findings);
}

/// What the sets hold together is what was asked for; each brick may have lost less than a KiB to rounding.
fn size<'a>(volume: &Volume, sets: impl Iterator<Item = &'a Vec<&'a Arc<Brick>>>, findings: &mut Vec<Finding>) {
    let data = u64::from(volume.durability.data_bricks());
    let (mut held, mut rounded) = (0u64, 0u64);
    for set in sets {
        // Arbiter bricks are smaller than those that hold data.
        let brick = set.iter().map(|brick| brick.size.0).max().unwrap_or(0);
        held = held.saturating_add(brick.saturating_mul(data));
        rounded += data;
    }
    let asked = volume.size.kib();
    if held > asked.0 || held.saturating_add(rounded) < asked.0 {
        let text = format!("Volume {} of {asked} has brick sets for {}", volume.id, Kib(held));
        findings.push(warning(text, "compare with gluster's volume info"));
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
