//! Hosts that send too much, too little, or allow less than we ask for: of OpenSSH where it can be made to.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use heketi_exec::runner::{Batch, CommandRunner, LineStatus, OUTPUT_LIMIT, RunErrorKind, SshConfig};

use crate::client::{batch, bounded, runner, settings, until};
use crate::server::{Behaviour, TestServer, new_key};
use crate::sshd::{OpenSsh, installed};

/// Settings for this server with a key it knows.
fn openssh_settings(server: &OpenSsh) -> SshConfig {
    let mut config = SshConfig::new(server.client_key("id", &["-t", "ed25519"]));
    config.user.clone_from(&server.user);
    config
}

const CUT: &str = "bash -c 'echo half; sleep 0.1; echo CUT HERE; sleep 0.1; echo rest'";

#[tokio::test]
async fn truncated_output_is_no_whole_answer() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::Truncate);
        let (_dir, config) = settings();
        let error = runner(&config).run(&server.host(), &batch(&["echo one", CUT, "echo three"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Protocol, "{error}");
        assert_eq!(error.finished.lines.len(), 1);
        assert!(!error.nothing_more_ran);
        assert!(error.message.contains("is unknown") && error.message.contains("half"), "{error}");
        assert_eq!(server.commands().len(), 1, "it is not sent again");
    })
    .await;
}

#[tokio::test]
async fn a_host_that_stalls_in_the_middle_is_given_up_when_the_batch_is_over() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::StallMidOutput);
        let (_dir, mut config) = settings();
        config.batch_margin = Duration::ZERO;
        let runner = std::sync::Arc::new(runner(&config));
        let (waiting, host) = (runner.clone(), server.host());
        let waiting = tokio::spawn(async move { waiting.run(&host, &batch(&["echo one", CUT])).await });
        until("the batch is there", || server.commands().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!waiting.is_finished(), "a line may be silent as long as it may run");
        // The time of the batch passes at once.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(41)).await;
        tokio::time::resume();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
        assert_eq!(error.finished.lines.len(), 1);
        assert!(!error.nothing_more_ran && error.message.contains("half"), "{error}");
        server.behave(Behaviour::Run);
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        assert_eq!((server.connections(), server.commands().len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_host_that_floods_is_given_up_when_the_batch_is_over() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.behave(Behaviour::Flood);
        let (_dir, mut config) = settings();
        config.batch_margin = Duration::ZERO;
        let runner = std::sync::Arc::new(runner(&config));
        let (waiting, host) = (runner.clone(), server.host());
        let waiting = tokio::spawn(async move { waiting.run(&host, &batch(&["true"])).await });
        until("the batch is there", || server.commands().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(21)).await;
        tokio::time::resume();
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
        assert!(!error.nothing_more_ran);
        assert!(error.message.len() < 2000, "{} bytes", error.message.len());
        server.behave(Behaviour::Run);
        runner.run(&server.host(), &batch(&["true"])).await.unwrap();
        assert_eq!(server.connections(), 2);
    })
    .await;
}

/// A line that prints without end.
fn endless() -> Batch {
    let mut lines = batch(&["yes", "echo never"]);
    lines.lines[0].timeout = Duration::from_secs(1);
    lines
}

