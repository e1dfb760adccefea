//! How records look in a store: a key of one letter and 16 id bytes, and JSON that carries its version.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Inventory;
use super::change::{Key, Record};
use crate::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, OriginId, QueueId, RequestKeyId,
    VolumeId,
};

/// The version of stored records this program writes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Write<'a, T> {
    version: u32,
    record: &'a T,
}

#[derive(Deserialize)]
struct Read<T> {
    version: u32,
    record: T,
}

/// What every version writes.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// A stored record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// Another program wrote it.
    #[error("record {key} has version {found}, this program knows version {known}: start the heketi that wrote it")]
    Version {
        /// The record.
        key: String,
        /// The version it has.
        found: u32,
        /// The version this program knows.
        known: u32,
    },
    /// It is damaged.
    #[error("record {key} cannot be read: {why}")]
    Damaged {
        /// The record.
        key: String,
        /// What is wrong.
        why: String,
    },
}

/// The bytes a record is stored under.
pub fn encode_key(key: Key) -> [u8; 17] {
    let (letter, id) = match &key {
        Key::Cluster(id) => (b'c', id.bytes()),
        Key::Node(id) => (b'n', id.bytes()),
        Key::Device(id) => (b'd', id.bytes()),
        Key::Volume(id) => (b'v', id.bytes()),
        Key::Brick(id) => (b'b', id.bytes()),
        Key::BlockVolume(id) => (b'l', id.bytes()),
        Key::Operation(id) => (b'o', id.bytes()),
        Key::Job(id) => (b'j', id.bytes()),
        Key::HostKey(id) => (b'k', id.bytes()),
        Key::KeyedRequest(id) => (b'i', id.bytes()),
        Key::Origin(id) => (b'r', id.bytes()),
    };
    let mut bytes = [0; 17];
    let (first, rest) = bytes.split_at_mut(1);
    first.copy_from_slice(&[letter]);
    rest.copy_from_slice(id);
    bytes
}

/// The key these bytes stand for.
///
/// # Errors
/// [`StoredError::Damaged`] when they are no key.
pub fn decode_key(bytes: &[u8]) -> Result<Key, StoredError> {
    let damaged = || StoredError::Damaged { key: format!("{bytes:02x?}"), why: "not a key".into() };
    let (letter, id) = bytes.split_first().ok_or_else(damaged)?;
    let id: [u8; 16] = id.try_into().map_err(|_| damaged())?;
    Ok(match letter {
        b'c' => Key::Cluster(ClusterId::from_bytes(id)),
        b'n' => Key::Node(NodeId::from_bytes(id)),
        b'd' => Key::Device(DeviceId::from_bytes(id)),
        b'v' => Key::Volume(VolumeId::from_bytes(id)),
        b'b' => Key::Brick(BrickId::from_bytes(id)),
        b'l' => Key::BlockVolume(BlockVolumeId::from_bytes(id)),
        b'o' => Key::Operation(OperationId::from_bytes(id)),
        b'j' => Key::Job(QueueId::from_bytes(id)),
        b'k' => Key::HostKey(HostKeyId::from_bytes(id)),
        b'i' => Key::KeyedRequest(RequestKeyId::from_bytes(id)),
        b'r' => Key::Origin(OriginId::from_bytes(id)),
        _ => return Err(damaged()),
    })
}

fn write<T: Serialize>(record: &T) -> Vec<u8> {
    // Records are plain data with text keys: serialising them to memory has no way to fail.
    serde_json::to_vec(&Write { version: VERSION, record }).unwrap_or_default()
}

/// The bytes of a record.
pub fn encode_record(record: &Record) -> Vec<u8> {
    match record {
        Record::Cluster(record) => write(record),
        Record::Node(record) => write(record),
        Record::Device(record) => write(record),
        Record::Volume(record) => write(record),
        Record::Brick(record) => write(record),
        Record::BlockVolume(record) => write(record),
        Record::Operation(record) => write(record),
        Record::Job(record) => write(record),
        Record::HostKey(record) => write(record),
        Record::KeyedRequest(record) => write(record),
        Record::Origin(record) => write(record),
    }
}

impl Inventory {
    /// Every record as a store keeps it: its key, and its bytes. Sorted by kind and id.
    pub fn encoded(&self) -> impl Iterator<Item = ([u8; 17], Vec<u8>)> {
        let clusters = self.clusters.values().map(|it| (Key::Cluster(it.id), write(&**it)));
        let nodes = self.nodes.values().map(|it| (Key::Node(it.id), write(&**it)));
        let devices = self.devices.values().map(|it| (Key::Device(it.id), write(&**it)));
        let volumes = self.volumes.values().map(|it| (Key::Volume(it.id), write(&**it)));
        let bricks = self.bricks.values().map(|it| (Key::Brick(it.id), write(&**it)));
        let blocks = self.block_volumes.values().map(|it| (Key::BlockVolume(it.id), write(&**it)));
        let operations = self.operations.values().map(|it| (Key::Operation(it.id), write(&**it)));
        let jobs = self.jobs.values().map(|it| (Key::Job(it.id), write(&**it)));
        let host_keys = self.host_keys.values().map(|it| (Key::HostKey(it.id), write(&**it)));
        let keyed = self.keyed_requests.values().map(|it| (Key::KeyedRequest(it.id), write(&**it)));
        let origins = self.origins.values().map(|it| (Key::Origin(it.id), write(&**it)));
        let placed = clusters.chain(nodes).chain(devices).chain(volumes).chain(bricks).chain(blocks);
        let all = placed.chain(operations).chain(jobs).chain(host_keys).chain(keyed).chain(origins);
        all.map(|(key, bytes)| (encode_key(key), bytes))
    }
}

fn read<T: DeserializeOwned>(key: Key, bytes: &[u8]) -> Result<T, StoredError> {
    let damaged = |why: serde_json::Error| StoredError::Damaged { key: format!("{key:?}"), why: why.to_string() };
    let read = serde_json::from_slice::<Read<T>>(bytes);
    let found = match &read {
        Ok(stored) => stored.version,
        // A record of another version need not have the form of ours.
        Err(_) => serde_json::from_slice::<Versioned>(bytes).map_err(damaged)?.version,
    };
    if found != VERSION {
        return Err(StoredError::Version { key: format!("{key:?}"), found, known: VERSION });
    }
    read.map(|stored| stored.record).map_err(damaged)
}

/// The record these bytes stand for.
///
/// # Errors
/// [`StoredError`] when another version wrote it, it is damaged, or it is not the record of `key`.
pub fn decode_record(key: Key, bytes: &[u8]) -> Result<Record, StoredError> {
    let record = match key {
        Key::Cluster(_) => Record::Cluster(read(key, bytes)?),
        Key::Node(_) => Record::Node(read(key, bytes)?),
        Key::Device(_) => Record::Device(read(key, bytes)?),
        Key::Volume(_) => Record::Volume(read(key, bytes)?),
        Key::Brick(_) => Record::Brick(read(key, bytes)?),
        Key::BlockVolume(_) => Record::BlockVolume(read(key, bytes)?),
        Key::Operation(_) => Record::Operation(read(key, bytes)?),
        Key::Job(_) => Record::Job(read(key, bytes)?),
        Key::HostKey(_) => Record::HostKey(read(key, bytes)?),
        Key::KeyedRequest(_) => Record::KeyedRequest(read(key, bytes)?),
        Key::Origin(_) => Record::Origin(read(key, bytes)?),
    };
    if record.key() == key {
        Ok(record)
    } else {
        Err(StoredError::Damaged { key: format!("{key:?}"), why: format!("it is the record of {:?}", record.key()) })
    }
}
