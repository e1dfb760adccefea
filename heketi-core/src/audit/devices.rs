//! Devices: volume groups, physical volumes and their sizes.

use super::busy::Busy;
use super::facts::Facts;
use super::names;
use super::{Repair, Report, Subject};
use crate::inventory::Inventory;
use crate::model::{Device, Node};
use crate::operation::{NodeContents, NodeVolumeGroup};
use crate::units::Kib;

pub(super) fn check(facts: &Facts<'_>, busy: Busy<'_>, report: &mut Report) {
    for node in facts.inventory.nodes().filter(|node| !busy.node(node.id)) {
        let Some(contents) = facts.reports.contents(node.id) else { continue };
        for device in facts.inventory.devices_of_node(node.id).filter_map(|id| facts.inventory.device(id)) {
            if !busy.device(device.id) {
                recorded(facts, node, device, contents, report);
            }
        }
        for group in &contents.volume_groups {
            unrecorded(facts, busy, node, group, report);
        }
    }
}

fn recorded(facts: &Facts<'_>, node: &Node, device: &Device, contents: &NodeContents, report: &mut Report) {
    let name = device.volume_group();
    let on_node = Subject::OnNode(node.id, format!("volume group {name}"));
    let objects = [Subject::Device(device.id), on_node];
    let Some(group) = contents.volume_groups.iter().find(|group| group.name == name) else {
        if facts.homes.contains_key(&device.id) {
            // Reported where it was found.
            return;
        }
        let text = format!(
            "Volume group {name} of device {} ({}) is missing on node {} ({})",
            device.id,
            device.name,
            node.id,
            node.manage_host()
        );
        report.error(objects, text, lost_group(facts, device));
        return;
    };
    let differences = differences(device, &measured(facts.inventory, device, group, contents));
    if differences.is_empty() {
        return;
    }
    let text = format!("Device {} on node {} ({}): {}", device.id, node.id, node.manage_host(), differences.join("; "));
    // Space that is in use already could be promised to a brick, or the wrong disk be deleted.
    report.error(objects, text, Repair::MeasureDevice(device.id));
}

/// A disk that lost its bricks can be used again where gluster has all data elsewhere.
fn lost_group(facts: &Facts<'_>, device: &Device) -> Repair {
    let inventory = facts.inventory;
    let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
    let stranded: Vec<String> = bricks
        .filter(|brick| !brick.retired && super::bricks::rebuild(facts, brick).is_err())
        .map(|brick| brick.volume.to_string())
        .collect();
    if stranded.is_empty() {
        return Repair::MakeGroup(device.id);
    }
    Repair::by_hand(format!(
        "restore the volume group with vgcfgrestore if its disk is still there: volumes {} have data nowhere else. If \
         the data is lost, delete those volumes, then audit again",
        stranded.join(", ")
    ))
}

/// What LVM tells of the device now.
pub(super) struct Measured {
    /// Path of the disk, as the kernel calls it.
    pub path: Option<String>,
    pub pv_uuid: Option<String>,
    pub total: Kib,
    pub extent: Kib,
    /// Used by what does not follow heketi's naming rule, a spare for pool metadata among it.
    pub foreign: Kib,
}

pub(super) fn measure(inventory: &Inventory, device: &Device, contents: &NodeContents) -> Option<Measured> {
    let name = device.volume_group();
    let group = contents.volume_groups.iter().find(|group| group.name == name)?;
    Some(measured(inventory, device, group, contents))
}

fn measured(inventory: &Inventory, device: &Device, group: &NodeVolumeGroup, contents: &NodeContents) -> Measured {
    let in_group = |other: &Option<String>| other.as_deref() == Some(group.name.as_str());
    let mut disks = contents.physical_volumes.iter().filter(|disk| in_group(&disk.volume_group));
    let same = |uuid: &String| device.pv_uuid.as_ref() == Some(uuid);
    let disk = disks.clone().find(|disk| same(&disk.uuid)).or_else(|| disks.next());
    let pools = contents.logical_volumes.iter().filter(|volume| volume.volume_group == group.name && volume.is_pool);
    // A leaked pool is reported as such, and a lost record taken in again: neither becomes foreign space.
    let recorded = |name: &str| {
        let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
        bricks.into_iter().any(|brick| brick.thin_pool_name() == name)
    };
    let ours: Kib = pools
        .filter(|pool| names::brick_of_pool(&pool.name).is_some() || recorded(&pool.name))
        .map(|pool| pool.size + pool.metadata.round_up(group.extent))
        .sum();
    Measured {
        path: disk.map(|disk| disk.device.clone()).filter(|path| path.starts_with('/')),
        pv_uuid: disk.map(|disk| disk.uuid.clone()).filter(|uuid| !uuid.is_empty()),
        total: group.total,
        extent: group.extent,
        foreign: group.total.saturating_sub(group.free).saturating_sub(ours),
    }
}

fn differences(device: &Device, found: &Measured) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, recorded: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        differences.push(format!("{what} {recorded} recorded, {found} found"));
    };
    if device.total != found.total {
        differ("size", &device.total, &found.total);
    }
    if device.extent != found.extent {
        differ("extent size", &device.extent, &found.extent);
    }
    if device.foreign != found.foreign {
        differ("space of others", &device.foreign, &found.foreign);
    }
    if let (Some(recorded), Some(found)) = (&device.pv_uuid, &found.pv_uuid)
        && recorded != found
    {
        differ("physical volume", recorded, found);
    }
    if let Some(path) = found.path.as_ref().filter(|path| has_moved(device, path)) {
        differ("disk", &device.name, path);
    }
    differences
}

/// Has the kernel given the disk another name? A device that was added by a link of udev keeps that name.
pub(super) fn has_moved(device: &Device, path: &str) -> bool {
    let is_kernel_name = device.name.strip_prefix("/dev/").is_some_and(|name| !name.contains('/'));
    is_kernel_name && device.name != path && !device.paths.iter().any(|other| other == path)
}

/// A volume group with a device's name that is no device of this node.
fn unrecorded(facts: &Facts<'_>, busy: Busy<'_>, node: &Node, group: &NodeVolumeGroup, report: &mut Report) {
    let Some(id) = names::device_of_group(&group.name) else {
        report.notes.push(format!("volume group {} on node {} is not heketi's", group.name, node.id));
        return;
    };
    let record = facts.inventory.device(id);
    if record.is_some_and(|device| device.node == node.id) || busy.adds_device(id) {
        return;
    }
    let place = format!("Volume group {} on node {} ({})", group.name, node.id, node.manage_host());
    let objects = [Subject::OnNode(node.id, format!("volume group {}", group.name)), Subject::Device(id)];
    match record {
        None => {
            let text = format!("{place} is no device");
            report.error(objects, text, Repair::TakeInDevice { node: node.id, device: id });
        }
        Some(device) if facts.inventory.bricks_of_device(id).next().is_none() => {
            let text = format!("{place} is recorded as a device of node {}", device.node);
            report.error(objects, text, Repair::TakeInDevice { node: node.id, device: id });
        }
        Some(device) => report.error(
            objects,
            format!("{place} is recorded as a device of node {}, with bricks", device.node),
            Repair::by_hand("put the disk back into the node it is recorded for"),
        ),
    }
}
