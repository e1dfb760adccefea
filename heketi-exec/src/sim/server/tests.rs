use std::time::Duration;

use super::*;
use crate::runner::{Batch, CommandLine, CommandRunner, RunErrorKind, SshConfig, SshRunner};
use crate::sim::{SimDisk, StopPoint};
use russh::keys::ssh_key::LineEnding;

struct Served {
    sim: SimCluster,
    server: SshServer,
    runner: SshRunner,
    _directory: tempfile::TempDir,
}

async fn served(options: impl FnOnce(&PublicKey) -> SshServerOptions) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
    key.write_openssh_file(directory.path().join("id"), LineEnding::LF).unwrap();
    let sim = SimCluster::new();
    let mut nodes = Vec::new();
    for name in ["a", "b"] {
        sim.add_node(name, &format!("s-{name}"), [SimDisk::gib("/dev/sdb", 10)]);
        nodes.push((name.to_owned(), SocketAddr::from(([127, 0, 0, 1], 0))));
    }
    let server = SshServer::start(&sim, nodes, options(key.public_key())).await.unwrap();
    let runner = SshRunner::new(SshConfig::new(directory.path().join("id"))).unwrap();
    Served { sim, server, runner, _directory: directory }
}

impl Served {
    async fn run(&self, node: usize, lines: &[&str]) -> Result<crate::runner::BatchResult, crate::runner::RunError> {
        let batch: Batch = lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(30))).collect();
        self.runner.run(&self.server.nodes()[node].1.to_string(), &batch).await
    }
}

#[tokio::test]
async fn each_address_is_a_node_and_the_state_can_be_seen_and_saved() {
    let it = served(|_| SshServerOptions::default()).await;
    let done = it.run(0, &["mkdir -p /var/lib/heketi/mounts/x", "mkdir /a/b/c", "mkdir /d"]).await.unwrap();
    assert_eq!(done.lines.len(), 2, "a batch stops at its first failure");
    assert!(done.lines[1].failure_text().contains("No such file or directory"));
    it.run(1, &["gluster --mode=script peer probe s-a"]).await.unwrap();
    let text = it.run(1, &["simctl state"]).await.unwrap().lines[0].stdout.clone();
    assert!(text.contains("a: directory /var/lib/heketi/mounts/x"), "{text}");
    assert_eq!(text, it.sim.snapshot().to_string());
    let saved = it.run(0, &["simctl save"]).await.unwrap().lines[0].stdout.clone();
    let again = SimCluster::load(&saved).unwrap();
    assert_eq!(again.snapshot(), it.sim.snapshot());
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&again.save().unwrap()), value(&saved));
    assert!(SimCluster::load("{\"version\":\"9\",\"state\":{}}").is_err());
}

#[tokio::test]
async fn a_node_that_is_off_cannot_be_reached_until_it_is_on() {
    let it = served(|_| SshServerOptions::default()).await;
    it.run(0, &["mount"]).await.unwrap();
    assert!(it.run(0, &["simctl down nobody"]).await.unwrap().failure().is_some());
    it.run(1, &["simctl down a"]).await.unwrap();
    let error = it.run(0, &["mount"]).await.unwrap_err();
    assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
    assert!(it.run(0, &["mount"]).await.is_err());
    it.run(1, &["simctl up a"]).await.unwrap();
    it.run(0, &["mount"]).await.unwrap();
}

#[tokio::test]
async fn a_line_whose_answer_is_lost_has_an_unknown_outcome() {
    let it = served(|_| SshServerOptions::default()).await;
    it.sim.set_stop_after(1, StopPoint::AfterLine);
    let error = it.run(0, &["mkdir -p /var/lib/heketi/mounts/x"]).await.unwrap_err();
    assert!(!error.nothing_more_ran, "{error}");
    it.sim.clear_stop();
    assert!(it.sim.directory("a", "/var/lib/heketi/mounts/x").is_some());
}

#[tokio::test]
async fn only_listed_keys_may_log_in() {
    let mine = served(|key| SshServerOptions { authorized_keys: Some(vec![key.clone()]), ..Default::default() }).await;
    mine.run(0, &["mount"]).await.unwrap();
    let none = served(|_| SshServerOptions { authorized_keys: Some(Vec::new()), ..Default::default() }).await;
    assert_eq!(none.run(0, &["mount"]).await.unwrap_err().kind, RunErrorKind::AuthenticationFailed);
}

#[tokio::test]
async fn without_its_connection_a_batch_ends_after_the_line_that_runs() {
    let it = served(|_| SshServerOptions::default()).await;
    it.sim.add_latency("mkdir", Duration::from_millis(300));
    let run = it.run(0, &["mkdir /one", "mkdir /two"]);
    let leave = async {
        while it.sim.line_count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        it.runner.close().await;
    };
    let (outcome, ()) =
        tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(run, leave) }).await.unwrap();
    let error = outcome.unwrap_err();
    assert!(!error.nothing_more_ran && error.finished.lines.is_empty(), "{error}");
    let ended = async {
        while it.sim.with_node("a", |node| !node.batches.is_empty()).unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.unwrap();
    assert!(it.sim.directory("a", "/one").is_some(), "the line that ran has its effect");
    assert!(it.sim.directory("a", "/two").is_none(), "no other line starts");
    assert_eq!(it.sim.line_count(), 1);
}
