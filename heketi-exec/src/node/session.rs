//! One step on one host: runs batches, and tells what a failure means.

use std::time::Duration;

use heketi_core::operation::{Certainty, FailureKind, Host, StepFailure};
use tracing::{debug, warn};

use super::NodeOptions;
use super::commands::{self, fstab};
use super::hints;
use super::parse::ParseError;
use super::parse::gluster_xml::{self, Reply};
use crate::runner::{Batch, BatchResult, CommandLine, CommandRunner, LineResult, LineStatus, RunError, RunErrorKind};

/// What to do about a line that failed.
pub(super) enum Verdict {
    /// The step fails.
    Fail,
    /// What the line should do is done already, or does not matter: go on with the next.
    GoOn,
    /// The same line again, after a pause.
    Retry(Duration),
    /// This line in its place.
    Instead(CommandLine),
}

/// The run of one step on one host.
pub(super) struct Session<'a> {
    runner: &'a dyn CommandRunner,
    /// How commands are made.
    pub options: &'a NodeOptions,
    /// Where they run.
    pub host: &'a Host,
    /// Other nodes could run the step: they and this one are in one trusted pool.
    pub has_companions: bool,
    /// A line that changes something may have started.
    changed: bool,
    /// Edits of fstab that sudo may refuse, and what does the same.
    edits: Vec<fstab::Edit>,
}

impl<'a> Session<'a> {
    pub fn new(runner: &'a dyn CommandRunner, options: &'a NodeOptions, host: &'a Host) -> Self {
        Self { runner, options, host, has_companions: false, changed: false, edits: Vec::new() }
    }

    /// Runs lines that change nothing. A line that failed is left to the caller: it can be an answer.
    pub async fn inspect(&mut self, lines: Vec<CommandLine>) -> Result<BatchResult, StepFailure> {
        let answer = |line| CommandLine { failure_is_answer: true, ..line };
        let batch: Batch = lines.into_iter().map(answer).collect();
        let result = self.run(&batch).await.map_err(|error| self.lost(&error, self.changed))?;
        // What cannot be waited for has no answer.
        if let Some((index, line)) = result.failure()
            && line.status == LineStatus::TimedOut
        {
            return Err(self.failed_line(&batch.lines[index], line));
        }
        Ok(result)
    }

    /// Runs one line that changes nothing.
    pub async fn ask(&mut self, line: CommandLine) -> Result<LineResult, StepFailure> {
        let result = self.inspect(vec![line.clone()]).await?;
        result.lines.into_iter().next().ok_or_else(|| self.unanswered(&line))
    }

