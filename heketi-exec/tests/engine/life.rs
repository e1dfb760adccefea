//! Volumes from creation to deletion.

use std::sync::Arc;

use heketi_core::ErrorKind;
use heketi_core::inventory::JobResult;
use heketi_core::model::EntryState;
use heketi_core::units::Gib;
use heketi_exec::engine::EngineConfig;
use heketi_exec::store::MemoryStore;

use crate::support::*;

#[tokio::test]
async fn a_volume_is_created_expanded_and_deleted_without_a_trace() {
    let sim = simulated(6);
    let (engine, _, _) = loaded(&sim, 6).await;
    let before = sim.snapshot();
    let id = volume(&engine, engine.volume_create(replica3(10)).await).await;
    let inventory = engine.inventory();
    let zones: std::collections::BTreeSet<_> = inventory
        .bricks_of_volume(id)
        .map(|brick| inventory.node(inventory.brick(brick).unwrap().node).unwrap().zone)
        .collect();
    assert_eq!(zones.len(), 3, "the bricks of a set spread over the zones");
    assert_nodes_match(&engine, &sim);
    assert_sound(&engine);

    volume(&engine, engine.volume_expand(id, Gib(5)).await).await;
    assert_eq!(engine.inventory().volume(id).unwrap().size, Gib(15));
    assert_nodes_match(&engine, &sim);

    let job = engine.volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn the_topology_can_be_taken_down_again() {
    let sim = simulated(2);
    let fresh = sim.snapshot();
    let (engine, _, cluster) = loaded(&sim, 2).await;
    assert_eq!(engine.cluster_delete(cluster).await.unwrap_err().kind(), ErrorKind::Conflict);
    let inventory = engine.inventory();
    for device in inventory.devices() {
        for state in [EntryState::Offline, EntryState::Failed] {
            let job = engine.device_state(device.id, state, true).await.unwrap();
            assert_eq!(finished(&engine, job).await, JobResult::Done);
        }
        let job = engine.device_delete(device.id, false).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    for node in inventory.nodes() {
        let job = engine.node_delete(node.id).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    engine.cluster_delete(cluster).await.unwrap();
    assert_sound(&engine);
    let left = sim.leftovers(&fresh);
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test]
async fn lack_of_space_is_explained_device_by_device() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let error = engine.volume_create(replica3(500)).await.unwrap_err();
    assert_eq!((error.kind(), error.text()), (ErrorKind::CannotAllocate, "No space"));
    let told = error.explanation().join("\n");
    for word in
        ["/dev/sdb on n1", "needs more than", "3 bricks on 3 different nodes", "The largest size that fits now is"]
    {
        assert!(told.contains(word), "{word} is missing in\n{told}");
    }
    let largest: u64 = told.rsplit(" is ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
    volume(&engine, engine.volume_create(replica3(largest)).await).await;
    assert_sound(&engine);
}

/// F1: heketi v10 finished each expansion with the copy of the volume it had read before, and lost bricks and sizes.
#[tokio::test]
async fn concurrent_expansions_of_one_volume_do_not_lose_bricks() {
    let sim = simulated(6);
    let (engine, _, _) = loaded(&sim, 6).await;
    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    let all = futures_util::future::join_all((0..6).map(|_| engine.volume_expand(id, Gib(1)))).await;
    let mut size = 2;
    for result in all {
        match result {
            Ok(job) => {
                assert_eq!(finished(&engine, job).await, JobResult::Volume(id));
                size += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Busy, "{error}"),
        }
    }
    assert!(size > 2);
    assert_eq!(engine.inventory().volume(id).unwrap().size, Gib(size));
    assert_eq!(engine.inventory().bricks_of_volume(id).count() as u64, 3 * (size - 1));
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

#[tokio::test]
async fn more_operations_than_allowed_are_answered_busy() {
    let sim = simulated(3);
    sim.add_latency("lvcreate", std::time::Duration::from_millis(200));
    let limited = EngineConfig { max_in_flight: 2, ..config() };
    let engine = engine(&sim, Arc::new(MemoryStore::new()), limited).await;
    load(&engine, 3).await;
    let jobs = [engine.volume_create(replica3(1)).await, engine.volume_create(replica3(1)).await];
    let refused = engine.volume_create(replica3(1)).await.unwrap_err();
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::Busy, "Server busy. Retry operation later."));
    for job in jobs {
        volume(&engine, job).await;
    }
    volume(&engine, engine.volume_create(replica3(1)).await).await;
}

/// F19: there is one rule for host names, whoever registers them and when.
#[tokio::test]
async fn a_host_name_belongs_to_one_node() {
    let sim = simulated(2);
    let (engine, _, cluster) = loaded(&sim, 1).await;
    let again = engine.node_add(node(cluster, 1)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    assert!(again.text().starts_with("Hostname n1 already used by node with id "), "{again}");
    let both = tokio::join!(engine.node_add(node(cluster, 2)), engine.node_add(node(cluster, 2)));
    let accepted = [both.0, both.1].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
    assert_eq!(accepted.len(), 1, "one of two concurrent adds of a host wins");
    assert!(matches!(finished(&engine, accepted[0]).await, JobResult::Node(_)));
    assert_sound(&engine);
}

/// gluster needs all other peers for that, and not the one that leaves.
#[tokio::test]
async fn a_dead_node_can_be_deleted_and_come_back() {
    let sim = simulated(4);
    let (engine, _, cluster) = loaded(&sim, 3).await;
    let joined = add_node(&engine, cluster, 4).await;
    sim.set_up("n4", false);
    sim.set_up("n3", false);
    let job = engine.node_delete(joined).await.unwrap();
    let refused = finished(&engine, job).await;
    assert!(matches!(&refused, JobResult::Failed(text) if text.contains("probably down")), "{refused:?}");
    sim.set_up("n3", true);
    assert!(engine.wait_idle(LIMIT).await);
    let job = engine.node_delete(joined).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    sim.set_up("n4", true);
    add_node(&engine, cluster, 4).await;
    let pools = sim.snapshot().pools;
    assert!(pools.iter().any(|pool| pool.members.len() == 4), "{pools:?}");
}
