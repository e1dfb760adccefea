//! Clusters, nodes, devices, volumes, bricks and block volumes.

use std::collections::BTreeMap;

use super::super::{BlockVolumeEntry, BrickEntry, DeviceEntry, DurabilityInfo, NodeEntry, VolumeEntry};
use super::{Conversion, ConvertError, gib, id, value};
use crate::id::{BrickId, OriginId, VolumeId};
use crate::inventory::Record;
use crate::model::{
    BlockHosting, BlockRestriction, BlockVolume, BlockVolumeOrigin, Brick, BrickFormat, Cluster, DEFAULT_EXTENT,
    Device, Durability, EntryState, HostNames, Node, Origin, OriginOf, Snapshot, Volume, VolumeOrigin,
    brick_mount_point,
};
use crate::units::Kib;

type Converted<T> = Result<T, ConvertError>;

impl Conversion<'_> {
    /// Converts everything.
    pub(super) fn records(&mut self) -> Converted<()> {
        let database = self.database;
        for (key, entry) in &database.clusters {
            let (id, file, block) = (id("cluster", key)?, entry.info.file, entry.info.block);
            self.records.push(Record::Cluster(Cluster { id, file, block }));
        }
        for (key, entry) in &database.nodes {
            self.records.push(Record::Node(node(key, entry)?));
        }
        for (key, entry) in &database.volumes {
            self.records.push(Record::Volume(volume(key, entry)?));
        }
        self.operations()?;
        let mut bricks = Vec::with_capacity(database.bricks.len());
        for (key, entry) in &database.bricks {
            let brick = brick(key, entry)?;
            let position = self.positions.get(&brick.id).copied();
            let path = brick.path.filter(|_| brick.logical_volume.is_some() || !self.unplaced.contains(key));
            bricks.push(Brick { position, path, ..brick });
        }
        self.devices(&bricks)?;
        for (key, entry) in &database.block_volumes {
            self.records.push(Record::BlockVolume(block_volume(key, entry)?));
        }
        self.origins(&bricks)?;
        self.records.extend(bricks.into_iter().map(Record::Brick));
        Ok(())
    }

    /// What a device has in use besides its bricks is foreign to us. Bricks in one thin pool count once.
    fn devices(&mut self, bricks: &[Brick]) -> Converted<()> {
        let mut pools: Vec<_> = bricks.iter().map(|brick| ((brick.device, brick.pool_key()), brick.charge())).collect();
        pools.sort_unstable();
        pools.dedup_by(|next, first| next.0 == first.0);
        let mut charged = BTreeMap::new();
        for ((device, _), charge) in pools {
            *charged.entry(device).or_insert(Kib::ZERO) += charge;
        }
        for (key, entry) in &self.database.devices {
            let mut device = device(key, entry)?;
            let charged = charged.get(&device.id).copied().unwrap_or_default();
            let free = Kib(entry.info.storage.free);
            device.foreign = device.total.saturating_sub(free + charged);
            if free + charged > device.total {
                let left = device.total.saturating_sub(charged);
                self.note(format!(
                    "device {key}: heketi v10 recorded {free} as free, and its bricks leave {left}; measure it again \
                     with `heketi-cli device resync {key}`"
                ));
            }
            self.records.push(Record::Device(device));
        }
        Ok(())
    }

    /// What has no place in our records, for the way back.
    fn origins(&mut self, bricks: &[Brick]) -> Converted<()> {
        let database = self.database;
        let attributes = database.attributes.iter().map(|(key, it)| (key.clone(), it.value.clone())).collect();
        let of = OriginOf::Database(attributes);
        self.records.push(Record::Origin(Origin { id: Origin::OF_DATABASE, of }));
        let (mut unknown, mut unnamed) = (BTreeMap::<VolumeId, Vec<_>>::new(), BTreeMap::<VolumeId, Vec<_>>::new());
        // They were made of these entries, in this order.
        for (brick, entry) in bricks.iter().zip(database.bricks.values()) {
            if entry.sub_type == 0 {
                unknown.entry(brick.volume).or_default().push(brick.id);
            }
            if entry.lvm_thin_pool.is_empty() {
                unnamed.entry(brick.volume).or_default().push(brick.id);
            }
        }
        for (key, entry) in &database.volumes {
            let id: VolumeId = id("volume", key)?;
            let lists = (unknown.remove(&id).unwrap_or_default(), unnamed.remove(&id).unwrap_or_default());
            let of = OriginOf::Volume(Box::new(volume_origin(entry, lists)));
            self.records.push(Record::Origin(Origin { id: OriginId::from_bytes(*id.bytes()), of }));
        }
        for (key, entry) in &database.block_volumes {
            let id: crate::id::BlockVolumeId = id("block volume", key)?;
            let (clusters, no_usable_size) = (entry.info.clusters.clone(), entry.info.usablesize == 0);
            if !clusters.is_empty() || no_usable_size {
                let of = OriginOf::BlockVolume(BlockVolumeOrigin { clusters, no_usable_size });
                self.records.push(Record::Origin(Origin { id: OriginId::from_bytes(*id.bytes()), of }));
            }
        }
        Ok(())
    }
}

fn volume_origin(entry: &VolumeEntry, (unknown_format, unnamed_pool): (Vec<BrickId>, Vec<BrickId>)) -> VolumeOrigin {
    let (durability, mount) = (&entry.info.durability, &entry.info.mount.glusterfs);
    VolumeOrigin {
        clusters: entry.info.clusters.clone(),
        request_options: entry.info.glustervolumeoptions.clone(),
        durability: durability.kind.clone(),
        counts: [durability.replicate.replica, durability.disperse.data, durability.disperse.redundancy],
        mount_hosts: mount.hosts.clone(),
        mount_device: mount.device.clone(),
        mount_options: mount.options.clone(),
        unknown_format,
        unnamed_pool,
    }
}

