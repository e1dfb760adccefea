//! Volume creates that fail are tried again on other devices.

use std::sync::Arc;

use heketi_core::inventory::JobResult;
use heketi_core::placement::Policy;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::{Effect, Fault, Matcher, SimCluster, When};
use heketi_exec::store::MemoryStore;

use crate::support::*;

async fn with_retries(sim: &SimCluster, nodes: u32, create_retries: u32) -> Engine {
    let policy = Policy { create_retries, ..Policy::default() };
    let engine = engine(sim, Arc::new(MemoryStore::new()), EngineConfig { policy, ..config() }).await;
    load(&engine, nodes).await;
    engine
}

fn always(host: &str, text: &str) -> Fault {
    let effect = Effect::FailBefore("the disk is broken".into(), 5);
    Fault { matches: Matcher::On(host.into(), text.into()), when: When::Always, effect }
}

/// A node that makes no bricks any more stays emptiest, and is not chosen again and again for that.
#[tokio::test]
async fn a_broken_node_is_left_alone_by_the_next_try() {
    let sim = simulated(4);
    let engine = with_retries(&sim, 4, 4).await;
    for broken in ["n1", "n2", "n3", "n4"] {
        let before = sim.snapshot();
        sim.inject(always(broken, "lvcreate"));
        let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
        sim.clear_faults();
        let inventory = engine.inventory();
        let hosts = inventory.bricks_of_volume(id).map(|id| inventory.brick(id).expect("a brick").node);
        let hosts: Vec<String> = hosts.map(|id| inventory.node(id).expect("a node").manage_host().to_owned()).collect();
        assert!(!hosts.contains(&broken.to_owned()), "{hosts:?}");
        assert_sound(&engine);
        assert_nodes_match(&engine, &sim);
        let job = engine.volume_delete(id).await.expect("planned");
        assert_eq!(finished(&engine, job).await, JobResult::Done);
        let left = sim.leftovers(&before);
        assert!(left.is_empty(), "{left:#?}");
    }
}

/// With three nodes there is nowhere else to go: the tries end, and nothing is left of any of them.
#[tokio::test]
async fn the_tries_end_with_the_failure_of_the_last() {
    for retries in [0, 2] {
        let sim = simulated(3);
        let engine = with_retries(&sim, 3, retries).await;
        let before = sim.snapshot();
        sim.forget_lines();
        sim.inject(always("n2", "lvcreate"));
        let job = engine.volume_create(replica3(2)).await.expect("planned");
        let JobResult::Failed(text) = finished(&engine, job).await else { panic!("it is broken") };
        assert!(text.contains("the disk is broken"), "{text}");
        let lines = sim.lines_run();
        let tries = lines.iter().filter(|line| &*line.host == "n1" && line.text.contains("lvcreate")).count();
        assert_eq!(tries, retries as usize + 1);
        assert_sound(&engine);
        let left = sim.leftovers(&before);
        assert!(left.is_empty(), "{left:#?}");
    }
}

/// Whatever line fails once, the client gets its volume.
#[tokio::test]
async fn one_failure_anywhere_is_made_good() {
    let sim = simulated(3);
    let engine = with_retries(&sim, 3, 1).await;
    sim.forget_lines();
    let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
    let lines = sim.line_count();
    let job = engine.volume_delete(id).await.expect("planned");
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    for line in 1..=lines {
        for effect in [Effect::FailBefore("injected".into(), 5), Effect::DropAfter] {
            sim.forget_lines();
            sim.inject(Fault::nth(line, "", effect));
            let id = volume(&engine, engine.volume_create(replica3(2)).await).await;
            sim.clear_faults();
            assert_sound(&engine);
            let job = engine.volume_delete(id).await.expect("planned");
            assert_eq!(finished(&engine, job).await, JobResult::Done);
        }
    }
    println!("{lines} lines, each failed twice");
}
