//! From what a node printed to the answer of [`CommandRunner::run`](super::CommandRunner::run), and the log
//! lines operators look for. The same for every runner that uses the [wrapper](super::wrapper).

use super::splitter::Split;
use super::{Batch, BatchResult, CommandLine, LineResult, LineStatus, RunError, RunErrorKind, sudo};

/// How much of one stream goes into one log line, in bytes.
const LOGGED_LIMIT: usize = 64 * 1024;
/// How much of a broken-off line's output goes into an error message, in bytes.
const TAIL_LIMIT: usize = 400;

/// How the shell that ran a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every line that was to run said how it ended.
    Complete,
    /// The shell ended by itself; this tells how.
    ShellEnded(String),
    /// The connection broke; this tells how.
    Lost(String),
    /// It did not end in the time it had; this tells what was waited for.
    TooLate(String),
}

/// Who ran what where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub host: &'a str,
    /// Empty where the runner has no user of its own.
    pub user: &'a str,
    pub batch: &'a Batch,
    pub sudo: bool,
}

impl Job<'_> {
    /// Logs what is about to be sent.
    pub fn log_start(&self) {
        for line in &self.batch.lines {
            tracing::debug!("Will run command [{}] on [{}]", line.text, self.host);
        }
    }

    /// An error from before anything was sent, logged.
    pub fn refused(&self, kind: RunErrorKind, message: impl Into<String>) -> RunError {
        let error = RunError::before_start(self.host, kind, message);
        self.log_error(&error);
        error
    }

    /// The answer for what the node printed, logged.
    pub fn conclude(&self, split: Split, end: End) -> Result<BatchResult, RunError> {
        let answer = self.judge(split, end);
        let finished = match &answer {
            Ok(result) => result,
            Err(error) => &error.finished,
        };
        for (line, result) in self.batch.lines.iter().zip(&finished.lines) {
            log_line(self.host, line, result);
        }
        if let Err(error) = &answer {
            self.log_error(error);
        }
        answer
    }

    fn judge(&self, mut split: Split, end: End) -> Result<BatchResult, RunError> {
        let error = match end {
            End::Complete => return self.without_refusal(split.result),
            End::ShellEnded(how) if !split.started => {
                let said = tail(&format!("{}\n{}", split.rest_of_stderr, split.rest_of_stdout));
                let message = format!(
                    "the login shell {how} without running /bin/bash{said}. Check the user's shell and forced commands"
                );
                return Err(RunError::before_start(self.host, RunErrorKind::Protocol, message));
            }
            End::ShellEnded(how) => (RunErrorKind::Protocol, format!("the shell on the node {how}")),
            End::Lost(how) => (RunErrorKind::Disconnected, how),
            End::TooLate(what) => (RunErrorKind::Unreachable, what),
        };
        let open = self.batch.lines.get(split.result.lines.len());
        let said = match open {
            Some(line) if line.secret_output => String::new(),
            _ => tail(&std::mem::take(&mut split.rest_of_stderr)),
        };
        let at = open.map(CommandLine::abridged).unwrap_or_default();
        Err(RunError {
            host: self.host.to_owned(),
            kind: error.0,
            message: format!("{}; the outcome of command [{at}] is unknown{said}", error.1),
            finished: split.result,
            nothing_more_ran: false,
        })
    }

    /// A line that sudo refused did not run: that is an error of the call.
    fn without_refusal(&self, mut result: BatchResult) -> Result<BatchResult, RunError> {
        let refused = match result.lines.last() {
            Some(last) if self.sudo => sudo::refusal(last).map(|said| sudo::message(self.user, said)),
            _ => None,
        };
        let Some(message) = refused else {
            return Ok(result);
        };
        result.lines.pop();
        Err(RunError { finished: result, ..RunError::before_start(self.host, RunErrorKind::SudoRefused, message) })
    }

    fn log_error(&self, error: &RunError) {
        let open = self.batch.lines.get(error.finished.lines.len());
        tracing::error!(
            kind = ?error.kind,
            "Failed to run command [{}] on [{}]: Err[{}]: Stdout []: Stderr []",
            open.map(CommandLine::abridged).unwrap_or_default(),
            self.host,
            error.message,
        );
    }
}

/// Logs one line that ended.
fn log_line(host: &str, line: &CommandLine, result: &LineResult) {
    let (stdout, stderr) = if line.secret_output {
        ("Stdout filtered".to_owned(), "Stderr filtered".to_owned())
    } else {
        (format!("Stdout [{}]", shortened(&result.stdout)), format!("Stderr [{}]", shortened(&result.stderr)))
    };
    // A list of filtered streams reads like v10's: `Stdout filtered, Stderr filtered`.
    let between = if line.secret_output { ", " } else { ": " };
    let failed = line.abridged();
    let command = line.text.as_str();
    match result.status {
        LineStatus::Exited(0) => tracing::debug!(
            duration = ?result.duration,
            "Ran command [{command}] on [{host}]: {stdout}{between}{stderr}"
        ),
        LineStatus::Exited(status) if line.failure_is_answer => tracing::debug!(
            duration = ?result.duration,
            "Ran command [{command}] on [{host}]: Status [{status}]: {stdout}{between}{stderr}"
        ),
        LineStatus::Exited(status) => tracing::error!(
            duration = ?result.duration,
            "Failed to run command [{failed}] on [{host}]: Err[Process exited with status {status}]: {stdout}{between}{stderr}"
        ),
        LineStatus::TimedOut => tracing::error!(
            duration = ?result.duration,
            "Failed to run command [{failed}] on [{host}]: Err[command timed out on the node]: {stdout}{between}{stderr}"
        ),
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOGGED_LIMIT)]
}

