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
mod pool;
mod socket;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use russh::keys::PublicKey;
use tokio::time::Instant;

pub use address::Address;
pub use config::{HostKeyPolicy, KNOWN_HOSTS_VARIABLE, PASSPHRASE_VARIABLE, SetupError, SshConfig};
pub use host_keys::{FileHostKeys, HostKeyStore, MemoryHostKeys};

use super::known_hosts::fingerprint;
use super::outcome::{End, Job};
use super::splitter::Split;
use super::wrapper::{Script, longest_run};
use super::{Batch, BatchResult, CommandRunner, RunError, RunErrorKind};
use dial::{DialError, Dialer};
use exchange::{Followed, Limits, NotSent};
use pool::Pool;

/// Runs batches on hosts over SSH. Cheap to share behind an `Arc`; connections close when it is dropped.
///
/// A batch waits while its host runs as many as [`SshConfig::channels_per_host`] allows. If the caller stops
/// waiting before the batch was sent, it is not sent; after that it goes on without him.
pub struct SshRunner {
    pool: Arc<Pool>,
    config: SshConfig,
    public_key: PublicKey,
}

impl fmt::Debug for SshRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshRunner")
            .field("user", &self.config.user)
            .field("key_file", &self.config.key_file)
            .field("public_key", &fingerprint(&self.public_key))
            .field("host_key_policy", &self.config.host_key_policy)
            .finish_non_exhaustive()
    }
}

impl SshRunner {
    /// A runner with these settings. Reads the key file and the `known_hosts` files; connects nowhere yet.
    ///
    /// # Errors
    /// [`SetupError`] when a file is missing, unreadable or not what it should be, or a setting cannot work.
    pub fn new(config: SshConfig) -> Result<Self, SetupError> {
        config.check()?;
        let key = key_file::read(&config.key_file, &config.passphrase)?;
        if let Err((file, reason)) = host_keys::read_known_hosts(&config.known_hosts) {
            return Err(SetupError::known_hosts(&file, reason));
        }
        if config.host_key_policy == HostKeyPolicy::Off && config.known_hosts.is_empty() {
            tracing::warn!(
                "SSH host keys are not checked (policy off): whoever controls the network controls the nodes"
            );
        }
        let public_key = key.public_key().clone();
        let dialer = Dialer { config: config.clone(), key: Arc::new(key) };
        Ok(Self { pool: Arc::new(Pool::new(dialer)), config, public_key })
    }

    /// The SHA-256 fingerprint of the key this runner logs in with, as `ssh-keygen -l` shows it.
    pub fn key_fingerprint(&self) -> String {
        fingerprint(&self.public_key)
    }

    /// Queues for the host, gets a connection, and sends the script: at most twice, and a second time only
    /// when the first certainly did not reach the host.
    async fn start(
        &self,
        address: &Address,
        script: &Script,
        limits: Limits,
    ) -> Result<tokio::sync::oneshot::Receiver<Followed>, DialError> {
        let asked = Instant::now();
        let command = script.command();
        let (slot, permit) = self.pool.queue(address).await?;
        loop {
            let lease = self.pool.lease(&slot, asked).await?;
            match exchange::send(&lease, &command, limits).await {
                Ok(channel) => {
                    let splitter = script.splitter();
                    return Ok(exchange::follow(channel, splitter, limits, lease, permit));
                }
                Err(NotSent::Refused(why)) => {
                    lease.settle();
                    return Err(DialError::new(RunErrorKind::Protocol, why));
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
