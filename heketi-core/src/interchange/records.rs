//! The records of heketi v10, field by field as its `db export` writes them (core section 8.2 of heketi v10's
//! behaviour). Members that v10 leaves out when empty are left out, lists that v10 writes as `null` when empty are
//! written so, and either is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Secret;

/// Reads `null` as the empty value.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes an empty list as `null`.
fn null_when_empty<S: Serializer, T: Serialize>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    if list.is_empty() { serializer.serialize_none() } else { list.serialize(serializer) }
}

/// Writes an empty map as `null`.
fn null_when_no_option<S: Serializer>(map: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    if map.is_empty() { serializer.serialize_none() } else { map.serialize(serializer) }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $member:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field])* pub $member: $type,)*
        }
    )*};
}

records! {
    /// A cluster.
    ClusterEntry {
        /// All of it.
        #[serde(rename = "Info")]
        info: ClusterInfo,
    }

    /// What a cluster consists of.
    ClusterInfo {
        /// Its id.
        id: String,
        /// Ids of its nodes, ascending.
        #[serde(deserialize_with = "nullable")]
        nodes: Vec<String>,
        /// Ids of its volumes, ascending.
        #[serde(deserialize_with = "nullable")]
        volumes: Vec<String>,
        /// May hold block volumes.
        block: bool,
        /// May hold ordinary volumes.
        file: bool,
        /// Ids of its block volumes, ascending.
        #[serde(deserialize_with = "nullable")]
        blockvolumes: Vec<String>,
    }

    /// The id of the operation that has not finished with a record; empty when none.
    PendingMark {
        /// Id of the operation.
        #[serde(rename = "Id")]
        id: String,
    }

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
        #[serde(serialize_with = "super::json::write_factor")]
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

    /// A node.
    NodeEntry {
        /// `online`, `offline` or `failed`; empty counts as online.
        #[serde(rename = "State")]
        state: String,
        /// What v10 shows of it.
        #[serde(rename = "Info")]
        info: NodeInfo,
        /// Ids of its devices, ascending.
        #[serde(rename = "Devices", deserialize_with = "nullable")]
        devices: Vec<String>,
    }

    /// What v10 shows of a node.
    NodeInfo {
        /// Failure domain.
        zone: i64,
        /// Its names.
        hostnames: HostNamesInfo,
        /// Its cluster.
        cluster: String,
        /// Its tags.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
        tags: BTreeMap<String, String>,
        /// Its id.
        id: String,
    }

    /// The names of a node.
    HostNamesInfo {
        /// Where commands run.
        #[serde(deserialize_with = "nullable", serialize_with = "null_when_empty")]
        manage: Vec<String>,
        /// What gluster is told.
        #[serde(deserialize_with = "nullable", serialize_with = "null_when_empty")]
        storage: Vec<String>,
    }

    /// A device.
    DeviceEntry {
        /// `online`, `offline` or `failed`; empty counts as online.
        #[serde(rename = "State")]
        state: String,
        /// What v10 shows of it.
        #[serde(rename = "Info")]
        info: DeviceInfo,
        /// Ids of its bricks, ascending.
        #[serde(rename = "Bricks", deserialize_with = "nullable")]
        bricks: Vec<String>,
        /// Its node.
        #[serde(rename = "NodeId")]
        node_id: String,
        /// KiB of an extent of its volume group.
        #[serde(rename = "ExtentSize")]
        extent_size: u64,
    }

    /// What v10 shows of a device.
    DeviceInfo {
        /// Path given when it was added.
        name: String,
        /// Its tags.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
        tags: BTreeMap<String, String>,
        /// Its sizes.
        storage: StorageSize,
        /// Its id.
        id: String,
        /// All names udev knew.
        #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
        paths: Vec<String>,
        /// UUID of the physical volume.
        #[serde(skip_serializing_if = "String::is_empty")]
        pv_uuid: String,
    }

    /// The sizes of a device in KiB.
    StorageSize {
        /// Size of the volume group.
        total: u64,
        /// What bricks can still take.
        free: u64,
        /// What bricks took.
        used: u64,
    }

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

    /// An attribute of the database.
    AttributeEntry {
        /// Its key.
        #[serde(rename = "Key")]
        key: String,
        /// Its value.
        #[serde(rename = "Value")]
        value: String,
    }

    /// A pending operation.
    OperationEntry {
        /// Its id.
        #[serde(rename = "Id")]
        id: String,
        /// When it was planned, in seconds since 1970.
        #[serde(rename = "Timestamp")]
        timestamp: i64,
        /// What kind (core section 7.1): 1 create volume … 9 expand block volume.
        #[serde(rename = "Type")]
        kind: i64,
        /// What it changes, in order.
        #[serde(rename = "Actions", deserialize_with = "nullable", serialize_with = "null_when_empty")]
        actions: Vec<ActionEntry>,
        /// Empty, `stale` or `failed`.
        #[serde(rename = "Status")]
        status: String,
    }

    /// One change of a pending operation.
    ActionEntry {
        /// What kind of change (core section 7.1): 1 add brick … 14 expand block volume.
        #[serde(rename = "Change")]
        change: i64,
        /// The object.
        #[serde(rename = "Id")]
        id: String,
        /// GiB: the increment of an expanded volume, the new size of an expanded block volume.
        #[serde(rename = "Delta", deserialize_with = "super::json::read_delta")]
        delta: Option<i64>,
    }
}
