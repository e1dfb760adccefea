//! What follows heketi's naming rule on a node and belongs to no brick: left over by crashes, lost records and
//! earlier versions. Everything else on a node is somebody else's and never touched.

use std::collections::{BTreeMap, BTreeSet};

use super::busy::Busy;
use super::facts::Facts;
use super::names;
use super::repair::Remains;
use super::{Repair, Report, Subject};
use crate::id::{BrickId, DeviceId};
use crate::inventory::Inventory;
use crate::model::Node;
use crate::operation::{NodeContents, NodeLogicalVolume, NodeMount};

pub(super) fn check(facts: &Facts<'_>, busy: Busy<'_>, report: &mut Report) {
    for node in facts.inventory.nodes().filter(|node| !busy.node(node.id)) {
        // A node whose own glusterd does not tell its volumes may use anything.
        let answer = facts.reports.nodes.get(&node.id);
        let (Some(contents), Some(Ok(_))) = (facts.reports.contents(node.id), answer.map(|answer| &answer.volumes))
        else {
            continue;
        };
        Leaks::find(facts, busy, node, contents, report).report(report);
    }
}

/// What is left of one brick.
#[derive(Default)]
struct Leak {
    found: Vec<String>,
    /// The thin pool its logical volume is in, where that is not the brick's own.
    other_pool: Option<String>,
    /// Somebody mounts it at a place of their own.
    elsewhere: Option<String>,
}

struct Leaks<'a> {
    facts: &'a Facts<'a>,
    busy: Busy<'a>,
    node: &'a Node,
    contents: &'a NodeContents,
    used: BTreeSet<&'a str>,
    bricks: BTreeMap<(DeviceId, BrickId), Leak>,
    directories: Vec<String>,
}

impl<'a> Leaks<'a> {
    fn find(
        facts: &'a Facts<'a>,
        busy: Busy<'a>,
        node: &'a Node,
        contents: &'a NodeContents,
        report: &mut Report,
    ) -> Self {
        let used = facts.reports.listed_paths(facts.inventory, node.cluster);
        let (bricks, directories) = (BTreeMap::new(), Vec::new());
        let mut leaks = Self { facts, busy, node, contents, used, bricks, directories };
        for volume in &contents.logical_volumes {
            leaks.volume(volume, report);
        }
        for (what, mounts) in [("fstab line for", &contents.fstab), ("mount", &contents.mounts)] {
            for mount in mounts {
                leaks.mount(what, mount);
            }
        }
        let mounted =
            |path: &str| contents.mounts.iter().any(|mount| path.starts_with(&format!("{}/", mount.mount_point)));
        for path in contents.directories.iter().filter(|path| !mounted(path)) {
            leaks.directory(path);
        }
        leaks
    }

    fn volume(&mut self, volume: &NodeLogicalVolume, report: &mut Report) {
        let name = format!("{}/{}", volume.volume_group, volume.name);
        let device = names::device_of_group(&volume.volume_group);
        let Some(device) = device.filter(|device| self.is_ours(*device)) else { return };
        if volume.is_pool {
            let inside = |other: &&NodeLogicalVolume| {
                other.volume_group == volume.volume_group && other.thin_pool.as_ref() == Some(&volume.name)
            };
            let mut volumes = self.contents.logical_volumes.iter().filter(inside);
            match names::brick_of_pool(&volume.name) {
                Some(brick) if volumes.next().is_none() => self.add((device, brick), format!("thin pool {name}")),
                // With a brick's logical volume in it, it goes with that; with others, it stays.
                Some(_) => {}
                None if records_pool(self.facts.inventory, device, &volume.name) => {}
                None => report.notes.push(format!("thin pool {name} on node {} is not heketi's", self.node.id)),
            }
            return;
        }
        match names::brick_of_volume(&volume.name) {
            Some(brick) => {
                self.add((device, brick), format!("logical volume {name}"));
                let pool = volume.thin_pool.clone().unwrap_or_default();
                if pool != format!("tp_{brick}")
                    && let Some(leak) = self.bricks.get_mut(&(device, brick))
                {
                    leak.other_pool = Some(pool);
                }
            }
            None if records_volume(self.facts.inventory, device, &volume.name) => {}
            None => report.notes.push(format!("logical volume {name} on node {} is not heketi's", self.node.id)),
        }
    }

