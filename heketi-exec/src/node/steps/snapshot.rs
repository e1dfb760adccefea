use heketi_core::operation::{Observation, StepFailure, StepOutcome};

use super::volume::away;
use crate::node::commands::{gluster, snapshot as lines};
use crate::node::parse::gluster_xml;
use crate::node::session::Session;
use crate::runner::CommandLine;

/// Runs the line. Returns whether gluster did it; false, if it refused with one of the `expected` words, which
/// mean there is nothing left to do. `what` begins the text of any other failure.
async fn act(session: &mut Session<'_>, line: CommandLine, what: &str, expected: &[&str]) -> Result<bool, StepFailure> {
    let prefixed = |failure: StepFailure| StepFailure { text: format!("{what}: {}", failure.text), ..failure };
    match session.act_gluster_xml(line).await.map_err(prefixed)? {
        Ok(()) => Ok(true),
        Err(words) => {
            let lower = words.to_ascii_lowercase();
            if expected.iter().any(|text| lower.contains(text)) {
                return Ok(false);
            }
            Err(session.refused(format!("{what}: {words}")))
        }
    }
}

pub(super) async fn create(session: &mut Session<'_>, volume: &str, snapshot: &str) -> StepOutcome {
    let what = format!("Failed to create snapshot of volume {volume}");
    refuse_while_peers_are_away(session, &what).await?;
    let line = lines::create(session.options, snapshot, volume);
    if !act(session, line, &what, &["already exists"]).await? {
        refuse_of_another_volume(session, volume, snapshot).await?;
    }
    let line = lines::activate(session.options, snapshot);
    act(session, line, &format!("Failed to activate snapshot {snapshot}"), &["already activated"]).await?;
    Ok(Observation::Done)
}

/// A snapshot of that name is there. Only if it is one of `volume` did an earlier try make it.
async fn refuse_of_another_volume(session: &mut Session<'_>, volume: &str, snapshot: &str) -> Result<(), StepFailure> {
    let line = gluster::snapshots(session.options, volume);
    let result = session.ask(line.clone()).await?;
    let found = session.reply(&line, &result, gluster_xml::snapshots)?.map_err(|words| session.refused(words))?;
    if found.names.iter().any(|name| name == snapshot) {
        return Ok(());
    }
    Err(session.refused(format!("snapshot {snapshot} exists and is not one of volume {volume}")))
}

pub(super) async fn clone(session: &mut Session<'_>, snapshot: &str, clone: &str) -> StepOutcome {
    let line = lines::clone(session.options, clone, snapshot);
    act(session, line, &format!("Failed to clone snapshot {snapshot} to volume {clone}"), &[]).await?;
    Ok(Observation::Done)
}

pub(super) async fn delete(session: &mut Session<'_>, snapshot: &str) -> StepOutcome {
    let what = format!("Failed to delete snapshot {snapshot}");
    if !names(session).await?.iter().any(|name| name == snapshot) {
        return Ok(Observation::Done);
    }
    refuse_while_peers_are_away(session, &what).await?;
    let gone = format!("snapshot ({}) does not exist", snapshot.to_ascii_lowercase());
    let line = lines::deactivate(session.options, snapshot);
    // Releases differ in what they say of one that is not active.
    act(session, line, &what, &["already deactivated", "is not activated", &gone]).await?;
    let line = lines::delete(session.options, snapshot);
    act(session, line, &what, &[&gone]).await?;
    Ok(Observation::Done)
}

/// A snapshot that is deleted while a peer is away comes back with that peer, to all of them.
async fn refuse_while_peers_are_away(session: &mut Session<'_>, what: &str) -> Result<(), StepFailure> {
    let line = gluster::pool_list(session.options);
    let result = session.ask(line.clone()).await?;
    let peers = session.reply(&line, &result, gluster_xml::pool_list)?;
    let peers = peers.map_err(|words| session.refused(format!("{what}: {words}")))?;
    match away(&peers).as_slice() {
        [] => Ok(()),
        away => Err(session.refused(format!("{what}: peers are not connected: {}", away.join(", ")))),
    }
}

async fn names(session: &mut Session<'_>) -> Result<Vec<String>, StepFailure> {
    let line = lines::list(session.options);
    let result = session.ask(line.clone()).await?;
    let found = session.reply(&line, &result, gluster_xml::snapshots)?;
    found.map(|found| found.names).map_err(|words| session.refused(words))
}

pub(super) async fn list(session: &mut Session<'_>) -> StepOutcome {
    names(session).await.map(Observation::Snapshots)
}
