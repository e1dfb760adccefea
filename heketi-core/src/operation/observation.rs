//! What comes back from steps: observations, and failures with what is known about them.

use serde::{Deserialize, Serialize};

use super::{GlusterBrick, NodeContents};
use crate::api::{ExaminedMount, ExaminedVolume, LvmRow};
use crate::model::{Durability, Secret};
use crate::units::{Gib, Kib};

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

/// glusterd's identity on a node, and the peers it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its own identity.
    pub uuid: String,
    /// The other members of its trusted pool.
    pub peers: Vec<Peer>,
}

/// A volume as gluster knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// How bricks form sets; none where the answer does not tell.
    pub durability: Option<Durability>,
}

/// What waits to be healed on one brick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrickHeal {
    /// The brick, or none where gluster has no information (`information not available`).
    pub brick: Option<GlusterBrick>,
    /// Does the brick answer? gluster lists bricks that do not.
    pub connected: bool,
    /// How many entries wait to be healed from this brick; none where gluster cannot tell.
    pub entries: Option<u64>,
}

/// The logical volume a brick directory lies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrickStorage {
    /// Volume group.
    pub volume_group: String,
    /// Logical volume.
    pub logical_volume: String,
    /// Thin pool it lives in.
    pub thin_pool: String,
    /// Where its file system is mounted.
    pub mount_point: String,
}

/// A block volume as gluster-block knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlusterBlock {
    /// iSCSI qualified name.
    pub iqn: String,
    /// User name; empty without authentication.
    pub username: String,
    /// Password; empty without authentication.
    pub password: Secret,
    /// Its size; none where the answer does not hold it.
    pub size: Option<Gib>,
    /// The smallest size a host serves after an expansion that failed on some; none when all agree.
    pub usable: Option<Gib>,
    /// How far off these sizes may be: gluster-block tells those of 1 TiB and more with one decimal place.
    pub rounding: Gib,
}

/// What a step that succeeded saw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Nothing to tell.
    Done,
    /// Members of the trusted pool, without the asked host itself.
    Pool(Vec<Peer>),
    /// Who glusterd on a node is.
    Identity(PeerIdentity),
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
    /// What waits to be healed, brick by brick.
    Heal(Vec<BrickHeal>),
    /// Snapshots of the trusted pool by name.
    Snapshots(Vec<String>),
    /// Where a brick directory lies.
    BrickStorage(BrickStorage),
    /// The brick directory is not mounted: it lies on no logical volume of a thin pool.
    NoBrickStorage,
    /// Everything on a node that heketi could have made.
    Node(Box<NodeContents>),
    /// Rows of a report of LVM.
    LvmRows(Vec<LvmRow>),
    /// Lines of fstab.
    Mounts(Vec<ExaminedMount>),
    /// Volumes of the trusted pool with all that gluster tells about them.
    VolumeDetails(Vec<ExaminedVolume>),
    /// A block volume.
    BlockVolume(GlusterBlock),
    /// Names of block volumes.
    BlockVolumes(Vec<String>),
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
