//! The file of `heketi-cli topology load`. Read it with [`super::decode_first`].

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{HostAddresses, is_false};
use crate::model::Tags;

/// Clusters, nodes and devices that shall exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyFile {
    /// The clusters.
    pub clusters: Vec<TopologyCluster>,
}

/// A cluster of a topology file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyCluster {
    /// Its nodes.
    pub nodes: Vec<TopologyNode>,
    /// May hold block volumes; true unless the file says otherwise.
    pub block: bool,
    /// May hold ordinary volumes; true unless the file says otherwise.
    pub file: bool,
}

impl Default for TopologyCluster {
    fn default() -> Self {
        Self { nodes: Vec::new(), block: true, file: true }
    }
}

/// A node of a topology file, with its devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyNode {
    /// The node.
    pub node: TopologyNodeSpec,
    /// Its devices.
    pub devices: Vec<TopologyDevice>,
}

/// The node itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyNodeSpec {
    /// Failure domain, 1 or greater.
    pub zone: i64,
    /// Its names.
    pub hostnames: HostAddresses,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// A device of a topology file: the bare path, or an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopologyDevice {
    /// Path on the node.
    pub name: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Wipe what is on the disk.
    #[serde(skip_serializing_if = "is_false")]
    pub destroydata: bool,
}

impl<'de> Deserialize<'de> for TopologyDevice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrObject;
        impl<'de> Visitor<'de> for PathOrObject {
            type Value = TopologyDevice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a device: its path, or an object with its name")
            }

            fn visit_str<E>(self, path: &str) -> Result<TopologyDevice, E> {
                Ok(TopologyDevice { name: path.to_owned(), ..TopologyDevice::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<TopologyDevice, A::Error> {
                let mut device = TopologyDevice::default();
                while let Some(name) = members.next_key::<String>()? {
                    match name.to_ascii_lowercase().as_str() {
                        "name" => device.name = members.next_value::<Option<_>>()?.unwrap_or(device.name),
                        "tags" => device.tags = members.next_value::<Option<_>>()?.unwrap_or(device.tags),
                        "destroydata" => {
                            device.destroydata = members.next_value::<Option<_>>()?.unwrap_or(device.destroydata);
                        }
                        _ => drop(members.next_value::<serde::de::IgnoredAny>()?),
                    }
                }
                Ok(device)
            }
        }
        deserializer.deserialize_any(PathOrObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{decode_first, encode};

    #[test]
    fn devices_are_paths_or_objects_and_flags_default_to_true() {
        let file: TopologyFile = decode_first(
            br#"{"_comment":"x","clusters":[{"file":false,"nodes":[{"node":{"zone":1,"hostnames":{"manage":["a"],"storage":["b"]},"tags":{"rack":"r7"}},
                "devices":["/dev/sdb",{"Name":"/dev/sdc","tags":{"Drive":"ssd"},"destroydata":true,"other":[1]}]}]},{}]}"#,
        )
        .unwrap();
        assert_eq!(file.clusters.iter().map(|c| (c.file, c.block)).collect::<Vec<_>>(), [(false, true), (true, true)]);
        let node = &file.clusters[0].nodes[0];
        assert_eq!(node.node.tags["rack"], "r7");
        assert_eq!(node.devices[0], TopologyDevice { name: "/dev/sdb".into(), ..Default::default() });
        assert_eq!(encode(&node.devices[1]), r#"{"name":"/dev/sdc","tags":{"Drive":"ssd"},"destroydata":true}"#);
        assert!(decode_first::<TopologyFile>(br#"{"clusters":[{"nodes":[{"devices":[1]}]}]}"#).is_err());
    }
}
