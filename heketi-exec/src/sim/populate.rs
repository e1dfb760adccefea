//! Nodes that hold what a database says.

use heketi_core::inventory::Inventory;
use heketi_core::model::{Brick, Device, Node, Volume};
use heketi_core::operation::{GlusterBlockSpec, GlusterBrick, GlusterVolumeSpec};

use super::disk::METADATA_AREA_KIB;
use super::{SimCluster, SimDisk};
use crate::node::NodeOptions;
use crate::node::commands::block;

impl SimCluster {
    /// Makes nodes, volume groups, bricks, volumes and block volumes as the state has them; what operations work on
    /// is left out, and so are bricks of clones. Returns what could not be made, and why.
    pub fn populate(&self, inventory: &Inventory) -> Vec<String> {
        let mut failed = Vec::new();
        for node in inventory.nodes() {
            let devices = inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id));
            let devices: Vec<&Device> = devices.map(AsRef::as_ref).collect();
            self.populate_node(node, &devices, &mut failed);
        }
        for cluster in inventory.clusters() {
            let nodes = inventory.nodes_of_cluster(cluster.id).filter_map(|id| inventory.node(id));
            let hosts: Vec<String> = nodes.map(|node| node.host().manage).collect();
            let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
            failed.extend(self.adopt_peers(&hosts).err());
        }
        for volume in inventory.volumes() {
            failed.extend(self.populate_volume(inventory, volume).err());
        }
        for block_volume in inventory.block_volumes().filter(|it| !inventory.is_block_volume_hidden(it.id)) {
            let Some(hosting) = inventory.volume(block_volume.hosting) else { continue };
            let mut nodes = inventory.nodes_of_cluster(hosting.cluster).filter_map(|id| inventory.node(id));
            let Some(host) = nodes.next().map(|node| node.host().manage) else { continue };
            let spec = GlusterBlockSpec {
                hosting: hosting.name.clone(),
                name: block_volume.name.clone(),
                size: block_volume.size,
                ha_count: block_volume.ha_count,
                auth: block_volume.auth,
                hosts: block_volume.hosts.clone(),
            };
            let line = block::create(&NodeOptions::default(), &spec);
            failed.extend(self.must(&host, &line.text).err());
        }
        failed
    }

    fn populate_node(&self, node: &Node, devices: &[&Device], failed: &mut Vec<String>) {
        let host = node.host();
        let disk = |device: &&Device| SimDisk::new(&device.name, device.total.0.saturating_add(METADATA_AREA_KIB));
        self.add_node(&host.manage, &host.storage, devices.iter().map(disk));
        for device in devices {
            let group = device.volume_group();
            let made = self.adopt_volume_group(&host.manage, &device.name, &group, device.pv_uuid.as_deref());
            failed.extend(made.err());
            if device.foreign.0 > 0 {
                failed.extend(self.adopt_logical_volume(&host.manage, &group, "foreign", device.foreign.0).err());
            }
        }
    }

    fn populate_volume(&self, inventory: &Inventory, volume: &Volume) -> Result<(), String> {
        let bricks = inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id));
        let mut bricks: Vec<&Brick> = bricks.filter(|it| !inventory.is_brick_pending(it)).map(AsRef::as_ref).collect();
        bricks.sort_by_key(|brick| (brick.position, brick.id));
        if let Some(clone) = bricks.iter().find(|brick| brick.logical_volume.is_some()) {
            return Err(format!("volume {}: brick {} is a clone's", volume.name, clone.id));
        }
        let mut listed = Vec::new();
        for brick in &bricks {
            let node = inventory.device(brick.device).and_then(|device| inventory.node(device.node));
            let Some(host) = node.map(|node| node.host()) else { continue };
            self.adopt_brick(&host.manage, &brick.spec(volume.gid), false)?;
            listed.push((host.manage, GlusterBrick { host: host.storage, path: brick.brick_directory() }));
        }
        let Some((host, _)) = listed.first().cloned() else { return Ok(()) };
        let size = usize::try_from(volume.durability.set_size()).unwrap_or(1).max(1);
        let known = bricks.iter().all(|brick| brick.position.is_some());
        let sets = if known { chunks(&listed, size) } else { dealt(listed, size) };
        let mut options: Vec<String> = volume.options.iter().filter(|option| !option.is_empty()).cloned().collect();
        options.push(format!("user.heketi.id {}", volume.id));
        let spec = GlusterVolumeSpec {
            name: volume.name.clone(),
            durability: volume.durability,
            arbiter: volume.has_arbiter(),
            sets,
            options,
        };
        self.adopt_volume(&host, &spec, spec.arbiter)
    }
}

/// A brick with the management host name of its node.
type Listed = (String, GlusterBrick);

fn chunks(listed: &[Listed], size: usize) -> Vec<Vec<GlusterBrick>> {
    listed.chunks(size).map(|set| set.iter().map(|(_, brick)| brick.clone()).collect()).collect()
}

/// Sets of bricks whose order is not known, such as those of heketi v10, without two of one node in a set.
fn dealt(mut listed: Vec<Listed>, size: usize) -> Vec<Vec<GlusterBrick>> {
    listed.sort_by(|one, other| one.0.cmp(&other.0));
    let mut sets = vec![Vec::new(); listed.len().div_ceil(size)];
    let count = sets.len();
    for (place, (_, brick)) in listed.into_iter().enumerate() {
        if let Some(set) = sets.get_mut(place % count) {
            set.push(brick);
        }
    }
    sets
}
