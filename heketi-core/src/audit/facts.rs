//! Questions to state and answers of nodes together.

use std::collections::BTreeMap;

use super::names;
use super::reports::{PoolView, Reports};
use crate::id::{BrickId, ClusterId, DeviceId, NodeId, VolumeId};
use crate::inventory::Inventory;
use crate::model::{Brick, Volume, VolumeOptions};
use crate::operation::{GlusterBrick, GlusterVolume, NodeContents, NodeLogicalVolume};
use crate::units::Kib;

/// State and answers.
pub(crate) struct Facts<'a> {
    pub inventory: &'a Inventory,
    pub reports: &'a Reports,
    pub views: BTreeMap<ClusterId, PoolView<'a>>,
    /// Where volume groups named after a device were found.
    pub homes: BTreeMap<DeviceId, NodeId>,
    /// The gluster volumes by cluster and name.
    named: BTreeMap<(ClusterId, &'a str), &'a GlusterVolume>,
    /// Which gluster volume uses a brick directory.
    users: BTreeMap<(ClusterId, &'a str), &'a GlusterVolume>,
}

/// A brick of gluster, found on a node.
pub(crate) struct Found<'a> {
    pub node: NodeId,
    pub device: DeviceId,
    /// The brick whose names it has; none for bricks of clones.
    pub named: Option<BrickId>,
    pub volume: &'a NodeLogicalVolume,
    pub pool: &'a NodeLogicalVolume,
}

impl<'a> Facts<'a> {
    pub fn new(inventory: &'a Inventory, reports: &'a Reports) -> Self {
        let view = |id: ClusterId| Some((id, PoolView::of(inventory, reports, id)?));
        let views: BTreeMap<_, _> = inventory.clusters().filter_map(|cluster| view(cluster.id)).collect();
        let (mut named, mut users) = (BTreeMap::new(), BTreeMap::new());
        for (cluster, view) in &views {
            let volumes: &'a [GlusterVolume] = view.volumes;
            for volume in volumes {
                named.insert((*cluster, volume.name.as_str()), volume);
                users.extend(volume.bricks.iter().map(|brick| ((*cluster, names::real_path(&brick.path)), volume)));
            }
        }
        let mut homes = BTreeMap::new();
        for (node, report) in &reports.nodes {
            let groups = report.contents.iter().flat_map(|contents| &contents.volume_groups);
            homes.extend(groups.filter_map(|group| Some((names::device_of_group(&group.name)?, *node))));
        }
        Self { inventory, reports, views, homes, named, users }
    }

