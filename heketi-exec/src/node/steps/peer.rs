use heketi_core::operation::{Certainty, FailureKind, Observation, Peer, StepFailure, StepOutcome};
use tracing::debug;

use crate::node::NodeOptions;
use crate::node::commands::gluster;
use crate::node::parse::gluster_xml;
use crate::node::session::{Session, Verdict, says};

/// All members of the pool, the asked host among them.
async fn members(session: &mut Session<'_>) -> Result<Vec<Peer>, StepFailure> {
    let line = gluster::pool_list(session.options);
    let result = session.ask(line.clone()).await?;
    let reply = session.reply(&line, &result, gluster_xml::pool_list)?;
    reply.map_err(|words| session.refused(words))
}

/// gluster's own name for the host that is asked.
fn is_asked_host(peer: &Peer) -> bool {
    peer.names.iter().any(|name| name == "localhost")
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
