//! The walk-through every user starts from: one node, two disks.

use super::harness::{DISKS, Lab, address};
use super::server::Server;

pub fn walk_through(lab: &Lab) {
    let server = Server::start(lab);
    let loaded = server.load(1..=1);
    assert!(loaded.starts_with("Creating cluster ... ID: "), "{loaded}");
    assert_eq!(loaded.matches(" ... OK").count(), 2, "{loaded}");

    let nodes = server.nodes();
    let devices = nodes[0]["devices"].as_array().expect("a list");
    for device in devices {
        let id = device["id"].as_str().expect("an id");
        let line = lab.on(1, &format!("vgdisplay -c vg_{id}"));
        let fields: Vec<u64> = line.trim().split(':').map(|field| field.parse().unwrap_or(0)).collect();
        assert_eq!(device["storage"]["total"], fields[12] * fields[13], "extents of vg_{id}");
        let pv = lab.on(1, &format!("pvs --noheadings -o pv_name,vg_name | grep vg_{id}"));
        assert!(pv.contains(device["name"].as_str().expect("a name")), "{pv}");
    }
    let log = server.log();
    for disk in DISKS {
        let create = format!("lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '{disk}'] on [{}]", address(1));
        assert!(log.contains(&format!("Will run command [/usr/sbin/{create}")), "{create}");
        assert!(log.contains(&format!("Ran command [/usr/sbin/{create}")), "{create}");
        assert!(log.contains(&format!("Added device {disk}")), "{disk}");
    }

    let told = server.fails(&["volume", "create", "--size=1"]);
    assert!(told.starts_with("Error: Failed to allocate new volume: No space\n"), "{told}");
    for disk in DISKS {
        assert!(told.contains(&format!("{disk} on {}", address(1))), "{told}");
    }
    assert!(told.contains("needs 3 bricks on 3 different nodes"), "{told}");
    let told = server.fails(&["volume", "create", "--size=100", "--durability=none"]);
    assert!(
        told.contains("3.87 GiB free, room for 1 such brick")
            && told.contains("The largest size that fits now is 7 GiB"),
        "{told}"
    );
    assert!(server.volumes().is_empty());
    lab.assert_no_traces();
    server.unload();
}
