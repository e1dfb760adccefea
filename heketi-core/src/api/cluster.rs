use serde::{Deserialize, Serialize};

use super::{Validate, ValidationError};
use crate::id::{ClusterId, NodeId, VolumeId};

/// Body of `POST /clusters`. A flag that is absent is false, as in heketi v10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ClusterCreateRequest {
    /// May hold ordinary volumes.
    pub file: bool,
    /// May hold block volumes and their hosting volumes.
    pub block: bool,
}

/// Body of `POST /clusters/{id}/flags`: both flags are replaced.
pub type ClusterFlagsRequest = ClusterCreateRequest;

impl Validate for ClusterCreateRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Ok(())
    }
}

/// Answer of `POST /clusters` and `GET /clusters/{id}`. The lists are sorted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterInfo {
    /// Its id.
    pub id: ClusterId,
    /// Its nodes.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// Its volumes, without those being created or deleted.
    #[serde(default)]
    pub volumes: Vec<VolumeId>,
    /// May hold block volumes and their hosting volumes.
    #[serde(default)]
    pub block: bool,
    /// May hold ordinary volumes.
    #[serde(default)]
    pub file: bool,
    /// Its block volumes, without those being created or deleted.
    #[serde(default)]
    pub blockvolumes: Vec<String>,
}

/// Answer of `GET /clusters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClusterList {
    /// All clusters, sorted.
    #[serde(default)]
    pub clusters: Vec<ClusterId>,
}
