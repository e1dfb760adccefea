//! Nodes and disks that come back new.

use heketi_core::Error;
use heketi_core::id::{DeviceId, NodeId, QueueId};
use heketi_core::operation::{DeviceReplace, NodeReplace};

use super::Engine;

impl Engine {
    /// Takes back a node that was rebuilt under its old name: its place in the trusted pool, then its devices and
    /// bricks; the job ends when gluster has healed them. Disks that are not empty and not the node's own are
    /// left alone and named in the job's result.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `NotServing`.
    pub async fn node_replace(&self, id: NodeId) -> Result<QueueId, Error> {
        self.submit(|planning| NodeReplace::plan(planning.inventory, id, planning.ids, planning.now)).await
    }

    /// Takes a new, empty disk for a device, at `path` or where the old one was: the same bricks; the job ends when
    /// gluster has healed them.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `NotServing`.
    pub async fn device_replace(&self, id: DeviceId, path: Option<String>) -> Result<QueueId, Error> {
        self.submit(|planning| DeviceReplace::plan(planning.inventory, id, path, planning.ids, planning.now)).await
    }
}
