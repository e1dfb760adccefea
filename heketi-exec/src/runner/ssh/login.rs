//! Proves to a host who we are: with the key of a file, or with the keys of an ssh-agent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{AgentAuthError, Error};

use super::super::RunErrorKind;
use super::super::known_hosts::fingerprint;
use super::address::Address;
use super::config::{SetupError, SshConfig};
use super::dial::{DialError, Session};
use super::key_file;

/// So many keys of an agent are tried: OpenSSH ends a login after six (`MaxAuthTries`).
const MOST_KEYS: usize = 5;

/// The way to log in. Nothing of a private key gets into a message.
pub(super) enum Login {
    /// With the private key of this file.
    Key { file: PathBuf, key: Arc<PrivateKey> },
    /// With a key that the agent behind this socket holds: with this one, or with whichever the host takes.
    Agent { socket: PathBuf, only: Option<(PathBuf, PublicKey)> },
}

impl Login {
    /// What the settings ask for.
    ///
    /// # Errors
    /// [`SetupError`] when a file is not what it should be, or no agent listens.
    pub fn new(config: &SshConfig) -> Result<Self, SetupError> {
        let file = config.key_file.clone();
        let Some(socket) = config.agent.clone() else {
            let key = Arc::new(key_file::read(&file, &config.passphrase)?);
            return Ok(Self::Key { file, key });
        };
        std::os::unix::net::UnixStream::connect(&socket)
            .map_err(|reason| SetupError::AgentUnreachable { socket: socket.clone(), reason })?;
        let only = match file.as_os_str().is_empty() {
            true => None,
            false => Some((file.clone(), key_file::read_public(&file)?)),
        };
        Ok(Self::Agent { socket, only })
    }

    /// The one key this logs in with, if that is certain.
    pub fn public_key(&self) -> Option<&PublicKey> {
        match self {
            Self::Key { key, .. } => Some(key.public_key()),
            Self::Agent { only, .. } => only.as_ref().map(|(_, key)| key),
        }
    }

    pub async fn log_in(&self, user: &str, address: &Address, session: &mut Session) -> Result<(), DialError> {
        match self {
            Self::Key { file, key } => with_key(&Host { user, address }, session, file, key).await,
            Self::Agent { socket, only } => with_agent(&Host { user, address }, session, socket, only.as_ref()).await,
        }
    }
}

/// Who logs in where.
struct Host<'a> {
    user: &'a str,
    address: &'a Address,
}

async fn with_key(host: &Host<'_>, session: &mut Session, file: &Path, key: &Arc<PrivateKey>) -> Result<(), DialError> {
    let with = || format!("the key in {}, {}", file.display(), fingerprint(key.public_key()));
    let hash = match hash(host, session, &key.algorithm()).await? {
        Some(hash) => hash,
        None => return Err(host.refused(&with(), ONLY_SHA1)),
    };
    let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
    match session.handle.authenticate_publickey(host.user.to_owned(), key).await {
        Ok(AuthResult::Success) => Ok(()),
        Ok(AuthResult::Failure { partial_success: true, .. }) => Err(host.refused(&with(), SECOND_FACTOR)),
        Ok(AuthResult::Failure { .. }) => Err(host.refused(&with(), "the key is not accepted")),
        Err(error) => Err(host.lost(&error, session)),
    }
}

