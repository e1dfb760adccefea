//! The trusted pool.

use heketi_core::operation::{Action, Observation};

use super::subject::{Broken, Checked, Subject, broken, same};

/// Makes one pool of the nodes.
pub(super) async fn join(subject: &Subject) -> Checked {
    for node in 0..subject.nodes.len() {
        subject.done(node, Action::Settle).await?;
        subject.done(node, Action::CheckGlusterd).await?;
    }
    same("peers of the first node", &connected(subject).await?, &0)?;
    let own = subject.nodes[0].host.storage.clone();
    subject.bad(0, Action::ProbePeer { storage: own }).await?;
    for node in &subject.nodes[1..] {
        subject.twice(0, Action::ProbePeer { storage: node.host.storage.clone() }).await?;
    }
    same("peers of the first node", &connected(subject).await?, &(subject.nodes.len() - 1))?;
    let mut identities = Vec::new();
    for node in 0..subject.nodes.len() {
        match subject.good(node, Action::ReadPeerIdentity).await? {
            Observation::Identity(own) => identities.push(own.uuid),
            other => return broken(format!("read the identity of the peer: {other:?}")),
        }
    }
    identities.sort();
    identities.dedup();
    same("identities that differ", &identities.len(), &subject.nodes.len())
}

/// Takes the pool apart again.
pub(super) async fn leave(subject: &Subject) -> Checked {
    for node in &subject.nodes[1..] {
        subject.twice(0, Action::DetachPeer { storage: node.host.storage.clone() }).await?;
    }
    same("peers of the first node", &connected(subject).await?, &0)
}

async fn connected(subject: &Subject) -> Result<usize, Broken> {
    match subject.good(0, Action::ListPeers).await? {
        Observation::Pool(peers) => Ok(peers.iter().filter(|peer| peer.connected).count()),
        other => broken(format!("list peers: {other:?}")),
    }
}
