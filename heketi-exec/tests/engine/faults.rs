//! A command fails, or its outcome gets lost: at every line of every operation.

use std::time::Duration;

use heketi_core::inventory::JobResult;
use heketi_core::units::Gib;
use heketi_exec::engine::Engine;
use heketi_exec::sim::{Effect, Fault, SimCluster};

use crate::support::*;

/// What is done to a line.
fn effects() -> Vec<(&'static str, Effect)> {
    vec![
        ("fails before its effect", Effect::FailBefore("injected failure".into(), 5)),
        ("fails after its effect", Effect::FailAfter("injected failure".into(), 5)),
        ("is never reached", Effect::DropBefore),
        ("takes effect and the connection is lost", Effect::DropAfter),
        ("goes on after its connection was lost", Effect::DropRunning(Duration::from_millis(20))),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Tested {
    Create,
    Expand,
    Delete,
}

/// Runs the operation; true if the client was told it worked.
async fn run(engine: &Engine, tested: Tested) -> bool {
    let volume = engine.inventory().volumes().next().map(|volume| volume.id);
    let job = match (tested, volume) {
        (Tested::Create, _) => engine.volume_create(replica3(2)).await,
        (Tested::Expand, Some(id)) => engine.volume_expand(id, Gib(1)).await,
        (_, Some(id)) => engine.volume_delete(id).await,
        (_, None) => panic!("no volume"),
    };
    !matches!(finished(engine, job.expect("planned")).await, JobResult::Failed(_))
}

async fn prepared(tested: Tested) -> (SimCluster, Engine) {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    if !matches!(tested, Tested::Create) {
        volume(&engine, engine.volume_create(replica3(2)).await).await;
    }
    sim.forget_lines();
    (sim, engine)
}

async fn every_line_of(tested: Tested) {
    let (sim, engine) = prepared(tested).await;
    assert!(run(&engine, tested).await);
    let lines = sim.line_count();
    let mut points = 0;
    for line in 1..=lines {
        for (name, effect) in effects() {
            let (sim, engine) = prepared(tested).await;
            let before = sim.snapshot();
            let (volumes, size) = (engine.inventory().volumes().count(), total_size(&engine));
            sim.inject(Fault::nth(line, "", effect));
            let told_success = run(&engine, tested).await;
            sim.clear_faults();
            assert!(engine.wait_idle(LIMIT).await);
            tokio::time::timeout(LIMIT, engine.clean_up(None)).await.expect("clean-up ends");
            let context = format!("{tested:?}, line {line} of {lines} {name}");
            settled(&engine, &sim, &context);
            let changed = (engine.inventory().volumes().count(), total_size(&engine)) != (volumes, size);
            if told_success {
                assert!(changed, "{context}: told success, nothing happened");
            } else if !changed {
                let left = sim.leftovers(&before);
                assert!(left.is_empty(), "{context}: {left:#?}");
            }
            points += 1;
        }
    }
    println!("{tested:?}: {points} fault points, all end fully done or fully undone");
}

fn total_size(engine: &Engine) -> u64 {
    engine.inventory().volumes().map(|volume| volume.size.0).sum()
}

fn settled(engine: &Engine, sim: &SimCluster, context: &str) {
    let pending = engine.inventory().operations().count();
    assert_eq!(pending, 0, "{context}: operations are pending");
    println!("{context}");
    assert_sound(engine);
    assert_nodes_match(engine, sim);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_survives_a_fault_at_every_line() {
    every_line_of(Tested::Create).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expand_survives_a_fault_at_every_line() {
    every_line_of(Tested::Expand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_survives_a_fault_at_every_line() {
    every_line_of(Tested::Delete).await;
}

#[tokio::test]
async fn somebody_elses_volume_of_the_same_name_is_not_touched() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let made = [
        "mkdir -p /srv/brick",
        "gluster --mode=script volume create taken 10.0.0.1:/srv/brick force",
        "gluster --mode=script volume start taken",
    ];
    for line in made {
        let result = sim.admin("n1", line);
        assert!(result.success(), "{line}: {result:?}");
    }
    let before = sim.snapshot();
    let mut request = replica3(2);
    request.name = Some("taken".into());
    let job = engine.volume_create(request).await.unwrap();
    let JobResult::Failed(text) = finished(&engine, job).await else { panic!("the name is taken") };
    assert!(text.contains("already exists"), "{text}");
    assert_sound(&engine);
    assert_eq!(sim.snapshot(), before);
}