async fn with_agent(
    host: &Host<'_>,
    session: &mut Session,
    socket: &Path,
    only: Option<&(PathBuf, PublicKey)>,
) -> Result<(), DialError> {
    let (mut agent, keys) = ask(socket, only).await?;
    let mut tried = Vec::new();
    for key in keys.iter().take(MOST_KEYS) {
        let shown = fingerprint(&key.public_key());
        let Some(hash) = hash(host, session, &key.public_key().algorithm()).await? else {
            tried.push(format!("{shown} ({ONLY_SHA1})"));
            continue;
        };
        let user = host.user.to_owned();
        let answer = match key {
            AgentIdentity::PublicKey { key, .. } => {
                session.handle.authenticate_publickey_with(user, key.clone(), hash, &mut agent).await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                session.handle.authenticate_certificate_with(user, certificate.clone(), hash, &mut agent).await
            }
        };
        match answer {
            Ok(AuthResult::Success) => return Ok(()),
            Ok(AuthResult::Failure { partial_success: true, .. }) => {
                return Err(host.refused(&format!("key {shown} of the ssh-agent"), SECOND_FACTOR));
            }
            Ok(AuthResult::Failure { .. }) => tried.push(shown),
            Err(AgentAuthError::Key(_)) => {
                tried.push(format!(
                    "{shown} (the agent does not sign with it: is it locked, or does it want to be asked?)"
                ));
            }
            Err(AgentAuthError::Send(_)) => break,
        }
    }
    let mut with = format!("the keys of the ssh-agent at {}, {}", socket.display(), tried.join(", "));
    if keys.len() > tried.len() {
        with = format!("{with} ({} more were not tried: name one with the key file)", keys.len() - tried.len());
    }
    let why = match session.handle.is_closed() {
        true => format!("it ended the login ({})", session.end_reason()),
        false => "no key is accepted".to_owned(),
    };
    Err(host.refused(&with, &why))
}

type Agent = AgentClient<tokio::net::UnixStream>;

/// The keys of the agent that can be used, and the agent to sign with them.
async fn ask(socket: &Path, only: Option<&(PathBuf, PublicKey)>) -> Result<(Agent, Vec<AgentIdentity>), DialError> {
    let at = socket.display();
    let unusable = |why: String| DialError::new(RunErrorKind::BadKeyFile, why);
    let connected = AgentClient::connect_uds(socket).await;
    let mut agent = connected.map_err(|error| {
        unusable(format!("no ssh-agent answers at {at} ({error}): start one and add the key with `ssh-add FILE`"))
    })?;
    let keys = agent.request_identities().await;
    let mut keys = keys.map_err(|error| unusable(format!("the ssh-agent at {at} does not tell its keys: {error}")))?;
    match only {
        None if keys.is_empty() => {
            Err(unusable(format!("the ssh-agent at {at} holds no key: add one with `ssh-add FILE`")))
        }
        None => Ok((agent, keys)),
        Some((file, only)) => {
            keys.retain(|key| key.public_key().key_data() == only.key_data());
            match keys.is_empty() {
                true => Err(unusable(format!(
                    "the ssh-agent at {at} does not hold the key of {}, {}: add it with `ssh-add FILE`",
                    file.display(),
                    fingerprint(only)
                ))),
                false => Ok((agent, keys)),
            }
        }
    }
}

const ONLY_SHA1: &str = "it takes RSA keys only with SHA-1, which is broken; use an ed25519 or ecdsa key";
const SECOND_FACTOR: &str = "it wants a second factor after the key";

/// The signature hash for RSA keys; other keys have only one. `None`: the host knows only a broken one.
async fn hash(host: &Host<'_>, session: &Session, key: &Algorithm) -> Result<Option<Option<HashAlg>>, DialError> {
    if !matches!(key, Algorithm::Rsa { .. }) {
        return Ok(Some(None));
    }
    match session.handle.best_supported_rsa_hash().await {
        Ok(Some(Some(hash))) => Ok(Some(Some(hash))),
        Ok(Some(None)) => Ok(None),
        // It did not say: every server of the last years takes SHA-512.
        Ok(None) => Ok(Some(Some(HashAlg::Sha512))),
        Err(error) => Err(host.lost(&error, session)),
    }
}

impl Host<'_> {
    fn lost(&self, error: &Error, session: &Session) -> DialError {
        let Self { user, address } = self;
        DialError::new(
            RunErrorKind::Disconnected,
            format!(
                "{address} ended the connection during the login of user {user} ({error}: {})",
                session.end_reason()
            ),
        )
    }

    fn refused(&self, with: &str, why: &str) -> DialError {
        let Self { user, address } = self;
        DialError::new(
            RunErrorKind::AuthenticationFailed,
            format!(
                "{address} refused the login of user {user} with {with}: {why}. Add the public key to \
                 ~{user}/.ssh/authorized_keys on the host and check that its sshd allows this user"
            ),
        )
    }
}