    /// The records of a volume's bricks in gluster's order, as far as it is known.
    pub fn bricks_of(&self, volume: &Volume) -> Vec<&'a Brick> {
        let bricks = self.inventory.bricks_of_volume(volume.id).filter_map(|id| self.inventory.brick(id));
        let mut bricks: Vec<&Brick> = bricks.map(|brick| &**brick).collect();
        bricks.sort_by_key(|brick| (brick.position, brick.id));
        bricks
    }

    /// The gluster volume that is this volume: of its name, or else one that uses its bricks.
    pub fn gluster_volume(&self, volume: &Volume) -> Option<&'a GlusterVolume> {
        let bricks = self.bricks_of(volume);
        let named = self.named.get(&(volume.cluster, volume.name.as_str())).copied();
        let user = |brick: &&Brick| self.user(volume.cluster, &brick.brick_directory());
        if bricks.is_empty() {
            return named.filter(|found| id_of(found) == Some(volume.id));
        }
        let users: Vec<&GlusterVolume> = bricks.iter().filter_map(user).collect();
        if let Some(named) = named.filter(|named| users.contains(named)) {
            return Some(named);
        }
        users.into_iter().find(|user| self.inventory.volume_named(volume.cluster, &user.name).is_none())
    }

    /// The gluster volume that uses a brick directory.
    pub fn user(&self, cluster: ClusterId, directory: &str) -> Option<&'a GlusterVolume> {
        self.users.get(&(cluster, names::real_path(directory))).copied()
    }

    /// The node and device of a brick that gluster lists, with its logical volume.
    pub fn find(&self, cluster: ClusterId, brick: &GlusterBrick) -> Option<Found<'a>> {
        if let Some((device, named)) = names::brick_of_path(&brick.path) {
            let node = *self.homes.get(&device)?;
            let (group, name) = (crate::model::volume_group_name(device), format!("brick_{named}"));
            let (volume, pool) = with_pool(self.reports.contents(node)?, &group, &name)?;
            return Some(Found { node, device, named: Some(named), volume, pool });
        }
        // gluster names and mounts the bricks of clones; where from, the node tells.
        let mount_point = names::real_path(brick.path.strip_suffix("/brick")?);
        let mut nodes = self.inventory.nodes_of_cluster(cluster).filter_map(|id| self.inventory.node(id));
        let node = nodes.find(|node| node.hostnames.all().any(|name| name == brick.host))?.id;
        let contents = self.reports.contents(node)?;
        let mount = contents.mounts.iter().find(|mount| names::real_path(&mount.mount_point) == mount_point)?;
        let (group, name) = names::volume_of_device(&mount.device)?;
        let device = names::device_of_group(&group)?;
        let (volume, pool) = with_pool(contents, &group, &name)?;
        Some(Found { node, device, named: None, volume, pool })
    }

    /// The size of a brick whose logical volume has this one: LVM rounds up, its set mates were asked for the same.
    pub fn brick_size(&self, brick: &Brick, found: Kib) -> Kib {
        let Some(device) = self.inventory.device(brick.device) else { return found };
        let fits = |size: Kib| size != Kib::ZERO && size.round_up(device.extent) == found;
        if fits(brick.size) {
            return brick.size;
        }
        let set = brick.position.map(|position| position.set);
        let mates = self.inventory.bricks_of_volume(brick.volume).filter_map(|id| self.inventory.brick(id));
        let mut mates = mates.filter(|mate| mate.id != brick.id && mate.position.map(|position| position.set) == set);
        mates.find(|mate| fits(mate.size)).map_or(found, |mate| mate.size)
    }
}

/// A logical volume and its thin pool.
fn with_pool<'a>(
    contents: &'a NodeContents,
    group: &str,
    name: &str,
) -> Option<(&'a NodeLogicalVolume, &'a NodeLogicalVolume)> {
    let volume = logical_volume(contents, group, name)?;
    let pool = logical_volume(contents, group, volume.thin_pool.as_deref()?)?;
    Some((volume, pool))
}

/// The logical volume or thin pool of these names.
pub(crate) fn logical_volume<'a>(contents: &'a NodeContents, group: &str, name: &str) -> Option<&'a NodeLogicalVolume> {
    contents.logical_volumes.iter().find(|volume| volume.volume_group == group && volume.name == name)
}

/// Is this record the brick that gluster lists? Paths hold ids or gluster's names of clones: no other brick of a
/// volume has the same, whatever gluster calls the host.
pub(crate) fn is_same(brick: &Brick, listed: &GlusterBrick) -> bool {
    names::real_path(&brick.brick_directory()) == names::real_path(&listed.path)
}

/// The value of an option that gluster has for a volume.
pub(crate) fn option<'a>(volume: &'a GlusterVolume, key: &str) -> Option<&'a str> {
    volume.options.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Recorded options, and the volume's id, that gluster does not have as recorded.
pub(crate) fn lost_options(volume: &Volume, found: &GlusterVolume) -> Vec<String> {
    let options = VolumeOptions(&volume.options);
    let mut lost = Vec::new();
    for text in &volume.options {
        let Some((key, _)) = text.split_once(' ') else { continue };
        // A group stands for others, and an option without a name is never set.
        let (Some(value), true) = (options.get(key), key.contains('.')) else { continue };
        let wanted = format!("{key} {}", value.trim());
        if option(found, key) != Some(value.trim()) && !lost.contains(&wanted) {
            lost.push(wanted);
        }
    }
    // Clones carry the id of the volume they were made of.
    if !is_clone(found) && id_of(found) != Some(volume.id) {
        lost.push(format!("user.heketi.id {}", volume.id));
    }
    lost
}

/// The id that heketi gave the volume.
pub(crate) fn id_of(volume: &GlusterVolume) -> Option<VolumeId> {
    option(volume, "user.heketi.id")?.parse().ok()
}

/// Was the volume made by `snapshot clone`?
pub(crate) fn is_clone(volume: &GlusterVolume) -> bool {
    volume.bricks.iter().any(|brick| names::is_mounted_by_gluster(&brick.path))
}
