use crate::id::{ClusterId, DeviceId, NodeId, OperationId, VolumeId};
use crate::inventory::Inventory;

/// Something an operation works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Object {
    /// A cluster.
    Cluster(ClusterId),
    /// A node.
    Node(NodeId),
    /// A host name that is becoming a node's.
    HostName(String),
    /// A device.
    Device(DeviceId),
    /// A path on a node that is becoming a device.
    DevicePath(NodeId, String),
    /// A volume.
    Volume(VolumeId),
}

/// How an operation holds an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// The object must stay; others may share it.
    Shared,
    /// Nobody else may work on it.
    Exclusive,
}

impl Inventory {
    /// The operation that stands in the way of claiming `object` like this, if one does.
    pub fn conflict(&self, object: &Object, claim: Claim) -> Option<OperationId> {
        let holders = self.index.claims.get(object)?;
        holders
            .iter()
            .find(|(_, held)| claim == Claim::Exclusive || *held == Claim::Exclusive)
            .map(|(operation, _)| *operation)
    }

    /// All operations that hold `object`.
    pub fn claimants(&self, object: &Object) -> impl Iterator<Item = (OperationId, Claim)> {
        self.index.claims.get(object).into_iter().flatten().copied()
    }
}
