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

mod cluster;
mod device_add;
mod device_delete;
mod entry_state;
mod machine;
mod node_add;
mod node_delete;
mod step;
mod tags;

mod volume_bricks;
mod volume_create;
mod volume_delete;
mod volume_expand;
mod volume_plan;

use serde::{Deserialize, Serialize};

pub use cluster::{cluster_create, cluster_delete, cluster_flags};
pub use device_add::{DeviceAdd, DeviceAddRequest};
pub use device_delete::DeviceDelete;
pub use entry_state::{device_state, node_state};
pub use machine::{Advance, Event, Next, advance, finished_job, mark_stale};
pub use node_add::{NodeAdd, NodeAddRequest};
pub use node_delete::NodeDelete;
pub use step::{
    Action, BrickSpec, Certainty, DeviceContents, DeviceReport, FailureKind, GlusterBrick, GlusterVolume,
    GlusterVolumeSpec, Host, Observation, Peer, Step, StepFailure, StepOutcome,
};
pub use tags::{device_tags, node_tags};
pub use volume_create::VolumeCreate;
pub use volume_delete::VolumeDelete;
pub use volume_expand::VolumeExpand;
pub use volume_plan::{ClusterChoice, choose_cluster, choose_expansion, explain_create, explain_expansion};

use crate::id::{OperationId, QueueId};
use crate::inventory::{ChangeSet, Claim, Object};
use crate::units::Timestamp;

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

/// What an operation does, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Work {
    /// Adds a node to a cluster.
    NodeAdd(NodeAdd),
    /// Takes a node out of its cluster.
    NodeDelete(NodeDelete),
    /// Makes a disk a device.
    DeviceAdd(DeviceAdd),
    /// Gives a disk back.
    DeviceDelete(DeviceDelete),
    /// Creates a volume.
    VolumeCreate(VolumeCreate),
    /// Adds brick sets to a volume.
    VolumeExpand(VolumeExpand),
    /// Deletes a volume.
    VolumeDelete(VolumeDelete),
}

impl Operation {
    /// What the operation holds for as long as it is pending.
    pub(crate) fn claims(&self) -> Vec<(Object, Claim)> {
        match &self.work {
            Work::NodeAdd(work) => work.claims(),
            Work::NodeDelete(work) => work.claims(),
            Work::DeviceAdd(work) => work.claims(),
            Work::DeviceDelete(work) => work.claims(),
            Work::VolumeCreate(work) => work.claims(),
            Work::VolumeExpand(work) => work.claims(),
            Work::VolumeDelete(work) => work.claims(),
        }
    }

    /// Is a volume invisible to clients while this operation holds it?
    pub(crate) fn hides_volume(&self) -> bool {
        matches!(self.work, Work::VolumeCreate(_) | Work::VolumeDelete(_))
    }

    /// Name of the kind, as heketi v10 shows it; kinds v10 lacks have names of their own.
    pub fn type_name(&self) -> &'static str {
        match &self.work {
            Work::NodeAdd(_) => "add-node",
            Work::NodeDelete(_) => "delete-node",
            Work::DeviceAdd(_) => "add-device",
            Work::DeviceDelete(_) => "delete-device",
            Work::VolumeCreate(_) => "create-volume",
            Work::VolumeExpand(_) => "expand-volume",
            Work::VolumeDelete(_) => "delete-volume",
        }
    }

    /// What it does and to what, in the words of a log: `Added device /dev/sdb` with `done`, else `add device …`.
    pub fn describe(&self, done: bool) -> String {
        let (verb, past, object) = match &self.work {
            Work::NodeAdd(work) => ("add", "Added", work.object()),
            Work::NodeDelete(work) => ("delete", "Deleted", work.object()),
            Work::DeviceAdd(work) => ("add", "Added", work.object()),
            Work::DeviceDelete(work) => ("delete", "Deleted", work.object()),
            Work::VolumeCreate(work) => ("create", "Created", work.object()),
            Work::VolumeExpand(work) => ("expand", "Expanded", work.object()),
            Work::VolumeDelete(work) => ("delete", "Deleted", work.object()),
        };
        format!("{} {object}", if done { past } else { verb })
    }

    /// Does it count towards the limit of operations in flight (core section 7.6)?
    pub fn takes_slot(&self) -> bool {
        matches!(self.work, Work::VolumeCreate(_) | Work::VolumeExpand(_) | Work::VolumeDelete(_))
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
