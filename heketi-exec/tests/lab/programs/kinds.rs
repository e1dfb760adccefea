//! Kinds of volumes: arbiter, disperse, and clones.

use super::harness::{Lab, address};
use super::server::{Server, volume_id};

pub fn arbiter_and_disperse(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let option = "--gluster-volume-options=user.heketi.arbiter true";
    let arbiter = volume_id(&server.ok(&["volume", "create", "--size=2", "--name=arbiter", option]));
    let info = lab.on(1, "gluster volume info arbiter");
    assert!(info.contains("Number of Bricks: 1 x (2 + 1) = 3") && info.contains("(arbiter)"), "{info}");
    let mut sizes: Vec<String> = (1..=3)
        .flat_map(|n| {
            let told = lab.on(n, "lvs --noheadings --units k --nosuffix -o lv_name,lv_size | grep brick_ || true");
            told.lines().filter_map(|line| Some(line.split_whitespace().nth(1)?.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    sizes.sort();
    // 2 GiB of data with files of 64 KiB on average: 32768 KiB of names.
    assert_eq!(sizes, ["2097152.00", "2097152.00", "32768.00"]);
    data_survives(lab, "arbiter", |_| {
        server.ok(&["volume", "expand", "--volume", &arbiter, "--expand-size=1"]);
        let info = lab.on(1, "gluster volume info arbiter");
        assert!(info.contains("Number of Bricks: 2 x (2 + 1) = 6"), "{info}");
    });
    server.ok(&["volume", "delete", &arbiter]);
    lab.assert_no_traces();

    let arguments = ["volume", "create", "--size=2", "--name=spread", "--durability=disperse", "--disperse-data=2"];
    let disperse = volume_id(&server.ok(&[&arguments[..], &["--redundancy=1"]].concat()));
    let info = lab.on(1, "gluster volume info spread");
    assert!(info.contains("Number of Bricks: 1 x (2 + 1) = 3") && info.contains("Type: Disperse"), "{info}");
    data_survives(lab, "spread", |_| {});
    server.ok(&["volume", "delete", &disperse]);
    lab.assert_no_traces();
    server.unload();
}

pub fn clone_outlives_its_source(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let source = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=source"]));
    let mount = |name: &str| {
        lab.on(2, &format!("mkdir -p /mnt/{name} && mount -t glusterfs {}:/{name} /mnt/{name}", address(2)));
    };
    let unmount = |name: &str| drop(lab.on(2, &format!("umount /mnt/{name}; rmdir /mnt/{name}")));
    mount("source");
    lab.on(2, "dd if=/dev/urandom of=/mnt/source/file bs=1M count=8 status=none && sync /mnt/source/file");
    let sum = lab.on(2, "md5sum < /mnt/source/file");
    let used = used(&server);
    let clone = volume_id(&server.ok(&["volume", "clone", &source, "--name=copy"]));
    assert_eq!(self::used(&server), used, "a clone takes no space of its own");
    assert_eq!(lab.on(1, "gluster --mode=script snapshot list").trim(), "No snapshots present");
    lab.on(2, "echo changed > /mnt/source/file");
    unmount("source");
    server.ok(&["volume", "delete", &source]);
    assert_eq!(self::used(&server), used, "the clone keeps the thin pools");
    mount("copy");
    assert_eq!(lab.on(2, "md5sum < /mnt/copy/file"), sum, "the clone is what the source was");
    lab.on(2, "echo more > /mnt/copy/other");
    unmount("copy");
    server.ok(&["volume", "delete", &clone]);
    assert_eq!(self::used(&server), 0);
    lab.assert_no_traces();
    server.unload();
}

/// What all devices have in use together, in KiB.
fn used(server: &Server) -> u64 {
    let devices = server.nodes().into_iter().flat_map(|node| node["devices"].as_array().cloned().unwrap_or_default());
    devices.map(|device| device["storage"]["used"].as_u64().expect("a number")).sum()
}

/// Writes a file through a mount, does `act`, and reads it again.
fn data_survives(lab: &Lab, volume: &str, act: impl FnOnce(&Lab)) {
    lab.on(2, &format!("mkdir -p /mnt/{volume} && mount -t glusterfs {}:/{volume} /mnt/{volume}", address(2)));
    let file = format!("/mnt/{volume}/file");
    lab.on(2, &format!("dd if=/dev/urandom of={file} bs=1M count=8 status=none && sync {file}"));
    let sum = lab.on(2, &format!("md5sum {file}"));
    act(lab);
    assert_eq!(lab.on(2, &format!("md5sum {file}")), sum);
    lab.on(2, &format!("umount /mnt/{volume}; rmdir /mnt/{volume}"));
}
