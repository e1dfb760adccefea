//! From files to a state: heketi's topology file, the topology a server tells, and databases: the JSON that heketi
//! exports and dumps, the file of heketi 4 to 10, our own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use heketi_core::api::{TopologyFile, VolumeCreateRequest, VolumeInfo};
use heketi_core::id::{ClusterId, DeviceId, NodeId, SeededIds};
use heketi_core::interchange::V10Database;
use heketi_core::inventory::{Inventory, Record};
use heketi_core::model::{
    Brick, BrickFormat, Cluster, DEFAULT_EXTENT, Device, EntryState, Node, SetPosition, Snapshot, Volume, VolumeOptions,
};
use heketi_core::placement::sizing::BrickSpace;
use heketi_core::units::{Gib, Kib};
use heketi_exec::store::{DatabaseKind, StoreError, read_as_v10, read_inventory};
use heketi_http::client::Topology;
use serde_json::Value as Json;

use crate::failure::Failure;

/// Where ids of things come from whose file tells none.
const SEED: u64 = 0x6865_6b65_7469;

/// What one of our database files begins with.
const OURS: &[u8] = b"redb";

/// The state in a file. A database is not changed, and must not be open elsewhere.
///
/// # Errors
/// [`Failure::Invalid`] and [`Failure::Store`] that name what is wrong.
pub(super) fn file(path: &Path, device_size: Option<Kib>) -> Result<Inventory, Failure> {
    let unread = |error: StoreError| Failure::Store(error.to_string());
    let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    match DatabaseKind::of(path) {
        DatabaseKind::Bolt => converted(read_as_v10(path, false).map_err(unread)?.0),
        DatabaseKind::Ours if begins_with(path, OURS) => read_inventory(path).map_err(unread),
        _ => {
            let text = fs::read_to_string(path).map_err(|error| invalid(named(&error)))?;
            inventory(&text, device_size).map_err(|failure| match failure {
                Failure::Invalid(why) => invalid(named(&why)),
                other => other,
            })
        }
    }
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == magic
}

/// The state in a database of heketi 4 to 10.
fn converted(mut database: V10Database) -> Result<Inventory, Failure> {
    database.upgrade(&mut SeededIds::new(SEED));
    let converted = database.to_inventory().map_err(|error| invalid(error.to_string()))?;
    Ok(converted.inventory)
}

/// The state a JSON text describes.
///
/// # Errors
/// [`Failure::Invalid`] that names what is wrong.
pub(super) fn inventory(text: &str, device_size: Option<Kib>) -> Result<Inventory, Failure> {
    let file: Json = serde_json::from_str(text).map_err(|error| invalid(format!("this is not JSON: {error}")))?;
    if file.get("clusterentries").is_some() {
        let database = V10Database::from_json(text.as_bytes());
        return converted(database.map_err(|error| invalid(format!("the export of a database: {error}")))?);
    }
    let clusters = file["clusters"].as_array().ok_or_else(|| {
        invalid(
            "this is no topology file, no topology of a server and no export of a database: \
             it has neither a list of clusters nor clusterentries",
        )
    })?;
    let nodes = || clusters.iter().filter_map(|cluster| cluster["nodes"].as_array()).flatten();
    let told_by_a_server = nodes().any(|node| node.get("node").is_none());
    let records = if told_by_a_server { from_server(&file)? } else { from_file(&file, device_size)? };
    Inventory::from_records(records).map_err(|error| invalid(error.to_string()))
}

fn invalid(text: impl Into<String>) -> Failure {
    Failure::Invalid(text.into())
}

/// A topology file. A device may tell its `size` in GiB, which `heketi-cli topology load` ignores.
fn from_file(file: &Json, device_size: Option<Kib>) -> Result<Vec<Record>, Failure> {
    let read: TopologyFile =
        serde_json::from_value(file.clone()).map_err(|error| invalid(format!("the topology file: {error}")))?;
    let mut ids = SeededIds::new(SEED);
    let mut records = Vec::new();
    for (at, cluster) in read.clusters.into_iter().enumerate() {
        let id = ClusterId::new(&mut ids);
        records.push(Record::Cluster(Cluster { id, file: cluster.file, block: cluster.block }));
        for (node_at, entry) in cluster.nodes.into_iter().enumerate() {
            let node = NodeId::new(&mut ids);
            let spec = entry.node;
            let host = spec.hostnames.manage.first().cloned().unwrap_or_default();
            records.push(Record::Node(Node {
                id: node,
                cluster: id,
                zone: spec.zone,
                hostnames: spec.hostnames.into(),
                tags: spec.tags,
                state: EntryState::Online,
            }));
            for (device_at, device) in entry.devices.into_iter().enumerate() {
                let told = &file["clusters"][at]["nodes"][node_at]["devices"][device_at]["size"];
                let size = match told {
                    Json::Null => device_size,
                    told => Some(told.as_u64().map(|gib| Gib(gib).kib()).ok_or_else(|| {
                        invalid(format!("size {told} of device {} of {host} is no whole number of GiB", device.name))
                    })?),
                };
                let missing = || {
                    let name = &device.name;
                    invalid(format!("nothing tells the size of device {name} of {host}: pass device_size"))
                };
                records.push(Record::Device(Device {
                    id: DeviceId::new(&mut ids),
                    node,
                    total: size.ok_or_else(missing)?,
                    name: device.name,
                    paths: Vec::new(),
                    pv_uuid: None,
                    tags: device.tags,
                    state: EntryState::Online,
                    foreign: Kib::ZERO,
                    extent: DEFAULT_EXTENT,
                }));
            }
        }
    }
    Ok(records)
}

