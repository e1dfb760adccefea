//! The shell script that runs a [`Batch`] on a node: one exec request, one round trip.
//!
//! The script is one line of bash builtins around the lines of the batch, because starting a process takes
//! a tenth of a second on slow nodes. A line runs as `sudo -n timeout -k 10 <seconds> <line>` (without
//! `sudo -n` where sudo is off). Before the first line and after each line the script prints a *mark* on
//! both streams, from which a [`Splitter`] cuts the streams into lines again.
//!
//! A mark begins with the byte 0x1e and a random number of this batch. The script itself spells that byte
//! `\036`, so that not even a command that prints its parents' command lines can print a mark.

use std::fmt::Write as _;
use std::time::Duration;

use super::splitter::Splitter;
use super::{Batch, CommandLine};

/// How long `timeout` waits after its first signal before it kills a line for good.
pub const KILL_AFTER: Duration = Duration::from_secs(10);

/// The longest time a line can be given. More than that is taken as this.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest command that is sent, in bytes. The node's login shell gets it as one argument, and Linux
/// takes at most 128 KiB for one argument.
pub const COMMAND_LIMIT: usize = 120_000;

/// Prints marks. `hk_m` prints one; `hk_e` prints the one that ends a line and stops after a failed line.
///
/// EPOCHREALTIME needs bash 5; older ones give whole seconds. A lost connection makes the next mark fail
/// with SIGPIPE, which ends the script: nothing runs on behind the back of whoever looks at the node then.
pub(super) const PROLOGUE: &str = concat!(
    r#"hk_m(){ printf '\036%s %s\n' "$hk_n" "$*";printf '\036%s %s\n' "$hk_n" "$*" >&2;};"#,
    r#"hk_e(){ local s=$?;hk_m "$1" "$s" "$hk_t" "${EPOCHREALTIME:-$SECONDS}";"#,
    r#"[[ $s -eq 0 ]]||exit 0;hk_t=${EPOCHREALTIME:-$SECONDS};};"#,
    r#"hk_m S;hk_t=${EPOCHREALTIME:-$SECONDS}"#,
);

/// Why a batch cannot be turned into a script. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// A line holds a NUL byte, which no command line can carry.
    #[error("command line {index} holds a NUL byte")]
    Nul {
        /// The position of the line in the batch, from 0.
        index: usize,
    },
    /// The command would be longer than [`COMMAND_LIMIT`].
    #[error("the batch needs a command of {bytes} bytes; a node takes at most {COMMAND_LIMIT}")]
    TooLong {
        /// What it would need.
        bytes: usize,
    },
    /// The system gives no random bytes for the mark.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// A batch as the script that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    nonce: String,
    text: String,
    lines: usize,
}

impl Script {
    /// The script of `batch` with a fresh random mark; `sudo` puts `sudo -n` before each line.
    ///
    /// # Errors
    /// [`ScriptError`] when a line cannot be carried or the whole is too long.
    pub fn new(batch: &Batch, sudo: bool) -> Result<Self, ScriptError> {
        Self::build(batch, nonce()?, |line| prefixed(line, sudo))
    }

    /// A script that sets no limit to its lines: one that hangs goes on.
    ///
    /// # Errors
    /// As [`Script::new`].
    pub fn without_timeouts(batch: &Batch) -> Result<Self, ScriptError> {
        Self::build(batch, nonce()?, |line| line.text.clone())
    }

    /// The same with a given mark, for tests that compare texts. The mark must be unguessable otherwise.
    ///
    /// # Errors
    /// As [`Script::new`].
    pub fn with_nonce(batch: &Batch, sudo: bool, nonce: String) -> Result<Self, ScriptError> {
        Self::build(batch, nonce, |line| prefixed(line, sudo))
    }

    fn build(batch: &Batch, nonce: String, as_run: impl Fn(&CommandLine) -> String) -> Result<Self, ScriptError> {
        if let Some(index) = batch.lines.iter().position(|line| line.text.contains('\0')) {
            return Err(ScriptError::Nul { index });
        }
        let mut text = format!("exec </dev/null;export LC_ALL=C;hk_n={nonce};{PROLOGUE}");
        for (index, line) in batch.lines.iter().enumerate() {
            // eval keeps a line with a syntax error or an open quote from swallowing those after it.
            let line = single_quoted(&as_run(line));
            let _ = write!(text, ";eval {line};hk_e {index}");
        }
        let script = Self { nonce, text, lines: batch.lines.len() };
        let bytes = script.command().len();
        if bytes > COMMAND_LIMIT {
            return Err(ScriptError::TooLong { bytes });
        }
        Ok(script)
    }

