//! What an [`SshRunner`](super::SshRunner) needs to know, and what can be wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use heketi_core::model::Secret;

use super::super::RunErrorKind;
use super::host_keys::{HostKeyStore, MemoryHostKeys};

/// The environment variable with a colon-separated list of `known_hosts` files.
pub const KNOWN_HOSTS_VARIABLE: &str = "SSH_KNOWN_HOSTS";

/// The environment variable with the socket of the user's ssh-agent.
pub const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// The environment variable with the passphrase of the key file.
pub const PASSPHRASE_VARIABLE: &str = "HEKETI_SSH_PASSPHRASE";

/// What to do with the key a host shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Only known keys are good.
    Strict,
    /// The first key of a host is accepted and kept; another one later is refused.
    #[default]
    AcceptNew,
    /// Any key is good: whoever controls the network controls the nodes.
    Off,
}

impl std::str::FromStr for HostKeyPolicy {
    type Err = String;

    /// Reads `strict`, `accept-new` or `off`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Self::Strict),
            "accept-new" => Ok(Self::AcceptNew),
            "off" => Ok(Self::Off),
            other => Err(format!("host key policy {other:?} is none of strict, accept-new, off")),
        }
    }
}

/// Settings of an [`SshRunner`](super::SshRunner).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SshConfig {
    /// The private key file: OpenSSH, PEM (PKCS#1, SEC1) or PKCS#8. With an [agent](Self::agent): the file of the
    /// public key to log in with, or empty.
    pub key_file: PathBuf,
    /// The socket of an ssh-agent that holds the private key. Default none. With an empty
    /// [`key_file`](Self::key_file) the first five keys of the agent are tried in its order.
    pub agent: Option<PathBuf>,
    /// Opens the key file. Default empty: the file is not locked.
    pub passphrase: Secret,
    /// The user on the nodes. Default `heketi`.
    pub user: String,
    /// The port for hosts that do not name one. Default 22.
    pub port: u16,
    /// Put `sudo -n` before each line. Default false.
    pub sudo: bool,
    /// What to do with unknown host keys. Default [`HostKeyPolicy::AcceptNew`].
    pub host_key_policy: HostKeyPolicy,
    /// If not empty, the policy is strict and only the keys in these files are good. They are read again
    /// for each new connection.
    pub known_hosts: Vec<PathBuf>,
    /// Where keys accepted by [`HostKeyPolicy::AcceptNew`] are kept. Default: in memory.
    pub host_key_store: Arc<dyn HostKeyStore>,
    /// How long connecting, the handshake and the login may take together. Default 15 s.
    pub connect_timeout: Duration,
    /// A silent connection is probed this often. Default 15 s.
    pub keepalive_interval: Duration,
    /// So many unanswered probes mean that the host is dead. Default 3.
    pub keepalive_misses: usize,
    /// Batches that run at the same time on one host; more wait. Default 4 (OpenSSH allows 10 sessions for
    /// one connection).
    pub channels_per_host: usize,
    /// Connections at the same time, over all hosts; more wait. Default 64.
    pub max_connections: usize,
    /// An unused connection is closed after this time. Default 2 min.
    pub idle_timeout: Duration,
    /// How long to wait for the exit status and the closing of the channel after the output has ended.
    /// Default 10 s.
    pub exit_wait: Duration,
    /// What a batch may take beyond the times of its lines before its outcome counts as unknown.
    /// Default 30 s.
    pub batch_margin: Duration,
}

impl SshConfig {
    /// The defaults, with this private key file.
    pub fn new(key_file: impl Into<PathBuf>) -> Self {
        Self {
            key_file: key_file.into(),
            agent: None,
            passphrase: Secret::default(),
            user: "heketi".to_owned(),
            port: 22,
            sudo: false,
            host_key_policy: HostKeyPolicy::default(),
            known_hosts: Vec::new(),
            host_key_store: Arc::new(MemoryHostKeys::default()),
            connect_timeout: Duration::from_secs(15),
            keepalive_interval: Duration::from_secs(15),
            keepalive_misses: 3,
            channels_per_host: 4,
            max_connections: 64,
            idle_timeout: Duration::from_secs(120),
            exit_wait: Duration::from_secs(10),
            batch_margin: Duration::from_secs(30),
        }
    }

    /// The defaults, with the keys that the ssh-agent behind this socket holds.
    pub fn with_agent(socket: impl Into<PathBuf>) -> Self {
        Self { agent: Some(socket.into()), ..Self::new("") }
    }

    /// Takes the value of [`KNOWN_HOSTS_VARIABLE`]: a colon-separated list of files. An empty list changes
    /// nothing.
    pub fn use_known_hosts_list(&mut self, list: &str) {
        let files: Vec<PathBuf> = list.split(':').filter(|file| !file.is_empty()).map(PathBuf::from).collect();
        if !files.is_empty() {
            self.host_key_policy = HostKeyPolicy::Strict;
            self.known_hosts = files;
        }
    }

    /// Does what the environment asks for: [`KNOWN_HOSTS_VARIABLE`], [`PASSPHRASE_VARIABLE`].
    pub fn use_environment(&mut self) {
        if let Some(list) = std::env::var_os(KNOWN_HOSTS_VARIABLE) {
            self.use_known_hosts_list(&list.to_string_lossy());
        }
        self.use_passphrase_variable();
    }

    /// Takes the passphrase from [`PASSPHRASE_VARIABLE`], if it is there.
    pub fn use_passphrase_variable(&mut self) {
        if let Ok(passphrase) = std::env::var(PASSPHRASE_VARIABLE) {
            self.passphrase = Secret::new(passphrase);
        }
    }

