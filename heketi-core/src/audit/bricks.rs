//! Recorded bricks on their nodes: logical volume, thin pool, mount, fstab line, brick directory.

use super::busy::Busy;
use super::facts::{Facts, is_same, logical_volume};
use super::names;
use super::{Repair, Report, Subject};
use crate::model::{Brick, BrickFormat, Device, Durability, Volume};
use crate::operation::{NodeContents, NodeLogicalVolume};

pub(super) fn check(facts: &Facts<'_>, busy: Busy<'_>, report: &mut Report) {
    for device in facts.inventory.devices().filter(|device| !busy.node(device.node)) {
        let Some(contents) = facts.reports.contents(device.node) else { continue };
        let group = device.volume_group();
        if busy.device(device.id) || !contents.volume_groups.iter().any(|found| found.name == group) {
            continue;
        }
        for brick in facts.inventory.bricks_of_device(device.id).filter_map(|id| facts.inventory.brick(id)) {
            // What a retired brick left behind is removed by whoever retired it.
            if !brick.retired {
                check_brick(facts, device, brick, contents, report);
            }
        }
    }
}

fn check_brick(facts: &Facts<'_>, device: &Device, brick: &Brick, contents: &NodeContents, report: &mut Report) {
    let group = device.volume_group();
    let place = Place { brick, host: host_of(facts, brick), group: &group };
    let Some(volume) = logical_volume(contents, &group, &brick.logical_volume_name()) else {
        return lost(facts, &place, report);
    };
    unlisted(facts, &place, report);
    sizes(device, &place, volume, contents, report);
    if mounted(&place, contents, report) && !has_directory(contents, brick) {
        let directory = Subject::OnNode(brick.node, format!("directory {}", brick.brick_directory()));
        let text = format!("{place}: brick directory {} is missing", brick.brick_directory());
        report.error([Subject::Brick(brick.id), directory], text, gone(facts, brick));
    }
}

/// A brick, as findings name it.
struct Place<'a> {
    brick: &'a Brick,
    host: String,
    group: &'a str,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Brick { id, volume, node, .. } = self.brick;
        write!(f, "Brick {id} of volume {volume} on node {node} ({})", self.host)
    }
}

fn host_of(facts: &Facts<'_>, brick: &Brick) -> String {
    facts.inventory.node(brick.node).map(|node| node.manage_host().to_owned()).unwrap_or_default()
}

/// Its logical volume is not there.
fn lost(facts: &Facts<'_>, place: &Place<'_>, report: &mut Report) {
    let Place { brick, group, .. } = place;
    let name = format!("{group}/{}", brick.logical_volume_name());
    let objects = [Subject::Brick(brick.id), Subject::OnNode(brick.node, format!("logical volume {name}"))];
    let volume = facts.inventory.volume(brick.volume);
    let found = volume.and_then(|volume| facts.gluster_volume(volume));
    if let Some(found) = found.filter(|found| !found.bricks.iter().any(|listed| is_same(brick, listed))) {
        // gluster may know it elsewhere: then its record is corrected and not removed.
        let moved = found.bricks.iter().filter_map(|listed| names::brick_of_path(&listed.path));
        if moved.into_iter().any(|(_, id)| id == brick.id) {
            return;
        }
        let text = format!("{place}: neither logical volume {name} nor gluster's volume {} has it", found.name);
        return report.error(objects, text, Repair::DropBrick(brick.id));
    }
    let text = format!("{place}: logical volume {name} is missing");
    report.error(objects, text, gone(facts, brick));
}

/// Its volume is in gluster, without it.
fn unlisted(facts: &Facts<'_>, place: &Place<'_>, report: &mut Report) {
    let brick = place.brick;
    let Some(volume) = facts.inventory.volume(brick.volume) else { return };
    let Some(found) = facts.gluster_volume(volume) else { return };
    if found.bricks.iter().any(|listed| is_same(brick, listed)) {
        return;
    }
    report.error(
        [Subject::Brick(brick.id), Subject::Volume(volume.id)],
        format!("{place} is not among the bricks of gluster's volume {}", found.name),
        Repair::by_hand(format!(
            "if its data is not needed, unmount {} and remove logical volume {}/{} on the node, then audit again; else \
             give it back to the volume (gluster volume replace-brick or add-brick)",
            brick.mount_point(),
            place.group,
            brick.logical_volume_name()
        )),
    );
}

fn sizes(device: &Device, place: &Place<'_>, found: &NodeLogicalVolume, contents: &NodeContents, report: &mut Report) {
    let brick = place.brick;
    let pool_name = found.thin_pool.clone().unwrap_or_default();
    let Some(pool) = logical_volume(contents, place.group, &pool_name) else {
        let text = format!("{place}: logical volume {} is in no thin pool", found.name);
        let objects = [Subject::Brick(brick.id), Subject::OnNode(brick.node, format!("logical volume {}", found.name))];
        return report.error(objects, text, Repair::by_hand("evict the brick, so that it is made anew"));
    };
    let extent = device.extent;
    let mut differences = Vec::new();
    if pool_name != brick.thin_pool_name() {
        differences.push(format!("thin pool {} recorded, {pool_name} found", brick.thin_pool_name()));
    }
    for (what, recorded, found) in [
        ("size", brick.size, found.size),
        ("size of the thin pool", brick.pool_size, pool.size),
        ("size of the pool's metadata", brick.metadata_size, pool.metadata),
    ] {
        if recorded.round_up(extent) != found.round_up(extent) {
            differences.push(format!("{what} {recorded} recorded, {found} found"));
        }
    }
    if !differences.is_empty() {
        let objects = [
            Subject::Brick(brick.id),
            Subject::OnNode(brick.node, format!("logical volume {}/{}", place.group, found.name)),
        ];
        report.error(objects, format!("{place}: {}", differences.join("; ")), Repair::MeasureBrick(brick.id));
    }
}

