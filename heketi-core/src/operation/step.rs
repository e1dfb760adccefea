//! Steps: the typed node commands an operation asks for.
//!
//! A step is data. Every step may be run again after an unknown outcome: creating what exists under our
//! name first destroys it, destroying what is absent succeeds.

use serde::{Deserialize, Serialize};

#[cfg(doc)]
use super::Observation;
use crate::id::{ClusterId, NodeId};
use crate::model::{BrickFormat, Durability};
use crate::units::{Gib, Kib};

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
    /// The last brick of each set holds names and attributes only (`arbiter 1`).
    pub arbiter: bool,
    /// The brick sets, each in gluster's order.
    pub sets: Vec<Vec<GlusterBrick>>,
    /// `key value` options in the order they are set.
    pub options: Vec<String>,
}

/// A block volume for gluster-block to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlusterBlockSpec {
    /// Name of the hosting volume.
    pub hosting: String,
    /// Name of the block volume.
    pub name: String,
    /// Its size.
    pub size: Gib,
    /// Over how many of the hosts it can be reached.
    pub ha_count: u32,
    /// Ask initiators for a user name and a password?
    pub auth: bool,
    /// Storage host names it is exported from.
    pub hosts: Vec<String>,
}

/// A report of LVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LvmReportKind {
    /// Physical volumes.
    Pvs,
    /// Volume groups.
    Vgs,
    /// Logical volumes.
    Lvs,
}