    /// What to give to `bash -c` where no shell stands between.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to send in an exec request: `/bin/bash --norc -c '<script>'`, for whatever login shell the user
    /// has. Under sshd bash would read `~/.bashrc` once more without `--norc`.
    pub fn command(&self) -> String {
        format!("/bin/bash --norc -c {}", single_quoted(&self.text))
    }

    /// Cuts the two streams this script prints.
    pub fn splitter(&self) -> Splitter {
        Splitter::new(&self.nonce, self.lines)
    }
}

/// A number that nobody can guess.
fn nonce() -> Result<String, ScriptError> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|error| ScriptError::Random(error.to_string()))?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// The longest time the whole batch may take on a node, the killing of each line included.
pub fn longest_run(batch: &Batch) -> Duration {
    let seconds = batch
        .lines
        .iter()
        .map(|line| timeout_seconds(line).saturating_add(KILL_AFTER.as_secs()))
        .fold(0u64, u64::saturating_add);
    Duration::from_secs(seconds.min(52 * LONGEST_TIMEOUT.as_secs()))
}

/// A line as the node's bash runs it.
fn prefixed(line: &CommandLine, sudo: bool) -> String {
    let sudo = if sudo { "sudo -n " } else { "" };
    let kill_after = KILL_AFTER.as_secs();
    let seconds = timeout_seconds(line);
    format!("{sudo}timeout -k {kill_after} {seconds} {}", line.text)
}

/// Whole seconds, at least 1: `timeout 0` would mean "no limit".
fn timeout_seconds(line: &CommandLine) -> u64 {
    let whole = line.timeout.as_secs();
    let rounded = whole.saturating_add(u64::from(line.timeout.subsec_nanos() > 0));
    rounded.clamp(1, LONGEST_TIMEOUT.as_secs())
}

