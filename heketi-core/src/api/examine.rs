//! The state examiner's answer (`GET /internal/state/examine/gluster`): what the database says and what each node
//! reports, side by side. Keys and their spelling are heketi v10's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, NodeId};
use crate::interchange::V10Database;

/// One row of an LVM report: column and value, both as LVM prints them.
pub type LvmRow = BTreeMap<String, String>;

/// What the nodes of a cluster report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedCluster {
    /// The cluster.
    #[serde(rename = "ClusterHeketiID")]
    pub cluster: ClusterId,
    /// One entry for each node, also for those that did not answer; none for a cluster without nodes.
    #[serde(rename = "NodesData")]
    pub nodes: Option<Vec<ExaminedNode>>,
}

/// What a node reports. What it could not be asked is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedNode {
    /// The node.
    #[serde(rename = "NodeHeketiID")]
    pub node: NodeId,
    /// Volumes of its trusted pool.
    #[serde(rename = "VolumeInfo")]
    pub volumes: Option<ExaminedVolumes>,
    /// Physical volumes.
    #[serde(rename = "LVMPVInfo")]
    pub physical_volumes: Option<LvmReport>,
    /// Volume groups.
    #[serde(rename = "LVMVGInfo")]
    pub volume_groups: Option<LvmReport>,
    /// Logical volumes.
    #[serde(rename = "LVMLVInfo")]
    pub logical_volumes: Option<LvmReport>,
    /// Lines of fstab, and whether their device is mounted.
    #[serde(rename = "BricksMountStatus")]
    pub mounts: Option<ExaminedMounts>,
    /// Block volumes it serves, `<hosting volume>/<block volume>`.
    #[serde(rename = "BlockVolumeNames")]
    pub block_volumes: Option<Vec<String>>,
}

/// A report of `pvs`, `vgs` or `lvs` in LVM's own JSON form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LvmReport {
    /// LVM prints one.
    pub report: Vec<LvmTable>,
}

/// The rows of a report, under the key of their kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LvmTable {
    /// Rows of `pvs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pv: Option<Vec<LvmRow>>,
    /// Rows of `vgs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vg: Option<Vec<LvmRow>>,
    /// Rows of `lvs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lv: Option<Vec<LvmRow>>,
}

/// The fstab of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExaminedMounts {
    /// Its lines.
    pub statuses: Vec<ExaminedMount>,
}

/// A line of fstab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExaminedMount {
    /// What is to be mounted.
    pub device: String,
    /// Where.
    pub mount_point: String,
    /// Its file system.
    pub r#type: String,
    /// With these options.
    pub mount_options: String,
    /// Is the device mounted?
    pub mounted: bool,
}

/// The name of an element of gluster's XML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct XmlName {
    /// Always empty.
    pub space: String,
    /// The name.
    pub local: String,
}

impl From<&str> for XmlName {
    fn from(local: &str) -> Self {
        Self { space: String::new(), local: local.to_owned() }
    }
}

/// `gluster volume info` of all volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedVolumes {
    /// `volInfo`.
    #[serde(rename = "XMLName")]
    pub xml_name: XmlName,
    /// Them.
    #[serde(rename = "Volumes")]
    pub volumes: ExaminedVolumeList,
}

/// Volumes of a trusted pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedVolumeList {
    /// `volumes`.
    #[serde(rename = "XMLName")]
    pub xml_name: XmlName,
    /// How many.
    #[serde(rename = "Count")]
    pub count: usize,
    /// Them; none where there is none.
    #[serde(rename = "VolumeList")]
    pub list: Option<Vec<ExaminedVolume>>,
}

impl From<Vec<ExaminedVolume>> for ExaminedVolumes {
    fn from(list: Vec<ExaminedVolume>) -> Self {
        let (count, list) = (list.len(), Some(list).filter(|list| !list.is_empty()));
        let volumes = ExaminedVolumeList { xml_name: "volumes".into(), count, list };
        Self { xml_name: "volInfo".into(), volumes }
    }
}

/// A volume as `gluster volume info` tells it. What a version of gluster does not tell is zero or empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedVolume {
    /// `volume`.
    #[serde(rename = "XMLName")]
    pub xml_name: XmlName,
    /// Its name.
    #[serde(rename = "VolumeName")]
    pub name: String,
    /// gluster's id of it.
    #[serde(rename = "ID")]
    pub id: String,
    /// 0 created, 1 started, 2 stopped.
    #[serde(rename = "Status")]
    pub status: i64,
    /// The same in words.
    #[serde(rename = "StatusStr")]
    pub status_text: String,
    /// Its bricks.
    #[serde(rename = "BrickCount")]
    pub brick_count: i64,
    /// Bricks of a set (gluster's word is "distribution count").
    #[serde(rename = "DistCount")]
    pub dist_count: i64,
    /// Stripes; 1 where there are none.
    #[serde(rename = "StripeCount")]
    pub stripe_count: i64,
    /// Copies.
    #[serde(rename = "ReplicaCount")]
    pub replica_count: i64,
    /// Arbiter bricks of a set.
    #[serde(rename = "ArbiterCount")]
    pub arbiter_count: i64,
    /// Bricks of a dispersed set.
    #[serde(rename = "DisperseCount")]
    pub disperse_count: i64,
    /// How many of them may be lost.
    #[serde(rename = "RedundancyCount")]
    pub redundancy_count: i64,
    /// gluster's number of the kind.
    #[serde(rename = "Type")]
    pub kind: i64,
    /// The same in words.
    #[serde(rename = "TypeStr")]
    pub kind_text: String,
    /// 0 is TCP.
    #[serde(rename = "Transport")]
    pub transport: i64,
    /// Its bricks in gluster's order.
    #[serde(rename = "Bricks")]
    pub bricks: ExaminedBricks,
    /// Options that were set.
    #[serde(rename = "OptCount")]
    pub option_count: i64,
    /// Them.
    #[serde(rename = "Options")]
    pub options: ExaminedOptions,
}

/// Bricks of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedBricks {
    /// `bricks`.
    #[serde(rename = "XMLName")]
    pub xml_name: XmlName,
    /// Them.
    #[serde(rename = "BrickList")]
    pub list: Vec<ExaminedBrick>,
}

/// A brick of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedBrick {
    /// glusterd's identity of its node, as the attribute has it.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// `<host>:<path>`.
    #[serde(rename = "Name")]
    pub name: String,
    /// glusterd's identity of its node.
    #[serde(rename = "HostUUID")]
    pub host_uuid: String,
    /// 1 for an arbiter brick.
    #[serde(rename = "IsArbiter")]
    pub is_arbiter: i64,
}

/// Options of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedOptions {
    /// `options`.
    #[serde(rename = "XMLName")]
    pub xml_name: XmlName,
    /// Them.
    #[serde(rename = "OptionList")]
    pub list: Vec<ExaminedOption>,
}

/// An option of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExaminedOption {
    /// Its key.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Everything the examiner saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateExamination {
    /// The database, as `GET /db/dump` answers.
    pub heketidb: V10Database,
    /// What could not be seen, and how volumes compare.
    pub report: Vec<String>,
    /// By cluster.
    pub clusters: Vec<ExaminedCluster>,
}
