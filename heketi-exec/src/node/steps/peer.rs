use heketi_core::operation::{
    Action, Certainty, FailureKind, Observation, Peer, PeerIdentity, StepFailure, StepOutcome,
};
use tracing::debug;

use crate::node::NodeOptions;
use crate::node::commands::gluster;
use crate::node::parse::gluster_xml;
use crate::node::session::{Session, Verdict, says};

/// All members of the pool, the asked host among them.
pub(super) async fn members(session: &mut Session<'_>) -> Result<Vec<Peer>, StepFailure> {
    let line = gluster::pool_list(session.options);
    let result = session.ask(line.clone()).await?;
    let reply = session.reply(&line, &result, gluster_xml::pool_list)?;
    reply.map_err(|words| session.refused(words))
}

/// gluster's own name for the host that is asked.
pub(super) fn is_asked_host(peer: &Peer) -> bool {
    peer.names.iter().any(|name| name == "localhost")
}

/// A node that was rebuilt, or detached by hand, knows nothing of its cluster, and what it is told stays with it:
/// where the cluster has other nodes, one of those is asked.
pub(super) fn refuse_loner(session: &Session<'_>, members: &[Peer]) -> Result<(), StepFailure> {
    if !session.has_companions || members.iter().any(|peer| !is_asked_host(peer)) {
        return Ok(());
    }
    let text = format!(
        "{} is alone in its trusted pool: it was rebuilt or detached, and does not know the volumes of its cluster",
        session.host.manage
    );
    Err(session.failure(FailureKind::Command, Certainty::NotStarted, text))
}

/// As [`refuse_loner`], asking the node where that is not part of the action itself.
pub(super) async fn require_company(session: &mut Session<'_>, action: &Action) -> Result<(), StepFailure> {
    let is_harmless = matches!(action, Action::Settle | Action::CheckGlusterd | Action::ListVolumes);
    if session.has_companions && !is_harmless {
        // Nothing was done yet: another host may be asked.
        let unasked = |failure| StepFailure { certainty: Certainty::NotStarted, ..failure };
        let members = members(session).await.map_err(unasked)?;
        refuse_loner(session, &members)?;
    }
    Ok(())
}

/// Asks glusterd a harmless question: names of its unit differ between distributions.
pub(super) async fn check(session: &mut Session<'_>) -> StepOutcome {
    members(session).await.map(|_| Observation::Done)
}

pub(super) async fn list(session: &mut Session<'_>) -> StepOutcome {
    let mut peers = members(session).await?;
    peers.retain(|peer| !is_asked_host(peer));
    Ok(Observation::Pool(peers))
}

pub(super) async fn identity(session: &mut Session<'_>) -> StepOutcome {
    let mut peers = members(session).await?;
    let own = peers.iter().position(is_asked_host).map(|at| peers.remove(at));
    let Some(own) = own else {
        let text = format!("glusterd on {} does not list itself", session.host.manage);
        return Err(session.failure(FailureKind::Answer, Certainty::Failed, text));
    };
    Ok(Observation::Identity(PeerIdentity { uuid: own.uuid, peers }))
}

pub(super) async fn probe(session: &mut Session<'_>, storage: &str) -> StepOutcome {
    let line = gluster::probe(session.options, storage);
    let results = session.act_gluster(vec![line.clone()], |_, _| Verdict::Fail).await?;
    // gluster exits with 0 then, and nothing was probed.
    if results.iter().any(|result| says(result, &["localhost not needed"])) {
        return Err(session.refused(format!(
            "peer probe: Probe on localhost not needed: the name {storage} leads back to {}",
            session.host.manage
        )));
    }
    let known_by_another_name = results.iter().any(|result| says(result, &["already in peer list"]));
    let limit = session.options.snapshot_limit;
    if limit > 0 {
        let line = gluster::snapshot_limit(session.options, limit);
        session.act_gluster(vec![line], |_, _| Verdict::Fail).await?;
    }
    wait_until_connected(session, storage, known_by_another_name).await
}

/// A new peer is of no use until the others have shaken hands with it.
async fn wait_until_connected(session: &mut Session<'_>, storage: &str, other_name: bool) -> StepOutcome {
    let mut seen = String::from("not in the pool");
    for poll in 0..NodeOptions::PEER_POLLS {
        if poll > 0 {
            tokio::time::sleep(session.options.poll_interval).await;
        }
        match members(session).await {
            Ok(peers) => {
                let found = peers.iter().find(|peer| peer.names.iter().any(|name| name.eq_ignore_ascii_case(storage)));
                let connected = match found {
                    Some(peer) => peer.connected,
                    // The pool lists a peer by one name only; any of the others may be the one.
                    None => other_name && peers.iter().all(|peer| peer.connected),
                };
                if connected {
                    return Ok(Observation::Done);
                }
                seen = if found.is_some() { "not connected".into() } else { "not in the pool".into() };
            }
            // glusterd answers late while it takes a peer in.
            Err(failure) if failure.kind == FailureKind::Command => seen = failure.text,
            Err(failure) => return Err(failure),
        }
        debug!(host = %session.host.manage, peer = storage, poll, "{seen}");
    }
    let text = format!("peer {storage} was probed but did not become connected: {seen}");
    Err(session.failure(FailureKind::Command, Certainty::Failed, text))
}

pub(super) async fn detach(session: &mut Session<'_>, storage: &str) -> StepOutcome {
    let line = gluster::detach(session.options, storage);
    let judge = |_: &_, result: &_| match says(result, &["is not part of cluster", "not part of"]) {
        true => Verdict::GoOn,
        false => Verdict::Fail,
    };
    session.act_gluster(vec![line], judge).await?;
    Ok(Observation::Done)
}
