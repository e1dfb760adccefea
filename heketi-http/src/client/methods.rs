use heketi_core::api::{
    self, BrickEvictRequest, ClusterCreateRequest, ClusterFlagsRequest, ClusterInfo, ClusterList, DeviceAddRequest,
    DeviceDeleteRequest, DeviceInfo, DeviceReplaceRequest, NodeAddRequest, NodeInfo, StateRequest, TagsChangeRequest,
    VolumeCloneRequest, VolumeCreateRequest, VolumeExpandRequest, VolumeInfo, VolumeList,
};
use heketi_core::id::{BrickId, ClusterId, DeviceId, NodeId, VolumeId};
use heketi_core::model::Tags;
use reqwest::{Method, StatusCode};

use super::{Client, ClientError};

/// Every method returns [`ClientError`] when the server does not answer or refuses; methods that start a
/// job return when it has ended.
impl Client {
    /// Does the server answer? Needs no credentials.
    pub async fn hello(&self) -> Result<String, ClientError> {
        self.ask(Method::GET, "/hello", None).await?.text("/hello")
    }

    /// Makes an empty cluster.
    pub async fn cluster_create(&self, request: &ClusterCreateRequest) -> Result<ClusterInfo, ClientError> {
        self.post("/clusters", request, StatusCode::CREATED).await
    }

    /// All clusters.
    pub async fn cluster_list(&self) -> Result<ClusterList, ClientError> {
        self.get("/clusters").await
    }

    /// One cluster.
    pub async fn cluster_info(&self, id: ClusterId) -> Result<ClusterInfo, ClientError> {
        self.get(&format!("/clusters/{id}")).await
    }

    /// Deletes an empty cluster.
    pub async fn cluster_delete(&self, id: ClusterId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/clusters/{id}"), None, StatusCode::OK).await
    }

    /// Replaces both flags of a cluster.
    pub async fn cluster_set_flags(&self, id: ClusterId, request: &ClusterFlagsRequest) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/clusters/{id}/flags"), Some(api::encode(request)), StatusCode::OK).await
    }

    /// Adds a node.
    pub async fn node_add(&self, request: &NodeAddRequest) -> Result<NodeInfo, ClientError> {
        self.job_with_value("/nodes", request).await
    }

    /// One node with its devices and bricks.
    pub async fn node_info(&self, id: NodeId) -> Result<NodeInfo, ClientError> {
        self.get(&format!("/nodes/{id}")).await
    }

    /// Deletes a node without devices.
    pub async fn node_delete(&self, id: NodeId) -> Result<(), ClientError> {
        self.job(Method::DELETE, &format!("/nodes/{id}"), None).await.map(drop)
    }

    /// Changes the state of a node.
    pub async fn node_state(&self, id: NodeId, request: &StateRequest) -> Result<(), ClientError> {
        self.job(Method::POST, &format!("/nodes/{id}/state"), Some(api::encode(request))).await.map(drop)
    }

    /// Changes the tags of a node and returns them.
    pub async fn node_set_tags(&self, id: NodeId, request: &TagsChangeRequest) -> Result<Tags, ClientError> {
        self.post(&format!("/nodes/{id}/tags"), request, StatusCode::OK).await
    }

    /// Makes the bricks of a node again, on the empty machine that took its place and its names.
    pub async fn node_replace(&self, id: NodeId) -> Result<(), ClientError> {
        self.job(Method::POST, &format!("/nodes/{id}/replace"), None).await.map(drop)
    }

    /// Adds a device. Its id is not told: look for its name in the node's devices.
    pub async fn device_add(&self, request: &DeviceAddRequest) -> Result<(), ClientError> {
        self.job(Method::POST, "/devices", Some(api::encode(request))).await.map(drop)
    }

    /// One device with its bricks.
    pub async fn device_info(&self, id: DeviceId) -> Result<DeviceInfo, ClientError> {
        self.get(&format!("/devices/{id}")).await
    }

    /// Deletes a device in failed state.
    pub async fn device_delete(&self, id: DeviceId, request: &DeviceDeleteRequest) -> Result<(), ClientError> {
        self.job(Method::DELETE, &format!("/devices/{id}"), Some(api::encode(request))).await.map(drop)
    }

    /// Changes the state of a device.
    pub async fn device_state(&self, id: DeviceId, request: &StateRequest) -> Result<(), ClientError> {
        self.job(Method::POST, &format!("/devices/{id}/state"), Some(api::encode(request))).await.map(drop)
    }

    /// Changes the tags of a device and returns them.
    pub async fn device_set_tags(&self, id: DeviceId, request: &TagsChangeRequest) -> Result<Tags, ClientError> {
        self.post(&format!("/devices/{id}/tags"), request, StatusCode::OK).await
    }

    /// Reads the sizes of a device again.
    pub async fn device_resync(&self, id: DeviceId) -> Result<(), ClientError> {
        self.job(Method::GET, &format!("/devices/{id}/resync"), None).await.map(drop)
    }

    /// Makes the bricks of a device again, on the empty disk that took its place.
    pub async fn device_replace(&self, id: DeviceId, request: &DeviceReplaceRequest) -> Result<(), ClientError> {
        self.job(Method::POST, &format!("/devices/{id}/replace"), Some(api::encode(request))).await.map(drop)
    }

    /// Moves a brick to another device.
    pub async fn brick_evict(&self, id: BrickId, request: &BrickEvictRequest) -> Result<(), ClientError> {
        self.job(Method::POST, &format!("/bricks/to-evict/{id}"), Some(api::encode(request))).await.map(drop)
    }

    /// Creates a volume.
    pub async fn volume_create(&self, request: &VolumeCreateRequest) -> Result<VolumeInfo, ClientError> {
        self.job_with_value("/volumes", request).await
    }

    /// All volumes.
    pub async fn volume_list(&self) -> Result<VolumeList, ClientError> {
        self.get("/volumes").await
    }

    /// One volume.
    pub async fn volume_info(&self, id: VolumeId) -> Result<VolumeInfo, ClientError> {
        self.get(&format!("/volumes/{id}")).await
    }

    /// Makes a volume larger.
    pub async fn volume_expand(&self, id: VolumeId, request: &VolumeExpandRequest) -> Result<VolumeInfo, ClientError> {
        self.job_with_value(&format!("/volumes/{id}/expand"), request).await
    }

    /// Deletes a volume.
    pub async fn volume_delete(&self, id: VolumeId) -> Result<(), ClientError> {
        self.job(Method::DELETE, &format!("/volumes/{id}"), None).await.map(drop)
    }

    /// Clones a volume.
    pub async fn volume_clone(&self, id: VolumeId, request: &VolumeCloneRequest) -> Result<VolumeInfo, ClientError> {
        self.job_with_value(&format!("/volumes/{id}/clone"), request).await
    }
}
