//! A disk is replaced, and a node comes back rebuilt.

use super::evacuation::{brick_on, lab_does, node_id, read, unmount, wait_connected, wait_healed, write};
use super::harness::Lab;
use super::server::{Server, volume_id};

pub fn a_replaced_disk_is_rebuilt(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=disk"]));
    let sum = write(lab, "disk");
    let brick = brick_on(&server, &id, 3);
    let (device, path) = (brick["device"].as_str().expect("an id"), brick["path"].as_str().expect("a path"));
    let name = server.get(&format!("/devices/{device}"))["name"].as_str().expect("a path").to_owned();
    // A node does not boot with a line for a disk it no longer has: whoever changes the disk takes it out.
    lab.on(3, &format!("sed -i '/{device}/d' /etc/fstab && sync"));
    lab_does(&["kill", "3"]);
    lab_does(&["blank", "3", name.trim_start_matches("/dev/")]);
    lab_does(&["start", "3"]);
    wait_connected(lab, 1);
    server.ok(&["device", "replace", device]);
    wait_healed(lab, "disk");
    assert_eq!(lab.on(3, &format!("md5sum < {path}/file")), sum, "the brick holds the data again");
    assert_eq!(read(lab, "disk"), sum);
    assert!(server.ok(&["audit", "--nodes"]).contains("No problems found"));
    unmount(lab, "disk");
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}

pub fn a_rebuilt_node_is_taken_back(lab: &Lab) {
    let mut server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=node"]));
    let sum = write(lab, "node");
    let path = brick_on(&server, &id, 3)["path"].as_str().expect("a path").to_owned();
    lab_does(&["kill", "3"]);
    lab_does(&["rebuild", "3"]);
    lab_does(&["start", "3"]);
    let told = server.fails(&["node", "replace", &node_id(&server, 3)]);
    assert!(told.contains("host key"), "a changed host key is refused and told: {told}");
    server.restart_with_host_keys(1..=3);
    server.ok(&["node", "replace", &node_id(&server, 3)]);
    wait_connected(lab, 1);
    wait_healed(lab, "node");
    assert_eq!(lab.on(3, &format!("md5sum < {path}/file")), sum, "the brick holds the data again");
    assert_eq!(read(lab, "node"), sum);
    assert!(server.ok(&["audit", "--nodes"]).contains("No problems found"));
    unmount(lab, "node");
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}
