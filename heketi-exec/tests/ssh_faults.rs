//! The SSH runner against a server in this process that misbehaves in every way a network and a node can.

#[path = "support/ssh_server.rs"]
mod ssh_server;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heketi_exec::runner::ssh::{
    FileHostKeys, HostKeyPolicy, HostKeyStore, MemoryHostKeys, SetupError,
};
use heketi_exec::runner::{
    Batch, CommandLine, CommandRunner, LineStatus, OUTPUT_LIMIT, RunErrorKind, SshConfig, SshRunner,
};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};
use ssh_server::{Behaviour, TestServer, new_key};
use tempfile::TempDir;

/// No test takes longer.
const LIMIT: Duration = Duration::from_secs(20);

async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("the test took too long")
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(5), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn batch(lines: &[&str]) -> Batch {
    lines
        .iter()
        .map(|line| CommandLine::new(*line, Duration::from_secs(10)))
        .collect()
}

/// A directory with a client key, and settings with short times.
fn settings() -> (TempDir, SshConfig) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("id");
    let key = new_key();
    key.write_openssh_file(&file, LineEnding::LF).unwrap();
    let mut config = SshConfig::new(file);
    config.connect_timeout = Duration::from_secs(5);
    config.exit_wait = Duration::from_millis(300);
    (dir, config)
}

fn runner(config: &SshConfig) -> SshRunner {
    SshRunner::new(config.clone()).unwrap()
}

