//! The node's side of the [wrapper](super::wrapper): reads what was sent, and prints what the script would.
//! For servers that stand in for a node.

use std::fmt::Write as _;
use std::time::Duration;

use super::wrapper::PROLOGUE;
use super::{Batch, BatchResult, CommandLine, LineStatus};

/// A command as an SSH server receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The plain lines, without sudo and time-out.
    pub batch: Batch,
    /// How the marks of the script begin; `None`: the command is one line of someone else.
    nonce: Option<String>,
}

/// What goes back to the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status.
    pub status: i32,
}

/// How long a line of someone who sets no limit may take.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);

impl Received {
    /// Reads a script of ours; a line in `/bin/bash -c '…'`, as heketi v10 sends it; or a plain line.
    pub fn read(command: &str) -> Self {
        if let Some(received) = read_script(command) {
            return received;
        }
        let line = ["/bin/bash -c ", "bash -c "].into_iter().find_map(|shell| {
            let (line, rest) = unquoted(command.strip_prefix(shell)?)?;
            rest.trim().is_empty().then_some(line)
        });
        let line = line.unwrap_or_else(|| command.to_owned());
        Self { batch: Batch::one(CommandLine::new(without_sudo(line.trim()), NO_LIMIT)), nonce: None }
    }

    /// Does it end before its next line once nobody reads what it prints? A script of ours dies of SIGPIPE when it
    /// prints a mark; a plain line of someone else has no next one.
    pub fn must_be_heard(&self) -> bool {
        self.nonce.is_some()
    }

    /// What the command prints when its lines did this.
    pub fn print(&self, result: &BatchResult) -> Printed {
        let Some(nonce) = &self.nonce else {
            return result.lines.first().map_or_else(Printed::default, |line| Printed {
                stdout: line.stdout.clone(),
                stderr: line.stderr.clone(),
                status: exit_status(line.status),
            });
        };
        let mut printed = Printed::default();
        let mut mark = |stdout: &str, stderr: &str, words: &str| {
            let _ = writeln!(printed.stdout, "{stdout}\u{1e}{nonce} {words}");
            let _ = writeln!(printed.stderr, "{stderr}\u{1e}{nonce} {words}");
        };
        mark("", "", "S");
        for (index, line) in result.lines.iter().enumerate() {
            let (status, took) = (exit_status(line.status), line.duration);
            let words = format!("{index} {status} 0.000000 {}.{:06}", took.as_secs(), took.subsec_micros());
            mark(&line.stdout, &line.stderr, &words);
        }
        printed
    }
}

fn exit_status(status: LineStatus) -> i32 {
    match status {
        LineStatus::Exited(status) => status,
        LineStatus::TimedOut => 124,
    }
}

fn read_script(command: &str) -> Option<Received> {
    let (script, rest) = unquoted(command.strip_prefix("/bin/bash --norc -c ")?)?;
    let rest_is_empty = rest.trim().is_empty();
    let (nonce, mut lines) = script.strip_prefix("exec </dev/null;export LC_ALL=C;hk_n=")?.split_once(';')?;
    lines = lines.strip_prefix(PROLOGUE)?;
    let mut batch = Batch::default();
    while !lines.is_empty() {
        let (line, rest) = unquoted(lines.strip_prefix(";eval ")?)?;
        batch.lines.push(read_line(&line).unwrap_or_else(|| CommandLine::new(without_sudo(&line), NO_LIMIT)));
        lines = rest.strip_prefix(&format!(";hk_e {}", batch.lines.len() - 1))?;
    }
    rest_is_empty.then(|| Received { batch, nonce: Some(nonce.to_owned()) })
}

/// `[sudo -n ]timeout -k <seconds> <seconds> <line>`.
fn read_line(line: &str) -> Option<CommandLine> {
    let mut words = without_sudo(line).strip_prefix("timeout -k ")?.splitn(3, ' ');
    let (_, seconds, text) = (words.next()?, words.next()?, words.next()?);
    Some(CommandLine::new(text, Duration::from_secs(seconds.parse().ok()?)))
}

fn without_sudo(line: &str) -> &str {
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    line.strip_prefix("-n ").unwrap_or(line)
}

/// The first word, which is in single quotes, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        word.push_str(part);
        match after.strip_prefix(r"\''") {
            Some(more) => {
                word.push('\'');
                rest = more;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::LineResult;
    use super::super::wrapper::Script;
    use super::*;

    #[test]
    fn lines_of_others_are_read() {
        for (command, line) in [
            ("lvs", "lvs"),
            ("/bin/bash -c 'sudo umount /a'", "umount /a"),
            (r"/bin/bash -c 'lvm pvcreate -qq '\''/dev/sdb'\'''", "lvm pvcreate -qq '/dev/sdb'"),
            ("bash -c 'a' b", "bash -c 'a' b"),
            ("/bin/bash -c 'a", "/bin/bash -c 'a"),
            ("sudo -n mount", "mount"),
        ] {
            let received = Received::read(command);
            assert_eq!(received.batch.lines[0].text, line, "{command}");
            assert!(!received.must_be_heard());
            let done = LineResult {
                status: LineStatus::Exited(7),
                stdout: "o".into(),
                stderr: "e".into(),
                duration: Duration::ZERO,
            };
            let printed = received.print(&BatchResult { lines: vec![done] });
            assert_eq!(printed, Printed { stdout: "o".into(), stderr: "e".into(), status: 7 });
        }
    }

    proptest! {
        #[test]
        fn what_the_wrapper_sends_is_read_and_what_is_printed_is_split(
            lines in prop::collection::vec(("[ -~]{1,30}", "\\PC{0,20}", "\\PC{0,20}", 0i32..125), 1..5),
            sudo: bool,
        ) {
            let batch: Batch =
                lines.iter().map(|(text, ..)| CommandLine::new(text.as_str(), Duration::from_secs(7))).collect();
            let script = Script::new(&batch, sudo).unwrap();
            let received = Received::read(&script.command());
            prop_assert_eq!(&received.batch, &batch);
            prop_assert!(received.must_be_heard());
            let mut result = BatchResult::default();
            for (_, stdout, stderr, status) in &lines {
                let status = LineStatus::from_exit(*status);
                let duration = Duration::from_micros(1_500_000);
                result.lines.push(LineResult { status, stdout: stdout.clone(), stderr: stderr.clone(), duration });
                if status != LineStatus::Exited(0) {
                    break;
                }
            }
            let printed = received.print(&result);
            let mut splitter = script.splitter();
            splitter.push_stdout(printed.stdout.as_bytes());
            splitter.push_stderr(printed.stderr.as_bytes());
            prop_assert!(splitter.is_complete());
            prop_assert_eq!(splitter.finish().result, result);
        }
    }
}
