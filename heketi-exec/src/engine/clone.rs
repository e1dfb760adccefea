//! Clones of volumes.

use heketi_core::Error;
use heketi_core::id::{QueueId, VolumeId};
use heketi_core::operation::VolumeClone;

use super::Engine;

impl Engine {
    /// Makes a volume with the data of another. Without a name it is `vol_<its id>`.
    ///
    /// # Errors
    /// `NotFound`; `Busy` while another operation works on the volume or too many run; `CannotAllocate` with
    /// heketi v10's texts; `NotServing`.
    pub async fn volume_clone(&self, id: VolumeId, name: Option<String>) -> Result<QueueId, Error> {
        let policy = self.config().policy.clone();
        let planned = self
            .submit_slot(|planning| {
                VolumeClone::plan(planning.inventory, id, name, &policy, planning.ids, planning.now).map(Some)
            })
            .await?;
        planned.ok_or_else(Error::busy)
    }
}
