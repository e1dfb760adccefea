//! Clusters, nodes, devices, volumes, bricks and block volumes in heketi v10's records.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    BlockInfo, BlockVolumeEntry, BlockVolumeInfo, BrickEntry, BrickInfo, ClusterEntry, ClusterInfo, DeviceEntry,
    DeviceInfo, DisperseInfo, DurabilityInfo, GlusterMount, HostNamesInfo, MountInfo, NodeEntry, NodeInfo, PendingMark,
    ReplicateInfo, SnapshotInfo, StorageSize, TargetInfo, V10Database, VolumeEntry, VolumeInfo,
};
use crate::id::{BrickId, OriginId};
use crate::inventory::Inventory;
use crate::model::{
    BlockRestriction, BlockVolume, BlockVolumeOrigin, Brick, BrickFormat, Cluster, Device, Durability, Node, OriginOf,
    Volume, VolumeOrigin,
};
use crate::operation::Work;

/// What pending operations keep out of v10's lists and records until they end.
#[derive(Default)]
struct Pending {
    /// Targets of clones: v10 writes their records last.
    clones: BTreeSet<String>,
    /// Replacement bricks of evictions: v10 links them last.
    replacements: BTreeSet<BrickId>,
}

impl Pending {
    fn of(inventory: &Inventory) -> Self {
        let mut pending = Self::default();
        for operation in inventory.operations() {
            match &operation.work {
                Work::VolumeClone(work) => _ = pending.clones.insert(work.volume().to_string()),
                Work::BrickEvict(work) => pending.replacements.extend(work.bricks().1),
                _ => {}
            }
        }
        pending
    }
}

fn texts<T: ToString>(ids: impl Iterator<Item = T>) -> Vec<String> {
    ids.map(|id| id.to_string()).collect()
}

/// GiB as v10 has them.
fn gib(size: crate::units::Gib) -> i64 {
    i64::try_from(size.0).unwrap_or(i64::MAX)
}

impl V10Database {
    /// Adds everything but operations and attributes; operations are there already, for their marks.
    pub(super) fn add_records(&mut self, inventory: &Inventory) {
        let pending = Pending::of(inventory);
        let operations = std::mem::take(&mut self.operations);
        let marked = Self { operations, ..Self::default() };
        let marks = marked.marks();
        let mark = |id: &str| PendingMark { id: marks.get(id).copied().unwrap_or_default().to_owned() };
        for record in inventory.clusters() {
            self.clusters.insert(record.id.to_string(), ClusterEntry { info: cluster(inventory, record) });
        }
        for record in inventory.nodes() {
            let id = record.id.to_string();
            for (prefix, hosts) in [("MANAGE", &record.hostnames.manage), ("STORAGE", &record.hostnames.storage)] {
                self.registrations.extend(hosts.iter().map(|host| (format!("{prefix}{host}"), id.clone())));
            }
            let devices = texts(inventory.devices_of_node(record.id));
            let state = record.state.to_string();
            self.nodes.insert(id, NodeEntry { state, info: node(record), devices });
        }
        for record in inventory.devices() {
            self.devices.insert(record.id.to_string(), device(inventory, record, &pending));
        }
        for record in inventory.volumes().filter(|it| !pending.clones.contains(&it.id.to_string())) {
            let id = record.id.to_string();
            let bricks = inventory.bricks_of_volume(record.id).filter(|id| !pending.replacements.contains(id));
            let entry = VolumeEntry {
                info: volume(inventory, record),
                bricks: texts(bricks),
                options: record.options.clone(),
                pending: mark(&id),
            };
            self.volumes.insert(id, entry);
        }
        for record in inventory.bricks().filter(|brick| !brick.retired) {
            let id = record.id.to_string();
            let entry = BrickEntry { pending: mark(&id), ..brick(inventory, record) };
            self.bricks.insert(id, entry);
        }
        for record in inventory.block_volumes() {
            let id = record.id.to_string();
            let entry = BlockVolumeEntry { info: block_volume(inventory, record), pending: mark(&id) };
            self.block_volumes.insert(id, entry);
        }
        self.operations = marked.operations;
        self.old_bricks(inventory);
    }