#[tokio::test]
async fn a_line_that_prints_without_end_is_ended() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        let mut hosts = vec![(runner, server.host())];
        let openssh = installed().then(OpenSsh::start);
        if let Some(server) = &openssh {
            hosts.push((crate::client::runner(&openssh_settings(server)), server.host()));
        }
        for (runner, host) in hosts {
            let result = runner.run(&host, &endless()).await.unwrap();
            assert_eq!(result.lines.len(), 1);
            assert_eq!(result.lines[0].status, LineStatus::TimedOut);
            let stdout = &result.lines[0].stdout;
            assert!(stdout.starts_with("y\ny\n") && stdout.len() <= OUTPUT_LIMIT, "{} bytes", stdout.len());
            let next = runner.run(&host, &batch(&["echo next"])).await.unwrap();
            assert_eq!(next.lines[0].stdout, "next\n");
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_that_allows_few_sessions_gets_fewer_batches_at_a_time() {
    bounded(async {
        for most in [1, 2] {
            let server = TestServer::start(&new_key()).await;
            server.limit_sessions(most);
            let (_dir, config) = settings();
            let runner = runner(&config);
            let (host, lines) = (server.host(), batch(&["sleep 0.1"]));
            for _ in 0..2 {
                let runs = (0..6).map(|_| runner.run(&host, &lines));
                for result in futures_util::future::join_all(runs).await {
                    assert!(result.unwrap().failure().is_none());
                }
            }
            assert_eq!(server.commands().len(), 12, "each batch ran once");
            assert_eq!(server.most_channels(), most);
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_that_refuses_every_session_is_asked_once_more_on_a_new_connection() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        let (_dir, config) = settings();
        let runner = runner(&config);
        let (host, lines) = (server.host(), batch(&["true"]));
        runner.run(&host, &lines).await.unwrap();
        server.behave(Behaviour::RefuseChannel);
        let error = runner.run(&host, &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Protocol, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("MaxSessions"), "{error}");
        assert_eq!(server.connections(), 2);
        // All at once, too: none waits for ever.
        let runs = (0..6).map(|_| runner.run(&host, &lines));
        for result in futures_util::future::join_all(runs).await {
            assert_eq!(result.unwrap_err().kind, RunErrorKind::Protocol);
        }
        assert_eq!(server.commands().len(), 1);
        server.behave(Behaviour::Run);
        runner.run(&host, &lines).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn openssh_with_few_sessions_gets_fewer_batches_at_a_time() {
    if !installed() {
        return;
    }
    bounded(async {
        for most in [1, 2] {
            let server = OpenSsh::start_with(Ipv4Addr::LOCALHOST.into(), &format!("MaxSessions {most}"));
            let runner = runner(&openssh_settings(&server));
            let file = server.directory().join("runs");
            let (host, lines) = (server.host(), batch(&[&format!("bash -c 'echo x >>{}; sleep 0.1'", file.display())]));
            let runs = (0..8).map(|_| runner.run(&host, &lines));
            for result in futures_util::future::join_all(runs).await {
                let result = result.unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
                assert!(result.failure().is_none());
            }
            assert_eq!(std::fs::read_to_string(file).unwrap(), "x\n".repeat(8), "each batch ran once");
        }
    })
    .await;
}

#[tokio::test]
async fn openssh_that_goes_away_while_a_line_runs_is_not_asked_to_run_it_again() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let runner = runner(&openssh_settings(&server));
        let file = server.directory().join("runs");
        // Ends the sshd of this connection, which is the parent of the shell.
        let line = format!(
            "bash -c 'echo ran >>{}; p=$$; until [[ $(</proc/$p/comm) == sshd* ]]; do while read k v; do \
             [[ $k == PPid: ]] && p=$v; done </proc/$p/status; done; kill -9 $p; sleep 1'",
            file.display()
        );
        let error = runner.run(&server.host(), &batch(&[&line])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert!(!error.nothing_more_ran);
        let again = runner.run(&server.host(), &batch(&["echo again"])).await.unwrap();
        assert_eq!(again.lines[0].stdout, "again\n");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "ran\n");
    })
    .await;
}

#[tokio::test]
async fn openssh_on_an_ipv6_address_and_a_port_of_its_own() {
    if !installed() {
        return;
    }
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("NOT TESTED: this machine has no IPv6 loopback");
        return;
    }
    bounded(async {
        let server = OpenSsh::start_with(Ipv6Addr::LOCALHOST.into(), "");
        let mut config = openssh_settings(&server);
        config.port = server.port;
        let runner = runner(&config);
        for host in ["::1".to_owned(), "[::1]".to_owned(), server.host()] {
            let done = runner.run(&host, &batch(&["echo here"])).await;
            assert_eq!(done.unwrap_or_else(|error| panic!("{host}: {error}")).lines[0].stdout, "here\n");
        }
        assert_eq!(server.logins(), 1);
    })
    .await;
}
