//! Names, sets, bricks and block volumes of volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Repair, Report, Subject};
use crate::inventory::Inventory;
use crate::model::{Brick, BrickFormat, Volume, VolumeOptions, ZoneChecking};
use crate::units::{Gib, KIB_PER_GIB, Kib};

/// Where gluster's list tells what is right, an audit of the nodes has the repair.
const COMPARE: &str = "compare with gluster's brick list: audit with the nodes";

pub(super) fn check(inventory: &Inventory, report: &mut Report) {
    let mut names = BTreeMap::new();
    for volume in inventory.volumes() {
        if inventory.cluster(volume.cluster).is_none() {
            let text = format!("Volume {} unknown cluster {}", volume.id, volume.cluster);
            let objects = [Subject::Volume(volume.id), Subject::Cluster(volume.cluster)];
            report.error(objects, text, Repair::by_hand("add the cluster's record"));
        }
        if let Some(other) = names.insert((volume.cluster, &volume.name), volume.id) {
            let text = format!("Volumes {other} and {} have the name {}", volume.id, volume.name);
            let objects = [Subject::Volume(other), Subject::Volume(volume.id)];
            report.error(objects, text, Repair::by_hand("rename one"));
        }
        let bricks: Vec<&Arc<Brick>> =
            inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id)).collect();
        sets(inventory, volume, &bricks, report);
        hosted(inventory, volume, report);
    }
    for block in inventory.block_volumes() {
        let hosting = inventory.volume(block.hosting).filter(|volume| volume.hosting.is_some());
        if hosting.is_none_or(|volume| volume.cluster != block.cluster) {
            let text = format!("Block volume {} unknown hosting volume {}", block.id, block.hosting);
            let objects = [Subject::BlockVolume(block.id), Subject::Volume(block.hosting)];
            report.error(objects, text, Repair::by_hand("delete the block volume"));
        }
    }
}

/// What the block volumes of a hosting volume take, free and reserved space add up to its size. While an
/// operation changes it or one of its block volumes, they need not.
fn hosted(inventory: &Inventory, volume: &Volume, report: &mut Report) {
    let Some(hosting) = volume.hosting else { return };
    let object = crate::inventory::Object::Volume(volume.id);
    if inventory.claimants(&object).next().is_some() || changing(inventory, volume) {
        return;
    }
    let blocks = inventory.block_volumes_of_volume(volume.id).filter_map(|id| inventory.block_volume(id));
    let used = blocks.map(|block| block.size.0).fold(0, u64::saturating_add);
    let sum = used.saturating_add(hosting.free.0).saturating_add(hosting.reserved.0);
    if sum == volume.size.0 {
        return;
    }
    let text = format!(
        "Volume {} of {} hosts {}, has {} free and {} reserved",
        volume.id,
        volume.size,
        Gib(used),
        hosting.free,
        hosting.reserved
    );
    let repair = match volume.size.0.checked_sub(used.saturating_add(hosting.reserved.0)) {
        Some(_) => Repair::CountHosted(volume.id),
        None => Repair::by_hand("its block volumes do not fit in it: delete some, or expand it"),
    };
    report.error([Subject::Volume(volume.id)], text, repair);
}

/// Is some operation just giving the volume bricks or taking them away? Then its sets are incomplete for a
/// while, and its size is not that of its bricks.
fn changing(inventory: &Inventory, volume: &Volume) -> bool {
    inventory.operations().any(|operation| operation.changes_bricks_of(volume.id))
}

fn sets(inventory: &Inventory, volume: &Volume, bricks: &[&Arc<Brick>], report: &mut Report) {
    let set_size = volume.durability.set_size() as usize;
    let changing = changing(inventory, volume);
    let subject = || [Subject::Volume(volume.id)];
    if !changing && (bricks.is_empty() || !bricks.len().is_multiple_of(set_size.max(1))) {
        let text = format!(
            "Volume {} ({}) has {} bricks, not whole sets of {set_size}",
            volume.id,
            volume.durability,
            bricks.len()
        );
        report.error(subject(), text, Repair::by_hand(COMPARE));
    }
    let mut by_set: BTreeMap<u32, Vec<&Arc<Brick>>> = BTreeMap::new();
    for brick in bricks {
        if let Some(position) = brick.position {
            by_set.entry(position.set).or_default().push(brick);
        }
    }
    for (set, members) in &by_set {
        one_set(inventory, volume, *set, members, report);
    }
    // Where some places are not known, nothing can be said about those that are.
    if changing || bricks.is_empty() || bricks.iter().any(|brick| brick.position.is_none()) {
        return;
    }
    for (expected, (set, members)) in (0..).zip(&by_set) {
        if *set != expected {
            let text = format!("Volume {} has set {set} where set {expected} should be", volume.id);
            report.error(subject(), text, Repair::by_hand(COMPARE));
            return;
        }
        let mut places = members.iter().filter_map(|brick| brick.position).map(|position| position.index);
        if members.len() < set_size || places.any(|index| index as usize >= set_size) {
            let text = format!("Set {set} of volume {} lacks a brick", volume.id);
            report.error(subject(), text, Repair::by_hand(COMPARE));
        }
    }
    let (held, rounded) = held(inventory, volume);
    let asked = volume.size.kib();
    if held > asked || held + rounded < asked {
        let text = format!("Volume {} of {asked} has brick sets for {held}", volume.id);
        let repair = match whole_size(inventory, volume) {
            Some(_) => Repair::SizeVolume(volume.id),
            None => Repair::by_hand("compare with gluster's volume info"),
        };
        report.warning(subject(), text, repair);
    }
}