/// `text` as one word of a POSIX shell.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::super::{BatchResult, LineStatus};
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(20))).collect()
    }

    /// Runs the script as sshd would: the user's shell gets the whole command as one argument.
    fn run(batch: &Batch) -> (BatchResult, bool) {
        let script = Script::new(batch, false).unwrap();
        let output = Command::new("/bin/sh").arg("-c").arg(script.command()).output().unwrap();
        let mut splitter = script.splitter();
        splitter.push_stdout(&output.stdout);
        splitter.push_stderr(&output.stderr);
        let complete = splitter.is_complete();
        (splitter.finish().result, complete)
    }

    #[test]
    fn the_text_is_sudo_then_timeout_then_the_line() {
        let mut lines = batch(&["lvs -o 'a b'", "udevadm settle"]);
        lines.lines[1].timeout = Duration::from_millis(1500);
        let script = Script::with_nonce(&lines, true, "N".into()).unwrap();
        assert!(script.text().starts_with("exec </dev/null;export LC_ALL=C;hk_n=N;"));
        assert!(script.text().ends_with(
            r";eval 'sudo -n timeout -k 10 20 lvs -o '\''a b'\''';hk_e 0;eval 'sudo -n timeout -k 10 2 udevadm settle';hk_e 1"
        ));
        assert!(!script.text().contains('\n'), "csh takes no line breaks");
        let plain = Script::with_nonce(&lines, false, "N".into()).unwrap();
        assert!(plain.text().contains("eval 'timeout -k 10 20 lvs"));
        assert!(!plain.text().contains("sudo"));
    }

    #[test]
    fn a_batch_runs_up_to_its_first_failure() {
        let (result, complete) =
            run(&batch(&["echo one", "bash -c 'printf two; printf oops >&2; exit 5'", "echo three"]));
        assert!(complete);
        assert_eq!(result.lines.len(), 2);
        assert_eq!(result.lines[0].stdout, "one\n");
        assert!(result.lines[0].success());
        assert_eq!(result.lines[1].stdout, "two");
        assert_eq!(result.lines[1].stderr, "oops");
        assert_eq!(result.lines[1].status, LineStatus::Exited(5));
    }

    #[test]
    fn a_line_with_an_open_quote_fails_alone() {
        let (result, complete) = run(&batch(&["echo 'a", "echo 'b"]));
        assert!(complete);
        assert_eq!(result.lines.len(), 1);
        assert!(!result.lines[0].success());
        assert!(result.lines[0].stderr.contains("quote") || result.lines[0].stderr.contains("unexpected"));
    }

    #[test]
    fn lines_get_no_input_and_the_c_locale() {
        let (result, _) = run(&batch(&["cat", "bash -c 'echo $LC_ALL'"]));
        assert_eq!(result.lines[0].stdout, "");
        assert_eq!(result.lines[1].stdout, "C\n");
    }

    #[test]
    fn a_line_that_takes_too_long_is_ended() {
        let mut slow = batch(&["sleep 30", "echo never"]);
        slow.lines[0].timeout = Duration::from_secs(1);
        let (result, complete) = run(&slow);
        assert!(complete);
        assert_eq!(result.lines.len(), 1);
        assert_eq!(result.lines[0].status, LineStatus::TimedOut);
        assert!(result.lines[0].duration >= Duration::from_millis(900));
        assert!(result.lines[0].duration < Duration::from_secs(8));
    }

    #[test]
    fn a_command_that_prints_the_script_forges_nothing() {
        let (result, complete) =
            run(&batch(&["bash -c 'cat /proc/$PPID/cmdline /proc/*/cmdline 2>/dev/null; true'", "echo after"]));
        assert!(complete);
        assert_eq!(result.lines.len(), 2);
        assert_eq!(result.lines[1].stdout, "after\n");
    }

    #[test]
    fn a_command_that_ends_the_shell_leaves_an_incomplete_batch() {
        let (result, complete) = run(&batch(&["echo one", "true; exit 3", "echo two"]));
        assert!(!complete);
        assert_eq!(result.lines.len(), 1);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let nul = Script::new(&batch(&["true", "echo a\0b"]), false);
        assert_eq!(nul, Err(ScriptError::Nul { index: 1 }));
        let long = "x".repeat(COMMAND_LIMIT);
        assert!(matches!(Script::new(&batch(&[&long]), false), Err(ScriptError::TooLong { .. })));
    }

    #[test]
    fn the_longest_run_counts_the_killing() {
        let mut lines = batch(&["a", "b"]);
        assert_eq!(longest_run(&lines), Duration::from_secs(60));
        lines.lines[0].timeout = Duration::MAX;
        lines.lines[1].timeout = Duration::ZERO;
        assert_eq!(longest_run(&lines), LONGEST_TIMEOUT + Duration::from_secs(21));
    }

    /// A line that prints these bytes on each stream and exits with that status.
    fn printing(stdout: &[u8], stderr: &[u8], status: u8) -> String {
        let octal = |bytes: &[u8]| bytes.iter().map(|b| format!("\\{b:03o}")).collect::<String>();
        format!("bash -c 'printf \"{}\"; printf \"{}\" >&2; exit {status}'", octal(stdout), octal(stderr))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn any_bytes_and_statuses_come_back_through_bash(
            outputs in prop::collection::vec((
                prop::collection::vec(any::<u8>(), 0..40),
                prop::collection::vec(any::<u8>(), 0..40),
                prop_oneof![6 => Just(0u8), 1 => any::<u8>()],
            ), 1..4)
        ) {
            let lines: Vec<String> = outputs.iter().map(|(o, e, s)| printing(o, e, *s)).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (result, complete) = run(&batch(&lines));
            prop_assert!(complete);
            let ran = outputs.iter().position(|(_, _, s)| *s != 0).map_or(outputs.len(), |i| i + 1);
            prop_assert_eq!(result.lines.len(), ran);
            for (line, (stdout, stderr, status)) in result.lines.iter().zip(&outputs) {
                prop_assert_eq!(&line.stdout, &String::from_utf8_lossy(stdout));
                prop_assert_eq!(&line.stderr, &String::from_utf8_lossy(stderr));
                let expected = match status {
                    124 | 137 => LineStatus::TimedOut,
                    status => LineStatus::Exited(i32::from(*status)),
                };
                prop_assert_eq!(line.status, expected);
            }
        }
    }
}
