//! Steps against a node that answers from a script.

mod audit;
mod block;
mod brick;
mod device;
mod fstab;
mod lines;
mod peer;
mod rebuilt;
mod replace;
mod run;
mod snapshot;
mod volume;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use heketi_core::model::BrickFormat;
use heketi_core::operation::{Action, BrickSpec, Host, Step, StepOutcome};
use heketi_core::units::Kib;

use super::{NodeExecutor, NodeOptions};
use crate::executor::Executor;
use crate::runner::{Batch, BatchResult, CommandRunner, LineResult, LineStatus, RunError, RunErrorKind};

/// What a line does on the scripted node.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// Prints this and succeeds.
    Prints(&'static str),
    /// Ends with this status and these words on stderr.
    Fails(i32, &'static str),
    /// As `Fails`, with words on stdout.
    FailsLoudly(i32, &'static str),
    /// Takes too long.
    Hangs,
    /// The connection breaks while the line runs.
    Breaks,
    /// The connection breaks before the line starts.
    BreaksBefore,
    /// The host is not there.
    Away,
    /// The runner was shut down.
    Closed,
    /// sudo does not start it.
    SudoRefuses,
}

/// A node that prints nothing and succeeds, where no rule says otherwise.
#[derive(Debug, Default)]
struct Node {
    /// Text that the line contains, and its answers in order; the last one stays.
    rules: Mutex<Vec<(&'static str, Vec<Answer>)>>,
    /// Every line that was started, with the host; batches are parted by an empty text.
    ran: Mutex<Vec<String>>,
}

impl Node {
    fn answer(&self, line: &str) -> Answer {
        let mut rules = self.rules.lock().unwrap();
        match rules.iter_mut().find(|(text, _)| line.contains(text)) {
            Some((_, answers)) if answers.len() > 1 => answers.remove(0),
            Some((_, answers)) => answers[0],
            None => Answer::Prints(""),
        }
    }
}

#[async_trait]
impl CommandRunner for Node {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let mut done = BatchResult::default();
        let lost = |kind, finished: &BatchResult, nothing_more_ran| RunError {
            host: host.to_owned(),
            kind,
            message: format!("{host}: connection trouble"),
            finished: finished.clone(),
            nothing_more_ran,
        };
        let exited = |status: i32, stdout: &str, stderr: &str| LineResult {
            status: LineStatus::Exited(status),
            stdout: stdout.into(),
            stderr: stderr.into(),
            duration: Duration::from_millis(1),
        };
        for line in &batch.lines {
            let result = match self.answer(&format!("{host}: {}", line.text)) {
                Answer::Away => return Err(lost(RunErrorKind::Unreachable, &done, true)),
                Answer::Closed => return Err(lost(RunErrorKind::Closed, &done, true)),
                Answer::SudoRefuses => return Err(lost(RunErrorKind::SudoRefused, &done, true)),
                Answer::BreaksBefore => return Err(lost(RunErrorKind::Disconnected, &done, true)),
                other => {
                    self.ran.lock().unwrap().push(line.text.clone());
                    match other {
                        Answer::Breaks => return Err(lost(RunErrorKind::Disconnected, &done, false)),
                        Answer::Fails(status, words) => exited(status, "", words),
                        Answer::FailsLoudly(status, words) => exited(status, words, ""),
                        Answer::Hangs => LineResult { status: LineStatus::TimedOut, ..exited(0, "", "") },
                        Answer::Prints(text) => exited(0, text, ""),
                        _ => unreachable!(),
                    }
                }
            };
            let failed = !result.success();
            done.lines.push(result);
            if failed {
                break;
            }
        }
        self.ran.lock().unwrap().push(String::new());
        Ok(done)
    }
}

/// A scripted node with an executor for it.
struct Bench {
    node: Arc<Node>,
    executor: NodeExecutor,
}

impl Bench {
    fn new(rules: &[(&'static str, &[Answer])]) -> Self {
        Self::with(NodeOptions::default(), rules)
    }

    fn with(options: NodeOptions, rules: &[(&'static str, &[Answer])]) -> Self {
        let rules = rules.iter().map(|(text, answers)| (*text, answers.to_vec())).collect();
        let node = Arc::new(Node { rules: Mutex::new(rules), ran: Mutex::default() });
        let options = NodeOptions { poll_interval: Duration::from_millis(1), ..options };
        Self { executor: NodeExecutor::new(node.clone(), options), node }
    }

    async fn run(&self, action: Action) -> StepOutcome {
        self.run_on(&["n1"], action).await
    }

    async fn run_on(&self, hosts: &[&str], action: Action) -> StepOutcome {
        let hosts = hosts.iter().map(|name| host(name)).collect();
        self.executor.execute(&Step { hosts, changes_gluster: None, action }).await
    }

    /// The lines that ran, `|` between batches, edits of fstab by their arguments.
    fn ran(&self) -> String {
        let ran = std::mem::take(&mut *self.node.ran.lock().unwrap());
        let text: Vec<String> =
            ran.into_iter().map(|line| if line.is_empty() { "|".into() } else { arguments_of_edit(&line) }).collect();
        text.join("\n").trim_end_matches(['|', '\n']).to_owned()
    }
}

/// An edit of fstab without its script: `fstab FILE ADDED REMOVED…`.
fn arguments_of_edit(line: &str) -> String {
    match line.split_once("' heketi-fstab ") {
        Some((_, arguments)) => format!("fstab {arguments}"),
        None => line.to_owned(),
    }
}

fn host(name: &str) -> Host {
    Host {
        node: "0123456789abcdef0123456789abcd00".parse().unwrap(),
        manage: name.into(),
        storage: format!("{name}.stor"),
    }
}

/// A pool of two, as its first member lists it.
const PAIR: (&str, &[Answer]) = (
    "pool list",
    &[Answer::Prints(
        "<cliOutput><opRet>0</opRet><opErrstr/><peerStatus><peer><uuid>1</uuid><hostname>localhost</hostname>\
         <connected>1</connected></peer><peer><uuid>2</uuid><hostname>n2</hostname><connected>1</connected></peer>\
         </peerStatus></cliOutput>",
    )],
);

const VG: &str = "vg_0123456789abcdef0123456789abcdef";
const ID: &str = "fedcba9876543210fedcba9876543210";

fn brick() -> BrickSpec {
    BrickSpec {
        volume_group: VG.into(),
        thin_pool: format!("tp_{ID}"),
        logical_volume: format!("brick_{ID}"),
        mount_point: format!("/var/lib/heketi/mounts/{VG}/brick_{ID}"),
        size: Kib(1_048_576),
        pool_size: Kib(1_572_864),
        metadata_size: Kib(8192),
        gid: 0,
        format: BrickFormat::Normal,
    }
}

/// The text with `VG` and `ID` put in, without the indentation it has in the test.
fn text(lines: &str) -> String {
    let lines: Vec<&str> = lines.trim().lines().map(str::trim).collect();
    lines.join("\n").replace("$VG", VG).replace("$ID", ID)
}
