//! Fault injection in front of any runner, compatible with heketi v10's `inject/ssh` and `inject/mock`.
//!
//! Lines go to the node one by one, so that each can be replaced; a batch still stops at its first failure.

mod config;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub use config::{CommandHook, InjectConfig, InjectConfigError, Pattern, Reaction, ResultHook};

use super::{Batch, BatchResult, CommandLine, CommandRunner, LineResult, LineStatus, RunError};

/// Runs batches through another runner, with other outcomes for the lines that a hook matches.
///
/// ```
/// use std::sync::Arc;
/// use heketi_exec::runner::inject::{InjectConfig, InjectRunner};
/// use heketi_exec::sim::SimCluster;
///
/// let hooks = serde_json::json!({"command_injection": {"commands": [
///     {"Cmd": "lvcreate", "Reaction": {"Err": "no memory"}}
/// ]}});
/// let config = InjectConfig::from_value(&hooks)?;
/// let runner = InjectRunner::new(Arc::new(SimCluster::new().runner()), config);
/// # Ok::<(), heketi_exec::runner::inject::InjectConfigError>(())
/// ```
#[derive(Debug)]
pub struct InjectRunner {
    inner: Arc<dyn CommandRunner>,
    config: InjectConfig,
}

impl InjectRunner {
    /// Hooks before `inner`. Patterns that can never be found are logged.
    pub fn new(inner: Arc<dyn CommandRunner>, config: InjectConfig) -> Self {
        for pattern in config.invalid_patterns() {
            tracing::warn!("fault injection: {pattern:?} is not a regular expression and never found");
        }
        Self { inner, config }
    }

    async fn line(&self, host: &str, line: &CommandLine) -> Result<LineResult, RunError> {
        let hooks = &self.config.commands;
        let hook = hooks.iter().find(|hook| hook.command.is_in(&line.text) && is_met(&hook.condition_file));
        if let Some(hook) = hook {
            tracing::warn!("fault injection: command [{}] on [{host}] is not run", line.text);
            return Ok(happen(&hook.reaction, Instant::now()).await);
        }
        let started = Instant::now();
        let mut done = self.inner.run(host, &Batch::one(line.clone())).await?;
        let Some(result) = done.lines.pop() else {
            // A runner that answers with nothing is a defect the caller tells.
            return Err(RunError {
                nothing_more_ran: false,
                ..RunError::before_start(host, super::RunErrorKind::Protocol, "no result for a line")
            });
        };
        let text = if result.success() { result.stdout.clone() } else { result.failure_text() };
        let hook =
            self.config.results.iter().find(|hook| {
                hook.command.is_in(&line.text) && hook.result.is_in(&text) && is_met(&hook.condition_file)
            });
        match hook {
            Some(hook) => {
                tracing::warn!("fault injection: command [{}] on [{host}] has another outcome", line.text);
                Ok(happen(&hook.reaction, started).await)
            }
            None => Ok(result),
        }
    }
}

fn is_met(condition_file: &Path) -> bool {
    condition_file.as_os_str().is_empty() || condition_file.exists()
}

async fn happen(reaction: &Reaction, started: Instant) -> LineResult {
    tokio::time::sleep(Duration::from_secs(reaction.pause)).await;
    if !reaction.panic.is_empty() {
        // A panic would end this task only, and tests want the process dead.
        eprintln!("fault injection: {}", reaction.panic);
        std::process::abort();
    }
    let fails = reaction.force_error || !reaction.error.is_empty();
    let status = match reaction.exit_status {
        0 => i32::from(fails),
        status => status,
    };
    let own_stderr = reaction.force_error_output || !reaction.error_output.is_empty();
    let stderr = if own_stderr { &reaction.error_output } else { &reaction.error };
    LineResult {
        status: LineStatus::from_exit(status),
        stdout: reaction.result.clone(),
        stderr: stderr.clone(),
        duration: started.elapsed(),
    }
}

#[async_trait]
impl CommandRunner for InjectRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let mut finished = BatchResult::default();
        for line in &batch.lines {
            match self.line(host, line).await {
                Ok(result) => {
                    let success = result.success();
                    finished.lines.push(result);
                    if !success {
                        break;
                    }
                }
                Err(error) => return Err(RunError { finished, ..error }),
            }
        }
        Ok(finished)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[cfg(test)]
mod tests;
