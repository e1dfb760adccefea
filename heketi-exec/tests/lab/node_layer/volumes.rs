use heketi_core::model::Durability;
use heketi_core::operation::{
    Action, BrickSpec, Certainty, FailureKind, GlusterVolume, GlusterVolumeSpec, Observation, Peer,
};

use super::{Nodes, block_on, brick, executor, set};
use crate::lab::scenario;
use crate::nodes::{NODES, address, assert_blank, root};

const REPLICATED: Durability = Durability::Replicate { replica: 3 };

async fn peers(nodes: &Nodes, node: usize) -> Vec<Peer> {
    match nodes.ok(node, Action::ListPeers).await {
        Observation::Pool(peers) => peers,
        other => panic!("{other:?}"),
    }
}

async fn volumes(nodes: &Nodes) -> Vec<GlusterVolume> {
    match nodes.ok(2, Action::ListVolumes).await {
        Observation::Volumes(volumes) => volumes,
        other => panic!("{other:?}"),
    }
}

fn delete() -> Action {
    Action::DeleteVolume { name: "lab".into() }
}

async fn join(nodes: &Nodes) {
    for node in NODES {
        nodes.ok(node, Action::CheckGlusterd).await;
        assert_eq!(peers(nodes, node).await, []);
    }
    let refused = nodes.fails(1, Action::ProbePeer { storage: address(1) }).await;
    assert!(refused.text.contains("localhost not needed"), "{refused:?}");
    for node in [2, 3, 3] {
        nodes.ok(1, Action::ProbePeer { storage: address(node) }).await;
    }
    for node in NODES {
        let seen = peers(nodes, node).await;
        assert!(seen.len() == 2 && seen.iter().all(|peer| peer.connected), "{seen:?}");
    }
    let unknown = nodes.fails(1, Action::ProbePeer { storage: "10.77.0.99".into() }).await;
    assert_eq!((unknown.kind, unknown.certainty), (FailureKind::Command, Certainty::Failed), "{unknown:?}");
}

async fn leave(nodes: &Nodes) {
    for node in [2, 3, 3] {
        nodes.ok(1, Action::DetachPeer { storage: address(node) }).await;
    }
    assert_eq!(peers(nodes, 1).await, []);
}

/// The volume cannot be deleted now, and keeps running; the text tells why.
async fn refuses_delete(nodes: &Nodes, why: &str) {
    let refused = nodes.fails(1, delete()).await;
    assert!(refused.text.starts_with("Unable to delete volume lab") && refused.text.contains(why), "{refused:?}");
    assert!(volumes(nodes).await[0].started, "it still runs");
}

async fn refusals(nodes: &Nodes) {
    root(3, "systemctl stop glusterd");
    let down = nodes.fails(3, Action::CheckGlusterd).await;
    assert!(down.text.contains("gluster"), "{down:?}");
    refuses_delete(nodes, "peers are not connected: 10.77.0.13").await;
    root(3, "systemctl start glusterd");
    root(1, "until gluster pool list | grep -c Connected | grep -qx 3; do sleep 1; done");

    root(1, "gluster --mode=script snapshot create snap lab no-timestamp");
    refuses_delete(nodes, "because it contains 1 snapshots: snap").await;
    root(1, "gluster --mode=script snapshot delete snap");
}

async fn growth(nodes: &Nodes, first: &BrickSpec, second: &BrickSpec) {
    nodes.create_on_all(second).await;
    let add = Action::AddBricks { name: "lab".into(), durability: REPLICATED, arbiter: false, sets: vec![set(second)] };
    nodes.ok(1, add.clone()).await;
    nodes.ok(1, add).await;
    assert_eq!(volumes(nodes).await[0].bricks, [set(first), set(second)].concat());
    nodes.ok(1, Action::Rebalance { name: "lab".into() }).await;
}

#[test]
#[ignore = "needs the lab"]
fn a_volume_comes_grows_and_goes() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            join(&nodes).await;
            nodes.set_up_all().await;
            let (first, second) = (brick(1), brick(2));
            nodes.create_on_all(&first).await;
            let volume = GlusterVolumeSpec {
                name: "lab".into(),
                durability: REPLICATED,
                arbiter: false,
                sets: vec![set(&first)],
                options: vec!["network.ping-timeout 5".into(), "user.heketi.id 1ab".into()],
            };
            assert_eq!(volumes(&nodes).await, []);
            nodes.ok(1, Action::CreateVolume { volume: volume.clone() }).await;
            let listed = volumes(&nodes).await;
            assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].started), (1, "lab", true));
            assert_eq!(listed[0].bricks, set(&first));
            for option in [("network.ping-timeout", "5"), ("user.heketi.id", "1ab")] {
                let option = (option.0.to_owned(), option.1.to_owned());
                assert!(listed[0].options.contains(&option), "{listed:?}");
            }
            let twice = nodes.fails(1, Action::CreateVolume { volume }).await;
            assert!(twice.text.contains("already exists"), "{twice:?}");
            let held = nodes.fails(1, Action::DetachPeer { storage: address(3) }).await;
            assert_eq!(held.certainty, Certainty::Failed, "{held:?}");
            // A file system under a brick process is not taken away.
            let busy = nodes.fails(1, Action::DestroyBrick { brick: first.clone() }).await;
            assert!(busy.text.contains("used by: glusterfs"), "{busy:?}");

            refusals(&nodes).await;
            growth(&nodes, &first, &second).await;

            // A stop by somebody else hinders neither a start nor a delete.
            root(1, "gluster --mode=script volume stop lab force");
            nodes.ok(1, Action::StartVolume { name: "lab".into() }).await;
            nodes.ok(1, Action::StartVolume { name: "lab".into() }).await;
            assert!(volumes(&nodes).await[0].started);
            root(1, "gluster --mode=script volume stop lab force");
            nodes.ok(2, delete()).await;
            nodes.ok(1, delete()).await;
            assert_eq!(volumes(&nodes).await, []);
            nodes.destroy_on_all(&first).await;
            nodes.destroy_on_all(&second).await;
            nodes.tear_down_all().await;
            leave(&nodes).await;
        });
        assert_blank();
    });
}
