//! A real OpenSSH server.

use std::time::{Duration, Instant};

use heketi_exec::runner::{CommandRunner, LineStatus, RunErrorKind, SshConfig, SshRunner};

use crate::client::{batch, bounded, runner};
use crate::sshd::{OpenSsh, installed};

/// Settings for this server with a key it knows.
fn settings(server: &OpenSsh) -> SshConfig {
    let mut config = SshConfig::new(server.client_key("id", &["-t", "ed25519"]));
    config.user = server.user.clone();
    config
}

/// Runs a batch, showing the server's log if it fails.
async fn run(server: &OpenSsh, runner: &SshRunner, lines: &[&str]) -> Vec<(String, String)> {
    match runner.run(&server.host(), &batch(lines)).await {
        Ok(result) => result.lines.into_iter().map(|l| (l.stdout, l.stderr)).collect(),
        Err(error) => panic!("{error}\n{}", server.log()),
    }
}

#[tokio::test]
async fn every_kind_of_key_logs_in() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        for (name, kind) in [
            ("ed25519", &["-t", "ed25519"][..]),
            ("ecdsa", &["-t", "ecdsa", "-b", "384", "-m", "PEM"]),
            ("rsa", &["-t", "rsa", "-b", "2048"]),
            ("pem", &["-t", "rsa", "-b", "3072", "-m", "PEM"]),
        ] {
            let mut config = settings(&server);
            std::fs::remove_file(&config.key_file).unwrap();
            config.key_file = server.client_key(name, kind);
            let runner = runner(&config);
            let output = run(&server, &runner, &["echo out", "bash -c 'echo err >&2'"]).await;
            assert_eq!(output[0].0, "out\n", "{name}");
            assert_eq!(output[1].1, "err\n", "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn statuses_streams_and_time_outs_come_back() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let runner = runner(&settings(&server));
        let mut lines = batch(&[
            "bash -c 'head -c 3000000 /dev/zero | tr \"\\0\" x; head -c 2000000 /dev/zero | tr \"\\0\" y >&2'",
            "bash -c 'printf no-line-end; echo $LC_ALL >&2; cat'",
            "sleep 30",
            "echo never",
        ]);
        lines.lines[2].timeout = Duration::from_secs(1);
        let result = runner.run(&server.host(), &lines).await.unwrap();
        assert_eq!(result.lines.len(), 3);
        assert_eq!(result.lines[0].stdout, "x".repeat(3_000_000));
        assert_eq!(result.lines[0].stderr, "y".repeat(2_000_000));
        assert_eq!(result.lines[1].stdout, "no-line-end");
        assert_eq!(result.lines[1].stderr, "C\n");
        assert_eq!(result.lines[2].status, LineStatus::TimedOut);
        assert!(result.lines[2].duration > Duration::from_millis(900));
    })
    .await;
}

#[tokio::test]
async fn many_batches_share_one_login_and_leave_no_session_open() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let runner = runner(&settings(&server));
        // The server allows five sessions at a time: one that stayed open would be missed soon.
        for _ in 0..5 {
            let runs = (0..8).map(|_| run(&server, &runner, &["true", "echo done"]));
            for output in futures_util::future::join_all(runs).await {
                assert_eq!(output[1].0, "done\n");
            }
        }
        assert_eq!(server.logins(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_keeps_the_streams_open_is_not_waited_for() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let mut config = settings(&server);
        config.exit_wait = Duration::from_millis(200);
        let runner = runner(&config);
        let started = Instant::now();
        for _ in 0..8 {
            run(&server, &runner, &["bash -c 'sleep 8 &'"]).await;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(server.logins(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_starts_no_further_line() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let runner = runner(&settings(&server));
        let file = server.directory().join("made by the line after");
        // Kills the sshd above it once that has passed on the first line's output, then goes on for a while.
        let cut = "bash -c 'p=$$; until [[ $(</proc/$p/comm) == sshd* ]]; do while read k v; do \
                   [[ $k == PPid: ]] && p=$v; done </proc/$p/status; done; sleep 1; kill -9 $p; sleep 1'";
        let touch = format!("touch '{}'", file.display());
        let lines = batch(&["echo one", cut, &touch]);
        let error = runner.run(&server.host(), &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert_eq!(error.finished.lines.len(), 1);
        assert!(!error.nothing_more_ran);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!file.exists());
        run(&server, &runner, &["echo again"]).await;
    })
    .await;
}

#[tokio::test]
async fn hashed_known_hosts_and_unknown_keys() {
    if !installed() {
        return;
    }
    bounded(async {
        let server = OpenSsh::start();
        let mut config = settings(&server);
        let hosts = server.hashed_known_hosts();
        config.use_known_hosts_list(hosts.to_str().unwrap());
        run(&server, &runner(&config), &["true"]).await;

        config.key_file = server.unknown_key("stranger", &["-t", "rsa", "-b", "2048"]);
        let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
        assert!(error.message.contains("stranger"), "{error}");

        std::fs::write(&hosts, "").unwrap();
        let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::UnknownHostKey, "{error}");
    })
    .await;
}
