//! What an audit tells, and what a repair leaves alone.

use heketi_core::ErrorKind;
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, Node};

use super::damages::DAMAGES;
use super::*;

#[tokio::test]
async fn a_node_that_left_the_trusted_pool_is_brought_back() {
    let sim = simulated(4);
    let (engine, _, _) = loaded(&sim, 4).await;
    volume(&engine, engine.volume_create(replica3(1)).await).await;
    let scene = Scene { sim, engine };
    let before = scene.sim.snapshot();
    // gluster lets no node go that holds bricks.
    let inventory = scene.inventory();
    let free = |node: &&Arc<Node>| inventory.bricks().all(|brick| brick.node != node.id);
    let free = inventory.nodes().find(free).expect("a node without bricks");
    let other = inventory.nodes().find(|node| node.id != free.id).unwrap().manage_host().to_owned();
    scene.run(&other, &format!("gluster --mode=script peer detach {}", free.storage_host()));
    let found = scene.repair().await;
    assert!(found.iter().any(|finding| finding.text.contains(&free.id.to_string())), "{found:#?}");
    let left = scene.sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn things_of_others_are_notes_and_nothing_more() {
    let scene = Scene::new().await;
    let report = scene.audit().await;
    assert_eq!(report.findings, Vec::new());
    let told = report.notes.join("\n");
    for name in ["volume group data on", "/scratch on", "gluster volume theirs"] {
        assert!(told.contains(name), "{name} is missing in\n{told}");
    }
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_one_warning() {
    let scene = Scene::new().await;
    scene.sim.set_up("n2", false);
    let found = scene.audit().await.findings;
    assert_eq!(found.len(), 1, "{found:#?}");
    let node = scene.inventory().node_with_host("n2").unwrap();
    assert!(found[0].text.contains(&node.to_string()), "{found:#?}");
    let refused = scene.engine.audit_repair(&found).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

/// Bricks under way belong to nobody yet, or nobody any more: an audit that ran into that must not say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_operations_are_no_findings() {
    let scene = Scene::new().await;
    scene.sim.add_latency("lvcreate", std::time::Duration::from_millis(20));
    scene.sim.add_latency("umount", std::time::Duration::from_millis(20));
    for _ in 0..4 {
        let job = scene.engine.volume_create(replica3(1)).await;
        let during = scene.audit().await.findings;
        assert_eq!(during, Vec::new());
        let made = volume(&scene.engine, job).await;
        let job = scene.engine.volume_delete(made).await.unwrap();
        let during = scene.audit().await.findings;
        assert_eq!(during, Vec::new());
        finished(&scene.engine, job).await;
    }
}

/// What was left over when the audit looked may be in use when it is to be repaired.
#[tokio::test]
async fn what_came_into_use_since_the_audit_is_left_alone() {
    let scene = Scene::new().await;
    let damage = DAMAGES.iter().find(|damage| damage.name == "a brick is left over").unwrap();
    let hit = (damage.apply)(&scene, 0);
    let found = scene.audit().await.findings;
    let directory = format!("{}/brick", hit.named[1]);
    let it = pieces(&scene, 0);
    let host = scene.inventory().node(it.brick.node).unwrap().storage_host().to_owned();
    scene.run(&it.host, &format!("gluster --mode=script volume create late {host}:{directory}"));
    let before = scene.sim.snapshot();
    let job = scene.engine.audit_repair(&found).await.unwrap();
    assert_eq!(finished(&scene.engine, job).await, JobResult::Done);
    assert_eq!(scene.sim.leftovers(&before), Vec::<String>::new());
}

/// Two of three bricks are gone and the third is away: an empty brick now could outvote it when it comes back.
#[tokio::test]
async fn a_lost_brick_waits_for_the_others_of_its_set() {
    let scene = Scene::new().await;
    let it = pieces(&scene, 0);
    lose_brick(&scene, &it);
    let inventory = scene.inventory();
    let mate = inventory
        .bricks()
        .find(|mate| {
            mate.volume == it.brick.volume
                && mate.id != it.brick.id
                && mate.position.map(|place| place.set) == it.brick.position.map(|place| place.set)
        })
        .unwrap();
    let away = inventory.node(mate.node).unwrap().manage_host().to_owned();
    let found = scene.audit().await.findings;
    scene.sim.set_up(&away, false);
    let before = scene.sim.snapshot();
    let job = scene.engine.audit_repair(&found).await.unwrap();
    let JobResult::Failed(text) = finished(&scene.engine, job).await else { panic!("nothing may be done") };
    assert!(text.contains("does not answer"), "{text}");
    assert_eq!(scene.sim.leftovers(&before), Vec::<String>::new());
    scene.sim.set_up(&away, true);
    scene.repair().await;
}

/// The only copy of some data is gone: heketi says so and makes no empty brick of it.
#[tokio::test]
async fn a_lost_brick_without_copies_is_left_to_the_administrator() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let mut request = replica3(2);
    request.durability = Durability::None;
    volume(&engine, engine.volume_create(request).await).await;
    let scene = Scene { sim, engine };
    let it = pieces(&scene, 0);
    lose_brick(&scene, &it);
    let found = scene.audit().await.findings;
    assert!(found.iter().all(|finding| !finding.repair.is_automatic()), "{found:#?}");
    assert!(found.iter().any(|finding| finding.repair.to_string().contains("backup")), "{found:#?}");
}
