//! The door to the simulated cluster: [`SimRunner`].

use std::time::Duration;

use async_trait::async_trait;

use super::SimCluster;
use super::command::{self, Command};
use super::faults::{Admission, Effect, StopPoint};
use super::node::{Output, fail};
use super::state::State;
use crate::runner::{Batch, BatchResult, CommandLine, CommandRunner, LineResult, LineStatus, RunError, RunErrorKind};

/// Runs command lines on the nodes of a [`SimCluster`].
#[derive(Clone, Debug)]
pub struct SimRunner {
    cluster: SimCluster,
}

/// Why a line has no result.
struct Trouble {
    kind: RunErrorKind,
    message: String,
    may_have_run: bool,
}

impl Trouble {
    fn new(kind: RunErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), may_have_run: false }
    }

    fn unreachable() -> Self {
        Self::new(RunErrorKind::Unreachable, "no answer within the connection time-out (simulated)")
    }

    fn after_effect(mut self) -> Self {
        self.may_have_run = true;
        self
    }
}

/// A batch on its node, while it runs: also when its caller gives up.
struct RunningBatch {
    cluster: SimCluster,
    at: usize,
    number: u64,
}

impl Drop for RunningBatch {
    fn drop(&mut self) {
        if let Some(node) = self.cluster.state().nodes.get_mut(self.at) {
            node.batches.remove(&self.number);
        }
    }
}

/// Holds glusterd's lock of a pool while a command lasts.
struct Transaction {
    cluster: SimCluster,
    pool: Option<usize>,
}

impl Transaction {
    /// Lets go of the lock, for the command itself to take it.
    fn release(&mut self, state: &mut State) {
        if let Some(pool) = self.pool.take().and_then(|pool| state.pools.get_mut(pool)) {
            pool.transaction = false;
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.pool.is_some() {
            let cluster = self.cluster.clone();
            self.release(&mut cluster.state());
        }
    }
}

#[async_trait]
impl CommandRunner for SimRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        self.run_while(host, batch, || true).await
    }
}

impl SimRunner {
    pub(super) fn new(cluster: SimCluster) -> Self {
        Self { cluster }
    }

    /// The cluster behind it.
    pub fn cluster(&self) -> &SimCluster {
        &self.cluster
    }

    /// As [`CommandRunner::run`], but no further line starts once `heard` is false. The one that runs goes on to its
    /// end.
    pub(super) async fn run_while(
        &self,
        host: &str,
        batch: &Batch,
        heard: impl Fn() -> bool,
    ) -> Result<BatchResult, RunError> {
        let mut running = None;
        let mut finished = BatchResult::default();
        for line in &batch.lines {
            // Lets lines of other batches in between, as on real nodes.
            tokio::task::yield_now().await;
            if !heard() {
                return Err(RunError {
                    finished,
                    ..RunError::before_start(host, RunErrorKind::Disconnected, "nobody reads the output (simulated)")
                });
            }
            match self.line(host, line, &mut running).await {
                Ok(result) => {
                    let success = result.success();
                    finished.lines.push(result);
                    if !success {
                        break;
                    }
                }
                Err(trouble) => {
                    return Err(RunError {
                        host: host.to_owned(),
                        kind: trouble.kind,
                        message: trouble.message,
                        finished,
                        nothing_more_ran: !trouble.may_have_run,
                    });
                }
            }
        }
        Ok(finished)
    }

    async fn line(
        &self,
        host: &str,
        line: &CommandLine,
        running: &mut Option<RunningBatch>,
    ) -> Result<LineResult, Trouble> {
        let at = self.reach(host, &line.text, running)?;
        let admission = self.cluster.script().admit(host, &line.text).ok_or_else(Trouble::unreachable)?;
        if admission.stop == Some(StopPoint::BeforeLine) {
            return Err(Trouble::unreachable());
        }
        let number = admission.number;
        let result = self.carry_out(at, line, admission, running).await;
        let status = match &result {
            Ok(LineResult { status: LineStatus::Exited(status), .. }) => Some(*status),
            _ => None,
        };
        self.cluster.script().ended(number, status);
        result
    }

    /// The node, if it can be reached. The first line of a batch makes the batch known there.
    fn reach(&self, host: &str, line: &str, running: &mut Option<RunningBatch>) -> Result<usize, Trouble> {
        let mut state = self.cluster.state();
        let Some(at) = state.names.get(host).copied() else {
            let text = format!("{host} cannot be resolved: the simulated cluster has no such node");
            return Err(Trouble::new(RunErrorKind::BadHost, text));
        };
        state.last_batch += u64::from(running.is_none());
        let number = state.last_batch;
        let node = state.nodes.get_mut(at).filter(|node| node.up).ok_or_else(Trouble::unreachable)?;
        match running {
            None => {
                node.batches.insert(number, line.into());
                node.most_batches = node.most_batches.max(node.batches.len());
                *running = Some(RunningBatch { cluster: self.cluster.clone(), at, number });
            }
            // A process list shows the whole script; whoever asks for one looks for this line in it.
            Some(batch) if line.starts_with("pgrep") => {
                node.batches.insert(batch.number, line.into());
            }
            Some(_) => {}
        }
        Ok(at)
    }

