//! What operators do with a running server: its mode, its operations, its audit.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::database::moved_in;
use crate::support::*;

/// A configuration for simulated nodes that starts in this mode.
fn config(directory: &Path, default_state: &str) -> std::path::PathBuf {
    let file = mock_config(directory);
    configure(&file, &[("/default_state", default_state.into())]);
    file
}

#[test]
fn a_signal_ends_the_read_only_mode_of_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&config(directory.path(), "read-only"));
    assert_eq!(server.ok(&["server", "mode", "get"]), "read-only\n");
    for line in [&["cluster", "create"][..], &["server", "mode", "set", "normal"]] {
        let refused = server.cli(line);
        let told = (refused.status.code(), text(&refused.stderr));
        assert_eq!(told, (Some(255), "Error: Service disabled for maintenance\n".into()), "{line:?}");
    }
    server.signal("USR2");
    let start = Instant::now();
    while server.ok(&["server", "mode", "get"]) != "normal\n" {
        assert!(start.elapsed() < LIMIT, "the mode does not change");
        std::thread::sleep(Duration::from_millis(10));
    }
    server.ok(&["cluster", "create"]);
    server.ok(&["server", "mode", "set", "local-client"]);
    server.ok(&["cluster", "create"]);
    assert!(server.stop());
}

#[test]
fn the_mode_is_forgotten_at_a_restart_and_unknown_ones_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = mock_config(directory.path());
    let server = Server::start(&file);
    server.ok(&["server", "mode", "set", "read-only"]);
    assert!(server.stop());
    let server = Server::start(&file);
    assert_eq!(server.ok(&["server", "mode", "get"]), "normal\n");
    assert!(server.stop());
    let refused = run(&[&format!("--config={}", config(directory.path(), "open").display())]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("unknown admin state name"), "{}", text(&refused.stderr));
}

#[test]
fn a_server_at_rest_has_no_operations_and_a_clean_audit() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    server.ok(&["volume", "create", "--size=10"]);
    assert_eq!(server.ok(&["server", "operations", "list"]), "");
    let counts = "Operation Counts:\n  Total: 0\n  In-Flight: 0\n  New: 0\n  Failed: 0\n  Stale: 0\n";
    assert_eq!(server.ok(&["server", "operations", "info"]), counts);
    let unknown = server.cli(&["server", "operations", "info", &"f".repeat(32)]);
    assert_eq!(text(&unknown.stderr), format!("Error: Id not found: {}\n", "f".repeat(32)));
    assert_eq!(server.ok(&["audit"]), "No problems found\n");
    assert_eq!(server.ok(&["blockvolume", "list"]), "");
}

#[test]
fn what_state_and_nodes_disagree_about_is_found_and_repaired() {
    // In which order gluster has the bricks of its volumes, heketi v10 did not record.
    let (_directory, file, _) = moved_in("heketi-v6x");
    let server = Server::start(&file);
    assert_eq!(server.ok(&["audit"]), "No problems found\n");
    let found = server.cli(&["audit", "--nodes"]);
    let told = text(&found.stdout);
    assert_eq!(found.status.code(), Some(255), "{told}");
    assert_eq!(told.matches("  warning: Volume ").count(), 5, "{told}");
    assert_eq!(text(&found.stderr), "Error: the audit found 5 problems\n");
    let id = &told.strip_prefix("Id:").unwrap()[..16];
    let plan = server.ok(&["audit", "repair", "--plan", id]);
    assert!(plan.starts_with(&format!("Id:{id}  ")) && plan.matches("Id:").count() == 1, "{plan}");
    let none = "None of the findings can be repaired by heketi; the plan tells what to do by hand";
    assert_eq!(server.refused(&["audit", "repair", "--apply", &"f".repeat(16)]), none);
    let done = "Repaired; audit again to see what is left\n";
    assert_eq!(server.ok(&["audit", "repair", "--apply"]), done);
    assert_eq!(server.ok(&["audit", "--nodes"]), "No problems found\n");
    assert_eq!(server.ok(&["audit", "repair", "--plan"]), "Nothing to repair\n");
    server.ok(&["volume", "create", "--size=10"]);
    assert!(server.stop());
    // Simulated nodes hold what the state says.
    let server = Server::start(&file);
    assert_eq!(server.ok(&["audit", "--nodes"]), "No problems found\n");
}
