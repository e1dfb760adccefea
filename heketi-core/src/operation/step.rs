//! Steps: the typed node commands an operation asks for, and what comes back.
//!
//! A step is data. Every step may be run again after an unknown outcome: creating what exists under our
//! name first destroys it, destroying what is absent succeeds.

use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, NodeId};
use crate::model::{BrickFormat, Durability};
use crate::units::Kib;

/// A node that can run a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Host {
    /// The node.
    pub node: NodeId,
    /// Its first management host name: where commands run.
    pub manage: String,
    /// Its first storage host name: what gluster is told.
    pub storage: String,
}

/// One command (or a few that belong together) for one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it runs. More than one: the first that can be reached takes it; none is asked after one whose
    /// outcome is unknown or which refused the command itself.
    pub hosts: Vec<Host>,
    /// The cluster whose gluster configuration the step may change: such steps run one at a time per cluster.
    pub changes_gluster: Option<ClusterId>,
    /// What to do.
    pub action: Action,
}

/// The volume group, thin pool, logical volume and mount of one brick.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrickSpec {
    /// Volume group, `vg_<device id>`.
    pub volume_group: String,
    /// Thin pool inside the volume group.
    pub thin_pool: String,
    /// Logical volume inside the thin pool.
    pub logical_volume: String,
    /// Where the file system is mounted; the brick is the directory `brick` in it.
    pub mount_point: String,
    /// Virtual size of the logical volume.
    pub size: Kib,
    /// Size of the thin pool.
    pub pool_size: Kib,
    /// Size of the thin pool's metadata.
    pub metadata_size: Kib,
    /// Group that owns the brick directory; 0 leaves it alone.
    pub gid: i64,
    /// How the file system is made.
    pub format: BrickFormat,
}

impl BrickSpec {
    /// The directory that gluster is given.
    pub fn brick_directory(&self) -> String {
        format!("{}/brick", self.mount_point)
    }
}

/// A brick as gluster names it: `<storage host>:<path>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GlusterBrick {
    /// Storage host name.
    pub host: String,
    /// The brick directory.
    pub path: String,
}

impl std::fmt::Display for GlusterBrick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.path)
    }
}

/// A gluster volume to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlusterVolumeSpec {
    /// Its name.
    pub name: String,
    /// How bricks form sets.
    pub durability: Durability,
    /// The brick sets, each in gluster's order.
    pub sets: Vec<Vec<GlusterBrick>>,
    /// `key value` options in the order they are set.
    pub options: Vec<String>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Waits until no command that an ended server or a lost connection started still runs on the node.
    /// Observes [`Observation::Done`].
    Settle,
    /// Is glusterd running? Observes [`Observation::Done`].
    CheckGlusterd,
    /// The members of the trusted pool as the host sees them. Observes [`Observation::Pool`].
    ListPeers,
    /// Brings `storage` into the trusted pool and waits until it is connected. "Probe on localhost not
    /// needed" is an error: the name leads back to the probing node. Observes [`Observation::Done`].
    ProbePeer {
        /// Storage host name of the new node.
        storage: String,
    },
    /// Takes `storage` out of the trusted pool; not being in it is success. Observes [`Observation::Done`].
    DetachPeer {
        /// Storage host name of the leaving node.
        storage: String,
    },
    /// What is on the disk? Observes [`Observation::Contents`]. Changes nothing.
    InspectDevice {
        /// Device path as the user gave it.
        device: String,
    },
    /// Makes the disk one LVM physical volume in one volume group. Observes [`Observation::Device`].
    SetUpDevice {
        /// Device path as the user gave it.
        device: String,
        /// Volume group to create, `vg_<device id>`.
        volume_group: String,
        /// Wipe signatures first.
        wipe: bool,
    },
    /// Reads size and identity of a device that is set up. Observes [`Observation::Device`].
    ReadDevice {
        /// Device path as the user gave it.
        device: String,
        /// Its volume group.
        volume_group: String,
    },
    /// Removes the volume group if it exists and the physical volume if it belongs to that group, or to no
    /// group when `bare_too` is set; then the empty mount directory. A volume group that still holds logical
    /// volumes is an error and stays. Observes [`Observation::Done`].
    TearDownDevice {
        /// Device path as the user gave it.
        device: String,
        /// The physical volume's UUID if it is known; used to find the disk after a rename.
        pv_uuid: Option<String>,
        /// Its volume group.
        volume_group: String,
        /// Also remove a physical volume that is in no volume group: only right when the disk was seen
        /// without one before.
        bare_too: bool,
    },
    /// Makes thin pool, logical volume, file system, fstab line, mount and brick directory. Whatever exists
    /// under the same names is destroyed first when `redo` is set. Observes [`Observation::Done`].
    CreateBrick {
        /// The brick.
        brick: BrickSpec,
        /// An earlier try may have left something.
        redo: bool,
    },
    /// Undoes [`Action::CreateBrick`] however far it came. Observes [`Observation::BrickDestroyed`].
    DestroyBrick {
        /// The brick.
        brick: BrickSpec,
    },
    /// Creates the volume with its first set, adds the other sets, sets the options, starts it.
    /// Observes [`Observation::Done`].
    CreateVolume {
        /// The volume.
        volume: GlusterVolumeSpec,
    },
    /// Adds brick sets to a volume. Observes [`Observation::Done`].
    AddBricks {
        /// Name of the volume.
        name: String,
        /// How bricks form sets.
        durability: Durability,
        /// The new brick sets.
        sets: Vec<Vec<GlusterBrick>>,
    },
    /// Starts to spread existing data over new bricks. Observes [`Observation::Done`].
    Rebalance {
        /// Name of the volume.
        name: String,
    },
    /// Starts a volume if it is not running. Observes [`Observation::Done`].
    StartVolume {
        /// Name of the volume.
        name: String,
    },
    /// Stops and deletes a volume; one that does not exist is success. Refused, with the volume left
    /// running, while a peer is disconnected or the volume has snapshots. Observes [`Observation::Done`].
    DeleteVolume {
        /// Name of the volume.
        name: String,
    },
    /// All volumes with their bricks as gluster knows them. Observes [`Observation::Volumes`].
    ListVolumes,
}

