//! The whole state: records, their indexes, and the only way to change them.
//!
//! [`Inventory`] is a value. Its maps are persistent, so a clone is a few pointer copies: readers, backups
//! and long searches work on a clone and never hold anybody up. It changes only through
//! [`Inventory::apply`], which takes a [`ChangeSet`] whole or not at all.

mod apply;
mod block_space;
mod change;
mod claims;
mod index;
mod job;
mod keyed;
mod order;
mod read;
mod stored;

use std::sync::Arc;

use imbl::OrdMap;

pub use change::{Change, ChangeSet, Key, Record};
pub use claims::{Claim, Object};
pub use job::{HistoryLimits, Job, JobResult, JobWork};
pub use keyed::{KeyedOutcome, KeyedRequest};
pub use order::Slot;
pub(crate) use order::{emptiness, free_class};
pub use stored::{StoredError, decode_key, decode_record, encode_key, encode_record};

use crate::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, OriginId, QueueId, RequestKeyId,
    VolumeId,
};
use crate::model::{BlockVolume, Brick, Cluster, Device, HostKey, Node, Origin, Volume};
use crate::operation::Operation;

/// All clusters, nodes, devices, bricks, volumes, pending operations and jobs.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    clusters: OrdMap<ClusterId, Arc<Cluster>>,
    nodes: OrdMap<NodeId, Arc<Node>>,
    devices: OrdMap<DeviceId, Arc<Device>>,
    bricks: OrdMap<BrickId, Arc<Brick>>,
    volumes: OrdMap<VolumeId, Arc<Volume>>,
    block_volumes: OrdMap<BlockVolumeId, Arc<BlockVolume>>,
    operations: OrdMap<OperationId, Arc<Operation>>,
    jobs: OrdMap<QueueId, Arc<Job>>,
    host_keys: OrdMap<HostKeyId, Arc<HostKey>>,
    keyed_requests: OrdMap<RequestKeyId, Arc<KeyedRequest>>,
    origins: OrdMap<OriginId, Arc<Origin>>,
    index: index::Index,
}

/// A change set that contradicts the state; nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent change: {0}")]
pub struct ApplyError(String);

impl Inventory {
    /// The state made of these records, as a store returns them. Links are looked at after the last record,
    /// so any order will do.
    ///
    /// # Errors
    /// [`ApplyError`] when a record refers to another that is not there.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Result<Self, ApplyError> {
        let mut records: Vec<Record> = records.into_iter().collect();
        // Keys sort referenced kinds before those that refer to them.
        records.sort_by_key(Record::key);
        Self::default().with(records.into_iter().map(Change::Put))
    }

    /// Every record, sorted by kind and id.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let clusters = self.clusters.values().map(|r| Record::Cluster(Cluster::clone(r)));
        let nodes = self.nodes.values().map(|r| Record::Node(Node::clone(r)));
        let devices = self.devices.values().map(|r| Record::Device(Device::clone(r)));
        let volumes = self.volumes.values().map(|r| Record::Volume(Volume::clone(r)));
        let bricks = self.bricks.values().map(|r| Record::Brick(Brick::clone(r)));
        let blocks = self.block_volumes.values().map(|r| Record::BlockVolume(BlockVolume::clone(r)));
        let operations = self.operations.values().map(|r| Record::Operation(Operation::clone(r)));
        let jobs = self.jobs.values().map(|r| Record::Job(Job::clone(r)));
        let host_keys = self.host_keys.values().map(|r| Record::HostKey(HostKey::clone(r)));
        let keyed = self.keyed_requests.values().map(|r| Record::KeyedRequest(KeyedRequest::clone(r)));
        let placed = clusters.chain(nodes).chain(devices).chain(volumes).chain(bricks).chain(blocks);
        let origins = self.origins.values().map(|r| Record::Origin(Origin::clone(r)));
        placed.chain(operations).chain(jobs).chain(host_keys).chain(keyed).chain(origins)
    }

    /// Are the indexes what the records make them? The audit asks; anything but true is a defect of heketi.
    pub fn indexes_match_records(&self) -> bool {
        Self::from_records(self.records()).is_ok_and(|rebuilt| rebuilt.index == self.index)
    }
}
