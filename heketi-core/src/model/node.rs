use serde::{Deserialize, Serialize};

use super::{EntryState, Tags};
use crate::id::{ClusterId, NodeId};
use crate::operation::Host;

/// The names of a node. The first of each list is used; all are reserved for this node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNames {
    /// Where commands run.
    pub manage: Vec<String>,
    /// What gluster is told.
    pub storage: Vec<String>,
}

impl HostNames {
    /// All names, management names first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.manage.iter().chain(&self.storage).map(String::as_str)
    }
}

/// A storage host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Failure domain, 1 or greater.
    pub zone: i64,
    /// Its names.
    pub hostnames: HostNames,
    /// Tags; a device's own tags win over them.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Only an online node receives new bricks.
    pub state: EntryState,
}

impl Node {
    /// Its first management host name.
    pub fn manage_host(&self) -> &str {
        self.hostnames.manage.first().map_or("", String::as_str)
    }

    /// Its first storage host name.
    pub fn storage_host(&self) -> &str {
        self.hostnames.storage.first().map_or("", String::as_str)
    }

    /// The node as a target of steps.
    pub fn host(&self) -> Host {
        Host { node: self.id, manage: self.manage_host().to_owned(), storage: self.storage_host().to_owned() }
    }
}
