//! heketi's buckets and records in a BoltDB file (core section 8.1 of heketi v10's behaviour).

use std::collections::BTreeMap;

use super::bolt::{Bolt, Bucket, Item};
use super::gob::{self, Fields};
use super::{
    ActionEntry, AttributeEntry, BlockInfo, BlockVolumeEntry, BlockVolumeInfo, BrickEntry, BrickInfo, ClusterEntry,
    ClusterInfo, DeviceEntry, DeviceInfo, DisperseInfo, DurabilityInfo, GlusterMount, HostNamesInfo, MountInfo,
    NodeEntry, NodeInfo, OperationEntry, PendingMark, ReadError, ReplicateInfo, SnapshotInfo, StorageSize, TargetInfo,
    V10Database, VolumeEntry, VolumeInfo,
};
use crate::model::Secret;

/// Buckets that every version has.
const REQUIRED: [&str; 5] = ["CLUSTER", "NODE", "VOLUME", "DEVICE", "BRICK"];

type Decoded<T> = Result<T, String>;
/// Raw records of a bucket that are no gob: registered names and the ids they stand for.
type Registrations = BTreeMap<String, String>;

impl V10Database {
    /// Reads the BoltDB file of heketi 4 to 10; `bytes` is the whole file. Nothing is upgraded or repaired.
    ///
    /// # Errors
    /// [`ReadError`]; a file that cannot be read as a whole is not read at all.
    pub fn from_bolt(bytes: &[u8]) -> Result<Self, ReadError> {
        let bolt = Bolt::open(bytes)?;
        let mut database = Self { older_revision: bolt.is_older_revision(), ..Self::default() };
        let buckets = bolt.buckets()?;
        for required in REQUIRED {
            if !buckets.iter().any(|(name, _)| *name == required.as_bytes()) {
                return Err(ReadError::MissingBucket(required));
            }
        }
        let mut named = Registrations::new();
        for (name, bucket) in buckets {
            match name {
                b"CLUSTER" => database.clusters = records("CLUSTER", bucket, &[], &mut named, cluster)?,
                b"NODE" => {
                    database.nodes = records("NODE", bucket, &["MANAGE", "STORAGE"], &mut named, node)?;
                }
                b"VOLUME" => database.volumes = records("VOLUME", bucket, &[], &mut named, volume)?,
                b"DEVICE" => database.devices = records("DEVICE", bucket, &["DEVICE"], &mut named, device)?,
                b"BRICK" => database.bricks = records("BRICK", bucket, &[], &mut named, brick)?,
                b"BLOCKVOLUME" => {
                    database.block_volumes = records("BLOCKVOLUME", bucket, &[], &mut named, block_volume)?;
                }
                b"DBATTRIBUTE" => {
                    database.attributes = records("DBATTRIBUTE", bucket, &[], &mut named, attribute)?;
                }
                b"PENDING_OPERATIONS" => {
                    database.operations = records("PENDING_OPERATIONS", bucket, &[], &mut named, operation)?;
                }
                _ => return Err(ReadError::UnknownBucket(String::from_utf8_lossy(name).into_owned())),
            }
        }
        database.registrations = named;
        database.keys_match_records()?;
        Ok(database)
    }
}

/// The records of a bucket. Keys that begin with one of `prefixes` are names; what they stand for is an id as text.
fn records<T>(
    name: &'static str,
    bucket: Bucket<'_>,
    prefixes: &[&str],
    named: &mut Registrations,
    decode: impl Fn(Fields<'_>) -> Decoded<T>,
) -> Result<BTreeMap<String, T>, ReadError> {
    let mut records = Vec::with_capacity(bucket.len());
    for (key, item) in bucket {
        let shown = || String::from_utf8_lossy(key).into_owned();
        let damaged = |why: String| ReadError::Record { bucket: name, key: shown(), why };
        let text = std::str::from_utf8(key).map_err(|_| damaged("its key is no text".into()))?;
        let Item::Value(value) = item else {
            return Err(damaged("it is a bucket".into()));
        };
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            let id = std::str::from_utf8(value).ok().filter(|id| is_id(id));
            named.insert(text.to_owned(), id.ok_or_else(|| damaged("it is no id".into()))?.to_owned());
            continue;
        }
        let fields = gob::decode(value).and_then(|value| Fields::of("the record", value));
        records.push((text.to_owned(), fields.and_then(&decode).map_err(damaged)?));
    }
    Ok(records.into_iter().collect())
}

