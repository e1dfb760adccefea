use serde::{Deserialize, Serialize};

use crate::id::ClusterId;

/// A set of nodes whose glusterds form one trusted pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// May hold ordinary volumes.
    pub file: bool,
    /// May hold block volumes and their hosting volumes.
    pub block: bool,
}
