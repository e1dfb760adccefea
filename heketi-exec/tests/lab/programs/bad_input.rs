//! Disks that hold something, nodes that do not answer: named, with the remedy, and nothing is changed.

use super::harness::{DISKS, Lab, address};
use super::server::Server;

pub fn is_named_and_changes_nothing(lab: &Lab) {
    lab.on(1, &format!("mkfs.xfs -q {}; pvcreate -qq {}", DISKS[0], DISKS[1]));
    let server = Server::start(lab);
    let cluster = server.ok(&["cluster", "create"]);
    let cluster = cluster.trim().strip_prefix("Cluster id: ").expect("an id").to_owned();
    let add = |host: &str| {
        let names = [format!("--management-host-name={host}"), format!("--storage-host-name={host}")];
        server.cli(&["node", "add", "--zone=1", "--cluster", &cluster, &names[0], &names[1]])
    };
    let unreachable = add("10.77.0.99");
    let told = super::harness::text(&unreachable.stderr);
    assert!(!unreachable.status.success());
    assert!(told.contains("New Node doesn't have glusterd running") && told.contains("10.77.0.99"), "{told}");
    assert!(server.nodes().is_empty());

    assert!(add(&address(1)).status.success());
    let node = server.nodes()[0]["id"].as_str().expect("an id").to_owned();
    for (disk, found) in
        [(DISKS[0], "xfs"), (DISKS[1], "aleady contains Physical Volume"), ("/dev/none", "no such block device")]
    {
        let told = server.fails(&["device", "add", "--name", disk, "--node", &node]);
        assert!(told.contains(&format!("Initializing device {disk} failed")) && told.contains(found), "{told}");
        assert!(disk == "/dev/none" || told.contains("--destroy-existing-data"), "the remedy is named: {told}");
    }
    let told = server.fails(&["device", "add", "--name", "/dev/ubda", "--node", &node, "--destroy-existing-data"]);
    assert!(told.contains("/dev/ubda"), "the system's disk is never taken: {told}");
    assert_eq!(lab.on(1, &format!("blkid -o value -s TYPE {}", DISKS[0])).trim(), "xfs");
    assert!(lab.on(1, &format!("pvs --noheadings -o pv_name {}", DISKS[1])).contains(DISKS[1]));

    for disk in DISKS {
        server.ok(&["device", "add", "--name", disk, "--node", &node, "--destroy-existing-data"]);
    }
    server.unload();
}