impl LvmReportKind {
    /// LVM's command.
    pub fn command(self) -> &'static str {
        match self {
            Self::Pvs => "pvs",
            Self::Vgs => "vgs",
            Self::Lvs => "lvs",
        }
    }
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
    /// Who is glusterd on the node, and whom does it know? Observes [`Observation::Identity`].
    ReadPeerIdentity,
    /// Makes a rebuilt node the peer it was: glusterd gets the identity `uuid`, comes back into the pool through
    /// the member `through`, and is connected to it. Refused on a node that is a member of another pool. Being
    /// that peer already is success. Observes [`Observation::Done`].
    RestorePeer {
        /// The identity its pool knows it by.
        uuid: String,
        /// Storage host name of a member that is there.
        through: String,
    },
    /// Lets some time pass before the next look at something that takes long, such as a heal. Needs no host; how
    /// much time is the embedder's business. Observes [`Observation::Done`].
    Wait,
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
    /// Mounts a brick whose logical volume is there, and makes its line the only one of fstab that names it.
    /// Makes no file system and destroys nothing. Observes [`Observation::Done`].
    MountBrick {
        /// The brick.
        brick: BrickSpec,
        /// Make the brick directory too, where it is missing: gluster takes an empty one only after
        /// [`Action::ResetBrick`].
        make_directory: bool,
    },
    /// Removes an empty directory below heketi's mount points; one that is not there is success. Observes
    /// [`Observation::Done`].
    RemoveMountDirectory {
        /// The directory.
        path: String,
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
        /// The last brick of each set holds names and attributes only.
        arbiter: bool,
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
    /// Sets options of a volume. Observes [`Observation::Done`].
    SetOptions {
        /// Name of the volume.
        name: String,
        /// `key value` options in the order they are set.
        options: Vec<String>,
    },
    /// Stops and deletes a volume; one that does not exist is success. Refused, with the volume left
    /// running, while a peer is disconnected or the volume has snapshots. Observes [`Observation::Done`].
    DeleteVolume {
        /// Name of the volume.
        name: String,
    },
    /// Starts those bricks of a volume that do not run, and the volume if it does not; a brick without its
    /// directory stays as it is (`volume start … force`). Observes [`Observation::Done`].
    StartBricks {
        /// Name of the volume.
        name: String,
    },
    /// Creates a volume that gluster lost again, over bricks that hold its data and still carry the id of the
    /// lost one (`volume create … force`), sets the options, starts it. Observes [`Observation::Done`].
    RecreateVolume {
        /// The volume.
        volume: GlusterVolumeSpec,
    },
    /// All volumes with their bricks as gluster knows them. Observes [`Observation::Volumes`].
    ListVolumes,
    /// Puts brick `new` in the place of brick `old` (`replace-brick … commit force`); already so is success.
    /// The data is healed to it afterwards. Observes [`Observation::Done`].
    ReplaceBrick {
        /// Name of the volume.
        name: String,
        /// The brick that leaves.
        old: GlusterBrick,
        /// The brick that takes its place.
        new: GlusterBrick,
    },
    /// Ends the process of one brick, so that its file system can be unmounted; the others go on
    /// (`reset-brick … start`); one that does not run is success. It runs again after [`Action::ResetBrick`] or
    /// [`Action::StartBricks`]. Observes [`Observation::Done`].
    StopBrick {
        /// Name of the volume.
        name: String,
        /// The brick.
        brick: GlusterBrick,
    },
    /// Takes an empty directory at the path of a lost brick for that brick (`reset-brick … commit force`).
    /// The data is healed to it afterwards. Observes [`Observation::Done`].
    ResetBrick {
        /// Name of the volume.
        name: String,
        /// The brick.
        brick: GlusterBrick,
    },
    /// Heals what waits in a volume now and not at gluster's next turn, ten minutes later. Refused while a brick
    /// does not run. Observes [`Observation::Done`].
    StartHeal {
        /// Name of the volume.
        name: String,
    },
    /// What waits to be healed in a volume. Observes [`Observation::Heal`].
    HealInfo {
        /// Name of the volume.
        name: String,
    },
    /// Takes and activates a snapshot of a volume; one of that name and volume that exists will do. Refused while
    /// a peer is disconnected, because the snapshot could not be deleted again. Observes [`Observation::Done`].
    CreateSnapshot {
        /// Name of the volume.
        volume: String,
        /// Name of the snapshot, without a time added to it.
        snapshot: String,
    },
    /// Makes a writable volume of an activated snapshot; does not start it. A volume of that name that exists
    /// is an error, whoever made it: its bricks tell whose it is. Observes [`Observation::Done`].
    CloneSnapshot {
        /// Name of the snapshot.
        snapshot: String,
        /// Name of the new volume.
        clone: String,
    },
    /// Deactivates and deletes a snapshot; one that does not exist is success. Refused while a peer is
    /// disconnected, which would bring it back. Observes [`Observation::Done`].
    DeleteSnapshot {
        /// Name of the snapshot.
        snapshot: String,
    },
    /// All snapshots of the trusted pool. Observes [`Observation::Snapshots`].
    ListSnapshots,
    /// Which logical volume is mounted at, or holds, this brick directory? Observes
    /// [`Observation::BrickStorage`] or [`Observation::NoBrickStorage`].
    ReadBrickStorage {
        /// The brick directory.
        directory: String,
    },
    /// Everything on the node that heketi could have made. Observes [`Observation::Node`]. Changes nothing.
    InspectNode,
    /// A report of LVM with all columns it prints by itself, for people. Observes [`Observation::LvmRows`].
    /// Changes nothing.
    ReadLvm {
        /// Which one.
        report: LvmReportKind,
    },
    /// The lines of fstab, and which of their devices are mounted, for people. Observes [`Observation::Mounts`].
    ReadMounts,
    /// Everything gluster tells about all volumes, for people. Observes [`Observation::VolumeDetails`].
    ReadVolumes,
    /// Creates a block volume in a hosting volume. Observes [`Observation::BlockVolume`].
    CreateBlockVolume {
        /// The block volume.
        block_volume: GlusterBlockSpec,
    },
    /// Deletes a block volume; one that does not exist, or whose hosting volume does not, is success.
    /// Observes [`Observation::Done`].
    DeleteBlockVolume {
        /// Name of the hosting volume.
        hosting: String,
        /// Name of the block volume.
        name: String,
    },
    /// Makes a block volume larger; being that large everywhere is success. Observes [`Observation::Done`].
    ExpandBlockVolume {
        /// Name of the hosting volume.
        hosting: String,
        /// Name of the block volume.
        name: String,
        /// Its new size.
        size: Gib,
    },
    /// Size and access data of a block volume. Observes [`Observation::BlockVolume`].
    ReadBlockVolume {
        /// Name of the hosting volume.
        hosting: String,
        /// Name of the block volume.
        name: String,
    },
    /// Names of the block volumes of a hosting volume; none where that does not exist. Observes
    /// [`Observation::BlockVolumes`].
    ListBlockVolumes {
        /// Name of the hosting volume.
        hosting: String,
    },
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
            Self::ReadPeerIdentity => "read the identity of the peer".into(),
            Self::RestorePeer { uuid, .. } => format!("restore peer {uuid}"),
            Self::Wait => "wait".into(),
            Self::InspectDevice { device } => format!("inspect device {device}"),
            Self::SetUpDevice { device, .. } => format!("set up device {device}"),
            Self::ReadDevice { device, .. } => format!("read device {device}"),
            Self::TearDownDevice { device, .. } => format!("tear down device {device}"),
            Self::CreateBrick { brick, .. } => format!("create brick {}", brick.logical_volume),
            Self::DestroyBrick { brick } => format!("destroy brick {}", brick.logical_volume),
            Self::MountBrick { brick, .. } => format!("mount brick {}", brick.logical_volume),
            Self::RemoveMountDirectory { path } => format!("remove directory {path}"),
            Self::CreateVolume { volume } => format!("create volume {}", volume.name),
            Self::AddBricks { name, .. } => format!("add bricks to volume {name}"),
            Self::Rebalance { name } => format!("rebalance volume {name}"),
            Self::StartVolume { name } => format!("start volume {name}"),
            Self::SetOptions { name, .. } => format!("set options of volume {name}"),
            Self::StartBricks { name } => format!("start bricks of volume {name}"),
            Self::RecreateVolume { volume } => format!("create volume {} again", volume.name),
            Self::DeleteVolume { name } => format!("delete volume {name}"),
            Self::ListVolumes => "list volumes".into(),
            Self::ReplaceBrick { name, old, new } => format!("replace brick {old} of volume {name} with {new}"),
            Self::ResetBrick { name, brick } => format!("reset brick {brick} of volume {name}"),
            Self::StopBrick { name, brick } => format!("stop brick {brick} of volume {name}"),
            Self::StartHeal { name } => format!("start to heal volume {name}"),
            Self::HealInfo { name } => format!("read heal info of volume {name}"),
            Self::CreateSnapshot { volume, snapshot } => format!("create snapshot {snapshot} of volume {volume}"),
            Self::CloneSnapshot { snapshot, clone } => format!("clone snapshot {snapshot} to volume {clone}"),
            Self::DeleteSnapshot { snapshot } => format!("delete snapshot {snapshot}"),
            Self::ListSnapshots => "list snapshots".into(),
            Self::ReadBrickStorage { directory } => format!("read the storage of brick {directory}"),
            Self::InspectNode => "inspect the node".into(),
            Self::ReadLvm { report } => format!("read the report of {}", report.command()),
            Self::ReadMounts => "read mounts and fstab".into(),
            Self::ReadVolumes => "read all about volumes".into(),
            Self::CreateBlockVolume { block_volume: GlusterBlockSpec { hosting, name, .. } } => {
                format!("create block volume {hosting}/{name}")
            }
            Self::DeleteBlockVolume { hosting, name } => format!("delete block volume {hosting}/{name}"),
            Self::ExpandBlockVolume { hosting, name, size } => {
                format!("expand block volume {hosting}/{name} to {size}")
            }
            Self::ReadBlockVolume { hosting, name } => format!("read block volume {hosting}/{name}"),
            Self::ListBlockVolumes { hosting } => format!("list block volumes of {hosting}"),
        }
    }
}
