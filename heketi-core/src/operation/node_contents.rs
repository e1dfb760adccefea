//! What an inspection of a node finds.

use crate::units::Kib;

/// What is on a node, as far as heketi could have made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeContents {
    /// Physical volumes.
    pub physical_volumes: Vec<NodePhysicalVolume>,
    /// Volume groups.
    pub volume_groups: Vec<NodeVolumeGroup>,
    /// Logical volumes, thin pools among them, LVM's own hidden ones excepted.
    pub logical_volumes: Vec<NodeLogicalVolume>,
    /// What is mounted: device and mount point.
    pub mounts: Vec<NodeMount>,
    /// Lines of the fstab heketi writes: device and mount point.
    pub fstab: Vec<NodeMount>,
    /// Directories below the root of heketi's mount points: `<group>/<brick>` mount points, and the brick
    /// directories in those that are mounted.
    pub directories: Vec<String>,
}

/// A physical volume of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePhysicalVolume {
    /// Path of the disk.
    pub device: String,
    /// Its UUID.
    pub uuid: String,
    /// Its volume group, if any.
    pub volume_group: Option<String>,
}

/// A volume group of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeVolumeGroup {
    /// Its name.
    pub name: String,
    /// Its size.
    pub total: Kib,
    /// Unused space.
    pub free: Kib,
    /// Size of an extent.
    pub extent: Kib,
}

/// A logical volume of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeLogicalVolume {
    /// Its volume group.
    pub volume_group: String,
    /// Its name.
    pub name: String,
    /// The thin pool it lives in; none for thin pools and plain volumes.
    pub thin_pool: Option<String>,
    /// Is it a thin pool itself?
    pub is_pool: bool,
    /// Its size.
    pub size: Kib,
    /// Size of its metadata, for a thin pool.
    pub metadata: Kib,
}

/// A mount, or a line of fstab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeMount {
    /// The device.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
}