impl Action {
    /// The action in a few words, for logs and errors.
    pub fn describe(&self) -> String {
        match self {
            Self::Settle => "wait for commands of lost connections".into(),
            Self::CheckGlusterd => "check glusterd".into(),
            Self::ListPeers => "list peers".into(),
            Self::ProbePeer { storage } => format!("probe peer {storage}"),
            Self::DetachPeer { storage } => format!("detach peer {storage}"),
            Self::InspectDevice { device } => format!("inspect device {device}"),
            Self::SetUpDevice { device, .. } => format!("set up device {device}"),
            Self::ReadDevice { device, .. } => format!("read device {device}"),
            Self::TearDownDevice { device, .. } => format!("tear down device {device}"),
            Self::CreateBrick { brick, .. } => format!("create brick {}", brick.logical_volume),
            Self::DestroyBrick { brick } => format!("destroy brick {}", brick.logical_volume),
            Self::CreateVolume { volume } => format!("create volume {}", volume.name),
            Self::AddBricks { name, .. } => format!("add bricks to volume {name}"),
            Self::Rebalance { name } => format!("rebalance volume {name}"),
            Self::StartVolume { name } => format!("start volume {name}"),
            Self::DeleteVolume { name } => format!("delete volume {name}"),
            Self::ListVolumes => "list volumes".into(),
        }
    }
}

/// What a disk holds before heketi takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceContents {
    /// Size of the disk; zero when the node does not tell.
    pub size: Kib,
    /// The device exists and is a block device.
    pub exists: bool,
    /// It cannot be written.
    pub read_only: bool,
    /// Where it, or a part of it, is mounted or used (`[SWAP]` for swap).
    pub mount_points: Vec<String>,
    /// Partitions and other block devices on top of it, logical volumes excepted.
    pub children: Vec<String>,
    /// Signature of a file system, RAID member or other format, `LVM2_member` excepted.
    pub signature: Option<String>,
    /// The physical volume on it: its UUID.
    pub pv_uuid: Option<String>,
    /// The volume group that physical volume belongs to, if any.
    pub volume_group: Option<String>,
}

/// Size and identity of a device that is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Extent count times extent size.
    pub total: Kib,
    /// Free extents times extent size.
    pub free: Kib,
    /// Size of one extent.
    pub extent: Kib,
    /// UUID of the physical volume.
    pub pv_uuid: Option<String>,
    /// All names udev knows for the device, its own among them.
    pub paths: Vec<String>,
}

/// A member of the trusted pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Names the pool knows it by.
    pub names: Vec<String>,
    /// glusterd's identity of the node.
    pub uuid: String,
    /// Is it connected, as the asked host sees it?
    pub connected: bool,
}

/// A volume as gluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlusterVolume {
    /// Its name.
    pub name: String,
    /// gluster's own id of the volume.
    pub uuid: String,
    /// Is it started?
    pub started: bool,
    /// Its bricks in gluster's order.
    pub bricks: Vec<GlusterBrick>,
    /// Options that were set.
    pub options: Vec<(String, String)>,
}

/// What a step that succeeded saw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Nothing to tell.
    Done,
    /// Members of the trusted pool, without the asked host itself.
    Pool(Vec<Peer>),
    /// What the disk holds.
    Contents(DeviceContents),
    /// Size and identity of a device.
    Device(DeviceReport),
    /// The brick is gone.
    BrickDestroyed {
        /// Its thin pool is gone too. False: another logical volume (a clone, a snapshot) lives in it.
        pool_removed: bool,
    },
    /// All volumes of the trusted pool.
    Volumes(Vec<GlusterVolume>),
}

/// How much is known about a step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It certainly ran no command that changes anything.
    NotStarted,
    /// It ran, and failed with an answer.
    Failed,
    /// The connection was lost or the time was up: it may have worked, may still work, or not.
    Unknown,
}

/// What kind of failure, as far as an operation acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// No host could be reached.
    Unreachable,
    /// The command failed on the node.
    Command,
    /// The node's answer could not be understood.
    Answer,
    /// The device does not exist, is in use, or holds data.
    DeviceNotAvailable,
    /// Stopped because the server shuts down; nothing was started.
    ShutDown,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// Management host name of the node, empty when none was asked.
    pub host: String,
    /// The kind.
    pub kind: FailureKind,
    /// How much is known about what happened.
    pub certainty: Certainty,
    /// For the user: node, command and what it answered. Never holds a secret.
    pub text: String,
}

/// How a step ended.
pub type StepOutcome = Result<Observation, StepFailure>;