    /// May things of this device be judged here? Not while an operation works on it, and not before a volume
    /// group without a record was taken in.
    fn is_ours(&self, device: DeviceId) -> bool {
        match self.facts.inventory.device(device) {
            Some(record) if record.node == self.node.id => !self.busy.device(device),
            Some(_) => self.facts.homes.get(&device) != Some(&self.node.id) && !self.busy.device(device),
            None => !self.facts.homes.contains_key(&device) && !self.busy.adds_device(device),
        }
    }

    fn add(&mut self, (device, brick): (DeviceId, BrickId), what: String) {
        let [.., mount_point] = names::names_of(device, brick);
        let directory = format!("{mount_point}/brick");
        // A brick that is recorded anywhere is judged as that, and what gluster uses is never left over.
        if !self.is_ours(device)
            || self.facts.inventory.brick(brick).is_some()
            || self.used.contains(directory.as_str())
            || self.used.contains(mount_point.as_str())
        {
            return;
        }
        self.bricks.entry((device, brick)).or_default().found.push(what);
    }

    fn mount(&mut self, what: &str, mount: &NodeMount) {
        let NodeMount { device, mount_point } = mount;
        let place = names::brick_of_path(mount_point);
        if let Some(place) = place {
            self.add(place, format!("{what} {mount_point}"));
        }
        if let Some(by_device) = names::brick_of_device(device).filter(|by_device| Some(*by_device) != place)
            && let Some(leak) = self.bricks.get_mut(&by_device)
        {
            leak.elsewhere = Some(mount_point.clone());
        }
    }

    fn directory(&mut self, path: &str) {
        if let Some(place) = names::brick_of_path(path).filter(|_| !path.ends_with("/brick")) {
            return self.add(place, format!("directory {path}"));
        }
        let group = path.strip_prefix(names::MOUNT_ROOT).filter(|name| !name.contains('/'));
        let Some(device) = group.and_then(names::device_of_group) else { return };
        let is_here = self.facts.inventory.device(device).is_some_and(|record| record.node == self.node.id);
        let inside = format!("{path}/");
        let is_empty = !self.contents.directories.iter().any(|other| other.starts_with(&inside));
        if !is_here && is_empty && self.is_ours(device) {
            self.directories.push(path.to_owned());
        }
    }

    fn report(self, report: &mut Report) {
        let place = format!("node {} ({})", self.node.id, self.node.manage_host());
        for ((device, brick), leak) in self.bricks {
            let [volume_group, own_pool, logical_volume, mount_point] = names::names_of(device, brick);
            let objects: Vec<Subject> =
                leak.found.iter().map(|what| Subject::OnNode(self.node.id, what.clone())).collect();
            let text =
                format!("Brick {brick} on {place} belongs to no volume and is left over: {}", leak.found.join(", "));
            let thin_pool = leak.other_pool.unwrap_or(own_pool);
            let repair = if let Some(elsewhere) = leak.elsewhere {
                Repair::by_hand(format!(
                    "somebody uses {volume_group}/{logical_volume} at {elsewhere}; audit again once nobody does"
                ))
            } else if thin_pool.is_empty() || names::brick_of_pool(&thin_pool).is_none() {
                Repair::by_hand(format!(
                    "look at {volume_group}/{logical_volume}: heketi would not have made it in {}",
                    if thin_pool.is_empty() { "no thin pool" } else { &thin_pool }
                ))
            } else {
                let node = self.node.id;
                Repair::RemoveBrick(Remains { node, volume_group, thin_pool, logical_volume, mount_point })
            };
            report.warning(objects, text, repair);
        }
        for path in self.directories {
            let objects = [Subject::OnNode(self.node.id, format!("directory {path}"))];
            let text = format!("Directory {path} on {place} is left over from a device that is gone");
            report.warning(objects, text, Repair::RemoveDirectory { node: self.node.id, path });
        }
    }
}

fn records_pool(inventory: &Inventory, device: DeviceId, name: &str) -> bool {
    let bricks = inventory.bricks_of_device(device).filter_map(|id| inventory.brick(id));
    bricks.into_iter().any(|brick| brick.thin_pool_name() == name)
}

fn records_volume(inventory: &Inventory, device: DeviceId, name: &str) -> bool {
    let bricks = inventory.bricks_of_device(device).filter_map(|id| inventory.brick(id));
    bricks.into_iter().any(|brick| brick.logical_volume_name() == name)
}
