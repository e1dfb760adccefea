use heketi_core::api::{
    BlockRestrictionRequest, BlockVolumeCreateRequest, BlockVolumeExpandRequest, BlockVolumeInfo, BlockVolumeList,
    VolumeInfo,
};
use heketi_core::id::{BlockVolumeId, VolumeId};
use reqwest::Method;

use super::{Client, ClientError};

/// Block volumes and the volumes that host them.
impl Client {
    /// Creates a block volume.
    pub async fn block_volume_create(
        &self,
        request: &BlockVolumeCreateRequest,
    ) -> Result<BlockVolumeInfo, ClientError> {
        self.job_with_value("/blockvolumes", request).await
    }

    /// All block volumes.
    pub async fn block_volume_list(&self) -> Result<BlockVolumeList, ClientError> {
        self.get("/blockvolumes").await
    }

    /// One block volume.
    pub async fn block_volume_info(&self, id: BlockVolumeId) -> Result<BlockVolumeInfo, ClientError> {
        self.get(&format!("/blockvolumes/{id}")).await
    }

    /// Makes a block volume larger.
    pub async fn block_volume_expand(
        &self,
        id: BlockVolumeId,
        request: &BlockVolumeExpandRequest,
    ) -> Result<BlockVolumeInfo, ClientError> {
        self.job_with_value(&format!("/blockvolumes/{id}/expand"), request).await
    }

    /// Deletes a block volume.
    pub async fn block_volume_delete(&self, id: BlockVolumeId) -> Result<(), ClientError> {
        self.job(Method::DELETE, &format!("/blockvolumes/{id}"), None).await.map(drop)
    }

    /// Locks a block hosting volume against new block volumes, or unlocks it.
    pub async fn volume_set_block_restriction(
        &self,
        id: VolumeId,
        request: &BlockRestrictionRequest,
    ) -> Result<VolumeInfo, ClientError> {
        self.job_with_value(&format!("/volumes/{id}/block-restriction"), request).await
    }
}