/// An id as heketi v10 makes them.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the fields of a struct of ours from one of Go's, and sees to it that none is left.
macro_rules! read {
    ($from:expr, $type:ident { $($member:ident: $how:ident($field:literal)),* $(, ..$rest:expr)? }) => {{
        let mut fields = $from;
        let read = $type { $($member: fields.$how($field)?,)* $(..$rest)? };
        fields.finish()?;
        read
    }};
}

fn pending(fields: &mut Fields<'_>) -> Decoded<PendingMark> {
    Ok(read!(fields.inner("Pending")?, PendingMark { id: text("Id") }))
}

fn state(fields: &mut Fields<'_>) -> Decoded<String> {
    let mut entry = fields.inner("Entry")?;
    let state = entry.text("State")?;
    entry.finish().map(|()| state)
}

fn cluster(mut fields: Fields<'_>) -> Decoded<ClusterEntry> {
    let mut info = fields.inner("Info")?;
    fields.finish()?;
    let mut flags = info.inner("ClusterFlags")?;
    let (block, file) = (flags.bool("Block")?, flags.bool("File")?);
    flags.finish()?;
    let info = read!(
        info,
        ClusterInfo {
            id: text("Id"),
            nodes: texts("Nodes"),
            volumes: texts("Volumes"),
            blockvolumes: texts("BlockVolumes"),
            ..ClusterInfo { block, file, ..ClusterInfo::default() }
        }
    );
    Ok(ClusterEntry { info })
}

fn node(mut fields: Fields<'_>) -> Decoded<NodeEntry> {
    let state = state(&mut fields)?;
    let mut info = fields.inner("Info")?;
    let devices = fields.texts("Devices")?;
    fields.finish()?;
    let mut request = info.inner("NodeAddRequest")?;
    let names = request.inner("Hostnames")?;
    let hostnames = read!(names, HostNamesInfo { manage: texts("Manage"), storage: texts("Storage") });
    let id = info.text("Id")?;
    info.finish()?;
    let info = read!(
        request,
        NodeInfo {
            zone: int("Zone"),
            cluster: text("ClusterId"),
            tags: map("Tags"),
            ..NodeInfo { id, hostnames, ..NodeInfo::default() }
        }
    );
    Ok(NodeEntry { state, info, devices })
}

fn device(mut fields: Fields<'_>) -> Decoded<DeviceEntry> {
    let state = state(&mut fields)?;
    let mut info = fields.inner("Info")?;
    let mut device = info.inner("Device")?;
    let (name, tags) = (device.text("Name")?, device.map("Tags")?);
    device.finish()?;
    let size = info.inner("Storage")?;
    let storage = read!(size, StorageSize { total: uint("Total"), free: uint("Free"), used: uint("Used") });
    let info = read!(
        info,
        DeviceInfo {
            id: text("Id"),
            paths: texts("Paths"),
            pv_uuid: text("PvUUID"),
            ..DeviceInfo { name, tags, storage, ..DeviceInfo::default() }
        }
    );
    Ok(read!(
        fields,
        DeviceEntry {
            bricks: texts("Bricks"),
            node_id: text("NodeId"),
            extent_size: uint("ExtentSize"),
            ..DeviceEntry { state, info, ..DeviceEntry::default() }
        }
    ))
}

fn brick(mut fields: Fields<'_>) -> Decoded<BrickEntry> {
    let pending = pending(&mut fields)?;
    let info = read!(
        fields.inner("Info")?,
        BrickInfo {
            id: text("Id"),
            path: text("Path"),
            device: text("DeviceId"),
            node: text("NodeId"),
            volume: text("VolumeId"),
            size: uint("Size")
        }
    );
    Ok(read!(
        fields,
        BrickEntry {
            tp_size: uint("TpSize"),
            pool_metadata_size: uint("PoolMetadataSize"),
            lvm_thin_pool: text("LvmThinPool"),
            lvm_lv: text("LvmLv"),
            sub_type: int("SubType"),
            ..BrickEntry { info, pending, ..BrickEntry::default() }
        }
    ))
}

fn volume(mut fields: Fields<'_>) -> Decoded<VolumeEntry> {
    let pending = pending(&mut fields)?;
    let info = volume_info(fields.inner("Info")?)?;
    // It repeats the durability of the request; v10's own export leaves it out and derives it (core section 1.7).
    fields.any("Durability")?;
    Ok(read!(
        fields,
        VolumeEntry {
            bricks: texts("Bricks"),
            options: texts("GlusterVolumeOptions"),
            ..VolumeEntry { info, pending, ..VolumeEntry::default() }
        }
    ))
}

