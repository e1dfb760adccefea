//! What all operations share: events in, changes and stages out.

use super::{
    Action, Certainty, FailureKind, Host, Operation, OperationStatus, Planned, Step, StepFailure, StepOutcome, Work,
};
use crate::error::Error;
use crate::id::{ClusterId, IdSource, NodeId, OperationId, OriginId, QueueId};
use crate::inventory::{Change, ChangeSet, Claim, Inventory, Job, JobResult, Key, Object};
use crate::placement::{Facts, Policy};
use crate::units::Timestamp;

/// What happened to an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It was planned and that is durable.
    Start,
    /// It was found stale or failed, and is taken up again.
    Resume,
    /// The steps of its stage ended; one outcome for each step, in the order of the stage.
    Outcomes(Vec<StepOutcome>),
}

/// What an operation does next, once `changes` is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// Recorded first.
    pub changes: ChangeSet,
    /// Done then.
    pub next: Next,
}

/// What follows a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Run these steps side by side and come back with [`Event::Outcomes`].
    Run(Vec<Step>),
    /// The operation is over and its record is gone.
    Finished,
    /// The operation cannot go on now; it stays, claimed and `failed`, until it is resumed.
    Suspended(String),
}

/// What a state machine wants after an event.
pub(super) enum Turn {
    /// Run these steps.
    Run(Vec<Step>),
    /// Over, with this result.
    Finish(JobResult),
    /// Cannot go on; the text tells why.
    Suspend(String),
}

/// What an operation may use besides the state while it goes on.
pub struct Environment<'a> {
    /// New ids.
    pub ids: &'a mut dyn IdSource,
    /// The time.
    pub now: Timestamp,
    /// Limits and defaults of the server.
    pub policy: &'a Policy,
    /// What is known about nodes and is not in the state.
    pub facts: &'a Facts,
}

/// What a state machine works with.
pub(super) struct Context<'a> {
    pub inventory: &'a Inventory,
    /// The operation that goes on.
    pub operation: OperationId,
    pub environment: Environment<'a>,
    pub changes: ChangeSet,
    /// The first error of the operation.
    pub error: Option<String>,
}

impl Context<'_> {
    /// Keeps the first error of several outcomes, if there is one; the client gets it in the end.
    pub fn note_failure(&mut self, outcomes: &[StepOutcome]) -> bool {
        let failure = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
        if let Some(failure) = failure {
            self.error.get_or_insert_with(|| failure.text.clone());
        }
        failure.is_some()
    }

    /// The state with the changes this turn made so far.
    pub fn so_far(&self) -> Result<Inventory, Error> {
        let mut inventory = self.inventory.clone();
        inventory.apply(&self.changes).map_err(|error| Error::internal(error.to_string()))?;
        Ok(inventory)
    }

    /// Does another operation stand in the way of claiming `object` like this?
    pub fn is_claimed(&self, object: &Object, claim: Claim) -> bool {
        let others = self.inventory.claimants(object).filter(|(operation, _)| *operation != self.operation);
        others.into_iter().any(|(_, held)| claim == Claim::Exclusive || held == Claim::Exclusive)
    }

    /// The result of an operation that was undone.
    pub fn failed(&self) -> JobResult {
        JobResult::Failed(self.error.clone().unwrap_or_else(|| "the operation was interrupted and undone".to_owned()))
    }
}

/// Did some step stop because the server shuts down? Then nothing of that stage is judged.
fn was_shut_down(outcomes: &[StepOutcome]) -> bool {
    outcomes.iter().any(|outcome| matches!(outcome, Err(failure) if failure.kind == FailureKind::ShutDown))
}

/// The texts of all failures, one a line, each once.
pub(super) fn failure_texts(outcomes: &[StepOutcome]) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for failure in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        if !texts.contains(&failure.text.as_str()) {
            texts.push(&failure.text);
        }
    }
    texts.join("\n")
}

/// True if nothing can have been done by any of the steps that failed.
pub(super) fn nothing_started(failure: &StepFailure) -> bool {
    failure.certainty == Certainty::NotStarted
}

/// A step for one node that changes no gluster configuration.
pub(super) fn on_node(host: Host, action: Action) -> Step {
    Step { hosts: vec![host], changes_gluster: None, action }
}

/// A step for the first of `hosts` that answers; it may change the cluster's gluster configuration.
pub(super) fn in_cluster(cluster: ClusterId, hosts: Vec<Host>, action: Action) -> Step {
    Step { hosts, changes_gluster: Some(cluster), action }
}

/// One step for each host that waits until no command of a lost connection runs there any more.
pub(super) fn settle(hosts: impl IntoIterator<Item = Host>) -> Vec<Step> {
    hosts.into_iter().map(|host| on_node(host, Action::Settle)).collect()
}

/// Have the members of a pool settled after a peer was to join or leave it? Any of them may have taken that
/// command. One that cannot be reached is not waited for: the node in question holds nothing.
pub(super) fn peers_have_settled(outcomes: &[StepOutcome]) -> bool {
    let harmless = |outcome: &StepOutcome| outcome.as_ref().err().is_none_or(nothing_started);
    outcomes.iter().any(Result::is_ok) && outcomes.iter().all(harmless)
}

