//! Disks: what they hold, how they become volume groups.

use serde_json::Value;

use super::*;

const SET_UP: &str = "/usr/sbin/lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '/dev/sdc'";
const GROUP: &str = "/usr/sbin/lvm vgcreate -qq --physicalextentsize=4M --autobackup=n vg_c /dev/sdc";
const LSBLK: &str = "lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO";

#[test]
fn a_disk_becomes_a_volume_group_and_a_disk_again() {
    let sim = cluster();
    let before = sim.snapshot();
    assert_eq!(good(&sim, "node-1", SET_UP), "");
    good(&sim, "node-1", GROUP);
    let line = good(&sim, "node-1", "/usr/sbin/lvm vgdisplay -c vg_c");
    let fields: Vec<&str> = line.trim().split(':').collect();
    assert_eq!(fields.len(), 17, "{line}");
    // 10 GiB without 128 MiB of metadata: 2528 extents.
    assert_eq!(&fields[11..16], ["10354688", "4096", "2528", "0", "2528"]);
    refused(&sim, "node-1", SET_UP, "of volume group \"vg_c\" without -ff");
    refused(&sim, "node-1", GROUP, "A volume group called vg_c already exists");
    refused(&sim, "node-1", "/usr/sbin/lvm vgcreate vg_d /dev/sdc", "already in volume group 'vg_c'");
    good(&sim, "node-1", "/usr/sbin/lvm vgremove -qq vg_c");
    refused(&sim, "node-1", "/usr/sbin/lvm vgremove -qq vg_c", "Volume group \"vg_c\" not found");
    refused(&sim, "node-1", "/usr/sbin/lvm vgdisplay -c vg_c", "not found");
    good(&sim, "node-1", "/usr/sbin/lvm pvremove -qq '/dev/sdc'");
    refused(&sim, "node-1", "/usr/sbin/lvm pvremove -qq '/dev/sdc'", "No PV found on device /dev/sdc");
    assert!(sim.leftovers(&before).is_empty());
}

#[test]
fn disks_that_are_no_good_are_refused() {
    let sim = cluster();
    for (path, disk, text) in [
        ("/dev/s1", SimDisk::gib("/dev/s1", 10).signature("ext4"), "ext4 signature detected"),
        ("/dev/s2", SimDisk::gib("/dev/s2", 10).mounted("/data"), "Mounted filesystem?"),
        ("/dev/s3", SimDisk::gib("/dev/s3", 10).partition("/dev/s3p1", 1024, None), "device is partitioned"),
        ("/dev/s4", SimDisk::gib("/dev/s4", 10).read_only(), "for writing"),
    ] {
        sim.add_disk("node-1", disk);
        refused(&sim, "node-1", &format!("{LVM} pvcreate -qq --metadatasize=128M --dataalignment=256K '{path}'"), text);
    }
    refused(&sim, "node-1", &format!("{LVM} pvcreate -qq '/dev/none'"), "No device found for /dev/none");
    refused(&sim, "node-1", "wipefs --all /dev/s2", "busy");
    refused(&sim, "node-1", "wipefs --all /dev/s4", "Read-only");
    refused(&sim, "node-1", "wipefs --all /dev/none", "No such file or directory");
    for path in ["/dev/s1", "/dev/s3"] {
        assert!(good(&sim, "node-1", &format!("wipefs --all {path}")).contains("bytes were erased"));
        good(&sim, "node-1", &format!("{LVM} pvcreate -qq '{path}'"));
    }
}

#[test]
fn wiping_takes_an_unused_volume_group_but_no_used_one() {
    let sim = cluster();
    let before = sim.snapshot();
    sim.adopt_volume_group("node-1", "/dev/sdc", "vg_c", Some("uuid-c")).unwrap();
    sim.adopt_logical_volume("node-1", "vg_c", "TEST", 1024).unwrap();
    refused(&sim, "node-1", "wipefs --all /dev/sdc", "busy");
    good(&sim, "node-1", "/usr/sbin/lvm lvremove -f vg_c/TEST");
    good(&sim, "node-1", "wipefs --all /dev/sdc");
    assert!(sim.leftovers(&before).is_empty());
}

#[test]
fn signatures_and_block_devices_are_listed() {
    let sim = cluster();
    let disk = SimDisk::gib("/dev/sdx", 1).signature("ext4").partition("/dev/sdx1", 512, Some("/boot"));
    sim.add_disk("node-1", disk);
    let text = good(&sim, "node-1", "wipefs --no-act --parsable /dev/sdx");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("# offset,uuid") && lines[1].starts_with("0x438,") && lines[1].ends_with(",ext4"));
    assert_eq!(good(&sim, "node-1", "wipefs --no-act --parsable /dev/sdc"), "");
    refused(&sim, "node-1", "wipefs --no-act --parsable /dev/none", "No such file or directory");

    let read = |device: &str| -> Value {
        let text = good(&sim, "node-1", &format!("{LSBLK} {device}"));
        serde_json::from_str::<Value>(&text).unwrap()["blockdevices"][0].clone()
    };
    let found = read("/dev/sdx");
    assert_eq!(
        (found["name"].as_str(), found["type"].as_str(), found["fstype"].as_str()),
        (Some("sdx"), Some("disk"), Some("ext4"))
    );
    assert_eq!(found["size"], Value::from(1024_u64 * 1024 * 1024));
    assert_eq!(found["children"][0]["mountpoint"], "/boot");
    brick(&sim, "node-1", "1");
    let found = read("/dev/sdb");
    assert_eq!((&found["fstype"], &found["ro"]), (&Value::from("LVM2_member"), &Value::from(false)));
    let inside = found.to_string();
    assert!(inside.contains("vg_b-tp_1_tdata") && inside.contains("/var/lib/heketi/mounts/vg_b/brick_1"), "{inside}");
    refused(&sim, "node-1", &format!("{LSBLK} /dev/none"), "/dev/none: not a block device");
}

