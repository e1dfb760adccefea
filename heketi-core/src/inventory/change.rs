use crate::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, OriginId, QueueId, RequestKeyId,
    VolumeId,
};
use crate::inventory::{Job, KeyedRequest};
use crate::model::{BlockVolume, Brick, Cluster, Device, HostKey, Node, Origin, Volume};
use crate::operation::Operation;

/// A record of any kind, as stores keep them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// A cluster.
    Cluster(Cluster),
    /// A node.
    Node(Node),
    /// A device.
    Device(Device),
    /// A volume.
    Volume(Volume),
    /// A brick.
    Brick(Brick),
    /// A block volume.
    BlockVolume(BlockVolume),
    /// A pending operation.
    Operation(Operation),
    /// An entry of the job queue.
    Job(Job),
    /// The host key of an SSH server.
    HostKey(HostKey),
    /// A request with an `Idempotency-Key`.
    KeyedRequest(KeyedRequest),
    /// What heketi v10 had recorded of an object.
    Origin(Origin),
}

/// Names a record. Sorted so that a record comes after those it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Key {
    /// A cluster.
    Cluster(ClusterId),
    /// A node.
    Node(NodeId),
    /// A device.
    Device(DeviceId),
    /// A volume.
    Volume(VolumeId),
    /// A brick.
    Brick(BrickId),
    /// A block volume.
    BlockVolume(BlockVolumeId),
    /// A pending operation.
    Operation(OperationId),
    /// An entry of the job queue.
    Job(QueueId),
    /// The host key of an SSH server.
    HostKey(HostKeyId),
    /// A request with an `Idempotency-Key`.
    KeyedRequest(RequestKeyId),
    /// What heketi v10 had recorded of an object.
    Origin(OriginId),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cluster(id) => write!(f, "cluster {id}"),
            Self::Node(id) => write!(f, "node {id}"),
            Self::Device(id) => write!(f, "device {id}"),
            Self::Volume(id) => write!(f, "volume {id}"),
            Self::Brick(id) => write!(f, "brick {id}"),
            Self::BlockVolume(id) => write!(f, "block volume {id}"),
            Self::Operation(id) => write!(f, "operation {id}"),
            Self::Job(id) => write!(f, "job {id}"),
            Self::HostKey(id) => write!(f, "host key {id}"),
            Self::KeyedRequest(id) => write!(f, "request key {id}"),
            Self::Origin(_) => f.write_str("memory of heketi v10's database"),
        }
    }
}

impl Record {
    /// The key it is stored under.
    pub fn key(&self) -> Key {
        match self {
            Self::Cluster(record) => Key::Cluster(record.id),
            Self::Node(record) => Key::Node(record.id),
            Self::Device(record) => Key::Device(record.id),
            Self::Volume(record) => Key::Volume(record.id),
            Self::Brick(record) => Key::Brick(record.id),
            Self::BlockVolume(record) => Key::BlockVolume(record.id),
            Self::Operation(record) => Key::Operation(record.id),
            Self::Job(record) => Key::Job(record.id),
            Self::HostKey(record) => Key::HostKey(record.id),
            Self::KeyedRequest(record) => Key::KeyedRequest(record.id),
            Self::Origin(record) => Key::Origin(record.id),
        }
    }
}

/// One change of one record.
#[allow(clippy::large_enum_variant)] // nearly all changes put a record
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds the record or replaces the one with its key.
    Put(Record),
    /// Removes the record; one that is not there is an error.
    Delete(Key),
}

/// Changes that become true together, in memory and on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    changes: Vec<Change>,
}

macro_rules! put {
    ($($method:ident($kind:ident)),* $(,)?) => {$(
        #[doc = concat!("Adds or replaces a ", stringify!($kind), ".")]
        pub fn $method(&mut self, record: $kind) {
            self.changes.push(Change::Put(Record::$kind(record)));
        }
    )*};
}

impl ChangeSet {
    put! {
        put_cluster(Cluster), put_node(Node), put_device(Device), put_volume(Volume), put_brick(Brick), put_block_volume(BlockVolume),
        put_operation(Operation), put_job(Job), put_host_key(HostKey), put_keyed_request(KeyedRequest),
        put_origin(Origin),
    }

    /// Removes a record.
    pub fn delete(&mut self, key: Key) {
        self.changes.push(Change::Delete(key));
    }

    /// The changes in the order they apply.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// True when nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many records change.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Appends the changes of `later`.
    pub fn append(&mut self, later: Self) {
        self.changes.extend(later.changes);
    }
}

impl FromIterator<Change> for ChangeSet {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        Self { changes: changes.into_iter().collect() }
    }
}

impl IntoIterator for ChangeSet {
    type Item = Change;
    type IntoIter = std::vec::IntoIter<Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}
