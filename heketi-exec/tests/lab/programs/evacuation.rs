//! Bricks leave devices and nodes, living and dead ones.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::harness::{Lab, address};
use super::server::{Server, volume_id};
use crate::lab;

/// How long gluster may take to heal the small files of these tests.
const HEAL: Duration = Duration::from_secs(240);

pub fn remove_a_device_behind_the_heal_gate(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=moving"]));
    let sum = write(lab, "moving");
    let brick = brick_on(&server, &id, 1);
    // One peer brick is down: two of three must be up besides the one that leaves.
    let down = brick_on(&server, &id, 2);
    kill_brick(lab, 2, &down);
    let device = string(&brick["device"]);
    server.ok(&["device", "disable", &device]);
    let told = server.fails(&["device", "remove", &device]);
    assert!(told.contains("only 1 of 2 required peer bricks are online"), "{told}");
    assert_eq!(string(&brick_on(&server, &id, 1)["id"]), string(&brick["id"]), "nothing has moved");
    lab.on(1, "gluster --mode=script volume start moving force");
    wait_healed(lab, "moving");
    server.ok(&["device", "remove", &device]);
    let moved = brick_on(&server, &id, 1);
    assert_ne!(string(&moved["device"]), device, "the brick is on the other disk of its node");
    wait_healed(lab, "moving");
    assert_eq!(server.get(&format!("/devices/{device}"))["storage"]["used"], 0);

    // And one brick by hand; the only disk left in its zone is the one it is on, so another node takes none.
    let told = server.fails(&["brick", "evict", &string(&moved["id"])]);
    assert!(told.contains("No Replacement was found"), "{told}");
    let other = brick_on(&server, &id, 3);
    server.ok(&["brick", "evict", &string(&other["id"])]);
    assert_ne!(string(&brick_on(&server, &id, 3)["device"]), string(&other["device"]));
    wait_healed(lab, "moving");
    assert_eq!(read(lab, "moving"), sum);
    unmount(lab, "moving");
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}