/// Is it mounted where it should be? Reports what is wrong about that, and about its line of fstab.
fn mounted(place: &Place<'_>, contents: &NodeContents, report: &mut Report) -> bool {
    let brick = place.brick;
    let (point, lv) = (brick.mount_point(), brick.logical_volume_name());
    let is_here = |path: &str| names::real_path(path) == names::real_path(&point);
    let is_it = |device: &str| names::is_block_device(device, place.group, &lv);
    let objects = |what: &str| [Subject::Brick(brick.id), Subject::OnNode(brick.node, format!("{what} {point}"))];
    let mounts: Vec<_> = contents.mounts.iter().filter(|mount| is_here(&mount.mount_point)).collect();
    if let Some(other) = mounts.iter().find(|mount| !is_it(&mount.device)) {
        let text = format!("{place}: {} is mounted at {point}", other.device);
        let hand = format!("unmount {point} on the node once nobody uses it, then audit again");
        report.error(objects("mount"), text, Repair::by_hand(hand));
        return false;
    }
    let mut wrong = Vec::new();
    if mounts.is_empty() {
        wrong.push("it is not mounted");
    }
    if !names::is_mounted_by_gluster(&point) {
        let about: Vec<_> =
            contents.fstab.iter().filter(|line| is_here(&line.mount_point) || is_it(&line.device)).collect();
        match about.as_slice() {
            [] => wrong.push("its line in fstab is missing"),
            [line] if is_here(&line.mount_point) && is_it(&line.device) => {}
            [_] => wrong.push("its line in fstab is wrong"),
            _ => wrong.push("it has several lines in fstab"),
        }
    } else if mounts.is_empty() {
        let text = format!("{place}: it is not mounted at {point}");
        let hand = "restart glusterd on the node: gluster mounts the bricks of clones itself";
        report.error(objects("mount"), text, Repair::by_hand(hand));
        return false;
    }
    if !wrong.is_empty() {
        let text = format!("{place}: {} ({point})", wrong.join(", "));
        report.error(objects("mount"), text, Repair::MountBrick(brick.id));
    }
    !mounts.is_empty()
}

/// The repair of a brick whose data is gone.
fn gone(facts: &Facts<'_>, brick: &Brick) -> Repair {
    match rebuild(facts, brick) {
        Ok(()) => Repair::ResetBrick(brick.id),
        Err(why) => Repair::ByHand(why),
    }
}

/// Can gluster heal all data of the brick to an empty one? If not, what can be done.
pub(super) fn rebuild(facts: &Facts<'_>, brick: &Brick) -> Result<(), String> {
    let Some(volume) = facts.inventory.volume(brick.volume) else {
        return Err("delete the brick's record, its volume is not there".to_owned());
    };
    if facts.inventory.bricks_in_pool_of(brick) > 1 || names::is_mounted_by_gluster(&brick.mount_point()) {
        return Err("evict the brick, so that another takes its place: it shares its thin pool with a clone".to_owned());
    }
    let in_gluster = facts.gluster_volume(volume).is_some();
    if !in_gluster && facts.views.contains_key(&volume.cluster) {
        return Err(format!("the data of volume {} cannot be healed, gluster does not have it; delete it", volume.id));
    }
    let healthy = mates(facts, volume, brick).filter(|mate| !is_lost(facts, mate));
    let holds_data = |mate: &&Brick| mate.format == BrickFormat::Normal;
    let (needed, found) = match volume.durability {
        Durability::Replicate { replica: 2.. } => (1, healthy.filter(holds_data).count()),
        Durability::Disperse { data, .. } => (data as usize, healthy.count()),
        _ => (usize::MAX, 0),
    };
    if found >= needed {
        return Ok(());
    }
    Err(format!(
        "the data of brick {} is on no other brick: restore it from a backup if there is one, else delete volume {}",
        brick.id, volume.id
    ))
}

/// The other bricks of its set.
pub(crate) fn mates<'a>(facts: &Facts<'a>, volume: &Volume, brick: &Brick) -> impl Iterator<Item = &'a Brick> {
    let (id, set) = (brick.id, brick.position.map(|position| position.set));
    let bricks = facts.bricks_of(volume).into_iter();
    bricks.filter(move |mate| mate.id != id && set.is_some() && mate.position.map(|position| position.set) == set)
}

/// Is the brick certainly not there any more? Of a node that was not asked nothing is certain.
pub(crate) fn is_lost(facts: &Facts<'_>, brick: &Brick) -> bool {
    let Some(contents) = facts.reports.contents(brick.node) else { return false };
    let group = crate::model::volume_group_name(brick.device);
    logical_volume(contents, &group, &brick.logical_volume_name()).is_none()
}

/// Is the directory that gluster is given there? Only told apart while the brick is mounted.
pub(crate) fn has_directory(contents: &NodeContents, brick: &Brick) -> bool {
    let directory = brick.brick_directory();
    contents.directories.iter().any(|path| path == names::real_path(&directory))
}
