//! The requests an engine takes. Each answers once the plan is durable; the work goes on in the background and
//! reports to the job whose id is returned.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::select_ok;
use heketi_core::api::{CapacityInfo, CheckedVolumeCreate, PlacementInfo, TagsChangeRequest};
use heketi_core::id::{ClusterId, DeviceId, NodeId, QueueId, VolumeId};
use heketi_core::inventory::{ChangeSet, Inventory, JobResult};
use heketi_core::model::{EntryState, Tags};
use heketi_core::operation::{
    Action, DeviceAdd, DeviceAddRequest, DeviceDelete, Event, Host, NodeAdd, NodeAddRequest, NodeDelete, Planned, Step,
    StepFailure, VolumeCreate, VolumeDelete, VolumeExpand, capacity, choose_cluster, choose_expansion, cluster_create,
    cluster_delete, cluster_flags, device_tags, explain_create, explain_expansion, explain_placement, finished_job,
    node_tags,
};
use heketi_core::placement::Effort;
use heketi_core::{Error, ErrorKind, Gib};
use tracing::Instrument;

use super::runner::Started;
use super::writer::Planning;
use super::{Engine, not_serving};

/// How often a choice made on a snapshot may turn out outdated before it is made under the lock.
const OPTIMISTIC_TRIES: usize = 3;

/// Settles ties of placement. Any constant will do: the state changes from volume to volume.
pub(super) const SEED: u64 = 0;

impl Engine {
    /// Creates a cluster.
    ///
    /// # Errors
    /// `NotServing`.
    pub async fn cluster_create(&self, file: bool, block: bool) -> Result<ClusterId, Error> {
        self.accepting()?;
        self.change_durably(|planning| Ok(cluster_create(file, block, planning.ids))).await
    }

    /// Sets both flags of a cluster.
    ///
    /// # Errors
    /// `NotFound`, `NotServing`.
    pub async fn cluster_flags(&self, id: ClusterId, file: bool, block: bool) -> Result<(), Error> {
        self.accepting()?;
        self.change_durably(|planning| Ok(((), cluster_flags(planning.inventory, id, file, block)?))).await
    }

    /// Deletes an empty cluster.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `NotServing`.
    pub async fn cluster_delete(&self, id: ClusterId) -> Result<(), Error> {
        self.accepting()?;
        self.change_durably(|planning| Ok(((), cluster_delete(planning.inventory, id)?))).await
    }

    /// Adds a node. Before the plan, glusterd must answer: on the node itself if it is the first of its
    /// cluster, else on some online member.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `Unavailable`, `NotServing`.
    pub async fn node_add(&self, request: NodeAddRequest) -> Result<QueueId, Error> {
        self.accepting()?;
        let inventory = self.inventory();
        NodeAdd::check(&inventory, &request)?;
        self.check_glusterd(&inventory, &request).await?;
        self.submit(|planning| NodeAdd::plan(planning.inventory, request, planning.ids, planning.now)).await
    }

    async fn check_glusterd(&self, inventory: &Inventory, request: &NodeAddRequest) -> Result<(), Error> {
        let members: Vec<_> =
            inventory.nodes_of_cluster(request.cluster).filter_map(|id| inventory.node(id)).cloned().collect();
        let (hosts, text): (Vec<Host>, _) = if members.is_empty() {
            let name = |names: &[String]| names.first().cloned().unwrap_or_default();
            let host = Host {
                node: NodeId::from_bytes([0; 16]),
                manage: name(&request.hostnames.manage),
                storage: name(&request.hostnames.storage),
            };
            (vec![host], "New Node doesn't have glusterd running")
        } else {
            let online = members.iter().filter(|node| node.state == EntryState::Online);
            (online.map(|node| node.host()).collect(), "None of the nodes in cluster has glusterd running")
        };
        let unavailable = |why: Vec<String>| Err(Error::new(ErrorKind::Unavailable, text).explain(why));
        if hosts.is_empty() {
            return unavailable(vec!["no node of the cluster is online".into()]);
        }
        let probe = |host: Host| {
            let step = Step { hosts: vec![host], changes_gluster: None, action: Action::CheckGlusterd };
            async move { self.inner.executor.execute(&step).await }.boxed()
        };
        match select_ok(hosts.into_iter().map(probe)).await {
            Ok(_) => Ok(()),
            Err(StepFailure { text, .. }) => unavailable(vec![text]),
        }
    }

    /// Deletes a node without devices.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `NotServing`.
    pub async fn node_delete(&self, id: NodeId) -> Result<QueueId, Error> {
        self.submit(|planning| NodeDelete::plan(planning.inventory, id, planning.ids, planning.now)).await
    }

