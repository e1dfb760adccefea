use heketi_core::api::{NodeInfo, VolumeInfo};
use heketi_core::id::ClusterId;
use serde::{Deserialize, Serialize};

use super::{Client, ClientError};

/// All clusters with their volumes and nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// The clusters, sorted by id.
    pub clusters: Vec<TopologyClusterInfo>,
}

/// A cluster of a [`Topology`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopologyClusterInfo {
    /// Its volumes.
    pub volumes: Vec<VolumeInfo>,
    /// Its nodes.
    pub nodes: Vec<NodeInfo>,
    /// Its id.
    pub id: ClusterId,
    /// May hold block volumes.
    pub block: bool,
    /// May hold ordinary volumes.
    pub file: bool,
}

impl Client {
    /// Everything there is, put together from many requests: it may change meanwhile, and what is gone when
    /// its turn comes is left out.
    ///
    /// # Errors
    /// [`ClientError`] when the server does not answer or refuses.
    pub async fn topology(&self) -> Result<Topology, ClientError> {
        let mut topology = Topology::default();
        for id in self.cluster_list().await?.clusters {
            let Some(cluster) = if_there(self.cluster_info(id).await)? else { continue };
            let (mut volumes, mut nodes) = (Vec::new(), Vec::new());
            for volume in cluster.volumes {
                volumes.extend(if_there(self.volume_info(volume).await)?);
            }
            for node in cluster.nodes {
                nodes.extend(if_there(self.node_info(node).await)?);
            }
            let (block, file) = (cluster.block, cluster.file);
            topology.clusters.push(TopologyClusterInfo { volumes, nodes, id, block, file });
        }
        Ok(topology)
    }
}

/// `None` for an object that does not exist any more.
pub(super) fn if_there<T>(result: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
