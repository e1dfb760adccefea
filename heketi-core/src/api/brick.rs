use serde::{Deserialize, Serialize};

use crate::id::{BrickId, DeviceId, NodeId, VolumeId};
use crate::model::Brick;
use crate::units::Kib;

/// A brick as `GET /volumes/{id}`, `/nodes/{id}` and `/devices/{id}` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrickInfo {
    /// Its id.
    pub id: BrickId,
    /// The directory gluster uses.
    pub path: String,
    /// The device that holds it.
    pub device: DeviceId,
    /// The node of that device.
    pub node: NodeId,
    /// Its volume.
    pub volume: VolumeId,
    /// Usable size.
    pub size: Kib,
}

impl From<&Brick> for BrickInfo {
    fn from(brick: &Brick) -> Self {
        Self {
            id: brick.id,
            path: brick.brick_directory(),
            device: brick.device,
            node: brick.node,
            volume: brick.volume,
            size: brick.size,
        }
    }
}
