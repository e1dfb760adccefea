//! Repairs.

use std::fmt;

use super::super::upgrade::LOCKED_BY_UPDATE;
use super::super::{PendingMark, StorageSize, V10Database};
use super::Damage;
use super::bucket::Bucket;

/// What a repair does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fix {
    /// Takes `member` out of a list of `owner`.
    Unlist { owner: (Bucket, String), member: (Bucket, String) },
    /// Puts `member` into a list of `owner`.
    List { owner: (Bucket, String), member: (Bucket, String) },
    /// Makes `member` belong to `owner`.
    Link { owner: (Bucket, String), member: (Bucket, String) },
    /// Removes the record, and its id from the lists.
    Remove(Bucket, String),
    /// Removes a brick that was never made, and frees its space.
    RemoveUnmade(String),
    /// Gives the devices of node `from` to node `into`, which is the same host, and removes `from`.
    Merge { from: String, into: String, zone: i64 },
    /// The device is as large as what its bricks take, in KiB, and full.
    DeviceFull { device: String, used: u64 },
    /// Sets what a device has free and used, in KiB.
    DeviceSizes { device: String, free: u64, used: u64 },
    /// Sets what a block hosting volume has free and reserved, in GiB, and locks it.
    HostingSizes { volume: String, free: i64, reserved: i64 },
    /// The volume hosts block volumes; it is locked.
    HostsBlocks(String),
    /// Clears the mark of a record.
    ClearMark(Bucket, String),
    /// Removes a pending operation and its marks.
    RemoveOperation(String),
    /// Registers a name for a node.
    Register { name: String, node: String },
    /// Removes the registration of a name.
    Unregister(String),
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlist { owner: (kind, owner), member: (other, member) } => {
                write!(f, "take {} {member} off the list of {} {owner}", other.word(), kind.word())
            }
            Self::List { owner: (kind, owner), member: (other, member) } => {
                write!(f, "put {} {member} on the list of {} {owner}", other.word(), kind.word())
            }
            Self::Link { owner: (kind, owner), member: (other, member) } => {
                write!(f, "make {} {member} belong to {} {owner}", other.word(), kind.word())
            }
            Self::Remove(Bucket::Brick, id) => {
                write!(f, "remove the record of brick {id}; its space stays in use until the device is measured again")
            }
            Self::Remove(kind, id) => write!(f, "remove the record of {} {id}", kind.word()),
            Self::RemoveUnmade(id) => write!(f, "remove the record of brick {id} and give its space back"),
            Self::Merge { from, into, zone } => write!(
                f,
                "move the devices of node {from} to node {into} in zone {zone}, which has the same names, and remove \
                 the record of node {from}"
            ),
            Self::DeviceFull { device, used } => write!(
                f,
                "set the size of device {device} to the {used} KiB that its bricks take, so that it gets no more of \
                 them, until it is measured again (`heketi-cli device resync {device}`)"
            ),
            Self::DeviceSizes { device, free, used } => {
                write!(f, "set the sizes of device {device} to {free} KiB free and {used} KiB used")
            }
            Self::HostingSizes { volume, free, reserved } => write!(
                f,
                "set volume {volume} to {free} GiB free and {reserved} GiB reserved, and lock it until its restriction \
                 is lifted"
            ),
            Self::HostsBlocks(volume) => {
                write!(f, "flag volume {volume} as block hosting, and lock it until its restriction is lifted")
            }
            Self::ClearMark(kind, id) => {
                write!(f, "clear the mark: {} {id} can then be seen, used and deleted again", kind.word())
            }
            Self::RemoveOperation(id) => write!(f, "remove operation {id} and the marks of its records"),
            Self::Register { name, node } => write!(f, "register {name} for node {node}"),
            Self::Unregister(name) => write!(f, "remove the registration of {name}"),
        }
    }
}

impl V10Database {
    /// Repairs these findings of [`V10Database::check`], those without a repair excepted, and returns how many were
    /// repaired. A finding that does not hold any more is skipped. A repair may uncover the next damage: check again
    /// until nothing with a repair is found.
    pub fn repair(&mut self, found: &[Damage]) -> usize {
        let now = self.check();
        let fixes = found.iter().filter(|damage| now.contains(damage)).filter_map(|damage| damage.fix.as_ref());
        let fixes: Vec<&Fix> = fixes.collect();
        fixes.iter().for_each(|fix| self.fix(fix));
        fixes.len()
    }

