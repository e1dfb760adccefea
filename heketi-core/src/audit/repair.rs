//! What would make a finding go away.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, VolumeId};
use crate::operation::GlusterBrick;

/// What may be left of one brick on a node: everything heketi's naming rule gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remains {
    /// The node.
    pub node: NodeId,
    /// Volume group; it need not exist any more.
    pub volume_group: String,
    /// Thin pool.
    pub thin_pool: String,
    /// Logical volume.
    pub logical_volume: String,
    /// Where it is, was or would be mounted.
    pub mount_point: String,
}

/// A repair names what is repaired and nothing else: sizes, places and names are read from the nodes again when
/// it is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// An administrator has to decide or to act; the text says what can be done.
    ByHand(String),
    /// Removes an entry of the job queue.
    DropJob(QueueId),
    /// Removes a pending operation whose objects are not there.
    DropOperation(OperationId),
    /// Removes a brick's record: neither its node nor gluster knows it.
    DropBrick(BrickId),
    /// Takes what the bricks of a volume hold together for its size.
    SizeVolume(VolumeId),
    /// Computes the free size of a block hosting volume from its block volumes.
    CountHosted(VolumeId),
    /// Records a member of the trusted pool that holds bricks as a node, offline and in a zone of its own.
    TakeInNode {
        /// Its cluster.
        cluster: ClusterId,
        /// The name the pool knows it by.
        host: String,
    },
    /// Records a volume group as a device; a new record is offline.
    TakeInDevice {
        /// The node it is on.
        node: NodeId,
        /// The device its name belongs to.
        device: DeviceId,
    },
    /// Records a gluster volume on heketi's bricks, with its bricks.
    TakeInVolume {
        /// Its cluster.
        cluster: ClusterId,
        /// Its name.
        name: String,
    },
    /// Records a brick of a volume as gluster and LVM describe it.
    TakeInBrick {
        /// Its volume.
        volume: VolumeId,
        /// The brick.
        brick: GlusterBrick,
    },
    /// Takes gluster's order of the bricks of a volume.
    PlaceBricks(VolumeId),
    /// Takes sizes and thin pool of a brick from LVM.
    MeasureBrick(BrickId),
    /// Takes gluster's name of a volume.
    NameVolume {
        /// The volume.
        volume: VolumeId,
        /// Its name in gluster.
        name: String,
    },
    /// Takes gluster's durability of a volume.
    LayoutVolume(VolumeId),
    /// Makes the name gluster knows a node by its first storage host name.
    NameNode {
        /// The node.
        node: NodeId,
        /// The name.
        storage: String,
    },
    /// Takes size and identity of a device from LVM.
    MeasureDevice(DeviceId),
    /// Brings a node into the trusted pool of its cluster.
    ProbePeer(NodeId),
    /// Makes the volume group of a device again, on the same disk if that is empty.
    MakeGroup(DeviceId),
    /// Destroys what is left of a brick that no record and no gluster volume knows.
    RemoveBrick(Remains),
    /// Removes an empty directory below heketi's mount points.
    RemoveDirectory {
        /// The node.
        node: NodeId,
        /// The directory.
        path: String,
    },
    /// Mounts a brick and writes its fstab line.
    MountBrick(BrickId),
    /// Makes a brick that is gone again, empty, and has gluster heal the data to it.
    ResetBrick(BrickId),
    /// Starts a volume.
    StartVolume(VolumeId),
    /// Creates a volume that gluster lost again, over the bricks it had.
    CreateVolume(VolumeId),
    /// Sets the options of a volume that gluster lost.
    SetOptions(VolumeId),
}

impl Repair {
    pub(super) fn by_hand(text: impl Into<String>) -> Self {
        Self::ByHand(text.into())
    }

    /// Can heketi do it?
    pub fn is_automatic(&self) -> bool {
        !matches!(self, Self::ByHand(_))
    }

    /// Repairs of lower rank come first: records before nodes, what is in the way before what is missing.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::ByHand(_) => u8::MAX,
            Self::DropJob(_) | Self::DropOperation(_) => 0,
            Self::TakeInNode { .. } => 1,
            Self::NameNode { .. } => 2,
            Self::TakeInDevice { .. } => 3,
            Self::NameVolume { .. } => 4,
            Self::TakeInVolume { .. } => 5,
            Self::TakeInBrick { .. } => 6,
            Self::DropBrick(_) => 7,
            Self::LayoutVolume(_) => 8,
            Self::PlaceBricks(_) => 9,
            Self::MeasureBrick(_) => 10,
            Self::MeasureDevice(_) => 11,
            Self::SizeVolume(_) | Self::CountHosted(_) => 12,
            Self::ProbePeer(_) => 13,
            Self::MakeGroup(_) => 14,
            Self::RemoveBrick(_) => 15,
            Self::RemoveDirectory { .. } => 16,
            Self::MountBrick(_) => 17,
            Self::CreateVolume(_) => 18,
            Self::StartVolume(_) => 19,
            Self::SetOptions(_) => 20,
            Self::ResetBrick(_) => 21,
        }
    }

    /// Does it change records only?
    pub(crate) fn is_record(&self) -> bool {
        self.rank() < Self::ProbePeer(NodeId::from_bytes([0; 16])).rank()
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByHand(text) => f.write_str(text),
            Self::DropJob(_) => f.write_str("remove the job's record"),
            Self::DropOperation(_) => f.write_str("remove the operation's record"),
            Self::DropBrick(_) => f.write_str("remove the brick's record"),
            Self::SizeVolume(_) => f.write_str("take what the bricks hold for the volume's size"),
            Self::CountHosted(_) => f.write_str("compute the free size from the block volumes"),
            Self::TakeInNode { cluster, host } => {
                write!(f, "record {host} as a node of cluster {cluster}, offline and in a zone of its own")
            }
            Self::TakeInDevice { node, device } => {
                write!(f, "record the volume group as device {device} of node {node}")
            }
            Self::TakeInVolume { name, .. } => {
                write!(f, "record volume {name} and its bricks as gluster describes them")
            }
            Self::TakeInBrick { volume, brick } => write!(f, "record {brick} as a brick of volume {volume}"),
            Self::PlaceBricks(_) => f.write_str("take gluster's order of the bricks"),
            Self::MeasureBrick(_) => f.write_str("take the brick's sizes and thin pool from LVM"),
            Self::NameVolume { name, .. } => write!(f, "take gluster's name {name}"),
            Self::LayoutVolume(_) => f.write_str("take gluster's durability"),
            Self::NameNode { storage, .. } => write!(f, "make {storage} the node's first storage host name"),
            Self::MeasureDevice(_) => f.write_str("resync the device"),
            Self::ProbePeer(_) => f.write_str("probe the node from a member of the trusted pool"),
            Self::MakeGroup(_) => f.write_str("make the volume group again, if the disk is empty"),
            Self::RemoveBrick(remains) => {
                write!(f, "destroy {}/{} and what belongs to it", remains.volume_group, remains.logical_volume)
            }
            Self::RemoveDirectory { path, .. } => write!(f, "remove the empty directory {path}"),
            Self::MountBrick(_) => f.write_str("mount the brick and write its fstab line"),
            Self::ResetBrick(_) => f.write_str("make the brick again, empty, and let gluster heal the data to it"),
            Self::StartVolume(_) => f.write_str("start the volume"),
            Self::CreateVolume(_) => f.write_str("create the volume again over the bricks it had"),
            Self::SetOptions(_) => f.write_str("set the options again"),
        }
    }
}
