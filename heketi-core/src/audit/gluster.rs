//! Recorded volumes and those of gluster.

use std::collections::BTreeSet;

use super::bricks::{has_directory, is_lost};
use super::busy::Busy;
use super::facts::{Facts, id_of, is_clone, is_same, logical_volume, lost_options};
use super::names;
use super::reports::PoolView;
use super::{Repair, Report, Subject};
use crate::id::VolumeId;
use crate::model::{Brick, Durability, Volume, volume_group_name};
use crate::operation::{GlusterBrick, GlusterVolume};

pub(super) fn check(facts: &Facts<'_>, busy: Busy<'_>, report: &mut Report) {
    for (cluster, view) in &facts.views {
        let mut known = BTreeSet::new();
        let volumes = facts.inventory.volumes_of_cluster(*cluster).filter_map(|id| facts.inventory.volume(id));
        for volume in volumes {
            let found = facts.gluster_volume(volume);
            known.insert(volume.name.as_str());
            known.extend(found.map(|found| found.name.as_str()));
            match found {
                _ if busy.volume(volume.id) => {}
                None => lost(facts, view, volume, report),
                Some(found) => recorded(facts, volume, found, report),
            }
        }
        for found in view.volumes.iter().filter(|found| !known.contains(found.name.as_str())) {
            unrecorded(facts, busy, view, found, report);
        }
    }
}

fn objects(volume: &Volume, name: &str) -> [Subject; 2] {
    [Subject::Volume(volume.id), Subject::InPool(volume.cluster, format!("gluster volume {name}"))]
}

fn lost(facts: &Facts<'_>, view: &PoolView<'_>, volume: &Volume, report: &mut Report) {
    let taken = view.volumes.iter().any(|found| found.name == volume.name);
    let why = if taken { "has a volume of that name on other bricks" } else { "does not have it" };
    let text = format!("Volume {} ({}): gluster {why}", volume.id, volume.name);
    let obstacle = if taken { Some("its name is taken".to_owned()) } else { obstacle(facts, volume) };
    let repair = match obstacle {
        None => Repair::CreateVolume(volume.id),
        Some(why) => Repair::by_hand(format!(
            "{why}; once that is repaired audit again, or delete the volume if its data is not needed"
        )),
    };
    report.error(objects(volume, &volume.name), text, repair);
}

/// Why a volume cannot be created again over its bricks.
fn obstacle(facts: &Facts<'_>, volume: &Volume) -> Option<String> {
    let bricks = facts.bricks_of(volume);
    let set_size = volume.durability.set_size().max(1) as usize;
    let placed = bricks.iter().enumerate().all(|(i, brick)| {
        let place = brick.position.map(|position| (position.set as usize, position.index as usize));
        place == Some((i / set_size, i % set_size))
    });
    if bricks.is_empty() || !bricks.len().is_multiple_of(set_size) || !placed {
        return Some("its records do not tell the order of all its bricks".to_owned());
    }
    bricks.iter().find_map(|brick| {
        let user = facts.user(volume.cluster, &brick.brick_directory());
        match user {
            Some(other) => Some(format!("brick {} is used by gluster volume {}", brick.id, other.name)),
            None if !is_whole(facts, brick) => Some(format!("brick {} is not mounted with its data", brick.id)),
            None => None,
        }
    })
}

/// Is the brick there, mounted, with its directory?
pub(crate) fn is_whole(facts: &Facts<'_>, brick: &Brick) -> bool {
    let Some(contents) = facts.reports.contents(brick.node) else { return false };
    let (group, name) = (volume_group_name(brick.device), brick.logical_volume_name());
    let point = brick.mount_point();
    let mut mounts = contents.mounts.iter();
    let mounted = mounts.any(|mount| {
        names::real_path(&mount.mount_point) == names::real_path(&point)
            && names::is_block_device(&mount.device, &group, &name)
    });
    mounted && logical_volume(contents, &group, &name).is_some() && has_directory(contents, brick)
}

fn recorded(facts: &Facts<'_>, volume: &Volume, found: &GlusterVolume, report: &mut Report) {
    let name = format!("Volume {} ({})", volume.id, volume.name);
    if found.name != volume.name {
        let text = format!("{name}: gluster calls it {}", found.name);
        let repair = Repair::NameVolume { volume: volume.id, name: found.name.clone() };
        report.error(objects(volume, &found.name), text, repair);
        // Commands of further repairs would go to the wrong name.
        return;
    }
    if !found.started {
        let text = format!("{name} is stopped");
        report.error(objects(volume, &found.name), text, Repair::StartVolume(volume.id));
    }
    if let Some(durability) = found.durability.filter(|found| !is_same_durability(*found, volume.durability)) {
        let text = format!("{name}: {} recorded, gluster has {durability}", volume.durability);
        report.error(objects(volume, &found.name), text, Repair::LayoutVolume(volume.id));
    }
    let lost = lost_options(volume, found);
    if !lost.is_empty() {
        let text = format!("{name}: gluster does not have the options {}", lost.join(", "));
        report.warning(objects(volume, &found.name), text, Repair::SetOptions(volume.id));
    }
    listed_bricks(facts, volume, found, &name, report);
}

fn is_same_durability(one: Durability, other: Durability) -> bool {
    one == other || (one.set_size() == 1 && other.set_size() == 1)
}

