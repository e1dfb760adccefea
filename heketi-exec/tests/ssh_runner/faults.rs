//! A server that misbehaves in every way a network and a node can.

use std::path::PathBuf;
use std::time::Duration;

use heketi_exec::runner::{CommandRunner, LineStatus, OUTPUT_LIMIT, RunErrorKind};
use tempfile::TempDir;

use crate::client::{batch, bounded, runner, settings, until};
use crate::server::{Behaviour, TestServer, new_key};

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
