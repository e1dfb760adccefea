use heketi_core::operation::{Certainty, FailureKind, Observation, Peer, StepFailure, StepOutcome};
use tracing::debug;

use super::peer::{is_asked_host, members};
use crate::node::NodeOptions;
use crate::node::commands::gluster;
use crate::node::session::{Session, Verdict, gluster_gave_up};
use crate::runner::{CommandLine, LineResult};

fn fail(_: &CommandLine, _: &LineResult, _: u32) -> Verdict {
    Verdict::Fail
}

/// How often a rebuilt node is looked at before glusterd is started once more, to take the place it was given.
const PLACE_POLLS: u32 = 8;

/// Gives a rebuilt node its identity and its place back. Its peers refuse it until it has the identity they know
/// it by; then it asks one of them to be taken in, and learns of the others and of the volumes.
pub(super) async fn restore(session: &mut Session<'_>, uuid: &str, through: &str) -> StepOutcome {
    let known = match members(session).await {
        // An earlier try stopped it, or it cannot read what it wrote before it was cut off.
        Err(failure) if failure.kind == FailureKind::Command => {
            start(session, uuid).await?;
            wait(session, NodeOptions::PEER_POLLS, "answers", |_| true).await?
        }
        known => known?,
    };
    let is_itself = known.iter().any(|peer| is_asked_host(peer) && peer.uuid == uuid);
    if is_itself && is_in_pool(&known) {
        return Ok(Observation::Done);
    }
    if !is_itself {
        if let Some(peer) = known.iter().find(|peer| !is_asked_host(peer)) {
            let name = peer.names.first().unwrap_or(&peer.uuid);
            let text = format!("gluster on {} is in another pool, with {name}", session.host.manage);
            return Err(session.refused(text));
        }
        // glusterd wrote its file when it was asked for its peers.
        let change = [gluster::set_identity(uuid)];
        let lines = gluster::service("stop").into_iter().chain(change).chain(gluster::service("start"));
        session.act(lines.collect(), fail).await?;
        wait(session, NodeOptions::PEER_POLLS, "is the peer it was", |members| {
            members.iter().any(|peer| is_asked_host(peer) && peer.uuid == uuid)
        })
        .await?;
    }
    // Without an answer it may have been taken in all the same: whether it was shows in its pool.
    let judge = |_: &CommandLine, result: &LineResult| match gluster_gave_up(result) {
        true => Verdict::GoOn,
        false => Verdict::Fail,
    };
    session.act_gluster(vec![gluster::rejoin(session.options, through)], judge).await?;
    take_place(session, uuid).await
}

/// A node that is taken in fetches the volumes at once, and must not be cut off while it writes them: it could
/// not read them at its next start. One that its peers have greeted before stays at "Accepted peer request" until
/// it is started once more.
async fn take_place(session: &mut Session<'_>, uuid: &str) -> StepOutcome {
    const WHAT: &str = "is connected to its pool";
    match wait(session, PLACE_POLLS, WHAT, is_in_pool).await {
        Err(failure) if failure.kind == FailureKind::Command => {}
        seen => return seen.map(|_| Observation::Done),
    }
    session.act(gluster::service("stop").into(), fail).await?;
    start(session, uuid).await?;
    wait(session, NodeOptions::PEER_POLLS, WHAT, is_in_pool).await?;
    Ok(Observation::Done)
}

/// Starts glusterd; without what it wrote of the volumes when that keeps it from starting, and only where it is
/// the peer that gets them from its pool.
async fn start(session: &mut Session<'_>, uuid: &str) -> Result<(), StepFailure> {
    let failure = match session.act(gluster::service("start").into(), fail).await {
        Ok(_) => return Ok(()),
        Err(failure) => failure,
    };
    if failure.certainty != Certainty::Failed || failure.kind != FailureKind::Command {
        return Err(failure);
    }
    if !session.ask(gluster::has_identity(uuid)).await?.success() {
        return Err(failure);
    }
    let lines = [gluster::set_volumes_aside()].into_iter().chain(gluster::service("start"));
    session.act(lines.collect(), fail).await.map(drop)
}

/// Starts glusterd anew and waits until it is connected to as many peers as before.
pub(super) async fn restart(session: &mut Session<'_>) -> Result<(), StepFailure> {
    let connected = |members: &[Peer]| members.iter().filter(|peer| peer.connected).count();
    let before = connected(&members(session).await?);
    session.act(gluster::service("restart").into(), fail).await?;
    wait(session, NodeOptions::PEER_POLLS, "is connected to its pool again", |members| connected(members) >= before)
        .await
        .map(drop)
}

/// Does the asked host know a peer that knows it?
fn is_in_pool(members: &[Peer]) -> bool {
    members.iter().any(|peer| !is_asked_host(peer) && peer.connected)
}

/// glusterd answers some time after it was started, and greets its peers later still.
async fn wait(
    session: &mut Session<'_>,
    polls: u32,
    what: &str,
    is_so: impl Fn(&[Peer]) -> bool + Send,
) -> Result<Vec<Peer>, StepFailure> {
    let mut seen = String::from("not yet");
    for poll in 0..polls {
        if poll > 0 {
            tokio::time::sleep(session.options.poll_interval).await;
        }
        match members(session).await {
            Ok(members) if is_so(&members) => return Ok(members),
            Ok(_) => seen = "not yet".into(),
            Err(failure) if failure.kind == FailureKind::Command => seen = failure.text,
            Err(failure) => return Err(failure),
        }
        debug!(host = %session.host.manage, poll, "{seen}");
    }
    let text = format!("glusterd on {} was started, but that it {what}: {seen}", session.host.manage);
    Err(session.failure(FailureKind::Command, Certainty::Failed, text))
}
