//! Runs batches on this machine: for a server that lives on its only node, and for tests.

mod check;
mod host;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::outcome::{End, Job};
use super::splitter::{Split, Splitter};
use super::wrapper::{Script, longest_run};
use super::{Batch, BatchResult, CommandRunner, RunError, RunErrorKind};
pub use check::LocalError;

/// What a batch may take beyond the times of its lines, for starting and ending processes.
const MARGIN: Duration = Duration::from_secs(30);
/// How long output may follow the end of the shell, when a daemon it left behind holds the streams open.
const AFTER_EXIT: Duration = Duration::from_secs(2);

/// Runs batches through bash on this machine, for host names that mean it: `localhost`, its own name, and names and
/// addresses of its network interfaces. Another host is refused: its disks are not the ones here.
///
/// A batch that has started goes on when the caller stops waiting for it, as it would on a far node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LocalRunner {
    /// Put `sudo -n` before each line. Default false.
    pub sudo: bool,
    /// The shell that runs the batches; it must be bash. Default `/bin/bash`.
    pub shell: PathBuf,
}

impl Default for LocalRunner {
    fn default() -> Self {
        Self::new(false)
    }
}

impl LocalRunner {
    /// A runner with the usual shell; `sudo` puts `sudo -n` before each line.
    pub fn new(sudo: bool) -> Self {
        Self { sudo, shell: PathBuf::from("/bin/bash") }
    }
}

#[async_trait]
impl CommandRunner for LocalRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        if batch.lines.is_empty() {
            return Ok(BatchResult::default());
        }
        let job = Job { host, user: "", batch, sudo: self.sudo };
        host::check(host).await.map_err(|why| job.refused(RunErrorKind::BadHost, why))?;
        job.log_start();
        let script =
            Script::new(batch, self.sudo).map_err(|error| job.refused(RunErrorKind::Protocol, error.to_string()))?;
        let child = start(&self.shell, &script).map_err(|error| {
            let message = format!("cannot start {}: {error}", self.shell.display());
            job.refused(RunErrorKind::Protocol, message)
        })?;
        let (done, outcome) = oneshot::channel();
        let limit = longest_run(batch) + MARGIN;
        let splitter = script.splitter();
        tokio::spawn(async move {
            // Nobody may be waiting any more.
            let _ = done.send(follow(child, splitter, limit).await);
        });
        match outcome.await {
            Ok((split, end)) => job.conclude(split, end),
            Err(_) => job.conclude(Split::default(), End::Lost("the runner is shutting down".to_owned())),
        }
    }
}

fn start(shell: &Path, script: &Script) -> std::io::Result<Child> {
    Command::new(shell)
        .args(["--norc", "-c"])
        .arg(script.text())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Reads both streams until the batch is complete, the shell ends, or the time is up.
async fn follow(mut child: Child, mut splitter: Splitter, limit: Duration) -> (Split, End) {
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let (mut out, mut err) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let late = Instant::now() + limit;
    let mut deadline = late;
    let mut exited = None;
    let end = loop {
        if splitter.is_complete() {
            break End::Complete;
        }
        if let (Some(how), true) = (&exited, stdout.is_none() && stderr.is_none()) {
            break End::ShellEnded(String::clone(how));
        }
        let step = tokio::select! {
            // First, because a command that prints without end would leave it no turn.
            biased;
            () = sleep_until(deadline) => Step::Late,
            bytes = read(&mut stdout, &mut out), if stdout.is_some() => Step::Out(bytes),
            bytes = read(&mut stderr, &mut err), if stderr.is_some() => Step::Err(bytes),
            status = child.wait(), if exited.is_none() => Step::Exited(match status {
                Ok(status) => format!("ended with {status}"),
                Err(error) => format!("could not be waited for: {error}"),
            }),
        };
        match step {
            Step::Out(0) => stdout = None,
            Step::Out(bytes) => splitter.push_stdout(&out[..bytes]),
            Step::Err(0) => stderr = None,
            Step::Err(bytes) => splitter.push_stderr(&err[..bytes]),
            Step::Exited(how) => {
                exited = Some(how);
                deadline = late.min(Instant::now() + AFTER_EXIT);
            }
            Step::Late => match exited {
                Some(how) => break End::ShellEnded(how),
                None => {
                    kill_group(&child).await;
                    break End::TooLate(format!("not done after {} s", limit.as_secs()));
                }
            },
        }
    };
    // Closing the pipes first lets a shell that still prints end by SIGPIPE.
    drop((stdout, stderr));
    tokio::spawn(async move { child.wait().await });
    (splitter.finish(), end)
}

/// What happened next.
enum Step {
    Late,
    Out(usize),
    Err(usize),
    Exited(String),
}

/// The next bytes of a pipe; 0 at its end. A pipe that cannot be read is at its end.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match pipe {
        Some(pipe) => pipe.read(buffer).await.unwrap_or(0),
        None => 0,
    }
}