    /// Changes the tags of a node; returns the tags it has then.
    ///
    /// # Errors
    /// `NotFound`, `NotServing`.
    pub async fn node_tags(&self, id: NodeId, request: &TagsChangeRequest) -> Result<Tags, Error> {
        self.accepting()?;
        self.change_durably(|planning| node_tags(planning.inventory, id, request)).await
    }

    /// Adds a device.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `NotServing`.
    pub async fn device_add(&self, request: DeviceAddRequest) -> Result<QueueId, Error> {
        self.submit(|planning| DeviceAdd::plan(planning.inventory, request, planning.ids, planning.now)).await
    }

    /// Deletes a device; `force` forgets it even if its node does not cooperate.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Conflict`, `NotServing`.
    pub async fn device_delete(&self, id: DeviceId, force: bool) -> Result<QueueId, Error> {
        self.submit(|planning| DeviceDelete::plan(planning.inventory, id, force, planning.ids, planning.now)).await
    }

    /// Changes the tags of a device; returns the tags it has then.
    ///
    /// # Errors
    /// `NotFound`, `NotServing`.
    pub async fn device_tags(&self, id: DeviceId, request: &TagsChangeRequest) -> Result<Tags, Error> {
        self.accepting()?;
        self.change_durably(|planning| device_tags(planning.inventory, id, request)).await
    }

