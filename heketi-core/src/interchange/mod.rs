//! The database of heketi v10 and its predecessors, in and out: the JSON form of its `db export`, and its BoltDB
//! file, which is read and never written.
//!
//! [`V10Database`] holds the records as heketi v10 keeps them, so a file can be looked at, checked, repaired and
//! written as JSON without being converted. [`V10Database::to_inventory`] makes a state of ours of it,
//! [`V10Database::from_inventory`] goes the other way.
//!
//! The usual way in: [`is_bolt`], [`V10Database::from_bolt`], [`V10Database::upgrade`], [`V10Database::check`],
//! [`V10Database::to_inventory`]; the records to store are [`Inventory::records`].
//!
//! [`Inventory::records`]: crate::inventory::Inventory::records

mod bolt;
mod check;
mod codes;
mod consistency;
mod convert;
mod export;
mod gob;
mod json;
mod records;
mod stored;
mod upgrade;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use bolt::is_bolt;
pub use check::{Damage, DamageKind};
pub use consistency::{CheckedRecords, ConsistencyReport};
pub use convert::{ConvertError, Converted, Note, refuse};
pub use export::{ExportRefused, name_database};
pub use records::*;
pub use upgrade::UpgradeNote;

use codes::{change, kind};
use records::nullable;

/// Everything a heketi v10 database holds. Keys are v10's: ids as text, names of attributes.
///
/// Its serde form is the JSON of v10's `db export`, member by member. Host registrations are not part of that form:
/// v10 does not export them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct V10Database {
    /// Clusters by id.
    #[serde(rename = "clusterentries", deserialize_with = "nullable")]
    pub clusters: BTreeMap<String, ClusterEntry>,
    /// Volumes by id, block hosting volumes among them.
    #[serde(rename = "volumeentries", deserialize_with = "nullable")]
    pub volumes: BTreeMap<String, VolumeEntry>,
    /// Bricks by id.
    #[serde(rename = "brickentries", deserialize_with = "nullable")]
    pub bricks: BTreeMap<String, BrickEntry>,
    /// Nodes by id.
    #[serde(rename = "nodeentries", deserialize_with = "nullable")]
    pub nodes: BTreeMap<String, NodeEntry>,
    /// Devices by id.
    #[serde(rename = "deviceentries", deserialize_with = "nullable")]
    pub devices: BTreeMap<String, DeviceEntry>,
    /// Block volumes by id.
    #[serde(rename = "blockvolumeentries", deserialize_with = "nullable")]
    pub block_volumes: BTreeMap<String, BlockVolumeEntry>,
    /// Attributes of the database by key.
    #[serde(rename = "dbattributeentries", deserialize_with = "nullable")]
    pub attributes: BTreeMap<String, AttributeEntry>,
    /// Pending operations by id.
    #[serde(rename = "pendingoperations", deserialize_with = "nullable")]
    pub operations: BTreeMap<String, OperationEntry>,
    /// Which node has a host name: `MANAGE<host>` or `STORAGE<host>` to the node's id, and in old files which device
    /// has a path: `DEVICE<node id><path>` to its id. Only a BoltDB file has them.
    #[serde(skip)]
    pub registrations: BTreeMap<String, String>,
    /// The newest of the two meta pages of the BoltDB file is damaged: this is the state before the last change.
    #[serde(skip)]
    pub older_revision: bool,
}

/// What cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes are no BoltDB file.
    #[error("not a BoltDB file: {0}")]
    NotBolt(String),
    /// The file is shorter than its own records say: the copy or the disk is incomplete.
    #[error("BoltDB file is truncated: it has {found} bytes and needs at least {needed}")]
    Truncated {
        /// Bytes there are.
        found: u64,
        /// Bytes the file speaks of.
        needed: u64,
    },
    /// A page contradicts itself or the others.
    #[error("BoltDB page {page} is damaged: {why}")]
    Page {
        /// Number of the page.
        page: u64,
        /// What is wrong.
        why: String,
    },
    /// A bucket that no version of heketi up to v10 has: another program's file, or a newer heketi's.
    #[error("bucket {0} is not one of heketi v10's: another program or a newer heketi wrote this file")]
    UnknownBucket(String),
    /// A bucket that every version has is missing.
    #[error("bucket {0} is missing: this is no database of heketi")]
    MissingBucket(&'static str),
    /// A record cannot be decoded.
    #[error("record {key} in bucket {bucket} cannot be read: {why}")]
    Record {
        /// Bucket, or member of the JSON form.
        bucket: &'static str,
        /// Key of the record.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// An attribute that only a newer heketi writes.
    #[error("attribute {0} is not known to heketi v10: a newer heketi wrote this database")]
    UnknownAttribute(String),
    /// The text is not v10's JSON form.
    #[error("not the JSON form of heketi v10's database: {0}")]
    Json(String),
}
