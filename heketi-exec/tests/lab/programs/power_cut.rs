//! A node loses its power and comes back: what heketi made is there again, and what it could not do meanwhile
//! is cleaned up.

use std::process::Command;
use std::time::Duration;

use super::harness::{Lab, address, bounded};
use super::server::{Server, volume_id};
use crate::lab::lab;

/// Waits on node 1 until the line prints this; bounded.
fn wait_until(lab: &Lab, line: &str, wanted: &str) {
    lab.on(
        1,
        &format!("for i in $(seq 90); do [ \"$({line})\" = '{wanted}' ] && exit 0; sleep 1; done; {line}; exit 1"),
    );
}

fn power(action: &str) {
    let output = bounded(
        Command::new("timeout").arg("400").arg(lab(&[]).get_program()).args([action, "3"]),
        Duration::from_secs(420),
    );
    assert!(output.status.success(), "lab.sh {action} 3: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn a_node_that_comes_back_serves_again(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    // With the default of 42 s every write would stall that long.
    let options = "--gluster-volume-options=network.ping-timeout 5";
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=kept", options]));
    lab.on(
        2,
        &format!("mkdir /mnt/kept && mount -t glusterfs {}:/kept /mnt/kept && echo before >/mnt/kept/file", address(2)),
    );
    lab.on(3, "sync");

    power("kill");
    lab.on(2, "echo meanwhile >>/mnt/kept/file && sync /mnt/kept/file");
    wait_until(lab, "gluster pool list | grep -c Connected", "2");
    let told = server.fails(&["volume", "delete", &id]);
    assert!(told.contains("kept") && told.contains(&address(3)), "volume and peer are named: {told}");
    let told = server.fails(&["volume", "create", "--size=1"]);
    assert!(told.contains(&address(3)), "the node that is away is named: {told}");
    assert_eq!(server.volumes(), std::slice::from_ref(&id));
    power("start");

    server.wait_settled(Duration::from_secs(120));
    wait_until(lab, "gluster pool list | grep -c Connected", "3");
    let mounts = lab.on(3, "grep -c /var/lib/heketi/mounts/ /proc/mounts");
    assert_eq!(mounts.trim(), "1", "fstab mounts the brick again, and there is no other");
    let healed = "gluster volume heal kept info | grep -c '^Number of entries: 0$'";
    wait_until(lab, healed, "3");
    assert_eq!(lab.on(3, "cat /var/lib/heketi/mounts/*/*/brick/file"), "before\nmeanwhile\n");

    lab.on(2, "umount /mnt/kept && rmdir /mnt/kept");
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}
