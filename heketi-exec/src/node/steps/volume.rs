use heketi_core::model::Durability;
use heketi_core::operation::{
    Certainty, FailureKind, GlusterBrick, GlusterVolumeSpec, Observation, Peer, StepFailure, StepOutcome,
};

use super::peer::refuse_loner;
use crate::node::commands::gluster;
use crate::node::parse::gluster_xml;
use crate::node::session::{Session, Verdict, says};
use crate::runner::{CommandLine, LineResult};

/// Every failure that is no answer to be expected.
fn fail(_: &CommandLine, _: &LineResult) -> Verdict {
    Verdict::Fail
}

pub(super) async fn create(session: &mut Session<'_>, volume: &GlusterVolumeSpec) -> StepOutcome {
    let lines = gluster::create_volume(session.options, volume)
        .map_err(|error| session.failure(FailureKind::Command, Certainty::NotStarted, error.to_string()))?;
    session.act_gluster(lines, fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn add_bricks(
    session: &mut Session<'_>,
    name: &str,
    durability: Durability,
    sets: &[Vec<GlusterBrick>],
) -> StepOutcome {
    let lines = gluster::add_bricks(session.options, name, durability, sets);
    let failure = match session.act_gluster(lines, fail).await {
        Ok(_) => return Ok(Observation::Done),
        Err(failure) if failure.certainty == Certainty::Failed && failure.kind == FailureKind::Command => failure,
        Err(failure) => return Err(failure),
    };
    // An earlier try may have added some of them: gluster refuses a brick it has.
    let Ok(known) = bricks_of(session, name).await else { return Err(failure) };
    let left: Vec<_> = sets.iter().filter(|set| !set.iter().all(|brick| known.contains(brick))).cloned().collect();
    if left.len() == sets.len() {
        return Err(failure);
    }
    let lines = gluster::add_bricks(session.options, name, durability, &left);
    session.act_gluster(lines, fail).await?;
    Ok(Observation::Done)
}

/// The bricks gluster knows of the volume.
pub(super) async fn bricks_of(session: &mut Session<'_>, name: &str) -> Result<Vec<GlusterBrick>, StepFailure> {
    let line = gluster::volume_info(session.options, name);
    let result = session.ask(line.clone()).await?;
    let volumes = session.reply(&line, &result, gluster_xml::volumes)?.map_err(|words| session.refused(words))?;
    Ok(volumes.into_iter().filter(|volume| volume.name == name).flat_map(|volume| volume.bricks).collect())
}

pub(super) async fn rebalance(session: &mut Session<'_>, name: &str) -> StepOutcome {
    let line = gluster::rebalance(session.options, name);
    session.act_gluster(vec![line], fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn set_options(session: &mut Session<'_>, name: &str, options: &[String]) -> StepOutcome {
    let lines = gluster::set_options(session.options, name, options)
        .map_err(|error| session.failure(FailureKind::Command, Certainty::NotStarted, error.to_string()))?;
    session.act_gluster(lines, fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn start(session: &mut Session<'_>, name: &str) -> StepOutcome {
    let line = gluster::start(session.options, name);
    let judge = |_: &CommandLine, result: &LineResult| match says(result, &["already started"]) {
        true => Verdict::GoOn,
        false => Verdict::Fail,
    };
    session.act_gluster(vec![line], judge).await?;
    Ok(Observation::Done)
}

pub(super) async fn start_bricks(session: &mut Session<'_>, name: &str) -> StepOutcome {
    let line = gluster::start_bricks(session.options, name);
    session.act_gluster(vec![line], fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn recreate(session: &mut Session<'_>, volume: &GlusterVolumeSpec) -> StepOutcome {
    let lines = gluster::recreate_volume(session.options, volume)
        .map_err(|error| session.failure(FailureKind::Command, Certainty::NotStarted, error.to_string()))?;
    session.act_gluster(lines, fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn stop_brick(session: &mut Session<'_>, name: &str, brick: &GlusterBrick) -> StepOutcome {
    session.act_gluster(vec![gluster::stop_brick(session.options, name, brick)], fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn reset_brick(session: &mut Session<'_>, name: &str, brick: &GlusterBrick) -> StepOutcome {
    let lines = gluster::reset_brick(session.options, name, brick);
    let start = lines[0].text.clone();
    // The process of a lost brick need not run any more, and then cannot be ended.
    let judge = |line: &CommandLine, _: &LineResult| match line.text == start {
        true => Verdict::GoOn,
        false => Verdict::Fail,
    };
    match session.act_gluster(lines.to_vec(), judge).await {
        // glusterd looks at brick directories when it starts: it does not know one that was not there then.
        Err(failure) if is_news_to_glusterd(&failure) && session.host.storage == brick.host => {
            super::restore::restart(session).await?;
            again(session, &lines).await?;
        }
        other => _ = other?,
    }
    Ok(Observation::Done)
}

/// After glusterd was started anew: its peers may greet it later than it greets them, and until then they refuse and
/// nothing is changed; and it starts the brick that is to be reset, which is ended once more.
async fn again(session: &mut Session<'_>, lines: &[CommandLine; 2]) -> Result<(), StepFailure> {
    let options = session.options;
    let mut tries = 0;
    loop {
        let judge = |line: &CommandLine, _: &LineResult| match line.text == lines[0].text {
            true => Verdict::GoOn,
            false => Verdict::Fail,
        };
        let failure = match session.act_gluster(lines.to_vec(), judge).await {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        tries += 1;
        match options.lock_pause(tries) {
            Some(pause) if failure.certainty == Certainty::Failed && is_not_yet(&failure) => {
                tokio::time::sleep(pause).await;
            }
            _ => return Err(failure),
        }
    }
}

/// A member of the pool has no connection to the host of the brick, or the brick runs.
fn is_not_yet(failure: &StepFailure) -> bool {
    let text = failure.text.to_lowercase();
    (text.contains("pre validation failed") && text.contains("not connected"))
        || text.contains("source brick must be stopped")
}

fn is_news_to_glusterd(failure: &StepFailure) -> bool {
    failure.certainty == Certainty::Failed && failure.text.contains("When destination brick is new")
}

pub(super) async fn heal(session: &mut Session<'_>, name: &str) -> StepOutcome {
    session.act_gluster(vec![gluster::heal(session.options, name)], fail).await?;
    Ok(Observation::Done)
}

pub(super) async fn list(session: &mut Session<'_>) -> StepOutcome {
    let line = gluster::volumes_info(session.options);
    let mut lines = vec![line.clone()];
    if session.has_companions {
        lines.insert(0, gluster::pool_list(session.options));
    }
    let answers = session.inspect(lines.clone()).await?.lines;
    if session.has_companions {
        let answer = answers.first().ok_or_else(|| session.unanswered(&lines[0]))?;
        let members = session.reply(&lines[0], answer, gluster_xml::pool_list)?;
        refuse_loner(session, &members.map_err(|words| session.refused(words))?)?;
    }
    let result = answers.last().filter(|_| answers.len() == lines.len()).ok_or_else(|| session.unanswered(&line))?;
    let volumes = session.reply(&line, result, gluster_xml::volumes)?;
    volumes.map(Observation::Volumes).map_err(|words| session.refused(words))
}

pub(super) async fn delete(session: &mut Session<'_>, name: &str) -> StepOutcome {
    let unable = |failure: StepFailure| {
        let text = format!("Unable to delete volume {name}: {}", failure.text);
        StepFailure { text, ..failure }
    };
    if let Check::Gone = check_deletable(session, name).await? {
        return Ok(Observation::Done);
    }
    let lines = vec![gluster::stop(session.options, name), gluster::delete(session.options, name)];
    let is_stop = lines[0].text.clone();
    let judge = |line: &CommandLine, result: &LineResult| {
        let stopped = line.text == is_stop && says(result, &["not in the started state", "already stopped"]);
        match stopped || says(result, &["does not exist"]) {
            true => Verdict::GoOn,
            false => Verdict::Fail,
        }
    };
    session.act_gluster(lines, judge).await.map_err(unable)?;
    Ok(Observation::Done)
}

/// The peers that are not connected, by name.
pub(super) fn away(peers: &[Peer]) -> Vec<&str> {
    let away = peers.iter().filter(|peer| !peer.connected);
    away.map(|peer| peer.names.first().map_or(peer.uuid.as_str(), String::as_str)).collect()
}

/// May the volume be deleted?
enum Check {
    Ready,
    /// It does not exist.
    Gone,
}

/// Refuses before the volume is stopped what gluster would refuse after it.
async fn check_deletable(session: &mut Session<'_>, name: &str) -> Result<Check, StepFailure> {
    let unable = |session: &Session<'_>, text: String| session.refused(format!("Unable to delete volume {name}{text}"));
    let prefix = |failure: StepFailure| StepFailure {
        text: format!("Unable to delete volume {name}: {}", failure.text),
        ..failure
    };
    let options = session.options;
    let lines = [gluster::volume_info(options, name), gluster::pool_list(options), gluster::snapshots(options, name)];
    let result = session.inspect(lines.to_vec()).await.map_err(prefix)?;
    let answer = |index: usize| result.lines.get(index).ok_or_else(|| prefix(session.unanswered(&lines[index])));
    let is_gone = |words: &str| words.to_ascii_lowercase().contains("does not exist");

    let info = session.reply(&lines[0], answer(0)?, gluster_xml::volumes).map_err(prefix)?;
    match info {
        Err(words) if is_gone(&words) => return Ok(Check::Gone),
        Err(words) => return Err(unable(session, format!(": {words}"))),
        Ok(volumes) if volumes.is_empty() => return Ok(Check::Gone),
        Ok(_) => {}
    }

    let peers = session.reply(&lines[1], answer(1)?, gluster_xml::pool_list).map_err(prefix)?;
    let peers = peers.map_err(|words| unable(session, format!(": {words}")))?;
    let away = away(&peers);
    if !away.is_empty() {
        return Err(unable(session, format!(": peers are not connected: {}", away.join(", "))));
    }

    let snapshots = session.reply(&lines[2], answer(2)?, gluster_xml::snapshots).map_err(prefix)?;
    match snapshots {
        Err(words) if is_gone(&words) => Ok(Check::Gone),
        Err(words) => Err(unable(session, format!(": {words}"))),
        Ok(found) if found.total > 0 => {
            let names = found.names.join(", ");
            Err(unable(session, format!(" because it contains {} snapshots: {names}", found.total)))
        }
        Ok(_) => Ok(Check::Ready),
    }
}
