//! Logins, host keys, hosts that cannot be reached, and the number of connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heketi_exec::runner::ssh::{FileHostKeys, HostKeyPolicy, HostKeyStore, MemoryHostKeys, SetupError};
use heketi_exec::runner::{CommandRunner, RunErrorKind, SshRunner};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKey};

use crate::client::{batch, bounded, runner, settings, until};
use crate::server::{TestServer, new_key};

fn sha256(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

#[tokio::test]
async fn a_refused_login_names_user_host_and_key() {
    bounded(async {
        let server = TestServer::start(&new_key()).await;
        server.accept_only(&[]);
        let (_dir, config) = settings();
        let runner = runner(&config);
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
        assert!(error.nothing_more_ran);
        let file = config.key_file.display().to_string();
        for part in ["user heketi", &server.host(), &file, "authorized_keys", &runner.key_fingerprint().unwrap()] {
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
        let patient = runner(&config);
        let lines = batch(&["true"]);

        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = closed.local_addr().unwrap().to_string();
        drop(closed);
        let error = patient.run(&nobody, &lines).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Refused, "{error}");
        assert!(error.message.contains(&nobody) && error.nothing_more_ran, "{error}");

        for host in ["", "a b", "node:ssh", "[node]", "-x"] {
            let error = patient.run(host, &lines).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::BadHost, "{error}");
            assert!(error.nothing_more_ran);
        }

        // Speaks, but not SSH.
        let rude = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = rude.local_addr().unwrap().to_string();
        let hang_up = async { drop(rude.accept().await) };
        let (result, ()) = tokio::join!(patient.run(&host, &lines), hang_up);
        let error = result.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Disconnected, "{error}");
        assert!(error.nothing_more_ran);

        // Accepted by the kernel, never answered. All that wait share one time-out.
        config.connect_timeout = Duration::from_millis(400);
        let runner = runner(&config);
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let started = Instant::now();
        let runs = (0..12).map(|_| runner.run(&host, &lines));
        for result in futures_util::future::join_all(runs).await {
            let error = result.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
            assert!(error.message.contains("0.4 s") && error.nothing_more_ran, "{error}");
        }
        assert!(started.elapsed() < Duration::from_secs(3));
    })
    .await;
}

#[tokio::test]
async fn a_handshake_that_stalls_leaves_no_connection_behind() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    bounded(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (_dir, mut config) = settings();
        config.connect_timeout = Duration::from_millis(300);
        let runner = runner(&config);
        let lines = batch(&["true"]);
        let accept = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-Silent\r\n").await.unwrap();
            stream
        };
        let (result, mut stream) = tokio::join!(runner.run(&host, &lines), accept);
        let error = result.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
        // Ends only when the other side is closed.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
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

        (config.max_connections, config.channels_per_host) = (usize::MAX, usize::MAX);
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

#[tokio::test]
async fn no_secret_gets_out() {
    let (_dir, config) = settings();
    let text = std::fs::read_to_string(&config.key_file).unwrap();
    let secret = text.lines().nth(3).unwrap();
    let shown = format!("{:?} {config:?}", runner(&config));
    assert!(!shown.contains(&secret[..16]), "{shown}");
    assert!(shown.contains("SHA256:"));
}