    /// # Errors
    /// [`SetupError::BadValue`] for a limit of zero or a user name no login can have.
    pub(super) fn check(&self) -> Result<(), SetupError> {
        let user_ok = !self.user.is_empty()
            && !self.user.starts_with('-')
            && !self.user.chars().any(|c| c.is_control() || c.is_whitespace());
        let checks = [
            ("user", user_ok),
            ("port", self.port > 0),
            ("connect_timeout", !self.connect_timeout.is_zero()),
            ("keepalive_interval", !self.keepalive_interval.is_zero()),
            ("keepalive_misses", self.keepalive_misses > 0),
            ("channels_per_host", self.channels_per_host > 0),
            ("max_connections", self.max_connections > 0),
        ];
        match checks.iter().find(|(_, good)| !good) {
            Some((name, _)) => Err(SetupError::BadValue { name }),
            None => Ok(()),
        }
    }
}

/// Why an [`SshRunner`](super::SshRunner) cannot be made. No text holds anything from inside a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no such key file.
    #[error(
        "SSH private key file {} does not exist: make one with `ssh-keygen -t ed25519 -N '' -f FILE` and add its .pub file to the nodes, or correct the configured name", .0.display()
    )]
    KeyFileMissing(PathBuf),
    /// The key file cannot be read.
    #[error("SSH private key file {} cannot be read ({reason}): it must be readable for the user that runs heketi", file.display())]
    KeyFileUnreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The key has a passphrase.
    #[error(
        "SSH private key file {} is protected with a passphrase: put it into HEKETI_SSH_PASSPHRASE, take it off a copy with `ssh-keygen -p -N '' -f FILE`, or use another key", .0.display()
    )]
    KeyFileEncrypted(PathBuf),
    /// The passphrase does not open the key.
    #[error(
        "the passphrase in HEKETI_SSH_PASSPHRASE does not open SSH private key file {}: try it with `ssh-keygen -yf FILE`", .0.display()
    )]
    WrongPassphrase(PathBuf),
    /// It is locked in a form that only old programs write.
    #[error(
        "SSH private key file {} is locked in the old PEM form, which heketi reads of RSA keys only: bring it into today's form with `ssh-keygen -p -f FILE`", .0.display()
    )]
    KeyFileLockedAsOldPem(PathBuf),
    /// It is the public half.
    #[error("{} is a public key: name the private key file, which mostly has the same name without .pub", .0.display())]
    KeyFilePublic(PathBuf),
    /// It is not a key, or of a kind SSH servers no longer take.
    #[error(
        "{} is not an SSH private key of a known form (OpenSSH, PEM or PKCS#8 with an ed25519, ecdsa or rsa key): check it with `ssh-keygen -lf`", .0.display()
    )]
    KeyFileInvalid(PathBuf),
    /// With an agent the key file must be a public one.
    #[error(
        "{} is not a public key: with an ssh-agent, name the .pub file of the key that the agent holds, or none to try all its keys", .0.display()
    )]
    KeyFileNotPublic(PathBuf),
    /// Nobody answers at the agent's socket.
    #[error("no ssh-agent answers at {} ({reason}): start one as the user that runs heketi, add the key with `ssh-add FILE`, and name its SSH_AUTH_SOCK", socket.display())]
    AgentUnreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A `known_hosts` file cannot be read.
    #[error("known hosts file {} cannot be read: {reason}", file.display())]
    KnownHostsUnreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A setting has a value that cannot work.
    #[error("SSH setting {name} has a value that cannot work")]
    BadValue {
        /// The name of the field of [`SshConfig`].
        name: &'static str,
    },
}

impl SetupError {
    /// The kind of [`RunError`](super::super::RunError) this is.
    pub fn kind(&self) -> RunErrorKind {
        match self {
            Self::KeyFileMissing(_)
            | Self::KeyFileUnreadable { .. }
            | Self::KeyFileEncrypted(_)
            | Self::WrongPassphrase(_)
            | Self::KeyFileLockedAsOldPem(_)
            | Self::KeyFilePublic(_)
            | Self::KeyFileNotPublic(_)
            | Self::AgentUnreachable { .. }
            | Self::KeyFileInvalid(_) => RunErrorKind::BadKeyFile,
            Self::KnownHostsUnreadable { .. } => RunErrorKind::UnknownHostKey,
            Self::BadValue { .. } => RunErrorKind::Protocol,
        }
    }

    pub(super) fn known_hosts(file: &Path, reason: std::io::Error) -> Self {
        Self::KnownHostsUnreadable { file: file.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_known_hosts_files_makes_it_strict() {
        let mut config = SshConfig::new("key");
        config.use_known_hosts_list("");
        assert_eq!(config.host_key_policy, HostKeyPolicy::AcceptNew);
        config.use_known_hosts_list("/a:/b c::");
        assert_eq!(config.host_key_policy, HostKeyPolicy::Strict);
        assert_eq!(config.known_hosts, [PathBuf::from("/a"), PathBuf::from("/b c")]);
    }

    #[test]
    fn policies_have_names() {
        assert_eq!("strict".parse(), Ok(HostKeyPolicy::Strict));
        assert_eq!("accept-new".parse(), Ok(HostKeyPolicy::AcceptNew));
        assert_eq!("off".parse(), Ok(HostKeyPolicy::Off));
        assert!("no".parse::<HostKeyPolicy>().unwrap_err().contains("accept-new"));
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let mut config = SshConfig::new("key");
        assert!(config.check().is_ok());
        config.channels_per_host = 0;
        assert!(config.check().unwrap_err().to_string().contains("channels_per_host"));
        config.channels_per_host = 1;
        config.user = "a b".into();
        assert!(config.check().unwrap_err().to_string().contains("user"));
    }
}