/// The nodes of a cluster as hosts, `first` before the others, then by id. A node that is being deleted may
/// have left the trusted pool already, and one that is taken back may not be in it yet: they would answer for a pool
/// of their own, and are none of them.
pub(super) fn cluster_hosts(inventory: &Inventory, cluster: ClusterId, first: Option<NodeId>) -> Vec<Host> {
    let is_apart = |(id, claim): (OperationId, Claim)| {
        inventory.operation(id).is_some_and(|operation| match operation.work {
            Work::NodeDelete(_) => true,
            // While it is healed, it is a member again.
            Work::NodeReplace(_) => claim == Claim::Closed,
            _ => false,
        })
    };
    let stays = |id: &NodeId| !inventory.claimants(&Object::Node(*id)).any(is_apart);
    let nodes = inventory.nodes_of_cluster(cluster).filter(stays).filter_map(|id| inventory.node(id));
    let mut hosts: Vec<Host> = nodes.map(|node| node.host()).collect();
    hosts.sort_by_key(|host| (Some(host.node) != first, host.node));
    hosts
}

/// The change set and ids of a new operation.
pub(super) fn plan(work: Work, mut changes: ChangeSet, ids: &mut dyn IdSource, now: Timestamp) -> Planned {
    let operation = OperationId::new(ids);
    let queue = QueueId::new(ids);
    let status = OperationStatus::New;
    let record = Operation { id: operation, queue, created: now, status, error: None, work };
    changes.put_job(Job::of(&record));
    changes.put_operation(record);
    Planned { operation, queue, changes }
}

/// Adds to `changes` a job that is over at once, because the request needed no node.
pub fn finished_job(
    result: JobResult,
    mut changes: ChangeSet,
    ids: &mut dyn IdSource,
    now: Timestamp,
) -> (QueueId, ChangeSet) {
    let id = QueueId::new(ids);
    changes.put_job(Job::without_operation(id, Some(result), now));
    (id, changes)
}

/// Takes an operation one event further.
///
/// # Errors
/// [`Error`] of kind `NotFound` when the operation is over, `Internal` when the state contradicts it.
pub fn advance<'a>(
    inventory: &'a Inventory,
    id: OperationId,
    event: Event,
    environment: Environment<'a>,
) -> Result<Advance, Error> {
    let now = environment.now;
    let stored = inventory.operation(id).ok_or_else(Error::not_found)?;
    let mut operation = Operation::clone(stored);
    if let Event::Outcomes(outcomes) = &event
        && was_shut_down(outcomes)
    {
        let why = "the server is shutting down".to_owned();
        return Ok(Advance { changes: ChangeSet::default(), next: Next::Suspended(why) });
    }
    let (changes, error) = (ChangeSet::default(), operation.error.take());
    let mut context = Context { inventory, operation: id, environment, changes, error };
    let turn = operation.work.machine_mut().advance(&mut context, event)?;
    operation.error = context.error;
    let mut changes = context.changes;
    let next = match turn {
        Turn::Run(steps) => {
            operation.status = OperationStatus::New;
            if operation != **stored {
                changes.put_operation(operation);
            }
            Next::Run(steps)
        }
        Turn::Finish(result) => {
            changes.delete(Key::Operation(id));
            // A client that collected the answer of a suspended operation is not told again; history is.
            if let Some(job) = inventory.job(operation.queue) {
                changes.put_job(Job { operation: None, result: Some(result), time: now, ..Job::clone(job) });
            }
            forget_origins(inventory, &mut changes);
            Next::Finished
        }
        Turn::Suspend(why) => {
            operation.status = OperationStatus::Failed;
            let text = operation.error.get_or_insert_with(|| why.clone()).clone();
            let result = Some(JobResult::Failed(text));
            if let Some(job) = inventory.job(operation.queue).filter(|job| job.result.is_none()) {
                changes.put_job(Job { result, time: now, ..Job::clone(job) });
            }
            changes.put_operation(operation);
            Next::Suspended(why)
        }
    };
    Ok(Advance { changes, next })
}

/// What heketi v10 had recorded of a volume goes with the volume.
fn forget_origins(inventory: &Inventory, changes: &mut ChangeSet) {
    let gone = changes.iter().filter_map(|change| match change {
        Change::Delete(Key::Volume(id)) => Some(OriginId::from_bytes(*id.bytes())),
        Change::Delete(Key::BlockVolume(id)) => Some(OriginId::from_bytes(*id.bytes())),
        _ => None,
    });
    let known: Vec<OriginId> = gone.filter(|id| inventory.origin(*id).is_some()).collect();
    known.into_iter().for_each(|id| changes.delete(Key::Origin(id)));
}

/// Marks an operation as left over by a server that ended.
pub fn mark_stale(operation: &Operation) -> ChangeSet {
    let mut changes = ChangeSet::default();
    changes.put_operation(Operation { status: OperationStatus::Stale, ..operation.clone() });
    changes
}
