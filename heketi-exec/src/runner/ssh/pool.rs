//! One connection per host, shared by a bounded number of batches; a bounded number of connections.
//!
//! All batches for a host that wait while it is dialled share the answer, so that a dead host costs its
//! time-out once and not once per batch.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::super::RunErrorKind;
use super::address::Address;
use super::dial::{DialError, Dialer, Session};

/// How often a batch that waits for a free connection looks for one to close.
const EVICT_EVERY: Duration = Duration::from_millis(100);
/// How long saying goodbye to a host may take.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// The connections of one runner.
pub(super) struct Pool {
    dialer: Dialer,
    slots: Mutex<HashMap<Address, Arc<Slot>>>,
    total: Arc<Semaphore>,
    closed: AtomicBool,
    reaping: AtomicBool,
}

/// All there is for one host.
pub(super) struct Slot {
    address: Address,
    channels: Arc<Semaphore>,
    /// How many places `channels` has.
    limit: AtomicUsize,
    state: tokio::sync::Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    connection: Option<Arc<Connection>>,
    failure: Option<(Instant, DialError)>,
}

/// A connection and who uses it.
pub(super) struct Connection {
    pub session: Session,
    users: AtomicUsize,
    /// Not to be used for further batches.
    retired: AtomicBool,
    last_used: Mutex<Instant>,
    _place: OwnedSemaphorePermit,
}

/// The right to use a connection for one batch. Dropped before it is [settled](Lease::settle), it takes the
/// connection out of use: a channel may be half open then.
pub(super) struct Lease {
    connection: Arc<Connection>,
    /// Was the connection there already? It may have died unnoticed then.
    pub reused: bool,
    settled: bool,
}

impl Pool {
    pub fn new(dialer: Dialer) -> Self {
        let total = Arc::new(Semaphore::new(dialer.config.max_connections.min(Semaphore::MAX_PERMITS)));
        Self { dialer, slots: Mutex::default(), total, closed: AtomicBool::new(false), reaping: AtomicBool::new(false) }
    }

    /// Waits, first come first served, until the host has room for one more batch.
    pub async fn queue(&self, address: &Address) -> Result<(Arc<Slot>, OwnedSemaphorePermit), DialError> {
        let slot = self.slot(address);
        let permit = slot.channels.clone().acquire_owned().await;
        match permit {
            Ok(permit) if !self.closed.load(Ordering::Acquire) => Ok((slot, permit)),
            _ => Err(shut_down()),
        }
    }

    /// A connection to the host: the one there is, or a new one. `asked` is when the batch came: if dialling
    /// failed since, it is not tried again.
    pub async fn lease(self: &Arc<Self>, slot: &Slot, asked: Instant) -> Result<Lease, DialError> {
        let mut state = slot.state.lock().await;
        if let Some(connection) = state.connection.take_if(|c| !c.is_usable()) {
            connection.retire();
        }
        if let Some(connection) = &state.connection {
            return Ok(Lease::new(connection.clone(), true));
        }
        match &state.failure {
            Some((at, error)) if *at > asked => return Err(error.clone()),
            _ => {}
        }
        let place = self.place().await?;
        match self.dialer.dial(&slot.address).await {
            Ok(_) if self.closed.load(Ordering::Acquire) => Err(shut_down()),
            Ok(session) => {
                let connection = Arc::new(Connection {
                    session,
                    users: AtomicUsize::new(0),
                    retired: AtomicBool::new(false),
                    last_used: Mutex::new(Instant::now()),
                    _place: place,
                });
                state.connection = Some(connection.clone());
                state.failure = None;
                self.start_reaping();
                Ok(Lease::new(connection, false))
            }
            Err(error) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Closes every connection; nothing can be run any more.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.total.close();
        let slots: Vec<Arc<Slot>> = self.lock_slots().drain().map(|(_, slot)| slot).collect();
        let goodbyes = slots.into_iter().map(|slot| async move {
            slot.channels.close();
            // A slot that is locked is being dialled; that ends with "shut down".
            let connection = match slot.state.try_lock() {
                Ok(mut state) => state.connection.take(),
                Err(_) => None,
            };
            if let Some(connection) = connection {
                connection.goodbye().await;
            }
        });
        futures_util::future::join_all(goodbyes).await;
    }

    fn lock_slots(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, address: &Address) -> Arc<Slot> {
        let mut slots = self.lock_slots();
        let limit = self.dialer.config.channels_per_host.min(Semaphore::MAX_PERMITS);
        let make = || {
            Arc::new(Slot {
                address: address.clone(),
                channels: Arc::new(Semaphore::new(limit)),
                limit: AtomicUsize::new(limit),
                state: tokio::sync::Mutex::default(),
            })
        };
        slots.entry(address.clone()).or_insert_with(make).clone()
    }

    /// A place among the connections; the longest unused connection is closed to make one.
    async fn place(&self) -> Result<OwnedSemaphorePermit, DialError> {
        if self.total.available_permits() == 0 {
            self.close_unused(Duration::ZERO, 1).await;
        }
        let acquire = self.total.clone().acquire_owned();
        tokio::pin!(acquire);
        loop {
            match timeout(EVICT_EVERY, &mut acquire).await {
                Ok(permit) => return permit.map_err(|_| shut_down()),
                Err(_) => self.close_unused(Duration::ZERO, 1).await,
            }
        }
    }

    /// Closes at most `count` connections unused for at least `age`, the longest unused first.
    async fn close_unused(&self, age: Duration, count: usize) {
        let slots: Vec<Arc<Slot>> = self.lock_slots().values().cloned().collect();
        let mut unused: Vec<(Instant, Arc<Slot>)> = slots
            .into_iter()
            .filter_map(|slot| Some((slot.unused_since()?, slot)))
            .filter(|(since, _)| since.elapsed() >= age)
            .collect();
        unused.sort_by_key(|(since, _)| *since);
        for (_, slot) in unused.into_iter().take(count) {
            if let Some(connection) = slot.take_unused() {
                connection.goodbye().await;
            }
        }
    }

    /// Forgets hosts that nobody uses and that have no connection.
    fn forget_hosts(&self) {
        self.lock_slots().retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.state.try_lock().is_ok_and(|s| s.connection.is_some())
        });
    }

    /// Starts the task that closes unused connections. It ends with the pool.
    fn start_reaping(self: &Arc<Self>) {
        if !self.reaping.swap(true, Ordering::AcqRel) {
            tokio::spawn(reap(Arc::downgrade(self), self.dialer.config.idle_timeout));
        }
    }
}

