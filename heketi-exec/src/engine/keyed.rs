//! Requests that may be sent again without being done again.

use std::sync::Arc;

use heketi_core::id::{ClusterId, RequestKeyId};
use heketi_core::inventory::{Change, ChangeSet, Inventory, Job, KeyedOutcome, KeyedRequest, Record};
use heketi_core::{Error, ErrorKind, Timestamp};

use super::Engine;

/// The key of a request, as `Idempotency-Key` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Follows from the key, and from who sent the request, its method and path.
    pub id: RequestKeyId,
    /// Digest of its body.
    pub body: String,
}

impl Engine {
    /// The same engine for one request with this key: the first change it makes is recorded with the key, in one
    /// commit. If something was recorded with the key before, the request is refused with `Conflict`; ask
    /// [`Engine::keyed_request`] first.
    #[must_use]
    pub fn for_request(&self, key: RequestKey) -> Self {
        Self { inner: self.inner.clone(), key: Some(Arc::new(key)) }
    }

    /// The engine for what goes on after the request was taken.
    pub(super) fn without_key(&self) -> Self {
        Self { inner: self.inner.clone(), key: None }
    }

    /// What the request with this key came to, if there was one and that is on disk.
    pub fn keyed_request(&self, id: RequestKeyId) -> Option<Arc<KeyedRequest>> {
        self.durable_inventory().keyed_request(id).cloned()
    }

    /// Records how a request with a key was answered. It replaces what was recorded with the request's change, except a
    /// job or a cluster.
    ///
    /// # Errors
    /// `NotServing`.
    pub async fn remember_answer(&self, key: &RequestKey, status: u16, body: String) -> Result<(), Error> {
        self.change_durably(|planning| {
            let mut changes = ChangeSet::default();
            let known = planning.inventory.keyed_request(key.id).map(|request| &request.outcome);
            if known.is_none_or(|outcome| *outcome == KeyedOutcome::Changed) {
                let outcome = KeyedOutcome::Answer { status, body };
                changes.put_keyed_request(record(key, outcome, planning.now));
            }
            Ok(((), changes))
        })
        .await
    }

    /// Lets the client of a job ask once more how it ended.
    ///
    /// # Errors
    /// `NotServing`.
    pub async fn tell_again(&self, id: heketi_core::id::QueueId) -> Result<(), Error> {
        self.change_durably(|planning| {
            let mut changes = ChangeSet::default();
            if let Some(job) = planning.inventory.job(id).filter(|job| job.collected) {
                changes.put_job(Job { collected: false, ..Job::clone(job) });
            }
            Ok(((), changes))
        })
        .await
    }
}

/// What is recorded with the first change of a request.
///
/// # Errors
/// `Conflict` when something was recorded with its key already, other than a change that may be made again.
pub(super) fn recorded(
    key: &RequestKey,
    inventory: &Inventory,
    changes: &ChangeSet,
    now: Timestamp,
) -> Result<ChangeSet, Error> {
    let known = inventory.keyed_request(key.id);
    if known.is_some_and(|request| request.outcome != KeyedOutcome::Changed || request.body != key.body) {
        return Err(Error::new(ErrorKind::Conflict, "a request with this key was taken already"));
    }
    let job = changes.iter().find_map(|change| match change {
        Change::Put(Record::Job(job)) => Some(KeyedOutcome::Job(job.id)),
        _ => None,
    });
    let cluster = || new_cluster(inventory, changes).map(KeyedOutcome::Cluster);
    let mut recorded = ChangeSet::default();
    recorded.put_keyed_request(record(key, job.or_else(cluster).unwrap_or(KeyedOutcome::Changed), now));
    Ok(recorded)
}

fn new_cluster(inventory: &Inventory, changes: &ChangeSet) -> Option<ClusterId> {
    changes.iter().find_map(|change| match change {
        Change::Put(Record::Cluster(cluster)) => Some(cluster.id).filter(|id| inventory.cluster(*id).is_none()),
        _ => None,
    })
}

fn record(key: &RequestKey, outcome: KeyedOutcome, time: Timestamp) -> KeyedRequest {
    KeyedRequest { id: key.id, body: key.body.clone(), outcome, time }
}
