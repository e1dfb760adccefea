//! The disks of a simulated node, as a test describes them.

use serde::{Deserialize, Serialize};

/// One disk of a simulated node. Build it, then hand it to [`super::SimCluster::add_node`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimDisk {
    pub(super) path: String,
    pub(super) size_kib: u64,
    pub(super) aliases: Vec<String>,
    pub(super) mounted: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) partitions: Vec<Partition>,
    pub(super) read_only: bool,
    pub(super) pv: Option<PhysicalVolume>,
}

/// A partition of a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Partition {
    pub path: String,
    pub size_kib: u64,
    pub signature: Option<String>,
    pub mounted: Option<String>,
}

/// The LVM label on a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PhysicalVolume {
    pub uuid: String,
    pub metadata_kib: u64,
    pub vg: Option<String>,
}

/// What heketi's `pvcreate --metadatasize=128M` takes from a disk.
pub(super) const METADATA_AREA_KIB: u64 = 128 * 1024;

impl SimDisk {
    /// An empty disk of `size_kib` KiB.
    pub fn new(path: impl Into<String>, size_kib: u64) -> Self {
        Self {
            path: path.into(),
            size_kib,
            aliases: Vec::new(),
            mounted: None,
            signature: None,
            partitions: Vec::new(),
            read_only: false,
            pv: None,
        }
    }

    /// An empty disk of `gib` GiB.
    pub fn gib(path: impl Into<String>, gib: u64) -> Self {
        Self::new(path, gib * 1024 * 1024)
    }

    /// An empty disk just large enough for a volume group of `gib` GiB set up by heketi.
    pub fn usable_gib(path: impl Into<String>, gib: u64) -> Self {
        Self::new(path, gib * 1024 * 1024 + METADATA_AREA_KIB)
    }

    /// Another path that leads to the disk, such as `/dev/disk/by-path/…`.
    #[must_use]
    pub fn alias(mut self, path: impl Into<String>) -> Self {
        self.aliases.push(path.into());
        self
    }

    /// A file system on the whole disk, mounted at `point` (`[SWAP]` for swap).
    #[must_use]
    pub fn mounted(mut self, point: impl Into<String>) -> Self {
        self.mounted = Some(point.into());
        self.signature.get_or_insert_with(|| "ext4".into());
        self
    }

    /// A signature of a file system or RAID member, such as `ext4`.
    #[must_use]
    pub fn signature(mut self, kind: impl Into<String>) -> Self {
        self.signature = Some(kind.into());
        self
    }

    /// A partition with its own path, mounted or not.
    #[must_use]
    pub fn partition(mut self, path: impl Into<String>, size_kib: u64, mounted: Option<&str>) -> Self {
        let signature = mounted.map(|_| "ext4".to_owned());
        self.partitions.push(Partition { path: path.into(), size_kib, signature, mounted: mounted.map(str::to_owned) });
        self
    }

    /// The disk cannot be written.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Is the disk or a partition of it mounted?
    pub(super) fn in_use(&self) -> bool {
        self.mounted.is_some() || self.partitions.iter().any(|p| p.mounted.is_some())
    }

    /// The volume group that lives on the disk.
    pub(super) fn vg(&self) -> Option<&str> {
        self.pv.as_ref()?.vg.as_deref()
    }
}