/// What the sets of a volume hold together, and how much more was asked for at most: each brick may have lost
/// less than a KiB to rounding.
fn held(inventory: &Inventory, volume: &Volume) -> (Kib, Kib) {
    let data = u64::from(volume.durability.data_bricks());
    let mut largest: BTreeMap<Option<u32>, u64> = BTreeMap::new();
    for brick in inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id)) {
        // Arbiter bricks are smaller than those that hold data.
        let size = largest.entry(brick.position.map(|position| position.set)).or_default();
        *size = (*size).max(brick.size.0);
    }
    let held = largest.values().fold(0, |held: u64, size| held.saturating_add(size.saturating_mul(data)));
    (Kib(held), Kib(data.saturating_mul(largest.len() as u64)))
}

/// The size in GiB that was asked for when the bricks were made as they are.
pub(super) fn whole_size(inventory: &Inventory, volume: &Volume) -> Option<Gib> {
    let (held, rounded) = held(inventory, volume);
    let size = Gib(held.0.div_ceil(KIB_PER_GIB));
    (size.0 > 0 && held + rounded >= size.kib()).then_some(size)
}

fn one_set(inventory: &Inventory, volume: &Volume, set: u32, members: &[&Arc<Brick>], report: &mut Report) {
    let name = format!("Set {set} of volume {}", volume.id);
    let mut objects = vec![Subject::Volume(volume.id)];
    objects.extend(members.iter().map(|brick| Subject::Brick(brick.id)));
    let mut error = |text: String, repair: &str| report.error(objects.clone(), text, Repair::by_hand(repair));
    let distinct = |count: usize| count == members.len();
    if !distinct(members.iter().map(|brick| brick.node).collect::<BTreeSet<_>>().len()) {
        error(format!("{name} has two bricks on one node"), "evict one of them");
    }
    if !distinct(members.iter().map(|brick| brick.position).collect::<BTreeSet<_>>().len()) {
        error(format!("{name} has two bricks in one place"), COMPARE);
    }
    if members.len() > volume.durability.set_size() as usize {
        error(format!("{name} has {} bricks", members.len()), COMPARE);
    }
    if VolumeOptions(&volume.options).zone_checking(ZoneChecking::None) == ZoneChecking::Strict {
        let zones = members.iter().filter_map(|brick| inventory.node(brick.node)).map(|node| node.zone);
        if !distinct(zones.collect::<BTreeSet<_>>().len()) {
            error(format!("{name} has two bricks in one zone though its zones are strict"), "evict one of them");
        }
    }
    kinds(volume, &name, members, report);
}

/// Bricks with data are equally large; an arbiter is the last brick of its set, and only where the volume has
/// arbiters. Tags of devices may have changed since their bricks were placed, so they are not looked at.
fn kinds(volume: &Volume, name: &str, members: &[&Arc<Brick>], report: &mut Report) {
    let objects = |brick: &Brick| [Subject::Volume(volume.id), Subject::Brick(brick.id)];
    let last = volume.durability.set_size().saturating_sub(1);
    for brick in members {
        let Some(position) = brick.position else { continue };
        let should_be = volume.has_arbiter() && position.index == last;
        let is = brick.format == BrickFormat::Arbiter;
        if is != should_be {
            let (kind, other) =
                if is { ("an arbiter brick", "a brick with data") } else { ("a brick with data", "an arbiter brick") };
            let text = format!("{name} has {kind}, {}, in place {} where {other} should be", brick.id, position.index);
            report.error(objects(brick), text, Repair::by_hand("compare with gluster's volume info"));
        }
    }
    let data = members.iter().filter(|brick| brick.format == BrickFormat::Normal);
    let sizes: BTreeSet<Kib> = data.map(|brick| brick.size).collect();
    if sizes.len() > 1 {
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        let text = format!("{name} has bricks of {}", sizes.join(" and "));
        report.warning([Subject::Volume(volume.id)], text, Repair::by_hand("evict the brick of another size"));
    }
}
