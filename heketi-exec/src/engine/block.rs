//! Requests about block volumes and the volumes that host them.

use std::sync::Arc;

use heketi_core::Error;
use heketi_core::Gib;
use heketi_core::id::{BlockVolumeId, QueueId, VolumeId};
use heketi_core::inventory::{Inventory, JobResult};
use heketi_core::model::BlockRestriction;
use heketi_core::operation::{
    BlockVolumeCreate, BlockVolumeCreateRequest, BlockVolumeDelete, BlockVolumeExpand, choose_hosting, explain_hosting,
    finished_job, volume_block_restriction,
};

use super::Engine;
use super::requests::SEED;
use super::writer::Planning;

impl Engine {
    /// Creates a block volume, and a volume to host it where none has room and the configuration allows it.
    ///
    /// # Errors
    /// `Invalid`, `CannotAllocate` (with an explanation where space or limits are the reason), `Busy` (also
    /// while another hosting volume is created or deleted), `NotServing`.
    pub async fn block_volume_create(&self, request: BlockVolumeCreateRequest) -> Result<QueueId, Error> {
        let (request, policy) = (Arc::new(request), Arc::new(self.config().policy.clone()));
        let facts = self.facts();
        let (asked, limits, known) = (request.clone(), policy.clone(), facts.clone());
        let look =
            move |inventory: &Inventory, effort| choose_hosting(inventory, &asked, &limits, &known, effort, SEED);
        let (asked, limits) = (request.clone(), policy.clone());
        let plan = move |planning: &mut Planning<'_>, chosen: &_| {
            BlockVolumeCreate::plan(planning.inventory, &asked, chosen, &limits, planning.ids, planning.now)
        };
        let explain = move |inventory: &Inventory| explain_hosting(inventory, &request, &policy, &facts);
        self.explained(self.place(look, plan).await, explain).await
    }

    /// Makes a block volume `new_size` large. A block volume that has this size, and is smaller on some hosts
    /// since an expansion failed there, is brought to it on those.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `CannotAllocate` with heketi v10's texts, `Busy`, `NotServing`.
    pub async fn block_volume_expand(&self, id: BlockVolumeId, new_size: Gib) -> Result<QueueId, Error> {
        let facts = self.facts();
        let planned = self.submit_slot(|planning| {
            let Planning { inventory, ids, now, .. } = planning;
            BlockVolumeExpand::plan(inventory, id, new_size, &facts, *ids, *now).map(Some)
        });
        planned.await?.ok_or_else(Error::busy)
    }

    /// Deletes a block volume. The volume that hosts it stays.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Busy`, `NotServing`.
    pub async fn block_volume_delete(&self, id: BlockVolumeId) -> Result<QueueId, Error> {
        let facts = self.facts();
        let planned = self.submit_slot(|planning| {
            let Planning { inventory, ids, now, .. } = planning;
            BlockVolumeDelete::plan(inventory, id, &facts, *ids, *now).map(Some)
        });
        planned.await?.ok_or_else(Error::busy)
    }

    /// Sets whether a block hosting volume takes new block volumes. The job is over as soon as it is durable.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `CannotAllocate` with heketi v10's texts, `Busy` while too many operations run,
    /// `NotServing`.
    pub async fn volume_block_restriction(
        &self,
        id: VolumeId,
        restriction: BlockRestriction,
    ) -> Result<QueueId, Error> {
        self.accepting()?;
        let limit = self.config().max_in_flight;
        self.change_durably(|planning| {
            if planning.in_flight() >= limit {
                return Err(Error::busy());
            }
            let changes = volume_block_restriction(planning.inventory, id, restriction)?;
            Ok(finished_job(JobResult::Volume(id), changes, planning.ids, planning.now))
        })
        .await
    }
}
