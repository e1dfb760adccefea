//! `heketi check-node` on simulated nodes, in this process's mock and over SSH.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use heketi_exec::sim::{SimCluster, SimDisk, SshServer, SshServerOptions};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_node_is_checked_the_way_the_configuration_says() {
    let directory = tempfile::tempdir().unwrap();
    let config = mock_config(directory.path());
    let config = config.to_str().unwrap();
    let good = run(&["check-node", "n1", "--config", config]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let out = text(&good.stdout);
    assert!(out.starts_with("n1\n  good     reach      the node answers"), "{out}");
    assert!(out.contains("\n  WARNING  fstab      lines for new bricks have no nofail"), "{out}");
    assert!(out.ends_with("\n0 problems, 1 warnings\n"), "{out}");

    let good = run(&["--config", config, "check-node", "--json", "n1"]);
    let json: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!((good.status.code(), json["host"].as_str()), (Some(0), Some("n1")));
    assert!(json["findings"].as_array().unwrap().iter().any(|found| found["topic"] == "kernel"), "{json}");
}

#[test]
fn a_node_that_heketi_cannot_use_ends_with_status_1() {
    let directory = tempfile::tempdir().unwrap();
    let file = mock_config(directory.path());
    let missing = json!({ "command_injection": { "commands": [
        { "Cmd": "^gluster .*pool list", "Reaction": { "Err": "gluster: command not found", "ExitStatus": 127 } },
    ] } });
    configure(&file, &[("/glusterfs/executor", "inject/mock".into()), ("/glusterfs/injectexec", missing)]);
    let config = file.to_str().unwrap();
    let bad = run(&["check-node", "n1", "--config", config]);
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let out = text(&bad.stdout);
    assert!(out.contains("  PROBLEM  gluster    glusterd does not answer: gluster: command not found"), "{out}");
    assert!(text(&bad.stderr).contains("heketi cannot work with n1 as it is"), "{}", text(&bad.stderr));

    let none = run(&["check-node", "n1"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("Configuration file is required"), "{}", text(&none.stderr));
}

/// A simulated node that shows this host key; port 0 is a free one.
fn node(host_key: &PrivateKey, port: u16) -> (tokio::runtime::Runtime, SshServer) {
    let sim = SimCluster::new();
    sim.add_node("127.0.0.1", "192.0.2.1", [SimDisk::gib("/dev/sdb", 10)]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut options = SshServerOptions::default();
    options.host_key = Some(host_key.clone());
    let nodes = vec![("127.0.0.1".to_owned(), SocketAddr::from(([127, 0, 0, 1], port)))];
    let server = runtime.block_on(SshServer::start(&sim, nodes, options)).unwrap();
    (runtime, server)
}

fn ssh_config(directory: &Path, port: u16) -> PathBuf {
    let file = mock_config(directory);
    let key = directory.join("id");
    new_key().write_openssh_file(&key, LineEnding::LF).unwrap();
    let ssh = json!({ "keyfile": key, "user": "storage", "port": port.to_string(), "sudo": true });
    configure(&file, &[("/glusterfs/executor", "ssh".into()), ("/glusterfs/sshexec", ssh)]);
    file
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

#[test]
fn over_ssh_a_host_key_is_taken_or_compared_and_never_kept() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let host_key = new_key();
    let (runtime, server) = node(&host_key, 0);
    let port = server.nodes()[0].1.port();
    let file = ssh_config(directory, port);
    let check = || run(&["check-node", "127.0.0.1", "--config", file.to_str().unwrap()]);

    let good = check();
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(text(&good.stdout).starts_with("127.0.0.1\n  good     reach      the node answers"), "{good:?}");
    assert!(!directory.join("heketi.db").exists(), "a look makes no database");

    let known_hosts = directory.join("known_hosts");
    let known = |key: &PrivateKey| {
        let line = format!("[127.0.0.1]:{port} {}\n", key.public_key().to_openssh().unwrap());
        std::fs::write(&known_hosts, line).unwrap();
    };
    configure(&file, &[("/glusterfs/sshexec/known_hosts", json!(known_hosts))]);
    known(&host_key);
    assert_eq!(check().status.code(), Some(0));

    known(&new_key());
    let bad = check();
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let out = text(&bad.stdout);
    assert!(out.contains("  PROBLEM  host key ") && out.contains("has changed"), "{out}");

    // A node that is installed anew shows another key: a look does not remember the one before.
    configure(&file, &[("/glusterfs/sshexec/known_hosts", json!(""))]);
    drop((server, runtime));
    let _other = node(&new_key(), port);
    assert_eq!(check().status.code(), Some(0));
}