    /// The line goes on without its connection.
    fn leave_running(
        &self,
        at: usize,
        command: Result<Command, String>,
        line: &str,
        time: Duration,
        batch: Option<RunningBatch>,
    ) {
        // One that glusterd refuses does nothing, however long it runs.
        let Ok(mut transaction) = self.transaction(at, &command) else { return };
        let (cluster, line) = (self.cluster.clone(), line.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            {
                let mut state = cluster.state();
                transaction.iter_mut().for_each(|held| held.release(&mut state));
                run(&mut state, at, &command, &line);
            }
            drop(batch);
        });
    }

    async fn carry_out(
        &self,
        at: usize,
        line: &CommandLine,
        admission: Admission,
        running: &mut Option<RunningBatch>,
    ) -> Result<LineResult, Trouble> {
        let lost = || Trouble::new(RunErrorKind::Disconnected, "connection lost (simulated)");
        let command = command::parse(&line.text);
        if let Some(StopPoint::DuringLine(time)) = admission.stop {
            self.leave_running(at, command, &line.text, time, running.take());
            return Err(Trouble::unreachable().after_effect());
        }
        let mut delay = admission.latency;
        let mut after = None;
        match admission.effect {
            None => {}
            Some(Effect::FailBefore(text, status)) => return Ok(result(fail(status, text), delay)),
            Some(Effect::Answer(stdout)) => return Ok(result(super::node::ok(stdout), delay)),
            Some(Effect::DropBefore) => return Err(lost()),
            Some(Effect::DropRunning(time)) => {
                self.leave_running(at, command, &line.text, time, running.take());
                return Err(lost().after_effect());
            }
            Some(Effect::Refuse(kind)) => return Err(Trouble::new(kind, format!("{kind:?} (simulated)"))),
            Some(Effect::Timeout { took_effect: false }) => return Ok(timed_out(line)),
            Some(Effect::Hang(time)) => delay += time,
            Some(Effect::Callback(call)) => call(&self.cluster),
            Some(effect) => after = Some(effect),
        }
        let mut transaction = None;
        if !delay.is_zero() {
            transaction = match self.transaction(at, &command) {
                Ok(transaction) => transaction,
                Err(refused) => return Ok(result(refused, Duration::ZERO)),
            };
            tokio::time::sleep(delay.min(line.timeout)).await;
            if delay >= line.timeout {
                return Ok(timed_out(line));
            }
        }
        let output = {
            let mut state = self.cluster.state();
            transaction.iter_mut().for_each(|held| held.release(&mut state));
            if !state.nodes.get(at).is_some_and(|node| node.up) {
                return Err(lost().after_effect());
            }
            run(&mut state, at, &command, &line.text)
        };
        match (admission.stop, after) {
            (Some(_), _) => Err(Trouble::unreachable().after_effect()),
            (None, Some(Effect::DropAfter)) => Err(lost().after_effect()),
            (None, Some(Effect::Timeout { .. })) => Ok(timed_out(line)),
            (None, Some(Effect::FailAfter(text, status))) if output.status == 0 => {
                Ok(result(fail(status, text), delay))
            }
            (None, _) => Ok(result(output, delay)),
        }
    }

    /// Takes glusterd's lock when the command changes a pool.
    fn transaction(&self, at: usize, command: &Result<Command, String>) -> Result<Option<Transaction>, Output> {
        match command {
            Ok(Command::Gluster(gluster)) if gluster.action.changes() => {
                let pool = self.cluster.state().begin_transaction(at, gluster)?;
                Ok(Some(Transaction { cluster: self.cluster.clone(), pool: Some(pool) }))
            }
            _ => Ok(None),
        }
    }
}

/// Runs a command that was read, or answers as a shell does that does not know it.
pub(super) fn run(state: &mut State, at: usize, command: &Result<Command, String>, line: &str) -> Output {
    if let Some(refused) = state.nodes.get(at).and_then(|node| node.refuses(line)) {
        return refused;
    }
    match command {
        // A changing gluster command meets the lock of one that lasts.
        Ok(Command::Gluster(gluster)) if gluster.action.changes() => match state.begin_transaction(at, gluster) {
            Ok(pool) => {
                let output = state.gluster(at, gluster);
                if let Some(pool) = state.pools.get_mut(pool) {
                    pool.transaction = false;
                }
                output
            }
            Err(refused) => refused,
        },
        Ok(command) => state.execute(at, command),
        Err(reason) => fail(127, format!("the simulated node does not understand {line:?}: {reason}")),
    }
}

pub(super) fn result(output: Output, duration: Duration) -> LineResult {
    LineResult { status: LineStatus::Exited(output.status), stdout: output.stdout, stderr: output.stderr, duration }
}

fn timed_out(line: &CommandLine) -> LineResult {
    LineResult { status: LineStatus::TimedOut, stdout: String::new(), stderr: String::new(), duration: line.timeout }
}