    /// Creates a volume.
    ///
    /// # Errors
    /// `Invalid`, `CannotAllocate` (with an explanation where space or limits are the reason), `Busy`,
    /// `NotServing`.
    pub async fn volume_create(&self, request: CheckedVolumeCreate) -> Result<QueueId, Error> {
        let (request, policy) = (Arc::new(request), Arc::new(self.config().policy.clone()));
        let facts = self.facts();
        let (asked, limits, known) = (request.clone(), policy.clone(), facts.clone());
        let look =
            move |inventory: &Inventory, effort| choose_cluster(inventory, &asked, &limits, &known, effort, SEED);
        let (asked, limits) = (request.clone(), policy.clone());
        let plan = move |planning: &mut Planning<'_>, chosen: &_| {
            VolumeCreate::plan(planning.inventory, &asked, chosen, &limits, planning.ids, planning.now)
        };
        let explain = move |inventory: &Inventory| explain_create(inventory, &request, &policy, &facts);
        self.explained(self.place(look, plan).await, explain).await
    }

    /// Expands a volume by `increment`.
    ///
    /// # Errors
    /// `NotFound`, `Busy`, `CannotAllocate` (with an explanation where space or limits are the reason),
    /// `NotServing`.
    pub async fn volume_expand(&self, id: VolumeId, increment: Gib) -> Result<QueueId, Error> {
        let policy = Arc::new(self.config().policy.clone());
        let facts = self.facts();
        let (limits, known) = (policy.clone(), facts.clone());
        let look = move |inventory: &Inventory, effort| {
            choose_expansion(inventory, id, increment, &limits, &known, effort, SEED)
        };
        let limits = policy.clone();
        let plan = move |planning: &mut Planning<'_>, chosen: &_| {
            VolumeExpand::plan(planning.inventory, id, increment, chosen, &limits, planning.ids, planning.now)
        };
        let explain = move |inventory: &Inventory| explain_expansion(inventory, id, increment, &policy, &facts);
        self.explained(self.place(look, plan).await, explain).await
    }

    /// Where a new volume would go now, and why each device gets no brick of it. Nothing changes.
    ///
    /// # Errors
    /// `Invalid`; lack of room is an answer.
    pub async fn explain_placement(&self, request: CheckedVolumeCreate) -> Result<PlacementInfo, Error> {
        let (inventory, facts, policy) = (self.inventory(), self.facts(), self.config().policy.clone());
        blocking(move || explain_placement(&inventory, &request, &policy, &facts, SEED)).await?
    }

    /// The largest volume that fits now, for all clusters or one and each durability. `factor` is thin pool size over
    /// brick size: 1 without room for snapshots.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn capacity(&self, cluster: Option<ClusterId>, factor: f32) -> Result<CapacityInfo, Error> {
        let (inventory, facts, policy) = (self.inventory(), self.facts(), self.config().policy.clone());
        blocking(move || capacity(&inventory, cluster, factor, &policy, &facts)).await?
    }

    /// Looks for devices and makes the plan durable. The quick look is taken under the lock; the long one on a
    /// snapshot, so that nobody waits for it, and its choice is checked under the lock by `plan`.
    pub(super) async fn place<C: Send + 'static>(
        &self,
        look: impl Fn(&Inventory, Effort) -> Result<Option<C>, Error> + Clone + Send + 'static,
        plan: impl Fn(&mut Planning<'_>, &C) -> Result<Option<Planned>, Error>,
    ) -> Result<QueueId, Error> {
        let mut chosen: Option<C> = None;
        for attempt in 0..=OPTIMISTIC_TRIES {
            let effort = if attempt < OPTIMISTIC_TRIES { Effort::Quick } else { Effort::Exact };
            let planned = self.submit_slot(|planning| {
                let chosen = match chosen.take() {
                    Some(chosen) if effort == Effort::Quick => Some(chosen),
                    _ => look(planning.inventory, effort)?,
                };
                chosen.map_or(Ok(None), |chosen| plan(planning, &chosen))
            });
            if let Some(queue) = planned.await? {
                return Ok(queue);
            }
            let (inventory, look) = (self.inventory(), look.clone());
            chosen = blocking(move || look(&inventory, Effort::Exact)).await??;
        }
        Err(Error::busy())
    }

    /// Adds to lack of space and limits what stands in the way, device by device.
    pub(super) async fn explained<T>(
        &self,
        placed: Result<T, Error>,
        explain: impl FnOnce(&Inventory) -> Vec<String> + Send + 'static,
    ) -> Result<T, Error> {
        match placed {
            Err(error) if wants_explanation(&error) => {
                let inventory = self.inventory();
                Err(error.explain(blocking(move || explain(&inventory)).await?))
            }
            other => other,
        }
    }

    /// Deletes a volume.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `CannotAllocate` with heketi v10's conflict text, `Busy`, `NotServing`.
    pub async fn volume_delete(&self, id: VolumeId) -> Result<QueueId, Error> {
        let planned = self
            .submit_slot(|planning| VolumeDelete::plan(planning.inventory, id, planning.ids, planning.now).map(Some))
            .await?;
        planned.ok_or_else(Error::busy)
    }

    pub(super) fn accepting(&self) -> Result<(), Error> {
        if self.is_stopping() { Err(not_serving("the server is shutting down")) } else { Ok(()) }
    }

    /// A state change that needs no node: the job is over as soon as it is durable.
    pub(super) async fn at_once(
        &self,
        change: impl FnOnce(&Inventory) -> Result<ChangeSet, Error>,
    ) -> Result<QueueId, Error> {
        self.accepting()?;
        self.change_durably(|planning| {
            let (result, changes) = match change(planning.inventory) {
                Ok(changes) => (JobResult::Done, changes),
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
                Err(error) => (JobResult::Failed(error.to_string()), ChangeSet::default()),
            };
            Ok(finished_job(result, changes, planning.ids, planning.now))
        })
        .await
    }

    /// Makes a plan durable and starts its operation.
    pub(super) async fn submit(
        &self,
        planner: impl FnOnce(&mut Planning<'_>) -> Result<Planned, Error>,
    ) -> Result<QueueId, Error> {
        let planned = self.submit_where(|_| Ok(()), |planning| planner(planning).map(Some)).await?;
        planned.ok_or_else(Error::busy)
    }

    /// As [`Engine::submit`], for operations that count towards the limit; a planner may find no plan.
    pub(super) async fn submit_slot(
        &self,
        planner: impl FnOnce(&mut Planning<'_>) -> Result<Option<Planned>, Error>,
    ) -> Result<Option<QueueId>, Error> {
        let limit = self.config().max_in_flight;
        let free_slot = |planning: &Planning<'_>| {
            let busy = planning.in_flight() >= limit;
            if busy { Err(Error::busy()) } else { Ok(()) }
        };
        self.submit_where(free_slot, planner).await
    }

    pub(super) async fn submit_where(
        &self,
        allowed: impl FnOnce(&Planning<'_>) -> Result<(), Error>,
        planner: impl FnOnce(&mut Planning<'_>) -> Result<Option<Planned>, Error>,
    ) -> Result<Option<QueueId>, Error> {
        self.accepting()?;
        let planned = self.change(|planning| {
            allowed(planning)?;
            let Some(planned) = planner(planning)? else { return Ok((None, ChangeSet::default())) };
            Ok((Some((planned.operation, planned.queue)), planned.changes))
        })?;
        // From here to the start nothing may be dropped: a client that goes away must not leave an operation
        // that is tracked but run by nobody.
        let engine = self.clone();
        let start = async move {
            let planned = planned.durable().await?;
            Ok(planned.map(|(operation, queue)| {
                drop(engine.start(operation, Event::Start, Started::Requested));
                queue
            }))
        };
        let started = tokio::spawn(start.in_current_span());
        started.await.map_err(|_| Error::internal("the operation could not be started"))?
    }
}

/// Is it lack of space or a limit? All other texts stay as heketi v10 has them.
fn wants_explanation(error: &Error) -> bool {
    let reasons = ["No space", "brick size limit", "number of bricks", "No online storage devices"];
    error.kind() == ErrorKind::CannotAllocate && reasons.iter().any(|reason| error.text().contains(reason))
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("a long look at the state ended by a defect"))
}