/// Kills the shell and everything in its process group. (Each line is in a group of its own, which
/// `timeout` has killed by then.)
async fn kill_group(child: &Child) {
    let Some(pid) = child.id() else { return };
    let kill = Command::new("/bin/bash")
        .arg("-c")
        .arg(format!("kill -KILL -- -{pid}"))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    // Nothing more can be done if even that hangs.
    let _ = timeout(Duration::from_secs(5), kill).await;
}

#[cfg(test)]
mod tests {
    use super::super::{CommandLine, LineStatus};
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(10))).collect()
    }

    #[tokio::test]
    async fn lines_run_in_order_up_to_a_failure() {
        let runner = LocalRunner::default();
        let result = runner.run("localhost", &batch(&["echo a", "false", "echo b"])).await.unwrap();
        assert_eq!(result.lines.len(), 2);
        assert_eq!(result.lines[0].stdout, "a\n");
        assert_eq!(result.failure().unwrap().0, 1);
        assert_eq!(result.lines[1].status, LineStatus::Exited(1));
    }

    #[tokio::test]
    async fn an_empty_batch_does_nothing() {
        let runner = LocalRunner::default();
        let result = runner.run("localhost", &Batch::default()).await.unwrap();
        assert!(result.lines.is_empty());
    }

    #[tokio::test]
    async fn a_shell_that_ends_early_leaves_the_outcome_unknown() {
        let runner = LocalRunner::default();
        let error = runner.run("localhost", &batch(&["echo a", "true; kill -9 $$", "echo b"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Protocol);
        assert_eq!(error.finished.lines.len(), 1);
        assert!(!error.nothing_more_ran);
        assert!(error.message.contains("signal: 9"), "{error}");
    }

    #[tokio::test]
    async fn a_daemon_that_keeps_the_streams_open_is_not_waited_for() {
        let started = Instant::now();
        let result = LocalRunner::default().run("localhost", &batch(&["bash -c 'sleep 20 & echo $!'"])).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(8));
        assert!(result.failure().is_none());
        let pid = result.lines[0].stdout.trim().to_owned();
        std::process::Command::new("bash").args(["-c", "kill \"$0\"", &pid]).status().unwrap();
    }

    #[tokio::test]
    async fn at_the_overall_deadline_the_shell_is_killed() {
        let script = Script::new(&batch(&["true; read -t 60 < <(sleep 60)"]), false).unwrap();
        let child = start(Path::new("/bin/bash"), &script).unwrap();
        let pid = child.id().unwrap();
        let (split, end) = follow(child, script.splitter(), Duration::from_millis(500)).await;
        assert!(matches!(end, End::TooLate(_)), "{end:?}");
        assert!(split.result.lines.is_empty());
        let gone = async {
            while std::path::Path::new(&format!("/proc/{pid}")).exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(5), gone).await.unwrap();
    }

    #[tokio::test]
    async fn large_output_on_both_streams_arrives_whole() {
        let line = "bash -c 'head -c 3000000 /dev/zero | tr \"\\0\" x; head -c 2000000 /dev/zero | tr \"\\0\" y >&2'";
        let result = LocalRunner::default().run("localhost", &batch(&[line])).await.unwrap();
        assert_eq!(result.lines[0].stdout.len(), 3_000_000);
        assert_eq!(result.lines[0].stderr.len(), 2_000_000);
    }
}
