//! `heketi check-node` on simulated nodes, in this process's mock and over SSH.

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
