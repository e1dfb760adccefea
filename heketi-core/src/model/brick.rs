use serde::{Deserialize, Serialize};

use super::volume_group_name;
use crate::id::{BrickId, DeviceId, NodeId, VolumeId};
use crate::operation::BrickSpec;
use crate::units::Kib;

/// Below this directory brick file systems are mounted on the nodes, as heketi v10 does.
const MOUNT_ROOT: &str = "/var/lib/heketi/mounts";

/// How a brick's file system is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrickFormat {
    /// Holds file data.
    #[default]
    Normal,
    /// Holds names and attributes only.
    Arbiter,
}

/// Where a brick stands in its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetPosition {
    /// Which brick set, from 0 in gluster's order.
    pub set: u32,
    /// Which brick of the set, from 0.
    pub index: u32,
}

/// One brick: a thin pool with one logical volume, an XFS on it, and the directory gluster uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brick {
    /// Its id.
    pub id: BrickId,
    /// The device that holds it.
    pub device: DeviceId,
    /// The node of that device.
    pub node: NodeId,
    /// The volume it belongs to.
    pub volume: VolumeId,
    /// Usable size: the virtual size of the logical volume.
    pub size: Kib,
    /// Size of the thin pool.
    pub pool_size: Kib,
    /// Size of the thin pool's metadata.
    pub metadata_size: Kib,
    /// How the file system is made.
    #[serde(default)]
    pub format: BrickFormat,
    /// Place in the volume; absent where heketi v10 did not record it and gluster was not yet asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<SetPosition>,
    /// Name of the thin pool where it is not `tp_<brick id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thin_pool: Option<String>,
    /// Name of the logical volume where it is not `brick_<brick id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_volume: Option<String>,
    /// Brick directory where it does not follow from the ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its volume uses it no more, but its node could not be told to destroy it yet. Its space is in use until
    /// then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// Names a thin pool on its device. A clone's bricks live in the thin pools of the volume it was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PoolKey {
    /// `tp_<brick id>`.
    OfBrick(BrickId),
    /// Any other name.
    Named(Box<str>),
}

/// Mount point of a brick by the naming rule.
pub fn brick_mount_point(device: DeviceId, brick: BrickId) -> String {
    format!("{MOUNT_ROOT}/{}/brick_{brick}", volume_group_name(device))
}

impl Brick {
    /// Name of the thin pool.
    pub fn thin_pool_name(&self) -> String {
        self.thin_pool.clone().unwrap_or_else(|| format!("tp_{}", self.id))
    }

    /// Name of the logical volume.
    pub fn logical_volume_name(&self) -> String {
        self.logical_volume.clone().unwrap_or_else(|| format!("brick_{}", self.id))
    }

    /// The thin pool, for accounting: bricks with equal keys on one device share it.
    pub(crate) fn pool_key(&self) -> PoolKey {
        match &self.thin_pool {
            None => PoolKey::OfBrick(self.id),
            Some(name) => match name.strip_prefix("tp_").and_then(|id| id.parse().ok()) {
                Some(id) => PoolKey::OfBrick(id),
                None => PoolKey::Named(name.as_str().into()),
            },
        }
    }

    /// What the device is charged: thin pool and its metadata. Bricks that share a thin pool are charged once.
    pub fn charge(&self) -> Kib {
        self.pool_size + self.metadata_size
    }

    /// Where the file system is mounted.
    pub fn mount_point(&self) -> String {
        match &self.path {
            Some(path) => path.strip_suffix("/brick").unwrap_or(path).to_owned(),
            None => brick_mount_point(self.device, self.id),
        }
    }

    /// The directory gluster is given.
    pub fn brick_directory(&self) -> String {
        self.path.clone().unwrap_or_else(|| brick_mount_point(self.device, self.id) + "/brick")
    }

    /// The brick as node commands need it; `gid` is that of its volume.
    pub fn spec(&self, gid: i64) -> BrickSpec {
        BrickSpec {
            volume_group: volume_group_name(self.device),
            thin_pool: self.thin_pool_name(),
            logical_volume: self.logical_volume_name(),
            mount_point: self.mount_point(),
            size: self.size,
            pool_size: self.pool_size,
            metadata_size: self.metadata_size,
            gid,
            format: self.format,
        }
    }
}
