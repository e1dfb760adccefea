//! A brick from its making to its end, line by line, and every refusal on the way.

use super::*;

const MOUNT: &str = "/var/lib/heketi/mounts/vg_b/brick_1";
const DEVICE: &str = "/dev/mapper/vg_b-brick_1";

#[test]
fn a_brick_lives_and_leaves_nothing() {
    let sim = cluster();
    let before = sim.snapshot();
    let directory = brick(&sim, "node-1", "1");
    good(&sim, "node-1", &format!("chown :2345 {directory}"));
    good(&sim, "node-1", &format!("chmod 2775 {directory}"));
    let made = sim.directory("node-1", &directory).unwrap();
    assert_eq!((made.group, made.mode, made.volume_id), (2345, 0o2775, None));
    assert!(
        good(&sim, "node-1", "mount").contains(&format!("{DEVICE} on {MOUNT} type xfs (rw,inode64,noatime,nouuid)\n"))
    );
    assert_eq!(good(&sim, "node-1", "cat /etc/fstab"), format!("{DEVICE} {MOUNT} xfs rw,inode64,noatime,nouuid 1 2\n"));
    assert_eq!(
        good(&sim, "node-1", &format!("{LVM} lvs --noheadings --separator : --options lv_name,pool_lv vg_b")),
        "  brick_1:tp_1\n  tp_1:\n"
    );
    assert_eq!(good(&sim, "node-1", &format!("{LVM} lvs --noheadings -o lv_name vg_b")), "  brick_1\n  tp_1\n");
    assert_eq!(good(&sim, "node-1", &format!("{LVM} lvs --noheadings --options=thin_count vg_b/tp_1")), "  1\n");
    assert_eq!(sim.reboot("node-1", "/etc/fstab"), Vec::<String>::new());
    assert!(sim.directory("node-1", &directory).is_some());

    good(&sim, "node-1", &format!("umount {MOUNT}"));
    good(&sim, "node-1", "sed -i.save \"/brick_1/d\" /etc/fstab");
    good(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/brick_1"));
    assert_eq!(good(&sim, "node-1", &format!("{LVM} lvs --noheadings --options=thin_count vg_b/tp_1")), "  0\n");
    good(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_1"));
    good(&sim, "node-1", &format!("rmdir {MOUNT}"));
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
    assert!(good(&sim, "node-1", "cat /etc/fstab.save").contains(DEVICE));
}

#[test]
fn steps_out_of_order_are_refused() {
    let sim = cluster();
    let lines = brick_lines("1");
    let [mkdir, lvcreate, mkfs, _, mount, inner] = lines.as_slice() else { panic!() };
    refused(&sim, "node-1", inner, "No such file or directory");
    refused(&sim, "node-1", mkfs, "No such file or directory");
    refused(&sim, "node-1", mount, "mount point does not exist");
    refused(&sim, "node-1", &format!("rmdir {MOUNT}"), "No such file or directory");
    refused(&sim, "node-1", &format!("chown :1 {MOUNT}"), "No such file or directory");
    refused(&sim, "node-1", &format!("umount {MOUNT}"), "no mount point specified");
    good(&sim, "node-1", mkdir);
    good(&sim, "node-1", mkdir);
    refused(&sim, "node-1", &format!("mkdir {MOUNT}"), "File exists");
    refused(&sim, "node-1", mount, "special device /dev/mapper/vg_b-brick_1 does not exist");
    refused(&sim, "node-1", "rmdir /var/lib/heketi/mounts/vg_b", "Directory not empty");
    refused(&sim, "node-1", &format!("umount {MOUNT}"), "not mounted");
    good(&sim, "node-1", lvcreate);
    refused(&sim, "node-1", lvcreate, "already exists in volume group");
    refused(&sim, "node-1", mount, "wrong fs type");
    good(&sim, "node-1", mkfs);
    refused(&sim, "node-1", mkfs, "appears to contain an existing filesystem");
    good(&sim, "node-1", mount);
    refused(&sim, "node-1", mount, "already mounted");
    refused(&sim, "node-1", mkfs, "mounted filesystem");
    refused(&sim, "node-1", &format!("rmdir {MOUNT}"), "busy");
    refused(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/brick_1"), "contains a filesystem in use");
    refused(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_1"), "contains a filesystem in use");
    refused(&sim, "node-1", &format!("{LVM} vgremove -qq vg_b"), "not removed");
    refused(&sim, "node-1", &format!("{LVM} pvremove -qq '/dev/sdb'"), "is used by VG vg_b");
    good(&sim, "node-1", inner);
    refused(&sim, "node-1", inner, "File exists");
    sim.set_busy("node-1", MOUNT, true);
    refused(&sim, "node-1", &format!("umount {MOUNT}"), "target is busy");
    assert!(good(&sim, "node-1", &format!("lsof {MOUNT}")).contains("gluster"));
    sim.set_busy("node-1", MOUNT, false);
    good(&sim, "node-1", &format!("umount {MOUNT}"));
    good(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_1"));
    refused(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_1"), "Failed to find logical volume");
    refused(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_x/tp_1"), "Volume group \"vg_x\" not found");
    refused(&sim, "node-1", &format!("{LVM} lvs --noheadings --options=thin_count vg_b/tp_1"), "Failed to find");
}

#[test]
fn what_is_written_on_a_file_system_stays_on_it() {
    let sim = cluster();
    let directory = brick(&sim, "node-1", "1");
    good(&sim, "node-1", &format!("umount {MOUNT}"));
    assert_eq!(sim.directory("node-1", &directory), None);
    good(&sim, "node-1", &format!("mkdir {directory}"));
    refused(&sim, "node-1", &format!("rmdir {MOUNT}"), "Directory not empty");
    good(&sim, "node-1", &format!("rmdir {directory}"));
    good(&sim, "node-1", &format!("mount -o rw {DEVICE} {MOUNT}"));
    assert!(sim.directory("node-1", &directory).is_some());
    good(&sim, "node-1", &format!("umount {DEVICE}"));
}

#[test]
fn a_volume_group_holds_what_fits() {
    let sim = cluster();
    let create = |id: u32, kib: u64, spare: &str| {
        format!(
            "{LVM} lvcreate -qq --autobackup=n --poolmetadatasize 8192K {spare} --chunksize 256K --size {kib}K --thin vg_b/tp_{id} --virtualsize {kib}K --name brick_{id}"
        )
    };
    let whole = 10 * 1024 * 1024;
    refused(
        &sim,
        "node-1",
        &create(1, whole, "--poolmetadataspare n"),
        "has insufficient free space (2560 extents): 2562 required",
    );
    refused(&sim, "node-1", &create(1, whole - 8192, ""), "insufficient free space");
    good(&sim, "node-1", &create(1, whole - 8192, "--poolmetadataspare n"));
    refused(&sim, "node-1", &create(2, 4096, "--poolmetadataspare n"), "insufficient free space (0 extents)");
    good(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_1"));
    // One spare for all pools, as large as the largest metadata, until the last pool is gone.
    good(&sim, "node-1", &create(1, 1_048_576, ""));
    good(&sim, "node-1", &create(2, 1_048_576, ""));
    let free = || sim.snapshot().nodes["node-1"].volume_groups["vg_b"].free;
    assert_eq!(free(), whole - 2 * (1_048_576 + 8192) - 8192);
    assert!(good(&sim, "node-1", &format!("{LVM} lvs --noheadings -o lv_name -a vg_b")).contains("[lvol0_pmspare]"));
    for id in [1, 2] {
        good(&sim, "node-1", &format!("{LVM} lvremove --autobackup=n -f vg_b/tp_{id}"));
    }
    assert_eq!(free(), whole);
    // Odd sizes take whole extents.
    good(&sim, "node-1", &create(3, 1_048_577, "--poolmetadataspare n"));
    assert_eq!(free(), whole - 1_048_576 - 4096 - 8192);
}

#[test]
fn small_file_systems_are_refused() {
    let sim = cluster();
    good(&sim, "node-1", &format!("{LVM} lvcreate -qq --size 200M --name small vg_b"));
    refused(&sim, "node-1", "mkfs.xfs -i maxpct=100 -n size=8192 /dev/vg_b/small", "larger than 300MB");
    good(&sim, "node-1", "mkfs.xfs --unsupported -i maxpct=100 -n size=8192 /dev/vg_b/small");
    good(&sim, "node-1", &format!("{LVM} lvremove -f vg_b/small"));
}

#[test]
fn fstab_can_be_missing() {
    let sim = cluster();
    sim.set_file("node-1", "/etc/fstab", None);
    refused(&sim, "node-1", "cat /etc/fstab", "No such file or directory");
    refused(&sim, "node-1", "sed -i.save \"/brick_1/d\" /etc/fstab", "can't read /etc/fstab: No such file");
    refused(&sim, "node-1", r#"awk "BEGIN {print \"x\" >> \"/no/where\"}""#, "No such file or directory");
    good(&sim, "node-1", r#"awk "BEGIN {print \"a \\\"b\\\" \\\\\" >> \"/etc/fstab\"}""#);
    assert_eq!(good(&sim, "node-1", "cat /etc/fstab"), "a \"b\" \\\n");
}

#[test]
fn a_reboot_tells_what_it_could_not_mount() {
    let sim = cluster();
    brick(&sim, "node-1", "1");
    good(&sim, "node-1", &format!("umount {MOUNT}"));
    good(&sim, "node-1", &format!("{LVM} lvremove -f vg_b/tp_1"));
    let failed = sim.reboot("node-1", "/etc/fstab");
    assert!(matches!(failed.as_slice(), [line] if line.starts_with(DEVICE)), "{failed:?}");
}
