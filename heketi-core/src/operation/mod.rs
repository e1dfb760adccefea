//! Every operation as a state machine: plan, stages of steps, undo, resume.
//!
//! An [`Operation`] is a stored record. Its `plan` reserves everything and returns the first
//! [`ChangeSet`]; [`advance`] then turns events (start, resume, outcomes of a stage) into the next change set
//! and the next stage. The embedder makes a change set durable before it runs the stage that comes with it.
//!
//! Rules all operations follow:
//! - A logical volume is removed only if the durable phase says gluster was never told of it, or a reachable
//!   peer lists it in no volume in this very run.
//! - The turn to undo is recorded first; an operation that undoes never goes forward again.
//! - Before anything is undone or looked at after an outcome that is unknown (a lost connection, a restart),
//!   the nodes are asked to settle: commands of lost connections must have ended.

mod block_hosts;
mod block_plan;
mod block_restriction;
mod block_volume_create;
mod block_volume_delete;
mod block_volume_expand;
mod brick_evict;
mod cluster;
mod details;
mod device_add;
mod device_delete;
mod device_remove;
mod device_replace;
mod device_resync;
mod entry_state;
mod evacuation;
mod eviction;
mod heal_wait;
mod lost_bricks;
mod machine;
mod node_add;
mod node_contents;
mod node_delete;
mod node_remove;
mod node_replace;
mod observation;
mod rebuild;
mod repair;
mod repair_claims;
mod repair_item;
mod repair_steps;
mod retired_bricks;
mod step;
mod tags;

mod clone_bricks;
mod volume_bricks;
mod volume_clone;
mod volume_create;
mod volume_delete;
mod volume_expand;
mod volume_explain;
mod volume_plan;

use serde::{Deserialize, Serialize};

pub use block_plan::{BlockVolumeCreateRequest, HostingChoice, choose_hosting, explain_hosting};
pub use block_restriction::volume_block_restriction;
pub use block_volume_create::BlockVolumeCreate;
pub use block_volume_delete::BlockVolumeDelete;
pub use block_volume_expand::BlockVolumeExpand;
pub use brick_evict::BrickEvict;
pub use cluster::{cluster_create, cluster_delete, cluster_flags};
pub use details::ChangedObject;
pub use device_add::{DeviceAdd, DeviceAddRequest};
pub use device_delete::DeviceDelete;
pub use device_remove::DeviceRemove;
pub use device_replace::DeviceReplace;
pub use device_resync::DeviceResync;
pub use entry_state::{device_must_be_evacuated, device_state, node_must_be_evacuated, node_state};
pub use machine::{Advance, Environment, Event, Next, advance, finished_job, mark_stale};
use machine::{Context, Turn};
pub use node_add::{NodeAdd, NodeAddRequest};
pub use node_contents::{NodeContents, NodeLogicalVolume, NodeMount, NodePhysicalVolume, NodeVolumeGroup};
pub use node_delete::NodeDelete;
pub use node_remove::NodeRemove;
pub use node_replace::NodeReplace;
pub use observation::{
    BrickHeal, BrickStorage, Certainty, DeviceContents, DeviceReport, FailureKind, GlusterBlock, GlusterVolume,
    Observation, Peer, PeerIdentity, StepFailure, StepOutcome,
};
pub use repair::AuditRepair;
pub use retired_bricks::RetiredBricks;
pub use step::{Action, BrickSpec, GlusterBlockSpec, GlusterBrick, GlusterVolumeSpec, Host, LvmReportKind, Step};
pub use tags::{device_tags, node_tags};
pub use volume_clone::VolumeClone;
pub use volume_create::VolumeCreate;
pub use volume_delete::VolumeDelete;
pub use volume_expand::VolumeExpand;
pub use volume_explain::{capacity, explain_placement};
pub(crate) use volume_plan::choose_cluster_remembering;
pub use volume_plan::{ClusterChoice, choose_cluster, choose_expansion, explain_create, explain_expansion};

use crate::error::Error;
use crate::id::{BlockVolumeId, BrickId, OperationId, QueueId, VolumeId};
use crate::inventory::{ChangeSet, Claim, Object};
use crate::model::Brick;
use crate::units::{Gib, Timestamp};

/// Where an operation stands in its life, as clients see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationStatus {
    /// Planned or running.
    #[default]
    New,
    /// Left over by a server that ended; claimed and hidden until it is resumed.
    Stale,
    /// Could not be finished or undone; waits to be resumed.
    Failed,
}

/// A pending operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The job that reports its end.
    pub queue: QueueId,
    /// When it was planned.
    pub created: Timestamp,
    /// Where it stands.
    #[serde(default)]
    pub status: OperationStatus,
    /// The first error, for the client, once something went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it does and how far it is.
    pub work: Work,
}

/// What each kind of operation tells about itself, and its way through its phases.
trait Machine {
    /// Name of the kind, as heketi v10 shows it; kinds v10 lacks have names of their own.
    fn type_name(&self) -> &'static str;

    /// What it does, in the words of a log: `("add", "Added")`.
    fn verbs(&self) -> (&'static str, &'static str);

    /// What it does that to: `volume <id>`.
    fn object(&self) -> String;

    /// What it holds for as long as it is pending.
    fn claims(&self) -> Vec<(Object, Claim)>;

