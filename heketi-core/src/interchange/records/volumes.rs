//! Volumes and their bricks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PendingMark, is_false, is_zero, null_when_empty, null_when_no_option, nullable, records};

records! {
    /// A volume.
    VolumeEntry {
        /// What v10 shows of it.
        #[serde(rename = "Info")]
        info: VolumeInfo,
        /// Ids of its bricks, ascending.
        #[serde(rename = "Bricks", deserialize_with = "nullable")]
        bricks: Vec<String>,
        /// Options in the order they are set, with empty entries; `null` when there are none.
        #[serde(rename = "GlusterVolumeOptions", deserialize_with = "nullable", serialize_with = "null_when_empty")]
        options: Vec<String>,
        /// The operation at work on it.
        #[serde(rename = "Pending")]
        pending: PendingMark,
    }

    /// What v10 shows of a volume.
    VolumeInfo {
        /// GiB.
        size: i64,
        /// Clusters the request named.
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        clusters: Vec<String>,
        /// Name in gluster.
        name: String,
        /// What was asked for.
        durability: DurabilityInfo,
        /// Group of the brick directories.
        #[serde(skip_serializing_if = "is_zero")]
        gid: i64,
        /// Options of the request; v10 keeps them beside this.
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        glustervolumeoptions: Vec<String>,
        /// Hosts block volumes.
        #[serde(skip_serializing_if = "is_false")]
        block: bool,
        /// Room for snapshots.
        snapshot: SnapshotInfo,
        /// Its id.
        id: String,
        /// Its cluster.
        cluster: String,
        /// How it is mounted.
        mount: MountInfo,
        /// What it hosts.
        blockinfo: BlockInfo,
    }

    /// What was asked for in the way of durability. Only the part that `type` names counts.
    DurabilityInfo {
        /// `none`, `replicate` or `disperse`; empty counts as `none`.
        #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
        kind: String,
        /// For `replicate`.
        replicate: ReplicateInfo,
        /// For `disperse`.
        disperse: DisperseInfo,
    }

    /// Durability by copies.
    ReplicateInfo {
        /// Copies; 0 counts as 2.
        #[serde(skip_serializing_if = "is_zero")]
        replica: i64,
    }

    /// Durability by coding.
    DisperseInfo {
        /// Bricks with data; 0 counts as 4.
        #[serde(skip_serializing_if = "is_zero")]
        data: i64,
        /// Bricks that may be lost; 0 counts as 2.
        #[serde(skip_serializing_if = "is_zero")]
        redundancy: i64,
    }

    /// Room for snapshots.
    SnapshotInfo {
        /// Was it asked for?
        enable: bool,
        /// Thin pool size over brick size, a 32-bit number.
        #[serde(serialize_with = "super::super::json::write_factor")]
        factor: f32,
    }

    /// How a volume is mounted.
    MountInfo {
        /// With gluster's own client.
        glusterfs: GlusterMount,
    }

    /// How a volume is mounted with gluster's client, as it was when the volume was made.
    GlusterMount {
        /// Storage hosts of the cluster.
        #[serde(deserialize_with = "nullable", serialize_with = "null_when_empty")]
        hosts: Vec<String>,
        /// `<host>:<volume name>`.
        device: String,
        /// Mount options.
        #[serde(deserialize_with = "nullable", serialize_with = "null_when_no_option")]
        options: BTreeMap<String, String>,
    }

    /// What a block hosting volume hosts; all empty for other volumes.
    BlockInfo {
        /// GiB for further block volumes.
        #[serde(skip_serializing_if = "is_zero")]
        freesize: i64,
        /// GiB for the file system's own needs.
        #[serde(skip_serializing_if = "is_zero")]
        reservedsize: i64,
        /// Ids of its block volumes, ascending.
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        blockvolume: Vec<String>,
        /// Empty, `locked` or `locked-by-update`.
        #[serde(skip_serializing_if = "String::is_empty")]
        restriction: String,
    }

    /// A brick.
    BrickEntry {
        /// What v10 shows of it.
        #[serde(rename = "Info")]
        info: BrickInfo,
        /// KiB of the thin pool.
        #[serde(rename = "TpSize")]
        tp_size: u64,
        /// KiB of the thin pool's metadata.
        #[serde(rename = "PoolMetadataSize")]
        pool_metadata_size: u64,
        /// The operation at work on it.
        #[serde(rename = "Pending")]
        pending: PendingMark,
        /// Thin pool; empty means `tp_<brick id>`.
        #[serde(rename = "LvmThinPool")]
        lvm_thin_pool: String,
        /// Logical volume; empty means `brick_<brick id>`.
        #[serde(rename = "LvmLv")]
        lvm_lv: String,
        /// 0 unknown (old records), 1 normal, 2 arbiter.
        #[serde(rename = "SubType")]
        sub_type: i64,
    }

    /// What v10 shows of a brick.
    BrickInfo {
        /// Its id.
        id: String,
        /// The directory gluster is given.
        path: String,
        /// Its device.
        device: String,
        /// Its node.
        node: String,
        /// Its volume; empty in files of old versions.
        volume: String,
        /// Usable KiB.
        size: u64,
    }
}
