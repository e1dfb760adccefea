//! What an audit reports.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Repair;
use crate::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, VolumeId, mix};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Space or records are wasted; no data is in danger.
    Warning,
    /// Data is less protected than promised, or the next operation can go wrong.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What a finding is about: a record, or something on a node or in a trusted pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A cluster's record.
    Cluster(ClusterId),
    /// A node's record.
    Node(NodeId),
    /// A device's record.
    Device(DeviceId),
    /// A volume's record.
    Volume(VolumeId),
    /// A brick's record.
    Brick(BrickId),
    /// A block volume's record.
    BlockVolume(BlockVolumeId),
    /// A pending operation.
    Operation(OperationId),
    /// An entry of the job queue.
    Job(QueueId),
    /// Something on a node: `logical volume <group>/<name>`, `directory <path>`.
    OnNode(NodeId, String),
    /// Something in a trusted pool: `gluster volume <name>`, `peer <name>`.
    InPool(ClusterId, String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(id) => write!(f, "cluster {id}"),
            Self::Node(id) => write!(f, "node {id}"),
            Self::Device(id) => write!(f, "device {id}"),
            Self::Volume(id) => write!(f, "volume {id}"),
            Self::Brick(id) => write!(f, "brick {id}"),
            Self::BlockVolume(id) => write!(f, "block volume {id}"),
            Self::Operation(id) => write!(f, "operation {id}"),
            Self::Job(id) => write!(f, "job {id}"),
            Self::OnNode(node, what) => write!(f, "{what} on node {node}"),
            Self::InPool(cluster, what) => write!(f, "{what} in cluster {cluster}"),
        }
    }
}

/// One contradiction within the state, or between the state and the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub objects: Vec<Subject>,
    /// The objects and what is wrong with them.
    pub text: String,
    /// What would repair it.
    pub repair: Repair,
}

impl Finding {
    /// Names the finding: the same contradiction has the same name in every audit. 16 hexadecimal digits.
    pub fn name(&self) -> String {
        let hash = self.text.bytes().fold(0x6865_6b65_7469, |word, byte| mix(word ^ u64::from(byte)));
        format!("{hash:016x}")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (repair: {})", self.severity, self.text, self.repair)
    }
}

/// Everything an audit has to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Were the nodes asked too?
    pub nodes: bool,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
    /// What is on the nodes and not heketi's. It is left alone by every repair.
    pub notes: Vec<String>,
}

impl Report {
    pub(super) fn error(&mut self, objects: impl Into<Vec<Subject>>, text: String, repair: Repair) {
        self.findings.push(Finding { severity: Severity::Error, objects: objects.into(), text, repair });
    }

    pub(super) fn warning(&mut self, objects: impl Into<Vec<Subject>>, text: String, repair: Repair) {
        self.findings.push(Finding { severity: Severity::Warning, objects: objects.into(), text, repair });
    }

    /// Only what `other` reports as well: what was under way while one of the two was made is no finding.
    pub fn confirmed_by(mut self, other: &Self) -> Self {
        self.findings.retain(|finding| other.findings.contains(finding));
        self.notes.retain(|note| other.notes.contains(note));
        self
    }
}
