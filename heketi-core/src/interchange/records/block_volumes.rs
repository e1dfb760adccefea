//! Block volumes.

use serde::{Deserialize, Serialize};

use super::{PendingMark, is_false, is_zero, null_when_empty, nullable, records};
use crate::model::Secret;

records! {
    /// A block volume.
    BlockVolumeEntry {
        /// What v10 shows of it.
        #[serde(rename = "Info")]
        info: BlockVolumeInfo,
        /// The operation at work on it.
        #[serde(rename = "Pending")]
        pending: PendingMark,
    }

    /// What v10 shows of a block volume.
    BlockVolumeInfo {
        /// GiB.
        size: i64,
        /// Clusters the request named.
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        clusters: Vec<String>,
        /// Its name.
        name: String,
        /// Over how many hosts it can be reached.
        #[serde(skip_serializing_if = "is_zero")]
        hacount: i64,
        /// Are initiators asked for a password?
        #[serde(skip_serializing_if = "is_false")]
        auth: bool,
        /// Its id.
        id: String,
        /// The iSCSI target.
        blockvolume: TargetInfo,
        /// Its cluster.
        cluster: String,
        /// The volume that hosts it.
        blockhostingvolume: String,
        /// GiB that every host serves; 0 in old records counts as `size`.
        #[serde(skip_serializing_if = "is_zero")]
        usablesize: i64,
    }

    /// An iSCSI target.
    TargetInfo {
        /// Storage hosts it is exported from.
        #[serde(deserialize_with = "nullable", serialize_with = "null_when_empty")]
        hosts: Vec<String>,
        /// iSCSI qualified name.
        iqn: String,
        /// Always 0.
        lun: i64,
        /// User name of initiators.
        username: String,
        /// Password of initiators; exported in clear, as v10 does.
        password: Secret,
    }
}
