//! A command fails, or its outcome gets lost: at every line of every operation.

use std::time::Duration;

use heketi_core::inventory::JobResult;
use heketi_exec::engine::Engine;
use heketi_exec::sim::{Effect, Fault, SimCluster};

use crate::support::*;
use crate::tested::{self, Tested, digest};

/// What is done to a line.
pub fn effects() -> Vec<(&'static str, Effect)> {
    vec![
        ("fails before its effect", Effect::FailBefore("injected failure".into(), 5)),
        ("fails after its effect", Effect::FailAfter("injected failure".into(), 5)),
        ("is never reached", Effect::DropBefore),
        ("takes effect and the connection is lost", Effect::DropAfter),
        ("goes on after its connection was lost", Effect::DropRunning(Duration::from_millis(20))),
    ]
}

/// Runs the operation; true if the client was told it worked.
async fn run(engine: &Engine, tested: &Tested) -> bool {
    // A fault before the plan refuses the request.
    let Ok(job) = (tested.start)(engine).await else { return false };
    !matches!(finished(engine, job).await, JobResult::Failed(_))
}

async fn prepared(tested: &Tested) -> (SimCluster, Engine) {
    let sim = simulated(tested.nodes);
    let (engine, _, _) = loaded(&sim, tested.nodes).await;
    (tested.prepare)(&engine, &sim).await;
    sim.forget_lines();
    (sim, engine)
}

async fn every_line_of(tested: &Tested) {
    let (sim, engine) = prepared(tested).await;
    let undone = digest(&engine);
    assert!(run(&engine, tested).await);
    let (done, lines) = (digest(&engine), sim.line_count());
    assert_ne!(done, undone);
    let mut points = 0;
    for line in 1..=lines {
        for (name, effect) in effects() {
            let (sim, engine) = prepared(tested).await;
            let before = sim.snapshot();
            sim.inject(Fault::nth(line, "", effect));
            let told_success = run(&engine, tested).await;
            sim.clear_faults();
            assert!(engine.wait_idle(LIMIT).await);
            tokio::time::timeout(LIMIT, engine.clean_up(None)).await.expect("clean-up ends");
            let context = format!("{}, line {line} of {lines} {name}", tested.name);
            let now = digest(&engine);
            settled(&engine, &context);
            if now != undone || !tested.brings_back() {
                assert_nodes_match(&engine, &sim);
            }
            if told_success {
                assert_eq!(now, done, "{context}: told success");
            } else if now == undone {
                let left = sim.leftovers(&before);
                assert!(left.is_empty(), "{context}: {left:#?}");
            } else if !tested.in_parts {
                assert_eq!(now, done, "{context}: neither done nor undone");
            }
            points += 1;
        }
    }
    println!("{}: {points} fault points, all end fully done or fully undone", tested.name);
}

fn settled(engine: &Engine, context: &str) {
    let pending = engine.inventory().operations().count();
    assert_eq!(pending, 0, "{context}: operations are pending");
    println!("{context}");
    assert_sound(engine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_survives_a_fault_at_every_line() {
    for tested in tested::all() {
        every_line_of(&tested).await;
    }
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