    /// What old versions did not record of bricks is left out again.
    fn old_bricks(&mut self, inventory: &Inventory) {
        for origin in inventory.origins() {
            let OriginOf::Volume(volume) = &origin.of else {
                continue;
            };
            for id in &volume.unknown_format {
                if let Some(entry) = self.bricks.get_mut(&id.to_string()).filter(|it| it.sub_type == 1) {
                    entry.sub_type = 0;
                }
            }
            for id in &volume.unnamed_pool {
                let by_rule = format!("tp_{id}");
                let entry = self.bricks.get_mut(&id.to_string()).filter(|it| it.lvm_thin_pool == by_rule);
                if let Some(entry) = entry {
                    entry.lvm_thin_pool.clear();
                }
            }
        }
    }
}

fn cluster(inventory: &Inventory, record: &Cluster) -> ClusterInfo {
    ClusterInfo {
        id: record.id.to_string(),
        nodes: texts(inventory.nodes_of_cluster(record.id)),
        volumes: texts(inventory.volumes_of_cluster(record.id)),
        block: record.block,
        file: record.file,
        blockvolumes: texts(inventory.block_volumes_of_cluster(record.id)),
    }
}

fn node(record: &Node) -> NodeInfo {
    NodeInfo {
        zone: record.zone,
        hostnames: HostNamesInfo { manage: record.hostnames.manage.clone(), storage: record.hostnames.storage.clone() },
        cluster: record.cluster.to_string(),
        tags: record.tags.clone(),
        id: record.id.to_string(),
    }
}

fn device(inventory: &Inventory, record: &Device, pending: &Pending) -> DeviceEntry {
    let free = inventory.free(record);
    let bricks = inventory.bricks_of_device(record.id).filter(|id| !pending.replacements.contains(id));
    let used = bricks.filter(|id| inventory.brick(*id).is_some_and(|brick| !brick.retired));
    DeviceEntry {
        state: record.state.to_string(),
        bricks: texts(used),
        node_id: record.node.to_string(),
        extent_size: record.extent.0,
        info: DeviceInfo {
            name: record.name.clone(),
            tags: record.tags.clone(),
            storage: StorageSize { total: record.total.0, free: free.0, used: record.total.saturating_sub(free).0 },
            id: record.id.to_string(),
            paths: record.paths.clone(),
            pv_uuid: record.pv_uuid.clone().unwrap_or_default(),
        },
    }
}

fn brick(inventory: &Inventory, record: &Brick) -> BrickEntry {
    BrickEntry {
        info: BrickInfo {
            id: record.id.to_string(),
            path: path(inventory, record),
            device: record.device.to_string(),
            node: record.node.to_string(),
            volume: record.volume.to_string(),
            size: record.size.0,
        },
        tp_size: record.pool_size.0,
        pool_metadata_size: record.metadata_size.0,
        lvm_thin_pool: record.thin_pool_name(),
        lvm_lv: record.logical_volume.clone().unwrap_or_default(),
        sub_type: if record.format == BrickFormat::Arbiter { 2 } else { 1 },
        ..BrickEntry::default()
    }
}

/// The directory of a brick. One of a clone that gluster has not made yet has, for v10, that of the brick beside it.
fn path(inventory: &Inventory, record: &Brick) -> String {
    let of_clone = record.path.is_none() && record.logical_volume.is_none() && inventory.bricks_in_pool_of(record) > 1;
    if !of_clone {
        return record.brick_directory();
    }
    let mates = inventory.bricks_of_device(record.device).filter_map(|id| inventory.brick(id));
    let mut origins = mates.filter(|mate| mate.pool_key() == record.pool_key() && mate.id != record.id);
    let origin = origins.find(|mate| is_source(inventory, mate, record));
    origin.map_or_else(|| record.brick_directory(), |mate| mate.brick_directory())
}

fn is_source(inventory: &Inventory, mate: &Brick, brick: &Brick) -> bool {
    inventory.operations().any(|operation| match &operation.work {
        Work::VolumeClone(work) => work.source() == mate.volume && work.volume() == brick.volume,
        _ => false,
    })
}