    /// Runs lines that change something, to the last or to one that fails with [`Verdict::Fail`]. `judge`
    /// gets the line that failed, what it did, and how often that line was tried.
    ///
    /// The answer holds one result for each line.
    pub async fn act(
        &mut self,
        lines: Vec<CommandLine>,
        mut judge: impl FnMut(&CommandLine, &LineResult, u32) -> Verdict + Send,
    ) -> Result<Vec<LineResult>, StepFailure> {
        let fresh = !self.changed;
        let mut left = Batch { lines };
        let mut results = Vec::new();
        let mut tries = 0;
        while !left.lines.is_empty() {
            let done = match self.run(&left).await {
                Ok(done) => done,
                Err(error) if self.has_plain_edit(&mut left, &error) => {
                    self.changed |= !error.finished.lines.is_empty();
                    results.extend(error.finished.lines);
                    tries = 0;
                    continue;
                }
                Err(error) => {
                    let started = self.changed || !error.finished.lines.is_empty() || !error.nothing_more_ran;
                    return Err(self.lost(&error, started));
                }
            };
            self.changed = true;
            let failed = done.failure().map(|(index, _)| index);
            let ran = done.lines.len();
            results.extend(done.lines);
            let Some(index) = failed else {
                if ran < left.lines.len() {
                    return Err(self.unanswered(&left.lines[ran]));
                }
                break;
            };
            left.lines.drain(..index.min(left.lines.len()));
            let (Some(line), Some(result)) = (left.lines.first(), results.last()) else { break };
            tries = if index == 0 { tries + 1 } else { 1 };
            let verdict = match result.status {
                LineStatus::TimedOut => Verdict::Fail,
                LineStatus::Exited(_) => judge(line, result, tries),
            };
            match verdict {
                Verdict::Fail => {
                    // Without glusterd not even the first line did anything.
                    self.changed = !(fresh && results.len() == 1 && glusterd_is_away(result));
                    return Err(self.failed_line(line, result));
                }
                Verdict::GoOn => {
                    left.lines.remove(0);
                    tries = 0;
                }
                Verdict::Instead(other) => {
                    debug!(host = %self.host.manage, command = %other.text, "in place of the line that failed");
                    results.pop();
                    left.lines[0] = other;
                    tries = 0;
                }
                Verdict::Retry(pause) => {
                    debug!(host = %self.host.manage, command = %line.text, ?pause, "trying again");
                    results.pop();
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(results)
    }

    /// Runs gluster lines that change something, again while another command holds gluster's locks.
    /// `judge` has the say about other failures.
    pub async fn act_gluster(
        &mut self,
        lines: Vec<CommandLine>,
        mut judge: impl FnMut(&CommandLine, &LineResult) -> Verdict + Send,
    ) -> Result<Vec<LineResult>, StepFailure> {
        let options = self.options;
        self.act(lines, |line, result, tries| match options.lock_pause(tries) {
            Some(pause) if is_locked(result) => Verdict::Retry(pause),
            _ => judge(line, result),
        })
        .await
    }

    /// Runs one gluster line that changes something and answers in XML, again while another command holds
    /// gluster's locks. Returns gluster's words if it refused: the exit status does not tell.
    pub async fn act_gluster_xml(&mut self, line: CommandLine) -> Result<Result<(), String>, StepFailure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let judge = |_: &CommandLine, result: &LineResult, _| match gluster_xml::status(&result.stdout) {
                Ok(Reply::Refused(_)) => Verdict::GoOn,
                _ => Verdict::Fail,
            };
            let results = self.act(vec![line.clone()], judge).await?;
            let result = results.last().ok_or_else(|| self.unanswered(&line))?;
            if gluster_gave_up(result) {
                return Err(self.failed_line(&line, result));
            }
            let answer = self.reply(&line, result, gluster_xml::status).map_err(|failure| match failure.kind {
                // It may have done what it was asked all the same.
                FailureKind::Answer => StepFailure { certainty: Certainty::Unknown, ..failure },
                _ => failure,
            })?;
            match (&answer, self.options.lock_pause(tries)) {
                (Err(_), Some(pause)) if is_locked(result) => tokio::time::sleep(pause).await,
                _ => return Ok(answer),
            }
        }
    }

    /// The line that edits fstab, by [`Self::act`].
    pub fn edit_fstab(&mut self, add: Option<&str>, gone: &[String]) -> CommandLine {
        let edit = fstab::edit(self.options, add, gone);
        let line = edit.line.clone();
        self.edits.push(edit);
        line
    }

    /// Where sudo lets only heketi v10's programs run, its lines edit fstab: puts them, and what follows, into `left`.
    fn has_plain_edit(&mut self, left: &mut Batch, error: &RunError) -> bool {
        if error.kind != RunErrorKind::SudoRefused || !error.nothing_more_ran {
            return false;
        }
        let ran = error.finished.lines.len();
        let Some(refused) = left.lines.get(ran) else { return false };
        let Some(at) = self.edits.iter().position(|edit| edit.line.text == refused.text) else { return false };
        warn!(host = %self.host.manage, "sudo does not let bash edit fstab: it is edited by sed and awk");
        let plain = self.edits.swap_remove(at).plain;
        left.lines.splice(..=ran, plain);
        true
    }

    async fn run(&self, batch: &Batch) -> Result<BatchResult, RunError> {
        let result = self.runner.run(&self.host.manage, batch).await;
        if let Ok(done) = &result {
            for (line, ran) in batch.lines.iter().zip(&done.lines) {
                debug!(host = %self.host.manage, command = %line.text, status = ?ran.status, duration = ?ran.duration, "ran");
            }
        }
        result
    }

    /// A failure of this step on this host, with what the user can do where that is known.
    pub fn failure(&self, kind: FailureKind, certainty: Certainty, text: impl Into<String>) -> StepFailure {
        let text = match kind {
            // Whoever could not reach the node said what to do.
            FailureKind::Unreachable | FailureKind::ShutDown => text.into(),
            _ => hints::with_hint(text.into()),
        };
        StepFailure { host: self.host.manage.clone(), kind, certainty, text }
    }

    /// The node refused, and told why.
    pub fn refused(&self, text: impl Into<String>) -> StepFailure {
        self.failure(FailureKind::Command, Certainty::Failed, text)
    }

    /// The node's answer to `line` makes no sense.
    pub fn senseless(&self, line: &CommandLine, error: &ParseError) -> StepFailure {
        let text = format!("{error} ({})", self.place(line));
        self.failure(FailureKind::Answer, Certainty::Failed, text)
    }

    /// The runner gave no result for a line of a batch without a failure.
    pub fn unanswered(&self, line: &CommandLine) -> StepFailure {
        let text = format!("no result ({})", self.place(line));
        self.failure(FailureKind::Answer, Certainty::Unknown, text)
    }

    /// A line that failed. The node's own words come first, as heketi v10's clients know them.
    pub fn failed_line(&self, line: &CommandLine, result: &LineResult) -> StepFailure {
        let answered = result.status != LineStatus::TimedOut && !gluster_gave_up(result);
        let certainty = match (answered, self.changed) {
            (true, false) if glusterd_is_away(result) => Certainty::NotStarted,
            (true, _) => Certainty::Failed,
            (false, true) => Certainty::Unknown,
            (false, false) => Certainty::NotStarted,
        };
        let words = if line.secret_output { "command failed".to_owned() } else { result.failure_text() };
        self.failure(FailureKind::Command, certainty, format!("{words} ({})", self.place(line)))
    }

    /// What gluster answered in XML, or its words for why it refused.
    pub fn reply<T>(
        &self,
        line: &CommandLine,
        result: &LineResult,
        parse: impl FnOnce(&str) -> Result<Reply<T>, ParseError>,
    ) -> Result<Result<T, String>, StepFailure> {
        match parse(&result.stdout) {
            Ok(Reply::Refused(words)) => Ok(Err(words)),
            Ok(Reply::Done(answer)) if result.success() => Ok(Ok(answer)),
            Err(error) if result.success() => Err(self.senseless(line, &error)),
            _ => Err(self.failed_line(line, result)),
        }
    }

    /// The batch could not be followed to its end.
    fn lost(&self, error: &RunError, started: bool) -> StepFailure {
        let certainty = match (started, error.nothing_more_ran) {
            (false, _) => Certainty::NotStarted,
            // Some lines ran and the others did not: all of that is known.
            (true, true) => Certainty::Failed,
            (true, false) => Certainty::Unknown,
        };
        let kind = match error.kind {
            RunErrorKind::Closed if certainty == Certainty::NotStarted => FailureKind::ShutDown,
            _ => FailureKind::Unreachable,
        };
        self.failure(kind, certainty, error.message.clone())
    }

    fn place(&self, line: &CommandLine) -> String {
        format!("{} on {}", commands::class(line), self.host.manage)
    }
}

/// Everything a line wrote, in lower case.
fn words(result: &LineResult) -> String {
    format!("{}\n{}", result.stderr, result.stdout).to_ascii_lowercase()
}

/// Did the line write one of these texts (given in lower case)?
pub(super) fn says(result: &LineResult, texts: &[&str]) -> bool {
    let words = words(result);
    texts.iter().any(|text| words.contains(text))
}

/// Another command holds gluster's locks: nothing was done.
fn is_locked(result: &LineResult) -> bool {
    says(result, &["another transaction is in progress", "another transaction could be in progress", "locking failed"])
}

/// There is no glusterd to take the command: another host may have one.
fn glusterd_is_away(result: &LineResult) -> bool {
    !result.success() && says(result, &["please check if gluster daemon is operational"])
}

/// The gluster command stopped waiting; glusterd may still finish what it began.
pub(super) fn gluster_gave_up(result: &LineResult) -> bool {
    says(result, &["error : request timed out"])
}

/// LVM does not know the group or volume. Not said by a shell or sudo that does not find LVM itself.
pub(super) fn lvm_finds_nothing(result: &LineResult) -> bool {
    !program_missing(result) && says(result, &["not found", "failed to find"])
}

/// The command did not run at all, because the node lacks it or forbids it.
pub(super) fn program_missing(result: &LineResult) -> bool {
    matches!(result.status, LineStatus::Exited(126 | 127)) || says(result, &["command not found"])
}

/// The file or directory is not there.
pub(super) fn no_such_file(result: &LineResult) -> bool {
    says(result, &["no such file or directory"])
}