    fn fix(&mut self, fix: &Fix) {
        match fix {
            Fix::Unlist { owner, member } => {
                if let Some(list) = self.list(owner, member.0) {
                    list.retain(|id| *id != member.1);
                }
            }
            Fix::List { owner, member } => self.put_on_list(owner, member),
            Fix::Link { owner, member } => {
                if let Some(link) = self.link(member, owner.0) {
                    link.clone_from(&owner.1);
                }
                self.put_on_list(owner, member);
            }
            Fix::Remove(bucket, id) => self.remove(*bucket, id),
            Fix::RemoveUnmade(id) => {
                if let Some(brick) = self.bricks.get(id) {
                    let charge = brick.tp_size.saturating_add(brick.pool_metadata_size);
                    if let Some(device) = self.devices.get_mut(&brick.info.device) {
                        let storage = &mut device.info.storage;
                        let charge = charge.min(storage.used);
                        storage.used -= charge;
                        storage.free = storage.free.saturating_add(charge);
                    }
                    self.remove(Bucket::Brick, id);
                }
            }
            Fix::Merge { from, into, .. } => self.merge_nodes(from, into),
            Fix::DeviceFull { device, used } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.info.storage = StorageSize { total: *used, free: 0, used: *used };
                }
            }
            Fix::DeviceSizes { device, free, used } => {
                if let Some(device) = self.devices.get_mut(device) {
                    (device.info.storage.free, device.info.storage.used) = (*free, *used);
                }
            }
            Fix::HostingSizes { volume, free, reserved } => {
                if let Some(volume) = self.volumes.get_mut(volume) {
                    let info = &mut volume.info.blockinfo;
                    (info.freesize, info.reservedsize) = (*free, *reserved);
                    info.restriction = LOCKED_BY_UPDATE.into();
                }
            }
            Fix::HostsBlocks(volume) => {
                if let Some(volume) = self.volumes.get_mut(volume) {
                    volume.info.block = true;
                    volume.info.blockinfo.restriction = LOCKED_BY_UPDATE.into();
                }
            }
            Fix::ClearMark(bucket, id) => {
                if let Some(mark) = self.mark(*bucket, id) {
                    mark.id.clear();
                }
            }
            Fix::RemoveOperation(id) => {
                self.operations.remove(id);
                let bricks = self.bricks.values_mut().map(|it| &mut it.pending);
                let volumes = self.volumes.values_mut().map(|it| &mut it.pending);
                let block_volumes = self.block_volumes.values_mut().map(|it| &mut it.pending);
                let marks = bricks.chain(volumes).chain(block_volumes);
                marks.filter(|mark| mark.id == *id).for_each(|mark| mark.id.clear());
            }
            Fix::Register { name, node } => _ = self.registrations.insert(name.clone(), node.clone()),
            Fix::Unregister(name) => _ = self.registrations.remove(name),
        }
    }

    /// Two records of one host become one. An earlier repair may have removed either.
    fn merge_nodes(&mut self, from: &str, into: &str) {
        if !self.nodes.contains_key(from) || !self.nodes.contains_key(into) {
            return;
        }
        let owner = (Bucket::Node, into.to_owned());
        let moved: Vec<String> =
            self.devices.iter().filter(|(_, it)| it.node_id == from).map(|(id, _)| id.clone()).collect();
        for id in moved {
            if let Some(device) = self.devices.get_mut(&id) {
                device.node_id = into.to_owned();
            }
            self.put_on_list(&owner, &(Bucket::Device, id));
        }
        let bricks = self.bricks.values_mut().filter(|it| it.info.node == from);
        bricks.for_each(|brick| brick.info.node = into.to_owned());
        let registered = self.registrations.values_mut().filter(|node| *node == from);
        registered.for_each(|node| *node = into.to_owned());
        self.remove(Bucket::Node, from);
    }

    /// The list of an owner for such members.
    fn list(&mut self, (bucket, id): &(Bucket, String), members: Bucket) -> Option<&mut Vec<String>> {
        Some(match (bucket, members) {
            (Bucket::Cluster, Bucket::Node) => &mut self.clusters.get_mut(id)?.info.nodes,
            (Bucket::Cluster, Bucket::Volume) => &mut self.clusters.get_mut(id)?.info.volumes,
            (Bucket::Cluster, Bucket::BlockVolume) => &mut self.clusters.get_mut(id)?.info.blockvolumes,
            (Bucket::Node, Bucket::Device) => &mut self.nodes.get_mut(id)?.devices,
            (Bucket::Device, Bucket::Brick) => &mut self.devices.get_mut(id)?.bricks,
            (Bucket::Volume, Bucket::Brick) => &mut self.volumes.get_mut(id)?.bricks,
            (Bucket::Volume, Bucket::BlockVolume) => &mut self.volumes.get_mut(id)?.info.blockinfo.blockvolume,
            _ => return None,
        })
    }

    fn put_on_list(&mut self, owner: &(Bucket, String), member: &(Bucket, String)) {
        if let Some(list) = self.list(owner, member.0)
            && !list.contains(&member.1)
        {
            list.push(member.1.clone());
            list.sort();
        }
    }

    /// Where a record names such an owner.
    fn link(&mut self, (bucket, id): &(Bucket, String), owner: Bucket) -> Option<&mut String> {
        Some(match (bucket, owner) {
            (Bucket::Node, Bucket::Cluster) => &mut self.nodes.get_mut(id)?.info.cluster,
            (Bucket::Volume, Bucket::Cluster) => &mut self.volumes.get_mut(id)?.info.cluster,
            (Bucket::BlockVolume, Bucket::Cluster) => &mut self.block_volumes.get_mut(id)?.info.cluster,
            (Bucket::BlockVolume, Bucket::Volume) => &mut self.block_volumes.get_mut(id)?.info.blockhostingvolume,
            (Bucket::Device, Bucket::Node) => &mut self.devices.get_mut(id)?.node_id,
            (Bucket::Brick, Bucket::Node) => &mut self.bricks.get_mut(id)?.info.node,
            (Bucket::Brick, Bucket::Device) => &mut self.bricks.get_mut(id)?.info.device,
            (Bucket::Brick, Bucket::Volume) => &mut self.bricks.get_mut(id)?.info.volume,
            _ => return None,
        })
    }

    fn mark(&mut self, bucket: Bucket, id: &str) -> Option<&mut PendingMark> {
        match bucket {
            Bucket::Brick => self.bricks.get_mut(id).map(|it| &mut it.pending),
            Bucket::Volume => self.volumes.get_mut(id).map(|it| &mut it.pending),
            Bucket::BlockVolume => self.block_volumes.get_mut(id).map(|it| &mut it.pending),
            _ => None,
        }
    }

    fn remove(&mut self, bucket: Bucket, id: &str) {
        match bucket {
            Bucket::Cluster => _ = self.clusters.remove(id),
            Bucket::Node => {
                self.nodes.remove(id);
                self.registrations.retain(|_, node| node != id);
                self.clusters.values_mut().for_each(|it| it.info.nodes.retain(|it| it != id));
            }
            Bucket::Device => {
                self.devices.remove(id);
                self.nodes.values_mut().for_each(|it| it.devices.retain(|it| it != id));
            }
            Bucket::Volume => {
                self.volumes.remove(id);
                self.clusters.values_mut().for_each(|it| it.info.volumes.retain(|it| it != id));
            }
            Bucket::Brick => {
                self.bricks.remove(id);
                self.devices.values_mut().for_each(|it| it.bricks.retain(|it| it != id));
                self.volumes.values_mut().for_each(|it| it.bricks.retain(|it| it != id));
            }
            Bucket::BlockVolume => {
                self.block_volumes.remove(id);
                self.clusters.values_mut().for_each(|it| it.info.blockvolumes.retain(|it| it != id));
                let lists = self.volumes.values_mut().map(|it| &mut it.info.blockinfo.blockvolume);
                lists.for_each(|list| list.retain(|it| it != id));
            }
        }
    }
}
