//! Volumes on three nodes.

use super::harness::{Lab, address};
use super::server::{Server, volume_id};

pub fn create_mount_expand_delete(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=2", "--name=life"]));
    let mount = format!("mkdir -p /mnt/life && mount -t glusterfs {}:/life /mnt/life", address(2));
    lab.on(2, &mount);
    lab.on(2, "dd if=/dev/urandom of=/mnt/life/file bs=1M count=16 status=none && sync /mnt/life/file");
    let sum = lab.on(2, "md5sum /mnt/life/file");
    server.ok(&["volume", "expand", "--volume", &id, "--expand-size=1"]);
    assert_eq!(server.get(&format!("/volumes/{id}"))["size"], 3);
    assert_eq!(lab.on(2, "md5sum /mnt/life/file"), sum, "the data is there after the expansion");
    let blocks = lab.on(2, "df --output=size -BM /mnt/life | tail -n 1");
    let mebibytes: u64 = blocks.trim().trim_end_matches('M').parse().expect("a number");
    assert!(mebibytes > 2800, "the mount sees the new bricks: {mebibytes} MiB");
    lab.on(2, "umount /mnt/life; rmdir /mnt/life");
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}

/// A volume group here has 991 extents of 4 MiB. With this factor a 1 GiB brick takes 990 of them, with the
/// other one 991: free space must be greater than what is needed, so that one is refused.
const FITS: &str = "--snapshot-factor=3.846";
const EQUAL: &str = "--snapshot-factor=3.85";

pub fn fill_to_the_last_extent(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    for node in server.nodes() {
        for device in node["devices"].as_array().expect("a list") {
            assert_eq!(device["storage"]["total"], 991 * 4096, "the lab's disks are 4 GiB");
        }
    }
    let told = server.fails(&["volume", "create", "--size=1", EQUAL]);
    assert!(told.contains("No space"), "{told}");
    let volumes: Vec<String> = (0..2).map(|_| volume_id(&server.ok(&["volume", "create", "--size=1", FITS]))).collect();
    for n in 1..=3 {
        let free = lab.on(n, "vgs --noheadings -o vg_free_count");
        assert_eq!(free.split_whitespace().collect::<Vec<_>>(), ["1", "1"], "extents left on n{n}");
    }
    for id in volumes {
        server.ok(&["volume", "delete", &id]);
    }
    lab.assert_no_traces();
    server.unload();
}

pub fn a_create_that_fails_half_way(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    // Somebody else's volumes fill node 3 behind heketi's back: its lvcreate fails, that of the others works.
    let groups = lab.on(3, "vgs --noheadings -o vg_name");
    for group in groups.split_whitespace() {
        lab.on(3, &format!("lvcreate -qq -l 100%FREE -n foreign {group}"));
    }
    let told = server.fails(&["volume", "create", "--size=2"]);
    assert!(told.contains("insufficient free space"), "{told}");
    assert!(server.volumes().is_empty());
    assert_eq!(server.get("/operations")["total"], 0, "everything is undone");
    for n in 1..=2 {
        assert!(lab.traces(n).is_empty(), "n{n}: {:?}", lab.traces(n));
    }
    let left = lab.traces(3);
    assert!(left.len() == 2 && left.iter().all(|line| line.ends_with("foreign")), "only the foreign volumes: {left:?}");
    for group in groups.split_whitespace() {
        lab.on(3, &format!("lvremove -qq -f {group}/foreign"));
    }
    let used = server.nodes().into_iter().flat_map(|node| node["devices"].as_array().cloned().unwrap_or_default());
    for device in used {
        assert_eq!(device["storage"]["used"], 0, "the space of {} is free again", device["name"]);
    }
    server.unload();
}

pub fn a_delete_that_gluster_refuses(lab: &Lab) {
    let server = Server::start(lab);
    server.load(1..=3);
    let id = volume_id(&server.ok(&["volume", "create", "--size=1", "--name=kept"]));
    lab.on(3, "systemctl stop glusterd");
    let told = server.fails(&["volume", "delete", &id]);
    assert!(told.contains("kept") && told.contains(&address(3)), "volume and peer are named: {told}");
    assert_eq!(server.volumes(), std::slice::from_ref(&id), "the volume is still there");
    assert!(lab.on(1, "gluster volume info kept").contains("Status: Started"), "and still serves");
    lab.on(3, "systemctl start glusterd");
    let connected =
        "for i in $(seq 60); do gluster pool list | grep -c Connected | grep -qx 3 && exit 0; sleep 1; done; exit 1";
    lab.on(1, connected);
    server.ok(&["volume", "delete", &id]);
    lab.assert_no_traces();
    server.unload();
}
