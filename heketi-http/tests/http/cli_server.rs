//! heketi-cli for operations, modes, audit, resync and replacements, byte for byte.

use heketi_core::{Error, ErrorKind};

use crate::audit::{with_device, with_findings};
use crate::cli::{cli, failed, ok};
use crate::operations::with_operations;
use crate::server::Server;

#[tokio::test]
async fn operations() {
    let server = Server::start().await;
    let counts = "Operation Counts:\n  Total: 3\n  In-Flight: 1\n  New: 1\n  Failed: 1\n  Stale: 1\n";
    assert_eq!(cli(&server, &["server", "operations", "info"]).await, ok(counts));
    let json = r#"{"total":3,"in_flight":1,"stale":1,"failed":1,"new":1}"#;
    assert_eq!(cli(&server, &["--json", "server", "operations", "info"]).await, ok(json));
    assert_eq!(cli(&server, &["server", "operations", "list"]).await, ok(""));
    let (stale, running) = with_operations(&server);
    let mut lines = [
        format!("Id:{stale}  Type:create-volume  Status:stale \n"),
        format!("Id:{running}  Type:delete-volume  Status:New in-flight\n"),
    ];
    lines.sort();
    assert_eq!(cli(&server, &["server", "operations", "list"]).await, ok(&lines.concat()));
    let json = cli(&server, &["server", "operations", "list", "--json"]).await.1;
    assert!(json.starts_with(r#"{"pendingoperations":[{"id":""#) && json.ends_with("}]}"), "{json}");
    let details = format!(
        "\nId: {stale}\nType: create-volume\nStatus: stale \nChanges:\n    Add brick: {}\n    Add volume: {}\n",
        "b".repeat(32),
        "7".repeat(32)
    );
    assert_eq!(cli(&server, &["server", "operations", "info", &stale]).await, ok(&details));
    let json = cli(&server, &["server", "operations", "info", &stale, "--json"]).await.1;
    assert!(json.ends_with(r#""description":"Add volume"}]}"#), "{json}");
    let unknown = "f".repeat(32);
    for id in [unknown.as_str(), "0a"] {
        let told = cli(&server, &["server", "operations", "info", id]).await;
        assert_eq!(told, failed(&format!("Id not found: {id}")));
    }
    assert_eq!(cli(&server, &["server", "operations", "info", "xyz"]).await, failed("Invalid path or request"));
}

#[tokio::test]
async fn operations_are_cleaned_up() {
    let server = Server::start().await;
    let (stale, _) = with_operations(&server);
    let note = "Note: Operation clean up is a batch operation.\n* The results of individual operation clean ups are not reported here.\n* Use 'heketi-cli server operations [list|info]' to view operations.\n";
    for (line, log) in [
        (&["server", "operations", "cleanup"][..], "clean up []".to_owned()),
        (&["server", "operations", "cleanup", &stale], format!("clean up [{stale}]")),
    ] {
        assert_eq!(cli(&server, line).await, (0, String::new(), note.to_owned()));
        assert_eq!(server.backend.state.lock().unwrap().log.last(), Some(&log));
    }
    let text = "validation failed: operations: x is not a valid UUID.";
    assert_eq!(cli(&server, &["server", "operations", "cleanup", "x"]).await, failed(text));
}

#[tokio::test]
async fn modes() {
    let server = Server::start().await;
    assert_eq!(cli(&server, &["server", "mode", "get"]).await, ok("normal\n"));
    assert_eq!(cli(&server, &["server", "mode", "set"]).await, failed("missing mode argument"));
    assert_eq!(cli(&server, &["server", "mode", "set", "normal", "x"]).await, failed("too many arguments"));
    let text = "validation failed: state: must be a valid value.";
    assert_eq!(cli(&server, &["server", "mode", "set", "open"]).await, failed(text));
    assert_eq!(cli(&server, &["server", "mode", "set", "read-only"]).await, ok(""));
    assert_eq!(cli(&server, &["server", "mode", "get"]).await, ok("read-only\n"));
    assert_eq!(cli(&server, &["server", "mode", "get", "--json"]).await, ok(r#"{"state":"read-only"}"#));
    let text = "Service disabled for maintenance";
    assert_eq!(cli(&server, &["server", "mode", "set", "normal"]).await, failed(text));
    assert_eq!(cli(&server, &["cluster", "create"]).await, failed(text));
}

#[tokio::test]
async fn audits_fail_when_something_is_found() {
    let server = Server::start().await;
    assert_eq!(cli(&server, &["audit"]).await, ok("No problems found\n"));
    assert_eq!(cli(&server, &["audit", "--json"]).await, ok(r#"{"nodes":false,"findings":[]}"#));
    assert_eq!(cli(&server, &["audit", "--nodes", "--json"]).await, ok(r#"{"nodes":true,"findings":[]}"#));
    with_findings(&server);
    let text = format!(
        "Id:{}  error: Brick 1 unknown device 2\n  Repair: remove the brick's record\nId:{}  warning: Device 3 has no extent size\n  By hand: resync the device\n",
        "a".repeat(16),
        "b".repeat(16)
    );
    let told = cli(&server, &["audit", "--nodes"]).await;
    assert_eq!(told, (255, text, "Error: the audit found 2 problems\n".to_owned()));
    server.backend.state.lock().unwrap().findings.pop();
    let (status, out, err) = cli(&server, &["--json", "audit"]).await;
    assert!(status == 255 && out.starts_with(r#"{"nodes":false,"findings":[{"id":"#), "{out}");
    assert_eq!(err, "Error: the audit found 1 problem\n");
}

#[tokio::test]
async fn repairs_are_planned_or_applied() {
    let server = Server::start().await;
    assert_eq!(cli(&server, &["audit", "repair", "--plan"]).await, ok("Nothing to repair\n"));
    with_findings(&server);
    let (a, b) = ("a".repeat(16), "b".repeat(16));
    let one = format!("Id:{a}  Brick 1 unknown device 2\n  remove the brick's record\n");
    let other = format!("Id:{b}  Device 3 has no extent size\n  (only by hand)\n");
    assert_eq!(cli(&server, &["audit", "repair", "--plan"]).await, ok(&format!("{one}{other}")));
    assert_eq!(cli(&server, &["audit", "repair", "--plan", &a]).await, ok(&one));
    let json = cli(&server, &["audit", "repair", "--plan", &b, "--json"]).await.1;
    assert_eq!(json, format!(r#"{{"repairs":[{{"finding":"{b}","text":"Device 3 has no extent size","steps":[]}}]}}"#));
    for line in [&["audit", "repair"][..], &["audit", "repair", "--plan", "--apply"]] {
        assert_eq!(cli(&server, line).await, failed("name one of --plan and --apply"));
    }
    assert!(server.backend.state.lock().unwrap().log.is_empty());
    let done = "Repaired; audit again to see what is left\n";
    assert_eq!(cli(&server, &["audit", "repair", "--apply", &a]).await, ok(done));
    assert_eq!(server.backend.state.lock().unwrap().log, [format!("repair [\"{a}\"]")]);
    let (status, out, _) = cli(&server, &["audit", "blah"]).await;
    assert!(status == 0 && out.contains("Usage: heketi-cli audit"), "{out}");
}

#[tokio::test]
async fn resync_and_replace() {
    let server = Server::start().await;
    let (node, device) = with_device(&server).await;
    let (node, device) = (&node[7..], &device[9..]);
    assert_eq!(cli(&server, &["device", "resync", device]).await, ok(&format!("Device {device} updated\n")));
    assert_eq!(cli(&server, &["device", "resync"]).await, failed("object/cluster id missing"));
    assert_eq!(cli(&server, &["device", "replace", device]).await, ok(&format!("Device {device} replaced\n")));
    let named = cli(&server, &["device", "replace", device, "--name=/dev/sdc"]).await;
    assert_eq!(named, ok(&format!("Device {device} replaced\n")));
    assert_eq!(cli(&server, &["device", "replace"]).await, failed("Device id missing"));
    assert_eq!(cli(&server, &["node", "replace", node]).await, ok(&format!("Node {node} replaced\n")));
    assert_eq!(cli(&server, &["node", "replace"]).await, failed("Node id missing"));
    let expected = [
        format!("device resync {device}"),
        format!("device replace {device} \"\""),
        format!("device replace {device} \"/dev/sdc\""),
        format!("node replace {node}"),
    ];
    assert_eq!(server.backend.state.lock().unwrap().log, expected);
    let forced = cli(&server, &["device", "delete", "--force-forget", device]).await;
    assert_eq!(forced, ok(&format!("Device {device} deleted\n")));
    assert_eq!(server.backend.state.lock().unwrap().log.last().unwrap(), "device delete forceforget=true");
}

/// The errors of single devices, which v10 swallowed, reach the exit status.
#[tokio::test]
async fn a_whole_cluster_is_resynced_and_failures_are_told() {
    let server = Server::start().await;
    let (node, device) = with_device(&server).await;
    let (node, device) = (&node[7..], &device[9..]);
    let cluster = server.backend.state.lock().unwrap().clusters.keys().next().copied().unwrap().to_string();
    let first = "Cluster-wide resync operation requested. Using object_id as cluster_id.\n";
    let now = format!("{first}Now resyncing device {device}..\n");
    let line = ["device", "resync", "--cluster", &cluster];
    let done = format!("{now}Device {device} (node {node}) in cluster {cluster} updated\n");
    assert_eq!(cli(&server, &line).await, ok(&done));
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::Internal, "no volume group"));
    let err = format!(
        "Unable to resync device {device} (node {node}): no volume group\nError: 1 of 1 devices could not be resynced\n"
    );
    assert_eq!(cli(&server, &line).await, (255, now, err));
    let unknown = cli(&server, &["device", "resync", "--cluster", &"f".repeat(32)]).await;
    assert_eq!(unknown, (255, first.to_owned(), "Error: Id not found\n".to_owned()));
    assert_eq!(cli(&server, &["device", "resync", "--cluster"]).await, failed("object/cluster id missing"));
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::Internal, "no volume group"));
    assert_eq!(cli(&server, &["device", "resync", device]).await, failed("no volume group"));
}