fn state(what: &str, id: &str, state: &str) -> Converted<EntryState> {
    match state {
        "" | "online" => Ok(EntryState::Online),
        "offline" => Ok(EntryState::Offline),
        "failed" => Ok(EntryState::Failed),
        other => Err(value(what, id, format!("it has state {other:?}"))),
    }
}

fn node(key: &str, entry: &NodeEntry) -> Converted<Node> {
    let names = &entry.info.hostnames;
    Ok(Node {
        id: id("node", key)?,
        cluster: id("cluster", &entry.info.cluster)?,
        zone: entry.info.zone,
        hostnames: HostNames { manage: names.manage.clone(), storage: names.storage.clone() },
        tags: entry.info.tags.clone(),
        state: state("node", key, &entry.state)?,
    })
}

fn device(key: &str, entry: &DeviceEntry) -> Converted<Device> {
    let info = &entry.info;
    Ok(Device {
        id: id("device", key)?,
        node: id("node", &entry.node_id)?,
        name: info.name.clone(),
        paths: info.paths.clone(),
        pv_uuid: Some(info.pv_uuid.clone()).filter(|uuid| !uuid.is_empty()),
        tags: info.tags.clone(),
        state: state("device", key, &entry.state)?,
        total: Kib(info.storage.total),
        foreign: Kib::ZERO,
        extent: if entry.extent_size == 0 { DEFAULT_EXTENT } else { Kib(entry.extent_size) },
    })
}

/// The durability that counts (core section 1.7): what the request left out has defaults.
pub(in super::super) fn durability(info: &DurabilityInfo) -> Result<Durability, String> {
    let count = |number: i64, default: u32| match number {
        0 => Ok(default),
        _ => u32::try_from(number).ok().filter(|it| *it <= 64).ok_or_else(|| format!("its durability has {number}")),
    };
    match info.kind.as_str() {
        "" | "none" => Ok(Durability::None),
        "replicate" => Ok(Durability::Replicate { replica: count(info.replicate.replica, 2)? }),
        "disperse" => Ok(Durability::Disperse {
            data: count(info.disperse.data, 4)?,
            redundancy: count(info.disperse.redundancy, 2)?,
        }),
        other => Err(format!("its durability is {other:?}")),
    }
}

fn volume(key: &str, entry: &VolumeEntry) -> Converted<Volume> {
    let info = &entry.info;
    let hosting = match info.block {
        false => None,
        true => Some(BlockHosting {
            free: gib("volume", key, info.blockinfo.freesize)?,
            reserved: gib("volume", key, info.blockinfo.reservedsize)?,
            restriction: match info.blockinfo.restriction.as_str() {
                "" => BlockRestriction::None,
                "locked" => BlockRestriction::Locked,
                "locked-by-update" => BlockRestriction::LockedByUpdate,
                other => return Err(value("volume", key, format!("its block restriction is {other:?}"))),
            },
        }),
    };
    Ok(Volume {
        id: id("volume", key)?,
        cluster: id("cluster", &info.cluster)?,
        name: info.name.clone(),
        size: gib("volume", key, info.size)?,
        durability: durability(&info.durability).map_err(|why| value("volume", key, why))?,
        gid: info.gid,
        snapshot: Snapshot { enable: info.snapshot.enable, factor: info.snapshot.factor },
        options: entry.options.clone(),
        hosting,
    })
}

pub(super) fn brick(key: &str, entry: &BrickEntry) -> Converted<Brick> {
    let (id, device) = (id("brick", key)?, self::id("device", &entry.info.device)?);
    let unless = |text: &String, is_rule: bool| (!text.is_empty() && !is_rule).then(|| text.clone());
    let named = |text: &str, prefix: &str| text.strip_prefix(prefix) == Some(key);
    Ok(Brick {
        id,
        device,
        node: self::id("node", &entry.info.node)?,
        volume: self::id("volume", &entry.info.volume)?,
        size: Kib(entry.info.size),
        pool_size: Kib(entry.tp_size),
        metadata_size: Kib(entry.pool_metadata_size),
        format: if entry.sub_type == 2 { BrickFormat::Arbiter } else { BrickFormat::Normal },
        position: None,
        thin_pool: unless(&entry.lvm_thin_pool, named(&entry.lvm_thin_pool, "tp_")),
        logical_volume: unless(&entry.lvm_lv, named(&entry.lvm_lv, "brick_")),
        path: unless(&entry.info.path, entry.info.path.strip_suffix("/brick") == Some(&brick_mount_point(device, id))),
        retired: false,
    })
}

pub(super) fn block_volume(key: &str, entry: &BlockVolumeEntry) -> Converted<BlockVolume> {
    let (info, target) = (&entry.info, &entry.info.blockvolume);
    let size = gib("block volume", key, info.size)?;
    Ok(BlockVolume {
        id: id("block volume", key)?,
        cluster: id("cluster", &info.cluster)?,
        hosting: id("volume", &info.blockhostingvolume)?,
        name: info.name.clone(),
        size,
        usable: if info.usablesize == 0 { size } else { gib("block volume", key, info.usablesize)? },
        ha_count: u32::try_from(info.hacount)
            .map_err(|_| value("block volume", key, format!("its hacount is {}", info.hacount)))?,
        auth: info.auth,
        hosts: target.hosts.clone(),
        iqn: target.iqn.clone(),
        username: target.username.clone(),
        password: target.password.clone(),
    })
}