fn sha256(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

#[tokio::test]
async fn batches_run_on_one_connection_and_close_their_channels() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        for _ in 0..3 {
            let lines = batch(&["echo one", "bash -c 'echo two; echo why >&2; exit 3'", "echo three"]);
            let result = runner.run(&server.host(), &lines).await.unwrap();
            assert_eq!(result.lines.len(), 2);
            assert_eq!(result.lines[0].stdout, "one\n");
            assert_eq!(result.lines[1].stdout, "two\n");
            assert_eq!(result.lines[1].stderr, "why\n");
            assert_eq!(result.lines[1].status, LineStatus::Exited(3));
        }
        assert_eq!(server.connections(), 1);
        until("all channels closed", || server.channels() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn channels_per_host_are_bounded() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        let (host, lines) = (server.host(), batch(&["sleep 0.2"]));
        let runs = (0..10).map(|_| runner.run(&host, &lines));
        for result in futures_util::future::join_all(runs).await {
            assert!(result.unwrap().failure().is_none());
        }
        assert_eq!(server.connections(), 1);
        assert_eq!(server.most_channels(), 4);
        until("all channels closed", || server.channels() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_died_unused_is_replaced() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        server.cut();
        // At once, and when the runner has had time to notice.
        for wait in [0, 100] {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let result = runner.run(&server.host(), &batch(&["echo again"])).await.unwrap();
            assert_eq!(result.lines[0].stdout, "again\n");
        }
        assert_eq!(server.connections(), 2);
        assert_eq!(server.commands().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_host_that_drops_every_connection_is_not_dialled_for_ever() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        server.behave(Behaviour::DropOnOpen);
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert!(error.nothing_more_ran);
        assert_eq!(server.connections(), 2);
        assert_eq!(server.commands().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_may_have_arrived_is_never_sent_again() {
    bounded(async {
        for behaviour in [Behaviour::DropOnExec, Behaviour::DropAfterRun] {
            let server = TestServer::start(&new_key()).await;
            let (_dir, config) = settings();
            let runner = runner(&config);
            runner.run(&server.host(), &batch(&["true"])).await.unwrap();
            server.behave(behaviour);
            let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
            assert!(!error.nothing_more_ran);
            assert!(error.finished.lines.is_empty());
            assert_eq!(server.commands().len(), 2, "{behaviour:?}");
            // The next one is for a new connection.
            server.behave(Behaviour::Run);
            runner.run(&server.host(), &batch(&["true"])).await.unwrap();
            assert_eq!(server.connections(), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn lines_that_ended_before_the_cut_are_told() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::DropMidOutput);
        let (_dir, config) = settings();
        let lines = batch(&["echo one", "bash -c 'echo CUT HERE; sleep 1'", "echo three"]);
        let error = runner(&config).run(&server.host(), &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert_eq!(error.finished.lines.len(), 1);
        assert_eq!(error.finished.lines[0].stdout, "one\n");
        assert!(!error.nothing_more_ran);
        assert!(error.message.contains("sleep 1"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_host_that_falls_silent_is_found_by_keep_alive() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::Freeze);
        let (_dir, mut config) = settings();
        config.keepalive_interval = Duration::from_millis(100);
        let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert!(error.message.contains("keep-alive"), "{error}");
        assert!(!error.nothing_more_ran);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_never_ends_is_given_up() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::Stall);
        let (_dir, mut config) = settings();
        config.batch_margin = Duration::ZERO;
        let runner = runner(&config);
        let mut lines = batch(&["true"]);
        lines.lines[0].timeout = Duration::from_millis(1);
        // One second for the line and ten for the killing.
        let error = runner.run(&server.host(), &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
        assert!(!error.nothing_more_ran);
        server.behave(Behaviour::Run);
        runner.run(&server.host(), &lines).await.unwrap();
        assert_eq!(server.connections(), 2, "a connection that stalled is not used again");
    })
    .await;
}

#[tokio::test]
async fn a_line_that_takes_too_long_is_ended_on_the_node() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let mut lines = batch(&["sleep 30"]);
        lines.lines[0].timeout = Duration::from_secs(1);
        let result = runner(&config).run(&server.host(), &lines).await.unwrap();
        assert_eq!(result.lines[0].status, LineStatus::TimedOut);
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_output_is_cut_off() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let lines = batch(&["head -c 20000000 /dev/zero", "echo after"]);
        let result = runner(&config).run(&server.host(), &lines).await.unwrap();
        assert!(result.lines[0].stdout.len() <= OUTPUT_LIMIT);
        assert!(result.lines[0].stdout.ends_with("bytes]\n"));
        assert_eq!(result.lines[1].stdout, "after\n");
    })
    .await;
}

#[tokio::test]
async fn refused_channels_and_commands_ran_nothing() {
    bounded(async {
        for (behaviour, expected) in [
            (Behaviour::RefuseChannel, "MaxSessions"),
            (Behaviour::RefuseExec, "login shell"),
            (Behaviour::NoLogin, "This account is currently not available"),
        ] {
            let server = TestServer::start(&new_key()).await;
            server.behave(behaviour);
            let (_dir, config) = settings();
            let runner = runner(&config);
            let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::Protocol, "{error}");
            assert!(error.nothing_more_ran);
            assert!(error.message.contains(expected), "{error}");
            until("the channel closed", || server.channels() == 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_ends_oddly_leaves_the_outcome_unknown() {
    bounded(async {
        for behaviour in [Behaviour::NoStatus, Behaviour::OnlyEof] {
            let server = TestServer::start(&new_key()).await;
            server.behave(behaviour);
            let (_dir, config) = settings();
            let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
            assert!(error.message.contains("exit status"), "{error}");
            assert!(!error.nothing_more_ran);
        }
    })
    .await;
}

#[tokio::test]
async fn a_channel_the_host_never_closes_is_closed_by_us() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::NeverClose);
        let (_dir, config) = settings();
        let runner = runner(&config);
        let result = runner.run(&server.host(), &batch(&["echo done"])).await.unwrap();
        assert_eq!(result.lines[0].stdout, "done\n");
        until("the channel closed", || server.channels() == 0).await;
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        assert_eq!(server.connections(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_no_channel_behind() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        let (host, lines) = (server.host(), batch(&["sleep 0.3"]));
        let run = runner.run(&host, &lines);
        assert!(tokio::time::timeout(Duration::from_millis(150), run).await.is_err());
        until("the batch ended", || server.channels() == 0).await;
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        assert_eq!(server.connections(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_login_names_user_host_and_key() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.accept_logins(false);
        let (_dir, config) = settings();
        let runner = runner(&config);
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
        assert!(error.nothing_more_ran);
        let file = config.key_file.display().to_string();
        for part in ["user heketi", &server.host(), &file, "authorized_keys", &runner.key_fingerprint()] {
            assert!(error.message.contains(part), "{part} is not in: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_key_is_kept_and_another_one_refused() {
    bounded(async {
        let (old, new) = (new_key(), new_key());
        let server = TestServer::start(&old).await;
        let other = TestServer::start(&old).await;
        let (dir, mut config) = settings();
        let file = dir.path().join("known_hosts");
        config.host_key_store = Arc::new(FileHostKeys::new(&file));
        runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap();
        let name = format!("[127.0.0.1]:{}", server.port);
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(kept.starts_with(&format!("{name} ssh-ed25519 AAAA")), "{kept}");

        server.show_keys(vec![new.clone()]);
        let runner = runner(&config);
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::ChangedHostKey, "{error}");
        assert!(error.nothing_more_ran);
        for part in [&sha256(&old), &sha256(&new), &name, "ssh-keygen -R"] {
            assert!(error.message.contains(part), "{part} is not in: {error}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), kept);
        assert_eq!(server.commands().len(), 1);
        // Only that host is stopped.
        runner.run(&other.host(), &batch(&["true"])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn strict_takes_only_known_keys_and_off_takes_any() {
    bounded(async {
        let key = new_key();
        let server = TestServer::start(&key).await;
        let (_dir, mut config) = settings();
        config.host_key_policy = HostKeyPolicy::Strict;
        let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::UnknownHostKey, "{error}");
        assert!(error.message.contains(&sha256(&key)), "{error}");
        assert!(error.nothing_more_ran);

        let store = MemoryHostKeys::default();
        let name = format!("[127.0.0.1]:{}", server.port);
        let text = key.public_key().to_openssh().unwrap();
        store.put(&name, &text).await.unwrap();
        config.host_key_store = Arc::new(store);
        runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap();

        config.host_key_policy = HostKeyPolicy::Off;
        let runner = runner(&config);
        for _ in 0..2 {
            runner.run(&server.host(), &batch(&["true"])).await.unwrap();
            server.show_keys(vec![new_key()]);
            server.cut();
        }
    })
    .await;
}

#[tokio::test]
async fn known_hosts_files_decide_and_are_read_for_each_connection() {
    bounded(async {
        let p256 = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        let ecdsa = PrivateKey::random(&mut russh::keys::key::safe_rng(), p256).unwrap();
        let keys = vec![new_key(), ecdsa.clone()];
        let server = TestServer::start_on("127.0.0.1:0", keys).await.unwrap();
        let (dir, mut config) = settings();
        let file = dir.path().join("hosts");
        config.use_known_hosts_list(file.to_str().unwrap());
        let missing = SshRunner::new(config.clone()).unwrap_err();
        assert!(matches!(missing, SetupError::KnownHostsUnreadable { .. }));
        assert!(missing.to_string().contains(file.to_str().unwrap()));

        std::fs::write(&file, "").unwrap();
        let runner = runner(&config);
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::UnknownHostKey, "{error}");
        assert!(error.message.contains("ssh-keyscan"), "{error}");

        // Only the key of a kind russh would not ask for first.
        let key = ecdsa.public_key().to_openssh().unwrap();
        std::fs::write(&file, format!("[127.0.0.?]:{} {key}\n", server.port)).unwrap();
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();

        std::fs::write(&file, format!("127.* {key}\n@revoked * {key}\n")).unwrap();
        server.cut();
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::UnknownHostKey, "{error}");
        assert!(error.message.contains("revoked"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn hosts_that_cannot_be_reached_are_told_apart() {
    bounded(async {
        let (_dir, mut config) = settings();
        config.connect_timeout = Duration::from_millis(400);
        let runner = runner(&config);
        let lines = batch(&["true"]);

        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = closed.local_addr().unwrap().to_string();
        drop(closed);
        let error = runner.run(&nobody, &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Refused, "{error}");
        assert!(error.message.contains(&nobody) && error.nothing_more_ran, "{error}");

        for host in ["", "a b", "node:ssh", "[node]", "-x"] {
            let error = runner.run(host, &lines).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::BadHost, "{error}");
            assert!(error.nothing_more_ran);
        }

        // Accepted by the kernel, never answered. All that wait share one time-out.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let started = Instant::now();
        let runs = (0..12).map(|_| runner.run(&host, &lines));
        for result in futures_util::future::join_all(runs).await {
            let error = result.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
            assert!(error.message.contains("0.4 s") && error.nothing_more_ran, "{error}");
        }
        assert!(started.elapsed() < Duration::from_millis(1200));

        // Speaks, but not SSH.
        let rude = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = rude.local_addr().unwrap().to_string();
        let hang_up = async { drop(rude.accept().await) };
        let (result, ()) = tokio::join!(runner.run(&host, &lines), hang_up);
        let error = result.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert!(error.nothing_more_ran);
    })
    .await;
}

#[tokio::test]
async fn connections_are_bounded_and_unused_ones_closed() {
    bounded(async {
        let (one, two) = (TestServer::start(&new_key()).await, TestServer::start(&new_key()).await);
        let (_dir, mut config) = settings();
        config.max_connections = 1;
        let bounded = runner(&config);
        for server in [&one, &two, &one] {
            bounded.run(&server.host(), &batch(&["true"])).await.unwrap();
            until("one connection", || one.open_connections() + two.open_connections() == 1).await;
        }
        assert_eq!((one.connections(), two.connections()), (2, 1));
        bounded.close().await;
        until("no connection", || one.open_connections() == 0).await;
        let error = bounded.run(&one.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Closed, "{error}");

        config.idle_timeout = Duration::from_millis(200);
        let idle = runner(&config);
        idle.run(&one.host(), &batch(&["true"])).await.unwrap();
        until("no connection", || one.open_connections() == 0).await;
        idle.run(&one.host(), &batch(&["true"])).await.unwrap();
        drop(idle);
        until("no connection", || one.open_connections() == 0).await;
    })
    .await;
}

#[tokio::test]
async fn ipv6_hosts_work() {
    bounded(async {
        let Ok(server) = TestServer::start_on("[::1]:0", vec![new_key()]).await else {
            eprintln!("NOT TESTED: this machine has no IPv6 loopback");
            return;
        };
        let (_dir, mut config) = settings();
        config.port = server.port;
        let runner = runner(&config);
        for host in ["::1".to_owned(), "[::1]".to_owned(), format!("[::1]:{}", server.port)] {
            runner.run(&host, &batch(&["true"])).await.unwrap();
        }
        assert_eq!(server.connections(), 1);
    })
    .await;
}

/// A directory with a `sudo` that is this script.
fn sudo_script(script: &str) -> (TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sudo");
    std::fs::write(&file, format!("#!/bin/bash\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().to_owned();
    (dir, path)
}

#[tokio::test]
async fn sudo_is_put_before_each_line_and_its_refusal_named() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, mut config) = settings();
        config.sudo = true;
        let runner = runner(&config);

        let (_good, path) = sudo_script("printf '%s\\n' \"$*\" >&2; shift; exec \"$@\"");
        server.put_before_path(path);
        let result = runner.run(&server.host(), &batch(&["echo hi"])).await.unwrap();
        assert_eq!(result.lines[0].stdout, "hi\n");
        assert_eq!(result.lines[0].stderr, "-n timeout -k 10 10 echo hi\n");

        let (_bad, path) = sudo_script(
            "[[ $* == *first* ]] && { shift; exec \"$@\"; }; echo 'sudo: a password is required' >&2; exit 1",
        );
        server.put_before_path(path);
        let lines = batch(&["echo first", "echo second", "echo third"]);
        let error = runner.run(&server.host(), &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::SudoRefused, "{error}");
        assert!(error.nothing_more_ran);
        assert_eq!(error.finished.lines.len(), 1);
        assert!(error.message.contains("NOPASSWD"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn no_secret_gets_out() {
    let (_dir, config) = settings();
    let text = std::fs::read_to_string(&config.key_file).unwrap();
    let secret = text.lines().nth(3).unwrap();
    let shown = format!("{:?} {config:?}", runner(&config));
    assert!(!shown.contains(&secret[..16]), "{shown}");
    assert!(shown.contains("SHA256:"));
}
