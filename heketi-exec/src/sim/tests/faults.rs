//! Faults, lost connections, latency, the end of the manager.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::runner::{Batch, BatchResult, CommandLine, CommandRunner, LineStatus, RunError, RunErrorKind};
use crate::sim::{Effect, Fault, Matcher, RandomFaults, StopPoint};

const MINUTE: Duration = Duration::from_secs(60);

fn batch(lines: &[&str]) -> Batch {
    lines.iter().map(|line| CommandLine::new(*line, MINUTE)).collect()
}

async fn run(sim: &SimCluster, host: &str, lines: &[&str]) -> Result<BatchResult, RunError> {
    sim.runner().run(host, &batch(lines)).await
}

fn exists(sim: &SimCluster, path: &str) -> bool {
    sim.directory("node-1", path).is_some()
}

#[tokio::test]
async fn a_batch_stops_at_the_first_failure() {
    let sim = cluster();
    let done = run(&sim, "node-1", &["mkdir /a", "mkdir /a", "mkdir /b"]).await.unwrap();
    assert_eq!(done.lines.len(), 2);
    assert_eq!(done.failure().unwrap().0, 1);
    assert!(exists(&sim, "/a") && !exists(&sim, "/b"));
    let log = sim.lines_run();
    assert_eq!(
        log.iter().map(|l| (&*l.text, l.status)).collect::<Vec<_>>(),
        [("mkdir /a", Some(0)), ("mkdir /a", Some(1))]
    );
    assert_eq!(sim.line_count(), 2);
    sim.forget_lines();
    assert_eq!((sim.line_count(), sim.lines_run().len()), (0, 0));
}

#[tokio::test]
async fn nodes_are_reached_by_every_name_or_not_at_all() {
    let sim = cluster();
    sim.add_host_name("node-1", "node-1.example");
    for host in ["node-1", "10.0.0.1", "node-1.example"] {
        assert!(run(&sim, host, &["mount"]).await.is_ok());
    }
    assert_eq!(run(&sim, "stranger", &["mount"]).await.unwrap_err().kind, RunErrorKind::BadHost);
    sim.set_up("node-1", false);
    let error = run(&sim, "node-1", &["mount"]).await.unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran), (RunErrorKind::Unreachable, true));
    assert_eq!(sim.line_count(), 3);
}

#[tokio::test]
async fn each_effect_does_what_it_says() {
    let failed = |done: &BatchResult| done.lines[0].clone();
    // (effect, does the line take effect, its status or the error's kind and whether more may have run)
    let sim = cluster();
    sim.inject(Fault::once("mkdir", Effect::FailBefore("no".into(), 5)));
    let done = failed(&run(&sim, "node-1", &["mkdir /a"]).await.unwrap());
    assert_eq!((done.status, done.stderr.as_str(), exists(&sim, "/a")), (LineStatus::Exited(5), "no\n", false));

    sim.inject(Fault::once("mkdir", Effect::FailAfter("late".into(), 6)));
    let done = failed(&run(&sim, "node-1", &["mkdir /a"]).await.unwrap());
    assert_eq!((done.status, done.stderr.as_str(), exists(&sim, "/a")), (LineStatus::Exited(6), "late\n", true));

    sim.inject(Fault::once("mkdir", Effect::Answer("hello".into())));
    let done = failed(&run(&sim, "node-1", &["mkdir /b"]).await.unwrap());
    assert_eq!((done.status, done.stdout.as_str(), exists(&sim, "/b")), (LineStatus::Exited(0), "hello", false));

    sim.inject(Fault::once(("node-1", "mkdir /b"), Effect::DropBefore));
    let error = run(&sim, "node-1", &["mount", "mkdir /b"]).await.unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran, error.finished.lines.len()), (RunErrorKind::Disconnected, true, 1));
    assert!(!exists(&sim, "/b"));

    sim.inject(Fault::once("mkdir", Effect::DropAfter));
    let error = run(&sim, "node-1", &["mkdir /b"]).await.unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran), (RunErrorKind::Disconnected, false));
    assert!(exists(&sim, "/b"));

    sim.inject(Fault::once("mkdir", Effect::Refuse(RunErrorKind::SudoRefused)));
    let error = run(&sim, "node-1", &["mkdir /c"]).await.unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran), (RunErrorKind::SudoRefused, true));

    for took_effect in [false, true] {
        sim.inject(Fault::once("mkdir", Effect::Timeout { took_effect }));
        let done = failed(&run(&sim, "node-1", &["mkdir /c"]).await.unwrap());
        assert_eq!((done.status, exists(&sim, "/c")), (LineStatus::TimedOut, took_effect));
    }

    sim.inject(Fault::once("mkdir", Effect::Callback(Arc::new(|sim| sim.set_glusterd("node-2", false)))));
    assert!(failed(&run(&sim, "node-1", &["mkdir /d"]).await.unwrap()).success());
    assert!(!sim.admin("node-2", "systemctl is-active glusterd").success());
}