#[test]
fn reports_have_lvms_shapes() {
    let sim = cluster();
    brick(&sim, "node-1", "1");
    sim.add_disk("node-1", SimDisk::gib("/dev/sdd", 1));
    good(&sim, "node-1", "/usr/sbin/lvm pvcreate -qq '/dev/sdd'");
    let read = |line: &str| serde_json::from_str::<Value>(&good(&sim, "node-1", line)).unwrap()["report"][0].clone();
    let pvs = read("/usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json");
    assert_eq!((&pvs["pv"][0]["pv_name"], &pvs["pv"][0]["vg_name"]), (&"/dev/sdb".into(), &"vg_b".into()));
    assert_eq!((&pvs["pv"][1]["pv_name"], &pvs["pv"][1]["vg_name"]), (&"/dev/sdd".into(), &"".into()));
    let one = read("/usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json /dev/disk/by-path/disk-1");
    assert_eq!(one["pv"].as_array().unwrap().len(), 1);
    assert_eq!(one["pv"][0], pvs["pv"][0]);
    let vgs = read("/usr/sbin/lvm vgs -o pv_name,pv_uuid,vg_name --reportformat=json vg_b");
    assert_eq!(vgs["vg"][0]["pv_uuid"], pvs["pv"][0]["pv_uuid"]);
    let vgs = read("/usr/sbin/lvm vgs --reportformat json --units k");
    assert_eq!(vgs["vg"][0]["vg_size"], "10485760.00k");
    let vgs = read(
        "/usr/sbin/lvm vgs --reportformat json --units k --nosuffix -o vg_extent_size,vg_extent_count,vg_free_count",
    );
    assert_eq!(
        vgs["vg"][0],
        serde_json::json!({"vg_extent_size": "4096.00", "vg_extent_count": "2560", "vg_free_count": "2302"})
    );
    let lvs = read("/usr/sbin/lvm lvs --reportformat json --units k");
    assert_eq!((&lvs["lv"][0]["lv_name"], &lvs["lv"][0]["lv_attr"]), (&"brick_1".into(), &"Vwi-aotz--".into()));
    assert_eq!((&lvs["lv"][0]["pool_lv"], &lvs["lv"][0]["lv_size"]), (&"tp_1".into(), &"1048576.00k".into()));
    assert_eq!(lvs["lv"][1]["lv_attr"], "twi-aotz--");
    refused(
        &sim,
        "node-1",
        "/usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json /dev/sdc",
        "Failed to find physical volume \"/dev/sdc\"",
    );
    refused(&sim, "node-1", "/usr/sbin/lvm lvs --noheadings -o lv_name vg_none", "Volume group \"vg_none\" not found");
    refused(&sim, "node-1", "/usr/sbin/lvm vgs -o nonsense", "Unrecognised field: nonsense");
}

#[test]
fn a_disk_is_found_by_its_links_and_after_a_rename() {
    let sim = cluster();
    let links = good(&sim, "node-1", "/usr/bin/udevadm info --query=symlink --name=/dev/sdb");
    let [by_uuid, by_path] = links.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{links}") };
    assert!(by_uuid.starts_with("disk/by-id/lvm-pv-uuid-"));
    assert_eq!(by_path, "disk/by-path/disk-1");
    sim.rename_disk("node-1", "/dev/sdb", "/dev/sdz");
    for link in [by_uuid, by_path] {
        let text = good(&sim, "node-1", &format!("{LVM} pvs --noheadings -o pv_name,vg_name /dev/{link}"));
        assert_eq!(text, "  /dev/sdz vg_b\n");
    }
    refused(&sim, "node-1", &format!("{LVM} pvs /dev/sdb"), "Failed to find");
    sim.set_alias("node-1", "/dev/disk/by-path/disk-1", Some("/dev/sdc"));
    refused(&sim, "node-1", &format!("{LVM} pvs /dev/disk/by-path/disk-1"), "Failed to find");
    sim.set_udev("node-1", false);
    refused(&sim, "node-1", "/usr/bin/udevadm info --query=symlink --name=/dev/sdz", "Unknown device");
    refused(&sim, "node-1", &format!("{LVM} pvs /dev/{by_uuid}"), "Failed to find");
}

#[test]
fn unknown_disks_appear_where_that_is_wanted() {
    let sim = cluster();
    sim.set_auto_disks(Some(500 * 1024 * 1024 + 128 * 1024));
    good(&sim, "node-2", &format!("{LSBLK} /dev/nvme7n1"));
    sim.adopt_volume_group("node-2", "/dev/nvme7n1", "vg_n", None).unwrap();
    assert_eq!(sim.snapshot().nodes["node-2"].volume_groups["vg_n"].size, 500 * 1024 * 1024);
    refused(&sim, "node-2", &format!("{LSBLK} /dev/mapper/none"), "not a block device");
}
