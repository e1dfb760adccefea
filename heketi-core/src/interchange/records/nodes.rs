//! Clusters, nodes and devices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{null_when_empty, nullable, records};

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
}
