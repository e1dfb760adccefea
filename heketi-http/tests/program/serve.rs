use crate::support::*;

#[test]
fn a_volume_lives_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    let topology = topology(directory.path());
    let loaded = server.ok(&["topology", "load", "--json", topology.to_str().unwrap()]);
    assert_eq!(loaded.matches("Adding device").count(), 6, "{loaded}");
    let again = server.ok(&["topology", "load", "--json", topology.to_str().unwrap()]);
    assert_eq!(again.matches("Found device").count(), 6, "{again}");

    let created = server.ok(&["volume", "create", "--size=10"]);
    let id = value_of(&created, "Volume Id");
    assert!(created.contains("Replica Count: 3"), "{created}");
    let expanded = server.ok(&["volume", "expand", "--volume", &id, "--expand-size=5"]);
    assert!(expanded.contains("Size: 15\n"), "{expanded}");
    assert!(server.ok(&["volume", "list"]).contains(&id));
    assert_eq!(server.ok(&["volume", "delete", &id]), format!("Volume {id} deleted\n"));
    assert!(!server.ok(&["volume", "list"]).contains(&id));
    assert!(server.stop(), "SIGTERM ends the server well");
}

#[test]
fn lack_of_space_names_devices_and_the_largest_size() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let refused = server.cli(&["volume", "create", "--size=5000"]);
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(255));
    assert!(told.starts_with("Error: Failed to allocate new volume: No space\n"), "{told}");
    assert!(told.contains("/dev/sdb on n1") && told.contains("The largest size that fits now is"), "{told}");
    assert!(!server.ok(&["volume", "list"]).contains("Id:"));
}

#[test]
fn the_state_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = mock_config(directory.path());
    let server = Server::start(&config);
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let before = (server.ok(&["topology", "info"]), server.ok(&["--json", "cluster", "list"]));
    assert!(server.stop());
    let server = Server::start(&config);
    assert_eq!((server.ok(&["topology", "info"]), server.ok(&["--json", "cluster", "list"])), before);
}

#[test]
fn a_second_server_on_the_same_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = mock_config(directory.path());
    let server = Server::start(&config);
    let second = run(&[&format!("--config={}", config.display())]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("in use by another heketi"), "{}", text(&second.stderr));
    assert!(server.listens());
}

#[test]
fn version_and_usage() {
    let version = run(&["--version"]);
    let words: Vec<String> = text(&version.stdout).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["Heketi", concat!("v", env!("CARGO_PKG_VERSION"))]);
    let nothing = run(&[]);
    assert_eq!((nothing.status.code(), text(&nothing.stderr)), (Some(1), "Please provide configuration file\n".into()));
    let unknown = run(&["--foo"]);
    assert_eq!((unknown.status.code(), text(&unknown.stderr)), (Some(255), "Error: unknown flag: --foo\n".into()));
}
