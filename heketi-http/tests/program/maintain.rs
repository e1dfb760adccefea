//! Bricks, devices and nodes that go, from the command line, with heketi v10's texts.

use std::time::Instant;

use crate::support::*;

/// A server with so many nodes of one device each, and a volume on three of them: the volume's id.
fn with_volume(directory: &std::path::Path, nodes: u32, devices: &[&str]) -> (Server, String) {
    let server = Server::start(&mock_config(directory));
    let topology = topology_of(directory, nodes, devices);
    server.ok(&["topology", "load", "--strict", "--json", topology.to_str().unwrap()]);
    let volume = value_of(&server.ok(&["volume", "create", "--size=10"]), "Volume Id");
    (server, volume)
}

impl Server {
    /// What the bricks of a volume tell about one thing: `id`, `node` or `device`.
    fn of_bricks(&self, volume: &str, key: &str) -> Vec<String> {
        let info = self.json(&["volume", "info", volume]);
        let bricks = info["bricks"].as_array().unwrap().iter();
        bricks.map(|brick| brick[key].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_brick_is_evicted() {
    let directory = tempfile::tempdir().unwrap();
    let (server, volume) = with_volume(directory.path(), 3, &["/dev/sdb", "/dev/sdc"]);
    let before = server.of_bricks(&volume, "id");
    assert_eq!(server.ok(&["brick", "evict", &before[0]]), format!("Brick {} evicted\n", before[0]));
    let after = server.of_bricks(&volume, "id");
    assert_eq!(after.len(), 3);
    assert_eq!(after.iter().filter(|brick| before.contains(brick)).count(), 2, "{before:?} {after:?}");
    assert_eq!(server.refused(&["brick", "evict", &before[0]]), "Id not found");
    assert_eq!(server.ok(&["audit", "--nodes"]), "No problems found\n");
}

#[test]
fn a_device_is_disabled_removed_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (server, volume) = with_volume(directory.path(), 4, &["/dev/sdb"]);
    let device = server.of_bricks(&volume, "device")[0].clone();
    let text = format!("Device must be offline before remove operation is performed, device:{device}");
    assert_eq!(server.refused(&["device", "remove", &device]), text);
    assert_eq!(server.refused(&["device", "delete", &device]), format!("device: {device} is not in failed state"));
    assert_eq!(server.ok(&["device", "disable", &device]), format!("Device {device} is now offline\n"));
    assert_eq!(server.ok(&["device", "resync", &device]), format!("Device {device} updated\n"));
    assert_eq!(server.ok(&["device", "remove", &device]), format!("Device {device} is now removed\n"));
    let info = server.ok(&["device", "info", &device]);
    assert_eq!((value_of(&info, "State"), value_of(&info, "Used (GiB)")), ("removed".to_owned(), "0".to_owned()));
    assert!(!server.of_bricks(&volume, "device").contains(&device));
    let text = "Cannot move a failed/removed device to online state";
    assert_eq!(server.refused(&["device", "enable", &device]), text);
    let deleted = server.ok(&["device", "delete", &device, "--force-forget"]);
    assert_eq!(deleted, format!("Device {device} deleted\n"));
    assert_eq!(server.refused(&["device", "info", &device]), "Id not found");

    // Three nodes are left for three bricks.
    let device = server.of_bricks(&volume, "device")[0].clone();
    server.ok(&["device", "disable", &device]);
    let refused = server.refused(&["device", "remove", &device]);
    let text = format!(
        "Unable to delete device [{device}] as no device was found to replace it: No Replacement was found for \
         resource requested to be removed"
    );
    assert!(refused.starts_with(&text), "{refused}");
    assert_eq!(server.ok(&["device", "enable", &device]), format!("Device {device} is now online\n"));
}

#[test]
fn a_node_is_removed_and_the_queue_tells_why_another_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (server, volume) = with_volume(directory.path(), 4, &["/dev/sdb"]);
    let node = server.of_bricks(&volume, "node")[0].clone();
    assert_eq!(
        server.refused(&["node", "remove", &node]),
        format!("Node must be offline before remove operation is performed, node:{node}")
    );
    assert_eq!(server.ok(&["node", "disable", &node]), format!("Node {node} is now offline\n"));
    assert_eq!(server.ok(&["node", "remove", &node]), format!("Node {node} is now removed\n"));
    assert!(!server.of_bricks(&volume, "node").contains(&node));
    assert_eq!(
        server.refused(&["node", "delete", &node]),
        format!("Unable to delete node [{node}] because it contains devices")
    );
    for device in server.json(&["node", "info", &node])["devices"].as_array().unwrap() {
        let device = device["id"].as_str().unwrap();
        server.ok(&["device", "disable", device]);
        server.ok(&["device", "remove", device]);
        server.ok(&["device", "delete", device]);
    }
    assert_eq!(server.ok(&["node", "delete", &node]), format!("Node {node} deleted\n"));

    let (node, device) = (server.of_bricks(&volume, "node").remove(0), server.of_bricks(&volume, "device").remove(0));
    let state =
        |state: &str| server.request("POST", &format!("/nodes/{node}/state"), &format!(r#"{{"state":"{state}"}}"#));
    let (status, _, body) = server.ended(state("offline"));
    assert_eq!((status, body.as_str()), (204, ""));
    let (status, _, body) = server.ended(state("failed"));
    let text = format!("Unable to remove node [{node}] as no device was found to replace device [{device}]");
    assert!(status == 500 && body.starts_with(&text), "{status} {body}");
    assert_eq!(server.ok(&["audit", "--nodes"]), "No problems found\n");
}

#[test]
fn the_queue_leads_to_what_was_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let (server, volume) = with_volume(directory.path(), 3, &["/dev/sdb"]);
    let accepted = server.request("POST", &format!("/volumes/{volume}/clone"), "{}");
    let queue = location(&accepted.1);
    let (status, head, _) = server.ended(accepted);
    assert_eq!(status, 303);
    let clone = location(&head);
    assert_eq!(server.request("GET", &clone, "").0, 200);
    // The answer does not wait until it is forgotten that it was given.
    let start = Instant::now();
    let (status, _, body) = loop {
        let again = server.request("GET", &queue, "");
        if again.0 != 303 {
            break again;
        }
        assert!(start.elapsed() < LIMIT, "the job is not forgotten");
    };
    assert_eq!((status, body.as_str()), (404, "Id not found\n"));
    assert_eq!(server.ended(server.request("DELETE", &clone, "")).0, 204);
    server.ok(&["server", "mode", "set", "read-only"]);
    let (status, _, body) = server.request("DELETE", &format!("/volumes/{volume}"), "");
    assert_eq!((status, body.as_str()), (503, "Service disabled for maintenance\n"));
    assert_eq!(server.request("GET", &format!("/volumes/{volume}"), "").0, 200);
}