fn volume(inventory: &Inventory, record: &Volume) -> VolumeInfo {
    let origin = inventory.origin(OriginId::from_bytes(*record.id.bytes())).map(|origin| origin.of.clone());
    let origin = match origin {
        Some(OriginOf::Volume(origin)) => Some(origin),
        _ => None,
    };
    let glusterfs = mount(inventory, record, origin.as_deref());
    let blockinfo = record.hosting.map_or_else(BlockInfo::default, |hosting| BlockInfo {
        freesize: gib(hosting.free),
        reservedsize: gib(hosting.reserved),
        blockvolume: texts(inventory.block_volumes_of_volume(record.id)),
        restriction: match hosting.restriction {
            BlockRestriction::None => String::new(),
            BlockRestriction::Locked => "locked".into(),
            BlockRestriction::LockedByUpdate => "locked-by-update".into(),
        },
    });
    VolumeInfo {
        size: gib(record.size),
        name: record.name.clone(),
        durability: durability(record.durability, origin.as_deref()),
        gid: record.gid,
        block: record.hosting.is_some(),
        snapshot: SnapshotInfo { enable: record.snapshot.enable, factor: record.snapshot.factor },
        id: record.id.to_string(),
        cluster: record.cluster.to_string(),
        mount: MountInfo { glusterfs },
        blockinfo,
        clusters: origin.as_ref().map(|origin| origin.clusters.clone()).unwrap_or_default(),
        glustervolumeoptions: origin.map(|origin| origin.request_options).unwrap_or_default(),
    }
}

/// As v10 records it when it makes a volume, or as it did when its hosts are still of the cluster.
fn mount(inventory: &Inventory, record: &Volume, origin: Option<&VolumeOrigin>) -> GlusterMount {
    let hosts = inventory.storage_hosts(record.cluster);
    if let Some(origin) = origin
        && origin.mount_hosts.iter().all(|host| hosts.contains(host))
    {
        let (hosts, device) = (origin.mount_hosts.clone(), origin.mount_device.clone());
        return GlusterMount { hosts, device, options: origin.mount_options.clone() };
    }
    let (first, others) = hosts.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
    let options = BTreeMap::from([("backup-volfile-servers".to_owned(), others.join(","))]);
    GlusterMount { device: format!("{first}:{}", record.name), options, hosts }
}

fn durability(durability: Durability, origin: Option<&VolumeOrigin>) -> DurabilityInfo {
    let mut info = DurabilityInfo::default();
    match durability {
        Durability::None => info.kind = "none".into(),
        Durability::Replicate { replica } => {
            info.kind = "replicate".into();
            info.replicate = ReplicateInfo { replica: i64::from(replica) };
        }
        Durability::Disperse { data, redundancy } => {
            info.kind = "disperse".into();
            info.disperse = DisperseInfo { data: i64::from(data), redundancy: i64::from(redundancy) };
        }
    }
    let Some(origin) = origin else {
        return info;
    };
    let [replica, data, redundancy] = origin.counts;
    let recorded = DurabilityInfo {
        kind: origin.durability.clone(),
        replicate: ReplicateInfo { replica },
        disperse: DisperseInfo { data, redundancy },
    };
    let same = super::super::convert::durability(&recorded).is_ok_and(|recorded| recorded == durability);
    if same { recorded } else { info }
}

fn block_volume(inventory: &Inventory, record: &BlockVolume) -> BlockVolumeInfo {
    let origin = inventory.origin(OriginId::from_bytes(*record.id.bytes())).map(|origin| origin.of.clone());
    let origin = match origin {
        Some(OriginOf::BlockVolume(origin)) => origin,
        _ => BlockVolumeOrigin::default(),
    };
    let unrecorded = origin.no_usable_size && record.usable == record.size;
    BlockVolumeInfo {
        size: gib(record.size),
        clusters: origin.clusters,
        name: record.name.clone(),
        hacount: i64::from(record.ha_count),
        auth: record.auth,
        id: record.id.to_string(),
        blockvolume: TargetInfo {
            hosts: record.hosts.clone(),
            iqn: record.iqn.clone(),
            lun: 0,
            username: record.username.clone(),
            password: record.password.clone(),
        },
        cluster: record.cluster.to_string(),
        blockhostingvolume: record.hosting.to_string(),
        usablesize: if unrecorded { 0 } else { gib(record.usable) },
    }
}
