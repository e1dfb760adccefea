use serde::{Deserialize, Serialize};

use super::validate::{Problems, device_path, tags, uuid};
use super::{BrickInfo, Validate, ValidationError, is_false};
use crate::id::DeviceId;
use crate::model::{EntryState, Tags};
use crate::units::Kib;

/// Body of `POST /devices`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["name", "node"])))]
pub struct DeviceAddRequest {
    /// Path on the node.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    pub name: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Id of an existing node.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-fA-F]{32}$")))]
    pub node: String,
    /// Wipe what is on the disk.
    #[serde(skip_serializing_if = "is_false")]
    pub destroydata: bool,
}

impl Validate for DeviceAddRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default()
            .field("name", device_path(&self.name))
            .field("node", uuid(&self.node))
            .field("tags", tags(&self.tags))
            .result()
    }
}

/// Optional body of `DELETE /devices/{id}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DeviceDeleteRequest {
    /// Forget the device even if the node cannot take it down.
    pub forceforget: bool,
}

impl Validate for DeviceDeleteRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}

/// Optional body of `POST /devices/{id}/replace`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DeviceReplaceRequest {
    /// Path of the new disk on the node; empty means the path the device has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Validate for DeviceReplaceRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        let problem = if self.name.is_empty() { None } else { device_path(&self.name) };
        Problems::default().field("name", problem).result()
    }
}

/// Room on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StorageSize {
    /// Size of the volume group.
    pub total: Kib,
    /// What new bricks may take.
    pub free: Kib,
    /// The rest.
    pub used: Kib,
}

/// Answer of `GET /devices/{id}`, and a device within a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceInfo {
    /// Path as it was given.
    pub name: String,
    /// Its own tags, without its node's.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Its room.
    pub storage: StorageSize,
    /// Its id.
    pub id: DeviceId,
    /// All names udev knew when it was added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// UUID of the LVM physical volume.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pv_uuid: String,
    /// Whether it receives new bricks.
    pub state: EntryState,
    /// Its bricks, sorted by id.
    #[serde(default)]
    pub bricks: Vec<BrickInfo>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{NodeInfo, decode, encode};

    #[test]
    fn node_and_device_are_written_as_v10_writes_them() {
        let full = concat!(
            r#"{"zone":1,"hostnames":{"manage":["gfs-a.example"],"storage":["192.0.2.11"]},"cluster":"4f1a7c02b8d94e6fa3c5d7e9012b3c4d","#,
            r#""tags":{"rack":"r7"},"id":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","state":"online","devices":[{"name":"/dev/sdb","tags":{"drive":"ssd"},"#,
            r#""storage":{"total":524288000,"free":513748992,"used":10539008},"id":"d5e6f708192a3b4c5d6e7f8091a2b3c4","paths":["/dev/sdb","/dev/disk/by-id/x1"],"#,
            r#""pv_uuid":"Q3rT5y-aaaa-bbbb-cccc-dddd-eeee-Zz9Yx8","state":"online","bricks":[{"id":"b41cb41c00112233445566778899aabb","#,
            r#""path":"/var/lib/heketi/mounts/vg_d5e6f708192a3b4c5d6e7f8091a2b3c4/brick_b41cb41c00112233445566778899aabb/brick","#,
            r#""device":"d5e6f708192a3b4c5d6e7f8091a2b3c4","node":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","volume":"7e57ab1e00112233445566778899aabb","size":10485760}]}]}"#
        );
        assert_eq!(encode(&decode::<NodeInfo>(full.as_bytes()).unwrap()), full);
        let bare = r#"{"name":"/dev/sdb","storage":{"total":1,"free":1,"used":0},"id":"d5e6f708192a3b4c5d6e7f8091a2b3c4","state":"failed","bricks":[]}"#;
        assert_eq!(encode(&decode::<DeviceInfo>(bare.as_bytes()).unwrap()), bare);
    }

    #[test]
    fn a_replacement_may_name_another_path() {
        for (name, good) in [("", true), ("/dev/sdc", true), ("sdc", false), ("/dev/$(x)", false)] {
            assert_eq!(DeviceReplaceRequest { name: name.into() }.validate().is_ok(), good, "{name}");
        }
    }

    #[test]
    fn problems_of_a_device() {
        let request = DeviceAddRequest { name: "sdb".into(), node: "x".into(), ..Default::default() };
        assert_eq!(
            request.validate().unwrap_err().to_string(),
            "validation failed: name: must be in a valid format; node: x is not a valid UUID."
        );
    }
}
