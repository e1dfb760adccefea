//! How a command line reaches a node: the [`CommandRunner`] trait and its implementations.
//!
//! A runner knows nothing about LVM or gluster. It gets plain lines ([`Batch`]) and a host name, puts
//! sudo, locale and time-out before each line, runs them in order in one round trip, stops at the first
//! line that fails, and reports stdout, stderr, exit status and duration of each line that ran.

pub mod inject;
pub mod known_hosts;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod local;
mod outcome;
pub mod received;
pub mod splitter;
pub mod ssh;
mod sudo;
pub mod wrapper;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

#[cfg(feature = "kubernetes")]
pub use kubernetes::{KubernetesConfig, KubernetesRunner};
pub use local::{LocalError, LocalRunner};
pub use ssh::{SshConfig, SshRunner};

use async_trait::async_trait;

/// One plain command line for a node, without sudo, locale or time-out: the runner adds those.
///
/// The text is what fault-injection hooks match (heketi v10, executor section 6.2). Every argument in it is
/// already quoted for a POSIX shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The line as a shell would read it.
    pub text: String,
    /// How long the node may take for this line. After that the line is ended and its outcome is unknown.
    pub timeout: Duration,
    /// Keep the output out of logs, on failure too: set where it can hold a password.
    pub secret_output: bool,
    /// A non-zero exit status is an answer (there is no such volume group), not trouble worth an error in
    /// the log.
    pub failure_is_answer: bool,
}

impl CommandLine {
    /// A line with the time it may take; its output may be logged.
    pub fn new(text: impl Into<String>, timeout: Duration) -> Self {
        Self { text: text.into(), timeout, secret_output: false, failure_is_answer: false }
    }

    /// The line for errors: of a long script for bash only its arguments.
    pub(crate) fn abridged(&self) -> Cow<'_, str> {
        const LONG: usize = 200;
        let script = self.text.strip_prefix("bash -c '").and_then(|rest| rest.split_once('\''));
        let script = script.filter(|(script, _)| script.len() > LONG);
        match script {
            Some((_, arguments)) => format!("bash -c '…'{arguments}").into(),
            None => self.text.as_str().into(),
        }
    }
}

/// Lines that run one after the other on one host, in one round trip, up to the first that fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The lines in order.
    pub lines: Vec<CommandLine>,
}

impl Batch {
    /// A batch of one line.
    pub fn one(line: CommandLine) -> Self {
        Self { lines: vec![line] }
    }
}

impl FromIterator<CommandLine> for Batch {
    fn from_iter<I: IntoIterator<Item = CommandLine>>(lines: I) -> Self {
        Self { lines: lines.into_iter().collect() }
    }
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStatus {
    /// It ran to its end with this exit status; 0 is success.
    Exited(i32),
    /// The node ended it because its time was up (`timeout` reported 124 or 137). What it did is unknown.
    TimedOut,
}

impl LineStatus {
    /// What an exit status behind `timeout` means.
    pub(crate) fn from_exit(status: i32) -> Self {
        match status {
            124 | 137 => Self::TimedOut,
            status => Self::Exited(status),
        }
    }
}

/// What one line did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineResult {
    /// How it ended.
    pub status: LineStatus,
    /// Everything it wrote to standard output, at most [`OUTPUT_LIMIT`] bytes.
    pub stdout: String,
    /// Everything it wrote to standard error, at most [`OUTPUT_LIMIT`] bytes.
    pub stderr: String,
    /// How long it took on the node.
    pub duration: Duration,
}

impl LineResult {
    /// Did the line end with exit status 0?
    pub fn success(&self) -> bool {
        self.status == LineStatus::Exited(0)
    }

    /// The text that tells why the line failed: stderr, else stdout, else the exit status.
    ///
    /// Gluster prints several failures (`Error : Request timed out`) on stdout.
    pub fn failure_text(&self) -> String {
        let text = [&self.stderr, &self.stdout].into_iter().map(|s| s.trim()).find(|s| !s.is_empty());
        match (text, self.status) {
            (Some(text), _) => text.to_owned(),
            (None, LineStatus::Exited(status)) => format!("Process exited with status {status}"),
            (None, LineStatus::TimedOut) => "command timed out on the node".to_owned(),
        }
    }
}

/// The most bytes kept of one output stream of one line; what follows is cut off and marked.
pub const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;

/// The lines that ran, in order. Shorter than the batch when a line failed: then the last one is that line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchResult {
    /// One entry for each line that ran.
    pub lines: Vec<LineResult>,
}

impl BatchResult {
    /// The line that failed with its index, if one did.
    pub fn failure(&self) -> Option<(usize, &LineResult)> {
        self.lines.iter().enumerate().find(|(_, line)| !line.success())
    }
}

/// Why a host could not be reached or a batch could not be followed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunErrorKind {
    /// Nobody listens on that address, or there is no route to it.
    Refused,
    /// The host did not answer in time.
    Unreachable,
    /// The host name cannot be resolved or is not a host name.
    BadHost,
    /// The host key is not known (strict policy).
    UnknownHostKey,
    /// The host key differs from the one known for this host.
    ChangedHostKey,
    /// The private key file is missing, unreadable, encrypted or not a key, or the ssh-agent does not have the key.
    BadKeyFile,
    /// The host refused the user or key.
    AuthenticationFailed,
    /// sudo refused: password needed, terminal needed, or command not allowed.
    SudoRefused,
    /// The connection was lost, or closed by the host.
    Disconnected,
    /// The host broke the protocol or refused a channel.
    Protocol,
    /// The runner was shut down.
    Closed,
}

/// A batch that could not be followed to its end. The text names the host and what to do.
#[derive(Clone, Debug)]
pub struct RunError {
    /// The host as it was asked for.
    pub host: String,
    /// What kind of trouble.
    pub kind: RunErrorKind,
    /// What happened and what the user can do; never holds a secret.
    pub message: String,
    /// Lines that certainly ended before the trouble.
    pub finished: BatchResult,
    /// True when no line after `finished` can have started. False: the next line may have run or still run.
    pub nothing_more_ran: bool,
}

impl RunError {
    /// An error from before the first line of a batch was sent: nothing ran.
    pub fn before_start(host: impl Into<String>, kind: RunErrorKind, message: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            kind,
            message: message.into(),
            finished: BatchResult::default(),
            nothing_more_ran: true,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.message)
    }
}

impl std::error::Error for RunError {}

/// Runs batches of command lines on hosts.
#[async_trait]
pub trait CommandRunner: Send + Sync + fmt::Debug {
    /// Runs the lines of `batch` in order on `host` (a node's management host name), stopping after the
    /// first line that does not exit with 0. Such a line is not an error of the call: look at
    /// [`BatchResult::failure`].
    ///
    /// # Errors
    /// [`RunError`] when the host cannot be reached or the connection is lost midway. It tells which lines
    /// ended and whether more may have run. A batch is never sent twice by the runner itself once a line of
    /// it may have started.
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError>;

    /// Lets go of connections. Running batches are not waited for.
    async fn close(&self) {}
}
