//! Bricks that move, devices and nodes that are emptied, devices that are measured again, and retired bricks.

use futures_util::StreamExt;
use futures_util::stream;
use heketi_core::id::{BrickId, DeviceId, NodeId, QueueId};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::EntryState;
use heketi_core::operation::{
    BrickEvict, DeviceRemove, DeviceResync, Event, NodeRemove, Planned, RetiredBricks, device_must_be_evacuated,
    device_state, node_must_be_evacuated, node_state,
};
use heketi_core::{Error, ErrorKind};

use super::Engine;
use super::runner::Started;
use super::writer::Planning;

/// Nodes whose retired bricks are destroyed side by side: one that does not answer must not hold up the others.
const AT_ONCE: usize = 4;

impl Engine {
    /// Moves a brick to another device; with `heal_check` only if nothing is healed from it and enough other bricks of
    /// its set are online.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` with heketi v10's texts, `Busy`, `NotServing`.
    pub async fn brick_evict(&self, id: BrickId, heal_check: bool) -> Result<QueueId, Error> {
        let planned = self.submit_slot(|planning| {
            BrickEvict::plan(planning.inventory, id, heal_check, planning.ids, planning.now).map(Some)
        });
        planned.await?.ok_or_else(Error::busy)
    }

    /// Changes the state of a node; the job tells whether that was allowed. An offline node that becomes failed is
    /// emptied first, with `heal_check` as for [`Engine::brick_evict`].
    ///
    /// # Errors
    /// `NotFound`, `Busy` when bricks are to be moved, `NotServing`.
    pub async fn node_state(&self, id: NodeId, state: EntryState, heal_check: bool) -> Result<QueueId, Error> {
        self.change_state(
            |inventory| node_must_be_evacuated(inventory, id, state),
            |planning| NodeRemove::plan(planning.inventory, id, heal_check, planning.ids, planning.now),
            |inventory| node_state(inventory, id, state),
        )
        .await
    }

    /// Changes the state of a device; the job tells whether that was allowed. An offline device that becomes failed is
    /// emptied first, with `heal_check` as for [`Engine::brick_evict`].
    ///
    /// # Errors
    /// `NotFound`, `Busy` when bricks are to be moved, `NotServing`.
    pub async fn device_state(&self, id: DeviceId, state: EntryState, heal_check: bool) -> Result<QueueId, Error> {
        self.change_state(
            |inventory| device_must_be_evacuated(inventory, id, state),
            |planning| DeviceRemove::plan(planning.inventory, id, heal_check, planning.ids, planning.now),
            |inventory| device_state(inventory, id, state),
        )
        .await
    }

    async fn change_state(
        &self,
        moves_bricks: impl Fn(&Inventory) -> bool,
        remove: impl FnOnce(&mut Planning<'_>) -> Result<Planned, Error>,
        change: impl FnOnce(&Inventory) -> Result<ChangeSet, Error>,
    ) -> Result<QueueId, Error> {
        let limit = self.config().max_in_flight;
        let free_slot = |planning: &Planning<'_>| {
            let busy = moves_bricks(planning.inventory) && planning.in_flight() >= limit;
            if busy { Err(Error::busy()) } else { Ok(()) }
        };
        let removal = self.submit_where(free_slot, |planning| {
            if moves_bricks(planning.inventory) { remove(planning).map(Some) } else { Ok(None) }
        });
        match removal.await {
            Ok(Some(queue)) => Ok(queue),
            Ok(None) => self.at_once(change).await,
            // The answer to a change that is not allowed is the job's.
            Err(refused) if refused.kind() == ErrorKind::Conflict => self.at_once(|_| Err(refused)).await,
            Err(error) => Err(error),
        }
    }

    /// Measures a device again; the job tells whether that was allowed.
    ///
    /// # Errors
    /// `NotFound`, `NotServing`.
    pub async fn device_resync(&self, id: DeviceId) -> Result<QueueId, Error> {
        let submitted =
            self.submit(|planning| DeviceResync::plan(planning.inventory, id, planning.ids, planning.now)).await;
        match submitted {
            Err(refused) if refused.kind() == ErrorKind::Conflict => self.at_once(|_| Err(refused)).await,
            other => other,
        }
    }

    /// Destroys the bricks of a node that no volume uses any more. The job is over at once where there are none.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` while that is under way, `NotServing`.
    pub async fn destroy_retired_bricks(&self, id: NodeId) -> Result<QueueId, Error> {
        let planned = self.submit_where(
            |_| Ok(()),
            |planning| RetiredBricks::plan(planning.inventory, id, planning.ids, planning.now),
        );
        match planned.await? {
            Some(queue) => Ok(queue),
            None => self.at_once(|_| Ok(ChangeSet::default())).await,
        }
    }

    /// Destroys the retired bricks of all nodes, as far as they answer, and waits for that.
    pub(super) async fn destroy_all_retired_bricks(&self) {
        let (inventory, facts) = (self.inventory(), self.facts());
        let has_some = |node: &NodeId| inventory.retired_bricks_of_node(*node).next().is_some();
        let nodes = inventory.nodes().map(|node| node.id).filter(has_some);
        let nodes: Vec<NodeId> = nodes.filter(|node| !facts.down.contains(node)).collect();
        stream::iter(nodes)
            .for_each_concurrent(AT_ONCE, async |node| {
                if self.is_stopping() {
                    return;
                }
                let planned = self.change_durably(|planning| {
                    let planned = RetiredBricks::plan(planning.inventory, node, planning.ids, planning.now)?;
                    let Some(planned) = planned else { return Ok((None, ChangeSet::default())) };
                    Ok((Some(planned.operation), planned.changes))
                });
                match planned.await {
                    Ok(Some(operation)) => {
                        if let Some(task) = self.start(operation, Event::Start, Started::Background) {
                            // What came of it is in the log and in the job.
                            let _ = task.await;
                        }
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%node, "retired bricks are left for later: {error}"),
                }
            })
            .await;
    }
}