#[tokio::test(start_paused = true)]
async fn lines_hang_and_run_out_of_time() {
    let sim = cluster();
    let start = tokio::time::Instant::now();
    sim.inject(Fault::once("mkdir", Effect::Hang(MINUTE / 2)));
    assert!(run(&sim, "node-1", &["mkdir /a"]).await.unwrap().failure().is_none());
    assert_eq!(start.elapsed(), MINUTE / 2);
    sim.inject(Fault::once("mkdir", Effect::Hang(2 * MINUTE)));
    let done = run(&sim, "node-1", &["mkdir /b"]).await.unwrap();
    assert_eq!((done.lines[0].status, start.elapsed()), (LineStatus::TimedOut, 3 * MINUTE / 2));
    assert!(!exists(&sim, "/b"));
    // A node that loses power while a line runs.
    sim.inject(Fault::once("mkdir", Effect::Hang(MINUTE / 2)));
    let (runner, off) = (sim.runner(), sim.clone());
    let line = tokio::spawn(async move { runner.run("node-1", &batch(&["mkdir /b"])).await });
    tokio::time::sleep(MINUTE / 4).await;
    off.set_up("node-1", false);
    let error = line.await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran), (RunErrorKind::Disconnected, false));
}

#[tokio::test(start_paused = true)]
async fn a_line_can_outlive_its_connection() {
    let sim = cluster();
    sim.inject(Fault::once("mkdir", Effect::DropRunning(MINUTE)));
    let error = run(&sim, "node-1", &["mkdir /a", "mkdir /b"]).await.unwrap_err();
    assert_eq!((error.kind, error.nothing_more_ran), (RunErrorKind::Disconnected, false));
    assert!(!exists(&sim, "/a"));
    let ask = async || run(&sim, "node-1", &["pgrep -af hk_n="]).await.unwrap().lines[0].stdout.clone();
    let text = ask().await;
    assert_eq!(text.lines().filter(|line| !line.contains("pgrep")).count(), 1, "{text}");
    tokio::time::sleep(2 * MINUTE).await;
    let text = ask().await;
    assert_eq!(text.lines().filter(|line| !line.contains("pgrep")).count(), 0, "{text}");
    assert!(exists(&sim, "/a") && !exists(&sim, "/b"));
}

#[tokio::test]
async fn faults_strike_when_they_should() {
    let sim = cluster();
    let fails = || Effect::FailBefore("struck".into(), 1);
    let second =
        sim.inject(Fault::nth(2, Matcher::predicate(|host, line| host == "node-1" && line == "mount"), fails()));
    let mut struck = Vec::new();
    for _ in 0..3 {
        struck.push(run(&sim, "node-1", &["mount"]).await.unwrap().failure().is_some());
        assert!(run(&sim, "node-2", &["mount"]).await.unwrap().failure().is_none());
    }
    assert_eq!(struck, [false, true, false]);
    sim.remove_fault(second);
    sim.inject(Fault::always(Matcher::Any, fails()));
    for _ in 0..3 {
        assert!(run(&sim, "node-3", &["mount"]).await.unwrap().failure().is_some());
    }
    sim.clear_faults();
    assert!(run(&sim, "node-3", &["mount"]).await.unwrap().failure().is_none());
}