async fn reap(pool: Weak<Pool>, age: Duration) {
    loop {
        sleep((age / 4).clamp(Duration::from_millis(50), Duration::from_secs(30))).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.closed.load(Ordering::Acquire) {
            return;
        }
        pool.close_unused(age, usize::MAX).await;
        pool.forget_hosts();
    }
}

fn shut_down() -> DialError {
    DialError::new(RunErrorKind::Closed, "the SSH runner is shut down")
}

impl Slot {
    /// The host allows fewer batches at a time than we do: gives up one place, if it is not the last, and waits
    /// until another batch has ended.
    pub async fn wait_with_fewer(&self, permit: OwnedSemaphorePermit) -> Result<OwnedSemaphorePermit, DialError> {
        let fewer = |limit: usize| (limit > 1).then(|| limit - 1);
        match self.limit.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer) {
            Ok(limit) => {
                permit.forget();
                tracing::warn!(
                    "{} refuses a session while others run: at most {} batches at a time now; raise MaxSessions in \
                     its sshd_config",
                    self.address,
                    limit - 1
                );
            }
            Err(_) => drop(permit),
        }
        self.channels.clone().acquire_owned().await.map_err(|_| shut_down())
    }

    /// Since when the connection of this host is unused, if it is.
    fn unused_since(&self) -> Option<Instant> {
        let state = self.state.try_lock().ok()?;
        state.connection.as_ref()?.unused_since()
    }

    fn take_unused(&self) -> Option<Arc<Connection>> {
        let mut state = self.state.try_lock().ok()?;
        state.connection.take_if(|connection| connection.unused_since().is_some())
    }
}

impl Connection {
    fn is_usable(&self) -> bool {
        !self.retired.load(Ordering::Acquire) && !self.session.handle.is_closed()
    }

    fn unused_since(&self) -> Option<Instant> {
        let last_used = *self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        (self.users.load(Ordering::Acquire) == 0).then_some(last_used)
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Tells the host that we leave.
    async fn goodbye(&self) {
        self.retire();
        let reason = russh::Disconnect::ByApplication;
        // A dead connection cannot be told; dropping it closes it.
        let _ = timeout(GOODBYE_LIMIT, self.session.handle.disconnect(reason, "", "en")).await;
    }
}

impl Lease {
    fn new(connection: Arc<Connection>, reused: bool) -> Self {
        connection.users.fetch_add(1, Ordering::AcqRel);
        Self { connection, reused, settled: false }
    }

    pub fn session(&self) -> &Session {
        &self.connection.session
    }

    /// Nobody else uses this connection.
    pub fn is_alone(&self) -> bool {
        self.connection.users.load(Ordering::Acquire) == 1
    }

    /// No further batch is to use this connection.
    pub fn retire(&self) {
        self.connection.retire();
    }

    /// The channel of this batch is closed: the connection can be used for others.
    pub fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            self.connection.retire();
        }
        let mut last_used = self.connection.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        *last_used = Instant::now();
        self.connection.users.fetch_sub(1, Ordering::AcqRel);
    }
}
