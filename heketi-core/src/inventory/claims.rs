use crate::id::{BlockVolumeId, ClusterId, DeviceId, NodeId, OperationId, VolumeId};
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
    /// A block volume.
    BlockVolume(BlockVolumeId),
    /// The retired bricks of a node.
    RetiredBricks(NodeId),
}

/// How an operation holds an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// The object must stay; others may share it.
    Shared,
    /// Nobody else may come to it; those that share it already stay. For what they may be waiting for: the return
    /// of a node.
    Closed,
    /// Nobody else may work on it.
    Exclusive,
}

impl Inventory {
    /// The operation that stands in the way of claiming `object` like this, if one does.
    pub fn conflict(&self, object: &Object, claim: Claim) -> Option<OperationId> {
        let holders = self.index.claims.get(object)?;
        holders
            .iter()
            .find(|(_, held)| match claim {
                Claim::Exclusive => true,
                Claim::Closed | Claim::Shared => *held != Claim::Shared,
            })
            .map(|(operation, _)| *operation)
    }

    /// All operations that hold `object`.
    pub fn claimants(&self, object: &Object) -> impl Iterator<Item = (OperationId, Claim)> {
        self.index.claims.get(object).into_iter().flatten().copied()
    }
}
