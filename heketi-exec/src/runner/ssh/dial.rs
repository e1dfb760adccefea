//! Makes one connection: TCP, handshake with the host key check, login. Each failure has its own message.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::{Algorithm, PublicKey, PublicKeyOrCertificate};
use tokio::time::{Instant, timeout};

use super::super::RunErrorKind;
use super::super::known_hosts::{KnownKeys, Verdict, fingerprint};
use super::address::Address;
use super::config::{HostKeyPolicy, SetupError, SshConfig};
use super::host_keys::read_known_hosts;
use super::login::Login;
use super::socket::{Cut, connect, no_answer};

/// Why there is no connection. Nothing was sent that could have run.
#[derive(Clone, Debug)]
pub(super) struct DialError {
    pub kind: RunErrorKind,
    pub message: String,
}

impl DialError {
    pub fn new(kind: RunErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// A connection after login.
pub(super) struct Session {
    pub handle: Handle<HostHandler>,
    ended: Arc<OnceLock<String>>,
    _cut: Cut,
}

impl Session {
    /// Why the connection ended, if it did and told.
    pub fn end_reason(&self) -> String {
        match self.ended.get() {
            Some(reason) => reason.clone(),
            None => "the connection was lost".to_owned(),
        }
    }
}

/// Makes connections with one configuration and one way to log in.
pub(super) struct Dialer {
    pub config: SshConfig,
    pub login: Login,
}

impl Dialer {
    /// Connects and logs in, within the configured time.
    pub async fn dial(&self, address: &Address) -> Result<Session, DialError> {
        let limit = self.config.connect_timeout;
        match timeout(limit, self.dial_in(address, Instant::now() + limit)).await {
            Ok(result) => result,
            Err(_) => Err(no_answer(address, limit)),
        }
    }

    async fn dial_in(&self, address: &Address, deadline: Instant) -> Result<Session, DialError> {
        let known = self.known_keys(address).await?;
        let (stream, cut) = connect(address, deadline, self.config.connect_timeout).await?;
        let ended = Arc::new(OnceLock::new());
        let handler =
            HostHandler { address: address.clone(), config: self.config.clone(), known, ended: ended.clone() };
        let config = Arc::new(self.client_config(&handler.known));
        let handle =
            client::connect_stream(config, stream, handler).await.map_err(|error| handshake_error(address, error))?;
        let mut session = Session { handle, ended, _cut: cut };
        self.login.log_in(&self.config.user, address, &mut session).await?;
        Ok(session)
    }

    /// The keys the host may show: from the `known_hosts` files if there are any, else from the store.
    async fn known_keys(&self, address: &Address) -> Result<KnownKeys, DialError> {
        let config = &self.config;
        if config.host_key_policy == HostKeyPolicy::Off && config.known_hosts.is_empty() {
            return Ok(KnownKeys::default());
        }
        let bad = |message: String| DialError::new(RunErrorKind::UnknownHostKey, message);
        if !config.known_hosts.is_empty() {
            let files = config.known_hosts.clone();
            let read = tokio::task::spawn_blocking(move || read_known_hosts(&files)).await;
            return match read {
                Ok(Ok(known)) => Ok(known.keys(&address.host, address.port)),
                Ok(Err((file, reason))) => Err(bad(SetupError::known_hosts(&file, reason).to_string())),
                Err(_) => Err(DialError::new(RunErrorKind::Closed, "the runner is shutting down")),
            };
        }
        let name = address.known_name();
        let kept = config.host_key_store.get(&name).await;
        let kept = kept.map_err(|why| bad(format!("cannot look up the kept host key: {why}")))?;
        let mut known = KnownKeys::default();
        if let Some(text) = kept {
            known.trusted.push(text.parse().map_err(|_| {
                bad(format!("the kept host key of {name} is damaged: {}", config.host_key_store.how_to_forget(&name)))
            })?);
        }
        Ok(known)
    }

    fn client_config(&self, known: &KnownKeys) -> client::Config {
        let mut config = client::Config {
            keepalive_interval: Some(self.config.keepalive_interval),
            keepalive_max: self.config.keepalive_misses,
            // A silent command may run for many minutes.
            inactivity_timeout: None,
            nodelay: true,
            ..client::Config::default()
        };
        // The host shows only one of its keys: ask for one of a kind that is known.
        let is_known = |algorithm: &Algorithm| {
            let mut keys = known.trusted.iter().chain(&known.fallback);
            keys.any(|key| same_kind(&key.algorithm(), algorithm))
        };
        let (mut order, rest): (Vec<_>, Vec<_>) = config.preferred.key.iter().cloned().partition(is_known);
        order.extend(rest);
        config.preferred.key = Cow::Owned(order);
        config
    }
}

/// Two names for keys of one kind: RSA has one for each hash.
fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    match (one, other) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (one, other) => one == other,
    }
}

