//! What is wrong is named, with the remedy, and nothing is changed.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::*;

/// Starts the server with this configuration, which it must refuse, and returns what it says.
fn refused(directory: &Path, config: &Value) -> String {
    let file = directory.join("bad.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let output = run(&[&format!("--config={}", file.display())]);
    assert_eq!(output.status.code(), Some(1), "{config}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn config(directory: &Path, glusterfs: Value) -> Value {
    let mut all = json!({ "executor": "mock", "db": directory.join("heketi.db") });
    all.as_object_mut().unwrap().extend(glusterfs.as_object().unwrap().clone());
    json!({ "port": "0", "use_auth": false, "glusterfs": all })
}

#[test]
fn configuration_values() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for (glusterfs, words) in [
        (json!({ "executor": "carrier-pigeon" }), ["glusterfs.executor", "carrier-pigeon"]),
        (json!({ "brick_min_size_gb": "many" }), ["glusterfs.brick_min_size_gb", "whole number"]),
        (json!({ "max_bricks_per_volume": [1] }), ["glusterfs.max_bricks_per_volume", "single value"]),
        (json!({ "executor": "kubernetes" }), ["Unable to create configuration for Kubernetes", "KUBECONFIG"]),
        (json!({ "db_read_only": true }), ["heketi.db is not there", "without db_read_only"]),
        (json!({ "db": at.join("missing/heketi.db") }), ["missing/heketi.db", "create it"]),
        (json!({ "executor": "ssh" }), ["keyfile", "HEKETI_SSH_KEYFILE"]),
        (json!({ "sshexec": { "host_key_policy": "maybe" } }), ["host_key_policy", "strict, accept-new or off"]),
    ] {
        let told = refused(at, &config(at, glusterfs.clone()));
        assert!(words.iter().all(|word| told.contains(word)), "{glusterfs}: {told}");
    }
    assert!(!at.join("heketi.db").exists(), "nothing was created");
    let told = refused(at, &json!({ "port": "8080x" }));
    assert!(told.contains("port") && told.contains("8080x"), "{told}");
    let missing = run(&["--config=/nonexistent/heketi.json"]);
    let wanted = "ERROR: Unable to open config file /nonexistent/heketi.json: open /nonexistent/heketi.json: no such file or directory\n";
    assert_eq!(text(&missing.stderr), wanted);
}

#[test]
fn key_files() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let key = at.join("id");
    let with_key = |key: &Path| config(at, json!({ "executor": "ssh", "sshexec": { "keyfile": key } }));
    let told = refused(at, &with_key(&key));
    assert!(told.contains(key.to_str().unwrap()), "{told}");
    std::fs::write(&key, "this is no key").unwrap();
    let told = refused(at, &with_key(&key));
    assert!(told.contains(key.to_str().unwrap()) && !told.contains("this is no key"), "{told}");
}

#[test]
fn unknown_keys_are_named_in_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut wrong = config(at, json!({ "brick_minimum": 1, "executor": "kubernetes" }));
    wrong["colour"] = json!("blue");
    wrong["profiling"] = json!(true);
    // Without credentials for Kubernetes the server does not run on.
    let told = refused(at, &wrong);
    assert!(told.contains("colour") && told.contains("glusterfs.brick_minimum"), "{told}");
    assert!(told.contains("profiling has no effect"), "{told}");
}

#[test]
fn topology_files() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let server = Server::start(&mock_config(at));
    let load = |content: &str| {
        let file = at.join("topology.json");
        std::fs::write(&file, content).unwrap();
        let output = server.cli(&["topology", "load", "--json", file.to_str().unwrap()]);
        assert_ne!(output.status.code(), Some(0), "{content}");
        text(&output.stderr)
    };
    let node =
        json!({ "node": { "zone": 1, "hostnames": { "manage": ["n1"], "storage": ["192.0.2.1"] } }, "devices": [] });
    let told = load(&json!({ "clusters": [{ "nodes": [node, node] }] }).to_string());
    assert!(told.contains("n1"), "{told}");
    assert!(load("{").contains("Unable to parse config file"));
    assert_eq!(server.ok(&["--json", "cluster", "list"]), r#"{"clusters":[]}"#, "nothing was changed");

    let gone = server.url.clone();
    server.stop();
    let file = at.join("topology.json");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_heketi-cli"))
        .args(["-s", &gone, "topology", "load", "--json", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(255));
}
