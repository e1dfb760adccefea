//! [`NodeExecutor`]: carries out steps with command lines on nodes.
//!
//! `commands` makes the lines, [`parse`] reads the answers, `steps` puts them together: each step looks at
//! what is there, does what is missing, and takes what is done already for success. How lines reach a node
//! is the [`CommandRunner`]'s business.

mod check;
pub(crate) mod commands;
mod hints;
mod options;
pub mod parse;
pub(crate) mod preflight;
mod quote;
mod session;
mod steps;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use heketi_core::id::NodeId;
use heketi_core::operation::{Action, Certainty, FailureKind, Host, Step, StepFailure, StepOutcome};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::executor::Executor;
use crate::runner::CommandRunner;
pub use check::ArgumentError;
pub use options::NodeOptions;
pub use preflight::{Finding, Grade, NodeCheck, check_node, needed_programs};
use session::Session;

/// Carries out steps by running command lines on nodes.
#[derive(Debug)]
pub struct NodeExecutor {
    runner: Arc<dyn CommandRunner>,
    options: NodeOptions,
    /// Held while a step changes disks, mounts and fstab of a node: two edits of one fstab at once would
    /// lose lines.
    storage_locks: std::sync::Mutex<HashMap<NodeId, Arc<Mutex<()>>>>,
}

impl NodeExecutor {
    /// An executor whose lines run through `runner`.
    pub fn new(runner: Arc<dyn CommandRunner>, options: NodeOptions) -> Self {
        Self { runner, options, storage_locks: std::sync::Mutex::default() }
    }

    /// How it makes commands.
    pub fn options(&self) -> &NodeOptions {
        &self.options
    }

    fn storage_lock(&self, node: NodeId) -> Arc<Mutex<()>> {
        // A panic elsewhere cannot leave this map half changed.
        let mut locks = self.storage_locks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        locks.entry(node).or_default().clone()
    }

    async fn execute_on(&self, host: &Host, has_companions: bool, action: &Action) -> StepOutcome {
        let lock = changes_storage(action).then(|| self.storage_lock(host.node));
        let _held = match &lock {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        let mut session = Session::new(self.runner.as_ref(), &self.options, host);
        session.has_companions = has_companions;
        steps::execute(&mut session, action).await
    }
}

/// Does the action edit fstab, or create or remove what such an edit is about?
fn changes_storage(action: &Action) -> bool {
    matches!(
        action,
        Action::SetUpDevice { .. }
            | Action::TearDownDevice { .. }
            | Action::CreateBrick { .. }
            | Action::DestroyBrick { .. }
            | Action::MountBrick { .. }
            | Action::RemoveMountDirectory { .. }
    )
}

#[async_trait]
impl Executor for NodeExecutor {
    async fn execute(&self, step: &Step) -> StepOutcome {
        let what = step.action.describe();
        check::options(&self.options).and_then(|()| check::action(&step.action)).map_err(|error| StepFailure {
            host: String::new(),
            kind: FailureKind::Command,
            certainty: Certainty::NotStarted,
            text: format!("cannot {what}: {error}"),
        })?;
        let mut unreachable = Vec::new();
        for host in &step.hosts {
            match self.execute_on(host, step.hosts.len() > 1, &step.action).await {
                Ok(seen) => {
                    info!(host = %host.manage, "{what}: done");
                    return Ok(seen);
                }
                Err(failure) => {
                    let stop = failure.certainty != Certainty::NotStarted || failure.kind == FailureKind::ShutDown;
                    // Whoever runs the step tells of the failure it ends with.
                    if !stop && unreachable.len() + 1 < step.hosts.len() {
                        warn!(host = %host.manage, "{what}: {}; the next host is asked", failure.text);
                    }
                    unreachable.push(failure);
                    if stop {
                        break;
                    }
                }
            }
        }
        Err(summary(unreachable))
    }

    async fn close(&self) {
        self.runner.close().await;
    }
}

/// One failure for all hosts that were asked, in heketi v10's words. The last one decides what kind it is:
/// only after a host that certainly did nothing is another asked.
fn summary(mut failures: Vec<StepFailure>) -> StepFailure {
    let Some(last) = failures.pop() else {
        return StepFailure {
            host: String::new(),
            kind: FailureKind::Unreachable,
            certainty: Certainty::NotStarted,
            text: "no hosts available (0 total)".into(),
        };
    };
    if failures.is_empty() || last.certainty != Certainty::NotStarted {
        return last;
    }
    let text = if failures.iter().all(|failure| failure.text == last.text) {
        format!("All {} hosts: {}", failures.len() + 1, last.text)
    } else {
        let each = |failure: &StepFailure| format!("Host {}: {}", failure.host, failure.text);
        failures.iter().chain([&last]).map(each).collect::<Vec<_>>().join("\n")
    };
    StepFailure { text, ..last }
}

#[cfg(test)]
mod tests;