/// A topology as `heketi-cli topology info --json` prints it. It does not tell what thin pools take: that is
/// computed by the rule they are made by, and what is used beyond it counts as space of others.
fn from_server(file: &Json) -> Result<Vec<Record>, Failure> {
    let read: Topology =
        serde_json::from_value(file.clone()).map_err(|error| invalid(format!("the topology: {error}")))?;
    let mut records = Vec::new();
    let mut charged: BTreeMap<DeviceId, Kib> = BTreeMap::new();
    for cluster in &read.clusters {
        records.push(Record::Cluster(Cluster { id: cluster.id, file: cluster.file, block: cluster.block }));
        for volume in &cluster.volumes {
            let (volume, bricks) = volume_of(volume)?;
            records.push(Record::Volume(volume));
            for brick in bricks {
                *charged.entry(brick.device).or_insert(Kib::ZERO) += brick.charge();
                records.push(Record::Brick(brick));
            }
        }
    }
    for node in read.clusters.into_iter().flat_map(|cluster| cluster.nodes) {
        for device in node.devices {
            let taken = charged.get(&device.id).copied().unwrap_or(Kib::ZERO);
            records.push(Record::Device(Device {
                id: device.id,
                node: node.id,
                name: device.name,
                paths: device.paths,
                pv_uuid: None,
                tags: device.tags,
                state: device.state,
                // Pools that are larger by the rule than the server says must not make the file unreadable.
                total: device.storage.total.max(taken),
                foreign: device.storage.used.saturating_sub(taken),
                extent: DEFAULT_EXTENT,
            }));
        }
        records.push(Record::Node(Node {
            id: node.id,
            cluster: node.cluster,
            zone: node.zone,
            hostnames: node.hostnames.into(),
            tags: node.tags,
            state: node.state,
        }));
    }
    Ok(records)
}

fn volume_of(info: &VolumeInfo) -> Result<(Volume, Vec<Brick>), Failure> {
    let asked = VolumeCreateRequest {
        size: i64::try_from(info.size.0).unwrap_or(i64::MAX),
        durability: info.durability.clone(),
        ..VolumeCreateRequest::default()
    };
    let durability = asked.check().map_err(|error| invalid(format!("volume {}: {error}", info.name)))?.durability;
    let snapshot = Snapshot { enable: info.snapshot.enable, factor: info.snapshot.factor.max(1.0) };
    let arbiter = VolumeOptions(&info.glustervolumeoptions).arbiter_files(durability, Kib(64)).is_some();
    let set_size = durability.set_size().max(1);
    let volume = Volume {
        id: info.id,
        cluster: info.cluster,
        name: info.name.clone(),
        size: info.size,
        durability,
        gid: info.gid,
        snapshot,
        options: info.glustervolumeoptions.clone(),
        hosting: None,
    };
    let bricks = info.bricks.iter().zip(0u32..).map(|(brick, number)| {
        let position = SetPosition { set: number / set_size, index: number % set_size };
        let space = BrickSpace::new(brick.size, snapshot.factor, DEFAULT_EXTENT);
        let is_arbiter = arbiter && position.index + 1 == set_size;
        Brick {
            id: brick.id,
            device: brick.device,
            node: brick.node,
            volume: info.id,
            size: brick.size,
            pool_size: space.pool,
            metadata_size: space.metadata,
            format: if is_arbiter { BrickFormat::Arbiter } else { BrickFormat::Normal },
            position: Some(position),
            thin_pool: None,
            logical_volume: None,
            path: None,
            retired: false,
        }
    });
    Ok((volume, bricks.collect()))
}
