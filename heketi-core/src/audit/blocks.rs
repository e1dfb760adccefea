//! Block volumes, and the space of the volumes that host them.

use std::collections::BTreeMap;

use super::{Repair, Report, Subject};
use crate::inventory::{Inventory, Object};
use crate::model::{BlockVolume, Volume};

pub(super) fn check(inventory: &Inventory, report: &mut Report) {
    for volume in inventory.volumes() {
        space(inventory, volume, report);
    }
    let mut names = BTreeMap::new();
    for block_volume in inventory.block_volumes() {
        let BlockVolume { id, hosting, ref name, .. } = **block_volume;
        if let Some(other) = names.insert((hosting, name), id) {
            let text = format!("Block volumes {other} and {id} of volume {hosting} have the name {name}");
            report.error(
                [Subject::BlockVolume(other), Subject::BlockVolume(id)],
                text,
                Repair::by_hand("compare with gluster-block's list"),
            );
        }
        link(inventory, block_volume, report);
        target(inventory, block_volume, report);
    }
}

/// What a hosting volume says about its space.
fn space(inventory: &Inventory, volume: &Volume, report: &mut Report) {
    let hosted = inventory.hosted(volume.id);
    let Some(hosting) = volume.hosting else {
        if inventory.block_volumes_of_volume(volume.id).next().is_some() {
            let text = format!("Volume {} has blockvolumes but not block flag", volume.id);
            report.error([Subject::Volume(volume.id)], text, Repair::by_hand("set the volume's block flag"));
        }
        return;
    };
    let sum = [hosting.free.0, hosting.reserved.0, hosted.0].iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
    if sum != Some(volume.size.0) {
        let text = format!(
            "Volume {} blocksize differs aggregateSize {} != volumeSize {} - freeSize {} - reservedSize {}",
            volume.id, hosted.0, volume.size.0, hosting.free.0, hosting.reserved.0
        );
        report.error(
            [Subject::Volume(volume.id)],
            text,
            Repair::by_hand("compare with gluster-block's list and sizes"),
        );
    }
}

fn link(inventory: &Inventory, block_volume: &BlockVolume, report: &mut Report) {
    let BlockVolume { id, hosting, cluster, .. } = *block_volume;
    if inventory.cluster(cluster).is_none() {
        let text = format!("BlockVolume {id} unknown cluster {cluster}");
        report.error([Subject::BlockVolume(id)], text, Repair::by_hand("add the cluster's record"));
    }
    match inventory.volume(hosting) {
        None => {
            let text = format!("BlockVolume {id} unknown volume {hosting}");
            let repair = Repair::by_hand("find the volume that hosts it with gluster-block list");
            report.error([Subject::BlockVolume(id)], text, repair);
        }
        Some(volume) if volume.cluster != cluster => {
            let text = format!("BlockVolume {id} of cluster {cluster} is hosted by {hosting} of {}", volume.cluster);
            report.error([Subject::BlockVolume(id)], text, Repair::by_hand("take the volume's cluster"));
        }
        Some(_) => {}
    }
}

/// What initiators see.
fn target(inventory: &Inventory, block_volume: &BlockVolume, report: &mut Report) {
    let BlockVolume { id, size, usable, ha_count, .. } = *block_volume;
    if usable > size {
        let text = format!("BlockVolume {id} of {size} has a usable size of {usable}");
        report.error(
            [Subject::BlockVolume(id)],
            text,
            Repair::by_hand("expand the block volume to its size once more"),
        );
    }
    // One that is being created has no target yet.
    if inventory.claimants(&Object::BlockVolume(id)).next().is_some() {
        return;
    }
    if block_volume.iqn.is_empty() || block_volume.hosts.is_empty() {
        let text = format!("BlockVolume {id} has no target or no hosts");
        report.error([Subject::BlockVolume(id)], text, Repair::by_hand("compare with gluster-block's info"));
    } else if ha_count as usize != block_volume.hosts.len() {
        let text = format!("BlockVolume {id} is reached over {ha_count} of {} hosts", block_volume.hosts.len());
        report.warning([Subject::BlockVolume(id)], text, Repair::by_hand("compare with gluster-block's info"));
    }
}