fn listed_bricks(facts: &Facts<'_>, volume: &Volume, found: &GlusterVolume, name: &str, report: &mut Report) {
    let bricks = facts.bricks_of(volume);
    let record = |listed: &GlusterBrick| bricks.iter().find(|brick| is_same(brick, listed)).copied();
    let mut all_known = bricks.len() == found.bricks.len();
    for listed in &found.bricks {
        match record(listed) {
            Some(brick) => host_name(facts, brick, listed, report),
            None => {
                all_known = false;
                unknown_brick(facts, volume, listed, name, report);
            }
        }
    }
    let order = found.bricks.iter().filter_map(record).map(|brick| brick.id);
    let placed = bricks.iter().all(|brick| brick.position.is_some());
    if all_known && !(placed && order.eq(bricks.iter().map(|brick| brick.id))) {
        let repair = Repair::PlaceBricks(volume.id);
        if bricks.iter().all(|brick| brick.position.is_none()) {
            let text = format!("{name}: the order of its bricks in gluster is not recorded, as heketi v10 left it");
            report.warning(objects(volume, &found.name), text, repair);
        } else {
            let text = format!("{name}: gluster has its bricks in another order than recorded");
            report.error(objects(volume, &found.name), text, repair);
        }
    }
}

/// Commands name bricks by the storage host name of their node; gluster must know it by that.
fn host_name(facts: &Facts<'_>, brick: &Brick, listed: &GlusterBrick, report: &mut Report) {
    let Some(node) = facts.inventory.node(brick.node) else { return };
    if node.storage_host() == listed.host {
        return;
    }
    let owner = facts.inventory.node_with_host(&listed.host);
    let text = format!(
        "Node {}: gluster calls its brick {} {listed}, the node's storage host name is {}",
        node.id,
        brick.id,
        node.storage_host()
    );
    let repair = match owner {
        Some(other) if other != node.id => Repair::by_hand(format!("node {other} has that name: correct both nodes")),
        _ => Repair::NameNode { node: node.id, storage: listed.host.clone() },
    };
    report.error([Subject::Node(node.id), Subject::Brick(brick.id)], text, repair);
}

fn unknown_brick(facts: &Facts<'_>, volume: &Volume, listed: &GlusterBrick, name: &str, report: &mut Report) {
    let text = format!("{name}: brick {listed} is not recorded");
    let mut objects: Vec<Subject> = objects(volume, &volume.name).into();
    let place = names::brick_of_path(&listed.path);
    objects.extend(place.map(|(_, brick)| Subject::Brick(brick)));
    let repair = match facts.find(volume.cluster, listed) {
        Some(place) if facts.inventory.device(place.device).is_some_and(|device| device.node == place.node) => {
            Repair::TakeInBrick { volume: volume.id, brick: listed.clone() }
        }
        _ if place.is_some_and(|(device, _)| facts.inventory.device(device).is_none()) => {
            Repair::by_hand("record its device first, then audit again")
        }
        _ => Repair::by_hand(
            "if somebody moved the brick, move it back (gluster volume replace-brick) to a brick that is recorded",
        ),
    };
    report.error(objects, text, repair);
}

/// A gluster volume without a record: heketi's if all its bricks are, else somebody else's.
fn unrecorded(facts: &Facts<'_>, busy: Busy<'_>, view: &PoolView<'_>, found: &GlusterVolume, report: &mut Report) {
    let Some(cluster) = facts.inventory.node(view.host).map(|node| node.cluster) else { return };
    if id_of(found).is_some_and(|id| busy.volume(id)) {
        return;
    }
    // An administrator may clone a volume too; heketi's clones have names of its own making.
    let is_our_clone =
        is_clone(found) && found.name.strip_prefix("vol_").is_some_and(|id| id.parse::<VolumeId>().is_ok());
    let is_ours = |brick: &GlusterBrick| is_our_clone || names::brick_of_path(&brick.path).is_some();
    if !found.bricks.iter().any(is_ours) {
        report.notes.push(format!("gluster volume {} of cluster {cluster} is not heketi's", found.name));
        return;
    }
    let mut objects = vec![Subject::InPool(cluster, format!("gluster volume {}", found.name))];
    objects.extend(id_of(found).filter(|_| !is_clone(found)).map(Subject::Volume));
    let text = format!("gluster volume {} of cluster {cluster} uses heketi's bricks and is not recorded", found.name);
    let complete = found.bricks.iter().all(|brick| {
        let device =
            facts.find(cluster, brick).and_then(|place| facts.inventory.device(place.device).zip(Some(place.node)));
        device.is_some_and(|(device, node)| device.node == node)
    });
    let free = found.bricks.iter().filter_map(|brick| names::brick_of_path(&brick.path));
    let free = free.into_iter().all(|(_, id)| facts.inventory.brick(id).is_none());
    let repair = if !complete {
        Repair::by_hand("make all its nodes answer and record their devices, then audit again")
    } else if !free || found.durability.is_none() {
        Repair::by_hand("compare its bricks with those of the recorded volumes")
    } else {
        Repair::TakeInVolume { cluster, name: found.name.clone() }
    };
    report.error(objects, text, repair);
}

/// Does the volume lack bricks, so that it starts by force only?
pub(crate) fn lacks_bricks(facts: &Facts<'_>, volume: &Volume) -> bool {
    facts.bricks_of(volume).into_iter().any(|brick| is_lost(facts, brick) || !is_whole(facts, brick))
}
