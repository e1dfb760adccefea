use serde::{Deserialize, Serialize};

use super::validate::{Problems, host_names, positive, tags, uuid};
use super::{DeviceInfo, Validate, ValidationError};
use crate::id::{ClusterId, NodeId};
use crate::model::{EntryState, HostNames, Tags};

/// The host names of a node. Only the first of each list is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct HostAddresses {
    /// Where commands run.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(regex(pattern = "^[A-Za-z0-9_.:-]+$"))))]
    pub manage: Vec<String>,
    /// What gluster is told.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(regex(pattern = "^[A-Za-z0-9_.:-]+$"))))]
    pub storage: Vec<String>,
}

impl Validate for HostAddresses {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default()
            .field("manage", host_names(&self.manage, "manage"))
            .field("storage", host_names(&self.storage, "storage"))
            .result()
    }
}

impl From<HostAddresses> for HostNames {
    fn from(names: HostAddresses) -> Self {
        Self { manage: names.manage, storage: names.storage }
    }
}

impl From<HostNames> for HostAddresses {
    fn from(names: HostNames) -> Self {
        Self { manage: names.manage, storage: names.storage }
    }
}

/// Body of `POST /nodes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["zone", "hostnames", "cluster"])))]
pub struct NodeAddRequest {
    /// Failure domain, 1 or greater.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub zone: i64,
    /// Its names.
    pub hostnames: HostAddresses,
    /// Id of an existing cluster.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-fA-F]{32}$")))]
    pub cluster: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl Validate for NodeAddRequest {
    fn validate(&self) -> Result<(), ValidationError> {
        Problems::default()
            .field("zone", positive(self.zone))
            .nested("hostnames", self.hostnames.validate())
            .field("cluster", uuid(&self.cluster))
            .field("tags", tags(&self.tags))
            .result()
    }
}

/// Answer of `GET /nodes/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodeInfo {
    /// Failure domain.
    pub zone: i64,
    /// Its names.
    pub hostnames: HostAddresses,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Its id.
    pub id: NodeId,
    /// Whether it receives new bricks.
    pub state: EntryState,
    /// Its devices, sorted by id.
    #[serde(default)]
    pub devices: Vec<DeviceInfo>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::decode;

    fn problem(body: &str) -> String {
        decode::<NodeAddRequest>(body.as_bytes()).unwrap().validate().unwrap_err().to_string()
    }

    #[test]
    fn problems_are_told_as_v10_tells_them() {
        assert_eq!(
            problem("{}"),
            "validation failed: cluster: cannot be blank; hostnames: (manage: cannot be blank; storage: cannot be blank.); zone: cannot be blank."
        );
        assert_eq!(
            problem(r#"{"cluster":"zz","zone":-1,"hostnames":{"storage":["x","-y"]}}"#),
            "validation failed: cluster: zz is not a valid UUID; hostnames: (manage: cannot be blank; storage: [x -y] is not a valid storage hostname.); zone: must be no less than 1."
        );
        assert_eq!(
            problem(
                r#"{"cluster":"4F1A7C02B8D94E6FA3C5D7E9012B3C4D","zone":1,"hostnames":{"manage":["a",""],"storage":["b"]},"tags":{"a/b":""}}"#
            ),
            "validation failed: hostnames: (manage: [a ] is not a valid manage hostname.); tags: invalid characters in tag name a/b."
        );
    }
}