#[tokio::test]
async fn chance_follows_its_seed() {
    let pattern = async |seed| {
        let sim = cluster();
        sim.set_random_faults(Some(RandomFaults {
            seed,
            one_in: 4,
            effects: vec![Effect::FailBefore("chance".into(), 1)],
        }));
        let mut struck = Vec::new();
        for _ in 0..200 {
            struck.push(run(&sim, "node-1", &["mount"]).await.unwrap().failure().is_some());
        }
        struck
    };
    let first = pattern(1).await;
    assert_eq!(first, pattern(1).await);
    assert_ne!(first, pattern(2).await);
    let count = first.iter().filter(|struck| **struck).count();
    assert!((25..80).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn the_manager_can_end_at_any_line() {
    for (point, third) in
        [(StopPoint::BeforeLine, false), (StopPoint::AfterLine, true), (StopPoint::DuringLine(MINUTE), false)]
    {
        let sim = cluster();
        sim.set_stop_after(3, point);
        let error = run(&sim, "node-1", &["mkdir /a", "mkdir /b", "mkdir /c", "mkdir /d"]).await.unwrap_err();
        assert_eq!((error.kind, error.finished.lines.len()), (RunErrorKind::Unreachable, 2));
        assert_eq!(error.nothing_more_ran, point == StopPoint::BeforeLine);
        assert!(exists(&sim, "/b") && exists(&sim, "/c") == third && !exists(&sim, "/d"), "{point:?}");
        assert!(sim.stopped());
        assert_eq!(run(&sim, "node-2", &["mount"]).await.unwrap_err().kind, RunErrorKind::Unreachable);
        sim.clear_stop();
        assert!(run(&sim, "node-2", &["mount"]).await.is_ok());
        tokio::time::sleep(2 * MINUTE).await;
        assert_eq!(exists(&sim, "/c"), point != StopPoint::BeforeLine);
        sim.set_stop_after(5, point);
        assert!(run(&sim, "node-2", &["mount"]).await.is_ok() && !sim.stopped());
    }
}

#[tokio::test(start_paused = true)]
async fn glusterd_changes_one_thing_at_a_time() {
    let sim = cluster();
    sim.add_latency(Matcher::Any, Duration::from_secs(3));
    let make = |n: u32| {
        let directory = brick(&sim, "node-1", &n.to_string());
        format!("{G} volume create v{n} 10.0.0.1:{directory}")
    };
    let (one, two) = (make(1), make(2));
    let (one_line, two_line) = ([one.as_str()], [two.as_str()]);
    let (a, b) = tokio::join!(run(&sim, "node-1", &one_line), run(&sim, "node-2", &two_line));
    let (a, b) = (a.unwrap(), b.unwrap());
    let refused: Vec<_> = [&a, &b].into_iter().filter_map(|done| done.failure()).collect();
    assert!(
        matches!(refused.as_slice(), [(0, line)] if line.stderr.contains("Another transaction is in progress")),
        "{refused:?}"
    );
    let again = if a.failure().is_some() { &one } else { &two };
    assert!(run(&sim, "node-1", &[again]).await.unwrap().failure().is_none());
    assert_eq!(sim.peak_batches("node-1"), 1);
    let (a, b) = tokio::join!(run(&sim, "node-1", &["mount"]), run(&sim, "node-1", &["mount"]));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(sim.peak_batches("node-1"), 2);
    sim.clear_latency();
}