fn volume_info(mut fields: Fields<'_>) -> Decoded<VolumeInfo> {
    let mut request = fields.inner("VolumeCreateRequest")?;
    let durability = durability(request.inner("Durability")?)?;
    let snapshot = read!(request.inner("Snapshot")?, SnapshotInfo { enable: bool("Enable"), factor: float("Factor") });
    let mut mounts = fields.inner("Mount")?;
    let glusterfs = read!(
        mounts.inner("GlusterFS")?,
        GlusterMount { hosts: texts("Hosts"), device: text("MountPoint"), options: map("Options") }
    );
    mounts.finish()?;
    let blockinfo = read!(
        fields.inner("BlockInfo")?,
        BlockInfo {
            freesize: int("FreeSize"),
            reservedsize: int("ReservedSize"),
            blockvolume: texts("BlockVolumes"),
            restriction: text("Restriction")
        }
    );
    let (id, cluster) = (fields.text("Id")?, fields.text("Cluster")?);
    fields.finish()?;
    Ok(read!(
        request,
        VolumeInfo {
            size: int("Size"),
            clusters: texts("Clusters"),
            name: text("Name"),
            gid: int("Gid"),
            glustervolumeoptions: texts("GlusterVolumeOptions"),
            block: bool("Block"),
            ..VolumeInfo {
                durability,
                snapshot,
                mount: MountInfo { glusterfs },
                blockinfo,
                id,
                cluster,
                ..VolumeInfo::default()
            }
        }
    ))
}

fn durability(mut fields: Fields<'_>) -> Decoded<DurabilityInfo> {
    let replicate = read!(fields.inner("Replicate")?, ReplicateInfo { replica: int("Replica") });
    let disperse = read!(fields.inner("Disperse")?, DisperseInfo { data: int("Data"), redundancy: int("Redundancy") });
    Ok(read!(
        fields,
        DurabilityInfo { kind: text("Type"), ..DurabilityInfo { replicate, disperse, ..DurabilityInfo::default() } }
    ))
}

fn block_volume(mut fields: Fields<'_>) -> Decoded<BlockVolumeEntry> {
    let pending = pending(&mut fields)?;
    let mut info = fields.inner("Info")?;
    fields.finish()?;
    let request = info.inner("BlockVolumeCreateRequest")?;
    let mut target = info.inner("BlockVolume")?;
    let password = Secret::new(target.text("Password")?);
    let blockvolume = read!(
        target,
        TargetInfo {
            hosts: texts("Hosts"),
            iqn: text("Iqn"),
            lun: int("Lun"),
            username: text("Username"),
            ..TargetInfo { password, ..TargetInfo::default() }
        }
    );
    let info = read!(
        info,
        BlockVolumeInfo {
            id: text("Id"),
            cluster: text("Cluster"),
            blockhostingvolume: text("BlockHostingVolume"),
            usablesize: int("UsableSize"),
            ..BlockVolumeInfo { blockvolume, ..BlockVolumeInfo::default() }
        }
    );
    let info = read!(
        request,
        BlockVolumeInfo {
            size: int("Size"),
            clusters: texts("Clusters"),
            name: text("Name"),
            hacount: int("Hacount"),
            auth: bool("Auth"),
            ..info
        }
    );
    Ok(BlockVolumeEntry { info, pending })
}

fn attribute(fields: Fields<'_>) -> Decoded<AttributeEntry> {
    Ok(read!(fields, AttributeEntry { key: text("Key"), value: text("Value") }))
}

fn operation(mut fields: Fields<'_>) -> Decoded<OperationEntry> {
    let mut operation = fields.inner("PendingOperation")?;
    let id = read!(operation.inner("PendingItem")?, PendingMark { id: text("Id") }).id;
    let actions = operation.list("Actions")?.into_iter().map(action).collect::<Decoded<_>>()?;
    let read = read!(
        operation,
        OperationEntry {
            timestamp: int("Timestamp"),
            kind: int("Type"),
            ..OperationEntry { id, actions, ..OperationEntry::default() }
        }
    );
    Ok(read!(fields, OperationEntry { status: text("Status"), ..read }))
}

fn action(mut fields: Fields<'_>) -> Decoded<ActionEntry> {
    let delta = match fields.any("Delta")? {
        None => None,
        Some((_, gob::Value::Int(number))) => Some(number),
        // What v10 imported from JSON comes back as floating point.
        Some((_, gob::Value::Float(number))) if number.fract() == 0.0 && number.abs() < 2f64.powi(53) => {
            Some(number as i64)
        }
        Some((name, _)) => return Err(format!("the delta of an action is a {name}, not a number of GiB")),
    };
    Ok(read!(
        fields,
        ActionEntry { change: int("Change"), id: text("Id"), ..ActionEntry { delta, ..ActionEntry::default() } }
    ))
}