    /// Does it count towards the limit of operations in flight (core section 7.6)?
    fn takes_slot(&self) -> bool {
        false
    }

    /// Is this volume invisible to clients while the operation holds it?
    fn hides_volume(&self, _volume: VolumeId) -> bool {
        false
    }

    /// Is this block volume invisible to clients while the operation holds it?
    fn hides_block_volume(&self, _block_volume: BlockVolumeId) -> bool {
        false
    }

    /// Is it giving the volume bricks or taking some away, so that its sets are incomplete for a while?
    fn changes_bricks_of(&self, _volume: VolumeId) -> bool {
        false
    }

    /// Is the brick just being made for its volume, or taken away from it?
    fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.changes_bricks_of(brick.volume)
    }

    /// Is this brick invisible to clients while the operation holds its volume?
    fn hides_brick(&self, _brick: BrickId) -> bool {
        false
    }

    /// How much of the space of this block hosting volume it holds, besides that of block volumes there are.
    fn holds_block_space(&self, _hosting: VolumeId) -> Gib {
        Gib(0)
    }

    /// Takes it one event further.
    fn advance(&mut self, context: &mut Context<'_>, event: Event) -> Result<Turn, Error>;
}

macro_rules! work {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// What an operation does, and how far it is.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Work {
            $($(#[$doc])* $kind($kind),)*
        }

        impl Work {
            fn machine(&self) -> &dyn Machine {
                match self {
                    $(Self::$kind(work) => work,)*
                }
            }

            fn machine_mut(&mut self) -> &mut dyn Machine {
                match self {
                    $(Self::$kind(work) => work,)*
                }
            }
        }
    };
}

work! {
    /// Adds a node to a cluster.
    NodeAdd,
    /// Takes a node out of its cluster.
    NodeDelete,
    /// Makes a disk a device.
    DeviceAdd,
    /// Gives a disk back.
    DeviceDelete,
    /// Creates a volume.
    VolumeCreate,
    /// Adds brick sets to a volume.
    VolumeExpand,
    /// Deletes a volume.
    VolumeDelete,
    /// Makes a volume out of another, with its data.
    VolumeClone,
    /// Moves a brick to another device.
    BrickEvict,
    /// Moves all bricks of a device to others.
    DeviceRemove,
    /// Moves all bricks of a node to other nodes.
    NodeRemove,
    /// Measures a device again.
    DeviceResync,
    /// Destroys bricks of a node that no volume uses any more.
    RetiredBricks,
    /// Creates a block volume, and a volume to host it where none has room.
    BlockVolumeCreate,
    /// Makes a block volume larger.
    BlockVolumeExpand,
    /// Deletes a block volume.
    BlockVolumeDelete,
    /// Takes a rebuilt node back under its old name.
    NodeReplace,
    /// Takes a new disk for a device.
    DeviceReplace,
    /// Repairs what an audit found.
    AuditRepair,
}

impl Operation {
    /// What the operation holds for as long as it is pending.
    pub(crate) fn claims(&self) -> Vec<(Object, Claim)> {
        self.work.machine().claims()
    }

    /// Is this volume invisible to clients while the operation holds it?
    pub(crate) fn hides_volume(&self, volume: VolumeId) -> bool {
        self.work.machine().hides_volume(volume)
    }

    /// Is this block volume invisible to clients while the operation holds it?
    pub(crate) fn hides_block_volume(&self, block_volume: BlockVolumeId) -> bool {
        self.work.machine().hides_block_volume(block_volume)
    }

    /// How much of the space of this block hosting volume it holds, besides that of block volumes there are.
    pub(crate) fn holds_block_space(&self, hosting: VolumeId) -> Gib {
        self.work.machine().holds_block_space(hosting)
    }

    /// Is it giving the volume bricks or taking some away, so that its sets are incomplete for a while?
    pub(crate) fn changes_bricks_of(&self, volume: VolumeId) -> bool {
        self.work.machine().changes_bricks_of(volume)
    }

    /// Is the brick just being made for its volume, or taken away from it?
    pub(crate) fn makes_or_removes(&self, brick: &Brick) -> bool {
        self.work.machine().makes_or_removes(brick)
    }

    /// Is this brick invisible to clients while the operation holds its volume?
    pub(crate) fn hides_brick(&self, brick: BrickId) -> bool {
        self.work.machine().hides_brick(brick)
    }

    /// Name of the kind, as heketi v10 shows it; kinds v10 lacks have names of their own.
    pub fn type_name(&self) -> &'static str {
        self.work.machine().type_name()
    }

    /// What it does and to what, in the words of a log: `Added device /dev/sdb` with `done`, else `add device …`.
    pub fn describe(&self, done: bool) -> String {
        let (verb, past) = self.work.machine().verbs();
        format!("{} {}", if done { past } else { verb }, self.work.machine().object())
    }

    /// Does it count towards the limit of operations in flight (core section 7.6)?
    pub fn takes_slot(&self) -> bool {
        self.work.machine().takes_slot()
    }
}

/// A planned operation: once `changes` is durable, run it with [`advance`].
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The operation.
    pub operation: OperationId,
    /// The job that reports its end.
    pub queue: QueueId,
    /// What to make true: the pending records, the operation and its job.
    pub changes: ChangeSet,
}