pub fn a_dead_node_is_evacuated(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=lasting", "--replica=2"]));
    let placed: Vec<usize> = (1..=3).filter(|n| has_brick(&server, &id, *n)).collect();
    let (stays, dies) = (placed[0], placed[1]);
    lab.on(stays, &mount_line("lasting", stays));
    let sum = write_on(lab, stays, "lasting");
    lab.on(dies, "sync");
    // After a power cut glusterd waits for TCP to give up, a quarter of an hour by default.
    (1..=3).for_each(|n| drop(lab.on(n, "sysctl -qw net.ipv4.tcp_retries2=3")));
    lab_does(&["kill", &dies.to_string()]);
    let node = node_id(&server, dies);
    server.ok(&["node", "disable", &node]);
    server.ok(&["node", "remove", &node]);
    assert!(!has_brick(&server, &id, dies), "its brick is elsewhere");
    assert_eq!(lab.on(stays, "md5sum < /mnt/lasting/file"), sum);
    wait_healed_from(lab, stays, "lasting");
    // Its bricks wait for it, and go when it answers.
    let used = |server: &Server| -> u64 {
        let node = server.get(&format!("/nodes/{node}"));
        let devices = node["devices"].as_array().cloned().unwrap_or_default();
        devices.iter().map(|device| device["storage"]["used"].as_u64().expect("a number")).sum()
    };
    assert!(used(&server) > 0, "space of a brick that cannot be destroyed is not given back");
    lab_does(&["start", &dies.to_string()]);
    let started = Instant::now();
    while used(&server) > 0 {
        assert!(started.elapsed() < HEAL, "the bricks of the node that came back are not destroyed");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(lab.traces(dies).iter().all(|line| line.starts_with("volume ")), "{:?}", lab.traces(dies));
    lab.on(stays, "umount /mnt/lasting; rmdir /mnt/lasting");
    wait_connected(lab, stays);
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}

/// `lab.sh` with these arguments, which must work.
pub fn lab_does(arguments: &[&str]) {
    let status = lab::lab(arguments).status().expect("lab.sh runs");
    assert!(status.success(), "lab.sh {arguments:?}: {status}");
}

/// The id of node `n`.
pub fn node_id(server: &Server, n: usize) -> String {
    let of = |node: &Value| string(&node["hostnames"]["manage"][0]) == address(n);
    string(&server.nodes().iter().find(|node| of(node)).expect("a node of the lab")["id"])
}

fn bricks(server: &Server, volume: &str) -> Vec<Value> {
    server.get(&format!("/volumes/{volume}"))["bricks"].as_array().expect("a list").clone()
}

fn has_brick(server: &Server, volume: &str, n: usize) -> bool {
    let node = node_id(server, n);
    bricks(server, volume).iter().any(|brick| string(&brick["node"]) == node)
}

/// The brick of a volume on node `n`.
pub fn brick_on(server: &Server, volume: &str, n: usize) -> Value {
    let node = node_id(server, n);
    let found = bricks(server, volume).into_iter().find(|brick| string(&brick["node"]) == node);
    found.unwrap_or_else(|| panic!("volume {volume} has no brick on n{n}"))
}

/// Ends the process that serves a brick.
fn kill_brick(lab: &Lab, n: usize, brick: &Value) {
    let path = string(&brick["path"]).trim_start_matches('/').replace('/', "-");
    // Not the shell that runs this line: the brackets keep the pattern from matching itself.
    lab.on(n, &format!("pkill -KILL -f '[g]lusterfsd.*{path}' && sleep 1"));
}

fn mount_line(volume: &str, n: usize) -> String {
    format!("mkdir -p /mnt/{volume} && mount -t glusterfs {}:/{volume} /mnt/{volume}", address(n))
}

fn write_on(lab: &Lab, n: usize, volume: &str) -> String {
    let file = format!("/mnt/{volume}/file");
    lab.on(n, &format!("dd if=/dev/urandom of={file} bs=1M count=8 status=none && sync {file}"));
    lab.on(n, &format!("md5sum < {file}"))
}

/// Mounts the volume on node 2 and writes a file; its sum.
pub fn write(lab: &Lab, volume: &str) -> String {
    lab.on(2, &mount_line(volume, 2));
    write_on(lab, 2, volume)
}

/// The sum of the file as it is read now.
pub fn read(lab: &Lab, volume: &str) -> String {
    lab.on(2, &format!("md5sum < /mnt/{volume}/file"))
}

/// Takes the mount on node 2 away.
pub fn unmount(lab: &Lab, volume: &str) {
    lab.on(2, &format!("umount /mnt/{volume}; rmdir /mnt/{volume}"));
}

/// Waits until all bricks of the volume answer and nothing of it waits to be healed, as node 1 sees it.
pub fn wait_healed(lab: &Lab, volume: &str) {
    wait_healed_from(lab, 1, volume);
}

fn wait_healed_from(lab: &Lab, n: usize, volume: &str) {
    let started = Instant::now();
    loop {
        let info = lab.try_on(n, &format!("gluster --mode=script volume heal {volume} info")).unwrap_or_default();
        let entries: Vec<&str> = info.lines().filter_map(|line| line.strip_prefix("Number of entries: ")).collect();
        if !entries.is_empty() && entries.iter().all(|count| *count == "0") {
            return;
        }
        assert!(started.elapsed() < HEAL, "{volume} does not heal: {info}");
        // gluster looks for what to heal only every ten minutes.
        let _ = lab.try_on(n, &format!("gluster --mode=script volume heal {volume}"));
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Waits until node `n` sees all its peers.
pub fn wait_connected(lab: &Lab, n: usize) {
    let line =
        "for i in $(seq 90); do gluster pool list | grep -c Connected | grep -qx 3 && exit 0; sleep 1; done; exit 1";
    lab.on(n, line);
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
