//! What exists in the backend in memory.

use std::collections::BTreeMap;

use heketi_core::api::*;
use heketi_core::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, VolumeId};
use heketi_core::{Error, Gib};
use heketi_http::backend::QueueState;

/// What exists.
#[derive(Default)]
pub struct State {
    pub clusters: BTreeMap<ClusterId, ClusterInfo>,
    pub nodes: BTreeMap<NodeId, NodeInfo>,
    pub devices: BTreeMap<DeviceId, (NodeId, DeviceInfo)>,
    pub volumes: BTreeMap<VolumeId, VolumeInfo>,
    pub block_volumes: BTreeMap<BlockVolumeId, BlockVolumeInfo>,
    pub operations: BTreeMap<OperationId, OperationDetails>,
    pub findings: Vec<FindingInfo>,
    pub jobs: BTreeMap<QueueId, (usize, QueueState)>,
    /// The requests that came in, as text.
    pub log: Vec<String>,
}

pub fn found<T>(object: Option<T>) -> Result<T, Error> {
    object.ok_or_else(Error::not_found)
}

impl State {
    pub fn node_with_devices(&self, id: NodeId) -> Result<NodeInfo, Error> {
        let mut node = found(self.nodes.get(&id))?.clone();
        node.devices =
            self.devices.values().filter(|(owner, _)| *owner == id).map(|(_, device)| device.clone()).collect();
        Ok(node)
    }
}

pub fn brick(number: u8, volume: VolumeId) -> BrickInfo {
    BrickInfo {
        id: BrickId::from_bytes([number; 16]),
        path: format!("/bricks/{number}"),
        device: DeviceId::from_bytes([0xdd; 16]),
        node: NodeId::from_bytes([0xaa; 16]),
        volume,
        size: Gib(10).kib(),
    }
}
