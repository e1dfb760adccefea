use serde::{Deserialize, Serialize};

use super::{EntryState, Tags};
use crate::id::{DeviceId, NodeId};
use crate::units::Kib;

/// Extent size of a volume group until the node reports another: 4 MiB, LVM's default.
pub const DEFAULT_EXTENT: Kib = Kib(4096);

/// Name of the volume group of a device.
pub fn volume_group_name(device: DeviceId) -> String {
    format!("vg_{device}")
}

/// A disk: one LVM physical volume in one volume group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id; the volume group is named after it.
    pub id: DeviceId,
    /// The node it is attached to.
    pub node: NodeId,
    /// Path as the user gave it.
    pub name: String,
    /// All names udev knew when it was added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// UUID of the physical volume; absent in records of old versions of heketi v10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pv_uuid: Option<String>,
    /// Tags; they win over the node's.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Only an online device of an online node receives new bricks.
    pub state: EntryState,
    /// Size of the volume group.
    pub total: Kib,
    /// Part of `total` that was in use when the device was measured and belongs to no brick we know.
    #[serde(default)]
    pub foreign: Kib,
    /// Extent size of the volume group.
    pub extent: Kib,
}

impl Device {
    /// Its volume group.
    pub fn volume_group(&self) -> String {
        volume_group_name(self.id)
    }
}