/// `: <the last of text>`, or nothing where there is no text.
fn tail(text: &str) -> String {
    let text = text.trim();
    let from = text.ceil_char_boundary(text.len().saturating_sub(TAIL_LIMIT));
    match &text[from..] {
        "" => String::new(),
        said => format!(": {said}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged meanwhile.
    fn logged(act: impl FnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
    }

    fn result(status: i32, stdout: &str, stderr: &str) -> LineResult {
        LineResult {
            status: LineStatus::Exited(status),
            stdout: stdout.into(),
            stderr: stderr.into(),
            duration: Duration::from_millis(20),
        }
    }

    fn batch(lines: &[&str]) -> Batch {
        lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(1))).collect()
    }

    fn job(batch: &Batch) -> Job<'_> {
        Job { host: "node1", user: "heketi", batch, sudo: true }
    }

    fn split(lines: Vec<LineResult>) -> Split {
        Split { result: BatchResult { lines }, started: true, ..Split::default() }
    }

    #[test]
    fn log_lines_have_the_form_operators_look_for() {
        let batch = batch(&["lvs -a", "lvremove x"]);
        let text = logged(|| {
            job(&batch).log_start();
            let lines = vec![result(0, "out", "warn"), result(5, "", "busy")];
            job(&batch).conclude(split(lines), End::Complete).unwrap();
        });
        for expected in [
            "DEBUG",
            "Will run command [lvs -a] on [node1]",
            "Ran command [lvs -a] on [node1]: Stdout [out]: Stderr [warn] duration=20ms",
            "ERROR",
            "Failed to run command [lvremove x] on [node1]: Err[Process exited with status 5]: Stdout []: Stderr [busy]",
        ] {
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
        }
    }

    #[test]
    fn errors_leave_long_scripts_out() {
        let script = format!("bash -c '{}' heketi-fstab /etc/fstab", "true;".repeat(100));
        let batch = batch(&[&script, &script]);
        let mut error = None;
        let text = logged(|| {
            job(&batch).conclude(split(vec![result(1, "", "no")]), End::Complete).unwrap();
            error = job(&batch).conclude(split(vec![result(0, "", "")]), End::Lost("gone".into())).err();
        });
        assert!(text.contains("Failed to run command [bash -c '…' heketi-fstab /etc/fstab] on [node1]"), "{text}");
        assert!(error.unwrap().message.contains("command [bash -c '…' heketi-fstab /etc/fstab] is unknown"));
    }

    #[test]
    fn secret_output_is_nowhere() {
        let mut batch = batch(&["a", "b", "c"]);
        batch.lines.iter_mut().for_each(|l| l.secret_output = true);
        let mut error = None;
        let text = logged(|| {
            let lines = vec![result(0, "PASSWORD", ""), result(1, "PASSWORD", "PASSWORD")];
            job(&batch).conclude(split(lines), End::Complete).unwrap();
            let mut lost = split(vec![result(0, "PASSWORD", "PASSWORD")]);
            lost.rest_of_stdout = "PASSWORD".into();
            lost.rest_of_stderr = "PASSWORD".into();
            error = job(&batch).conclude(lost, End::Lost("gone".into())).err();
        });
        assert!(!text.contains("PASSWORD"), "{text}");
        assert!(text.contains("Ran command [a] on [node1]: Stdout filtered, Stderr filtered"));
        assert!(text.contains("Err[Process exited with status 1]: Stdout filtered, Stderr filtered"));
        assert!(!error.unwrap().message.contains("PASSWORD"));
    }

    #[test]
    fn a_line_sudo_refused_did_not_run() {
        let batch = batch(&["a", "b", "c"]);
        let lines = vec![result(0, "out", ""), result(1, "", "sudo: a password is required\n")];
        let error = job(&batch).conclude(split(lines.clone()), End::Complete).unwrap_err();
        assert_eq!(error.kind, RunErrorKind::SudoRefused);
        assert_eq!(error.finished.lines.len(), 1);
        assert!(error.nothing_more_ran);
        let without = Job { sudo: false, ..job(&batch) };
        assert_eq!(without.conclude(split(lines.clone()), End::Complete).unwrap().lines, lines);
    }

    #[test]
    fn what_is_known_depends_on_how_it_ended() {
        let batch = batch(&["a", "b"]);
        let ended = || vec![result(0, "", "")];
        for (end, kind) in [
            (End::ShellEnded("ended with status 3".into()), RunErrorKind::Protocol),
            (End::Lost("gone".into()), RunErrorKind::Disconnected),
            (End::TooLate("no answer".into()), RunErrorKind::Unreachable),
        ] {
            let error = job(&batch).conclude(split(ended()), end).unwrap_err();
            assert_eq!(error.kind, kind);
            assert_eq!(error.finished.lines.len(), 1);
            assert!(!error.nothing_more_ran);
            assert!(error.message.contains("[b] is unknown"), "{error}");
        }
        let unstarted = Split { rest_of_stdout: "This account is not available.".into(), ..Split::default() };
        let error = job(&batch).conclude(unstarted, End::ShellEnded("ended with status 1".into())).unwrap_err();
        assert!(error.nothing_more_ran);
        assert!(error.message.contains("This account is not available"));
    }
}