fn handshake_error(address: &Address, error: HandlerError) -> DialError {
    match error {
        HandlerError::HostKey(error) => error,
        HandlerError::Ssh(error @ (russh::Error::IO(_) | russh::Error::Disconnect | russh::Error::HUP)) => {
            DialError::new(
                RunErrorKind::Disconnected,
                format!("{address} ended the connection during the SSH handshake: {error}"),
            )
        }
        HandlerError::Ssh(error) => {
            DialError::new(RunErrorKind::Protocol, format!("the SSH handshake with {address} failed: {error}"))
        }
    }
}

/// What can end a session from our side of the protocol.
#[derive(Debug)]
pub(super) enum HandlerError {
    Ssh(russh::Error),
    HostKey(DialError),
}

impl From<russh::Error> for HandlerError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// Judges the host key and notes why the session ends.
pub(super) struct HostHandler {
    address: Address,
    config: SshConfig,
    known: KnownKeys,
    ended: Arc<OnceLock<String>>,
}

impl client::Handler for HostHandler {
    type Error = HandlerError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, HandlerError> {
        let shown = shown.public_key();
        self.check(&shown).await.map_err(HandlerError::HostKey)?;
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandlerError>) -> Result<(), HandlerError> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the host closed the connection ({:?}: {})", info.reason_code, info.message)
            }
            DisconnectReason::Error(HandlerError::Ssh(russh::Error::KeepaliveTimeout)) => {
                format!("the host left {} keep-alive messages unanswered", self.config.keepalive_misses)
            }
            DisconnectReason::Error(HandlerError::Ssh(error)) => {
                format!("the connection was lost: {error}")
            }
            DisconnectReason::Error(HandlerError::HostKey(error)) => error.message.clone(),
        };
        let _ = self.ended.set(text);
        Ok(())
    }
}

impl HostHandler {
    async fn check(&mut self, shown: &PublicKey) -> Result<(), DialError> {
        let config = &self.config;
        let strict_files = !config.known_hosts.is_empty();
        if config.host_key_policy == HostKeyPolicy::Off && !strict_files {
            return Ok(());
        }
        match self.known.judge(shown) {
            Verdict::Trusted => Ok(()),
            Verdict::Unknown if config.host_key_policy == HostKeyPolicy::AcceptNew && !strict_files => {
                self.accept(shown).await
            }
            Verdict::Unknown => Err(self.unknown(shown)),
            Verdict::Changed(old) => Err(self.changed(shown, &old.join(", "))),
            Verdict::Revoked => Err(DialError::new(
                RunErrorKind::UnknownHostKey,
                format!(
                    "the host key {} of {} is marked as revoked; give the host a new key (`ssh-keygen -A` \
                     after removing the old one)",
                    fingerprint(shown),
                    self.address
                ),
            )),
        }
    }

    /// Keeps the first key of a host.
    async fn accept(&mut self, shown: &PublicKey) -> Result<(), DialError> {
        let name = self.address.known_name();
        let key = openssh_text(shown)?;
        tracing::warn!(
            "accepted the new host key {} of {name}; compare it with `ssh-keygen -lf` on the host",
            fingerprint(shown)
        );
        let kept = self.config.host_key_store.put(&name, &key).await;
        kept.map_err(|why| {
            let message = format!("cannot keep the new host key of {name}: {why}");
            DialError::new(RunErrorKind::UnknownHostKey, message)
        })?;
        // The key may be checked again when the session changes its keys.
        self.known.trusted.push(shown.clone());
        Ok(())
    }

    fn unknown(&self, shown: &PublicKey) -> DialError {
        let name = self.address.known_name();
        let remedy = match self.config.known_hosts.first() {
            Some(file) => format!(
                "compare it with `ssh-keygen -lf` on the host, then add it: `ssh-keyscan -p {} {} >> {}`",
                self.address.port,
                self.address.host,
                file.display()
            ),
            None => "compare it with `ssh-keygen -lf` on the host and accept it with the policy accept-new".to_owned(),
        };
        DialError::new(
            RunErrorKind::UnknownHostKey,
            format!("the host key {} of {name} is not known: {remedy}", fingerprint(shown)),
        )
    }

    fn changed(&self, shown: &PublicKey, old: &str) -> DialError {
        let name = self.address.known_name();
        let remedy = if self.config.known_hosts.is_empty() {
            self.config.host_key_store.how_to_forget(&name)
        } else {
            let files = self.config.known_hosts.iter();
            let files: Vec<String> = files.map(|f| f.display().to_string()).collect();
            format!("replace the lines of {name} in {}", files.join(", "))
        };
        DialError::new(
            RunErrorKind::ChangedHostKey,
            format!(
                "the host key of {name} has changed: known is {old}, the host shows {}. Either the host was \
                 installed anew or somebody stands in between. Compare with `ssh-keygen -lf` on the host; if \
                 the new key is right, {remedy}",
                fingerprint(shown)
            ),
        )
    }
}

fn openssh_text(key: &PublicKey) -> Result<String, DialError> {
    let mut key = key.clone();
    key.set_comment("");
    key.to_openssh().map(|text| text.trim().to_owned()).map_err(|error| {
        let message = format!("the host key cannot be written as text: {error}");
        DialError::new(RunErrorKind::Protocol, message)
    })
}
