//! Runs batches on nodes over SSH.
//!
//! [`SshRunner`] keeps one connection per host and runs each batch as one exec request on a channel of its
//! own. It never sends a batch twice once the host may have received it. Host keys are checked; see
//! [`HostKeyPolicy`].

mod address;
mod config;
mod dial;
mod exchange;
mod host_keys;
mod key_file;
mod login;
mod pool;
mod socket;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use russh::keys::PublicKey;
use tokio::time::Instant;

pub use address::Address;
pub use config::{AGENT_VARIABLE, HostKeyPolicy, KNOWN_HOSTS_VARIABLE, PASSPHRASE_VARIABLE, SetupError, SshConfig};
pub use host_keys::{FileHostKeys, HostKeyStore, MemoryHostKeys};

use super::known_hosts::fingerprint;
use super::outcome::{End, Job};
use super::splitter::Split;
use super::wrapper::{Script, longest_run};
use super::{Batch, BatchResult, CommandRunner, RunError, RunErrorKind};
use dial::{DialError, Dialer};
use exchange::{Followed, Limits, NotSent};
use login::Login;
use pool::Pool;

/// Runs batches on hosts over SSH. Cheap to share behind an `Arc`; connections close when it is dropped.
///
/// A batch waits while its host runs as many as [`SshConfig::channels_per_host`] allows. If the caller stops
/// waiting before the batch was sent, it is not sent; after that it goes on without him.
pub struct SshRunner {
    pool: Arc<Pool>,
    config: SshConfig,
    public_key: Option<PublicKey>,
}

impl fmt::Debug for SshRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshRunner")
            .field("user", &self.config.user)
            .field("key_file", &self.config.key_file)
            .field("agent", &self.config.agent)
            .field("public_key", &self.key_fingerprint())
            .field("host_key_policy", &self.config.host_key_policy)
            .finish_non_exhaustive()
    }
}

/// A batch that a host refused this often, each time with room made, is given up.
const MOST_REFUSALS: u32 = 8;

impl SshRunner {
    /// A runner with these settings. Reads the key file and the `known_hosts` files, and looks whether the agent is
    /// there; connects to no host yet.
    ///
    /// # Errors
    /// [`SetupError`] when a file is missing, unreadable or not what it should be, or a setting cannot work.
    pub fn new(config: SshConfig) -> Result<Self, SetupError> {
        config.check()?;
        let login = Login::new(&config)?;
        if let Err((file, reason)) = host_keys::read_known_hosts(&config.known_hosts) {
            return Err(SetupError::known_hosts(&file, reason));
        }
        if config.host_key_policy == HostKeyPolicy::Off && config.known_hosts.is_empty() {
            tracing::warn!(
                "SSH host keys are not checked (policy off): whoever controls the network controls the nodes"
            );
        }
        let public_key = login.public_key().cloned();
        let dialer = Dialer { config: config.clone(), login };
        Ok(Self { pool: Arc::new(Pool::new(dialer)), config, public_key })
    }

    /// The SHA-256 fingerprint of the key this runner logs in with, as `ssh-keygen -l` shows it; `None`: an agent's
    /// keys are tried.
    pub fn key_fingerprint(&self) -> Option<String> {
        self.public_key.as_ref().map(fingerprint)
    }

    /// Queues for the host, gets a connection, and sends the script: again only when it certainly did not reach the
    /// host, because the connection was dead or the host refused to open a session on it.
    async fn start(
        &self,
        address: &Address,
        script: &Script,
        limits: Limits,
    ) -> Result<tokio::sync::oneshot::Receiver<Followed>, DialError> {
        let asked = Instant::now();
        let command = script.command();
        let (slot, mut permit) = self.pool.queue(address).await?;
        let mut refusals = 0;
        loop {
            let lease = self.pool.lease(&slot, asked).await?;
            match exchange::send(&lease, &command, limits).await {
                Ok(channel) => {
                    let splitter = script.splitter();
                    return Ok(exchange::follow(channel, splitter, limits, lease, permit));
                }
                Err(NotSent::Refused(why)) => {
                    refusals += 1;
                    let alone = lease.is_alone();
                    if refusals > MOST_REFUSALS || (alone && !lease.reused) {
                        lease.settle();
                        return Err(DialError::new(RunErrorKind::Protocol, why));
                    }
                    if alone {
                        // The host may still count sessions that are over: a new connection has none.
                        lease.retire();
                    } else {
                        lease.settle();
                        permit = slot.wait_with_fewer(permit).await?;
                    }
                }
                Err(NotSent::Dead(why)) if !lease.reused => {
                    return Err(DialError::new(RunErrorKind::Disconnected, why));
                }
                Err(NotSent::Dead(why)) => {
                    tracing::debug!("connection to {address} is dead ({why}): dialling again");
                }
            }
        }
    }
}

#[async_trait]
impl CommandRunner for SshRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        if batch.lines.is_empty() {
            return Ok(BatchResult::default());
        }
        let job = Job { host, user: &self.config.user, batch, sudo: self.config.sudo };
        let address = Address::parse(host, self.config.port).map_err(|why| job.refused(RunErrorKind::BadHost, why))?;
        let script = Script::new(batch, self.config.sudo)
            .map_err(|error| job.refused(RunErrorKind::Protocol, error.to_string()))?;
        job.log_start();
        let limits = Limits {
            channel: self.config.connect_timeout,
            exit: self.config.exit_wait,
            batch: longest_run(batch) + self.config.batch_margin,
        };
        let outcome =
            self.start(&address, &script, limits).await.map_err(|error| job.refused(error.kind, error.message))?;
        match outcome.await {
            Ok(Followed::Ran(split, end)) => job.conclude(split, end),
            Ok(Followed::ExecRefused) => Err(job.refused(
                RunErrorKind::Protocol,
                "the host refused to run a command: check the login shell of the user and ForceCommand",
            )),
            Err(_) => job.conclude(Split::default(), End::Lost("the runner is shutting down".to_owned())),
        }
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
