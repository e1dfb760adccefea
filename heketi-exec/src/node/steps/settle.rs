use std::time::Duration;

use heketi_core::operation::{Observation, StepFailure, StepOutcome};
use tracing::debug;

use crate::node::commands;
use crate::node::session::Session;
use crate::runner::LineStatus;
use crate::runner::wrapper::KILL_AFTER;

/// Waits until the batches that run now have ended. Those that start meanwhile are of living connections,
/// and waiting for them could take for ever.
pub(super) async fn settle(session: &mut Session<'_>) -> StepOutcome {
    let mut left = running(session).await?;
    // A script ends after the line during which its connection was lost, and a line has its time.
    let limit = commands::LONG.max(session.options.gluster_line_timeout()) + 2 * KILL_AFTER;
    let start = tokio::time::Instant::now();
    let mut pause = session.options.poll_interval;
    while !left.is_empty() {
        if start.elapsed() > limit {
            let text = format!("commands of {} lost connections still run on {}", left.len(), session.host.manage);
            return Err(session.refused(text));
        }
        debug!(host = %session.host.manage, batches = left.len(), "waiting for commands of lost connections");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(5 * session.options.poll_interval).max(Duration::from_millis(1));
        let now = running(session).await?;
        left.retain(|batch| now.contains(batch));
    }
    Ok(Observation::Done)
}

/// The numbers of the batches that run on the node, without those that ask the same.
async fn running(session: &mut Session<'_>) -> Result<Vec<String>, StepFailure> {
    let line = commands::running_batches();
    let result = session.ask(line.clone()).await?;
    // No process at all is a status of 1 without a word.
    let silent = result.stdout.trim().is_empty() && result.stderr.trim().is_empty();
    let nothing = silent && result.status == LineStatus::Exited(1);
    if !result.success() && !nothing {
        return Err(session.failed_line(&line, &result));
    }
    let others = result.stdout.lines().filter(|process| !process.contains(&line.text));
    Ok(others.filter_map(number).collect())
}

/// The number in the command line of a batch's script.
fn number(process: &str) -> Option<String> {
    let (_, rest) = process.split_once(commands::BATCH_MARK)?;
    let number: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (!number.is_empty()).then_some(number)
}
