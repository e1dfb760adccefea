use heketi_core::operation::{Certainty, Observation};

use super::Answer::*;
use super::*;

const MOUNTED: &str = "/dev/sda on / type ext4 (rw)\n/dev/mapper/vg_0123456789abcdef0123456789abcdef-brick_fedcba9876543210fedcba9876543210 on \
    /var/lib/heketi/mounts/vg_0123456789abcdef0123456789abcdef/brick_fedcba9876543210fedcba9876543210 type xfs (rw)\n";
const FSTAB: &str = "UUID=1 / ext4 rw 0 1\n/dev/mapper/vg_0123456789abcdef0123456789abcdef-brick_fedcba9876543210fedcba9876543210 \
    /var/lib/heketi/mounts/vg_0123456789abcdef0123456789abcdef/brick_fedcba9876543210fedcba9876543210 xfs rw 1 2\n";
const VOLUMES: &str = "  brick_fedcba9876543210fedcba9876543210:tp_fedcba9876543210fedcba9876543210\n  tp_fedcba9876543210fedcba9876543210:\n";
const ONLY_POOL: &str = "  tp_fedcba9876543210fedcba9876543210:\n";
const FOREIGN: &str = "  brick_fedcba9876543210fedcba9876543210:tp_other\n  tp_other:\n";
const NO_GROUP: Answer = Fails(5, "  Volume group \"vg_x\" not found\n  Cannot process volume group vg_x");

fn destroy() -> Action {
    Action::DestroyBrick { brick: brick() }
}

/// A node with the whole brick on it, unless `changes` say otherwise.
fn bench(changes: &[(&'static str, &[Answer])]) -> Bench {
    let usual: [(&'static str, &[Answer]); 5] = [
        (": umount", &[Prints("")]),
        (": mount", &[Prints(MOUNTED)]),
        (": cat ", &[Prints(FSTAB)]),
        ("--separator :", &[Prints(VOLUMES)]),
        ("thin_count", &[Prints("     0\n")]),
    ];
    Bench::new(&[changes, &usual].concat())
}

#[tokio::test]
async fn destroys_a_whole_brick_in_the_order_that_leaves_the_node_bootable() {
    let bench = bench(&[]);
    assert_eq!(bench.run(destroy()).await, Ok(Observation::BrickDestroyed { pool_removed: true }));
    let expected = text(
        r#"mount
           cat /etc/fstab
           /usr/sbin/lvm lvs --noheadings --separator : --options lv_name,pool_lv $VG
           |
           umount /var/lib/heketi/mounts/$VG/brick_$ID
           fstab /etc/fstab '' '/dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID xfs rw 1 2'
           /usr/sbin/lvm lvremove --autobackup=n -f $VG/brick_$ID
           /usr/sbin/lvm lvs --noheadings --options=thin_count $VG/tp_$ID
           |
           /usr/sbin/lvm lvremove --autobackup=n -f $VG/tp_$ID
           rmdir /var/lib/heketi/mounts/$VG/brick_$ID"#,
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn does_only_what_is_left_to_do() {
    let rmdir = text("rmdir /var/lib/heketi/mounts/$VG/brick_$ID");
    for (changes, acts) in [
        // Nothing there at all: neither mount, nor line, nor group.
        ([(": mount", Prints("")), (": cat ", Prints("")), ("--separator :", NO_GROUP)], rmdir.clone()),
        // No fstab file.
        (
            [
                (": mount", Prints("")),
                (": cat ", Fails(1, "cat: /etc/fstab: No such file or directory")),
                ("--separator :", NO_GROUP),
            ],
            rmdir.clone(),
        ),
        // A comment that names the brick is not its line.
        (
            [
                (": mount", Prints("")),
                (": cat ", Prints("# brick_fedcba9876543210fedcba9876543210\n")),
                ("--separator :", Prints("")),
            ],
            rmdir.clone(),
        ),
        // An earlier try came to the pool.
        (
            [(": mount", Prints("")), (": cat ", Prints("")), ("--separator :", Prints(ONLY_POOL))],
            text(&format!(
                "/usr/sbin/lvm lvs --noheadings --options=thin_count $VG/tp_$ID
                 |
                 /usr/sbin/lvm lvremove --autobackup=n -f $VG/tp_$ID
                 {rmdir}"
            )),
        ),
    ] {
        let changes: Vec<(&'static str, [Answer; 1])> =
            changes.into_iter().map(|(text, answer)| (text, [answer])).collect();
        let changes: Vec<(&'static str, &[Answer])> =
            changes.iter().map(|(text, answer)| (*text, &answer[..])).collect();
        let bench = bench(&changes);
        assert_eq!(bench.run(destroy()).await, Ok(Observation::BrickDestroyed { pool_removed: true }));
        let ran = bench.ran();
        let acts_only: Vec<&str> = ran.lines().skip_while(|line| !line.contains("--separator")).skip(2).collect();
        assert_eq!(acts_only.join("\n"), acts);
    }
}

#[tokio::test]
async fn a_pool_with_other_volumes_stays() {
    let bench = bench(&[("thin_count", &[Prints("  1")])]);
    assert_eq!(bench.run(destroy()).await, Ok(Observation::BrickDestroyed { pool_removed: false }));
    assert!(!bench.ran().contains(&text("-f $VG/tp_$ID")));
    // Making a brick anew does not work around it.
    let failure = bench.run(Action::CreateBrick { brick: brick(), redo: true }).await.unwrap_err();
    assert!(failure.text.contains("holds other logical volumes"), "{}", failure.text);
    assert!(!bench.ran().contains("lvcreate"));
}

#[tokio::test]
async fn a_volume_of_another_pool_is_not_touched() {
    let bench = bench(&[("--separator :", &[Prints(FOREIGN)])]);
    let failure = bench.run(destroy()).await.unwrap_err();
    assert!(failure.text.contains("nothing was removed"), "{}", failure.text);
    let ran = bench.ran();
    assert!(!ran.contains("lvremove") && !ran.contains("umount"), "{ran}");
}

#[tokio::test]
async fn what_vanishes_meanwhile_is_as_good_as_removed() {
    let bench = bench(&[
        (": umount", &[Fails(32, "umount: /x: not mounted.")]),
        ("lvremove --autobackup=n -f", &[Fails(5, "  Failed to find logical volume \"x\"")]),
        ("thin_count", &[Fails(5, "  Failed to find logical volume \"x\"")]),
        (": rmdir", &[Fails(1, "rmdir: failed to remove 'x': No such file or directory")]),
    ]);
    assert_eq!(bench.run(destroy()).await, Ok(Observation::BrickDestroyed { pool_removed: true }));
}

#[tokio::test]
async fn a_busy_mount_is_tried_again_and_then_named_with_its_holders() {
    const BUSY: Answer = Fails(32, "umount: /x: target is busy.");
    let patient = bench(&[(": umount", &[BUSY, BUSY, Prints("")])]);
    assert_eq!(patient.run(destroy()).await, Ok(Observation::BrickDestroyed { pool_removed: true }));
    assert_eq!(patient.ran().matches("umount").count(), 3);

    let stuck = bench(&[(": umount", &[BUSY]), ("lsof", &[Prints("COMMAND PID USER\nsleep 1202 root cwd")])]);
    let failure = stuck.run(destroy()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Failed);
    assert!(failure.text.starts_with("umount: /x: target is busy."), "{}", failure.text);
    assert!(failure.text.ends_with("; used by: sleep (1202)"), "{}", failure.text);
    let ran = stuck.ran();
    assert_eq!(ran.matches("umount").count(), 5);
    // The line stays: the brick still comes back after a boot.
    assert!(!ran.contains("fstab /") && !ran.contains("lvremove"), "{ran}");
}

#[tokio::test]
async fn failures_of_lvm_are_not_swallowed() {
    for (rule, answer) in [
        ("-f vg_0123456789abcdef0123456789abcdef/tp_", Fails(5, "  Logical volume in use.")),
        ("-f vg_0123456789abcdef0123456789abcdef/brick_", Fails(5, "  contains a filesystem in use.")),
        ("--separator :", Fails(127, "bash: /usr/sbin/lvm: not found")),
        ("--separator :", Fails(1, "sudo: /usr/sbin/lvm: command not found")),
        ("thin_count", Prints("nonsense")),
        (": bash", Fails(1, "/etc/fstab: no copy of it can be kept, nothing was changed")),
        (": cat", Fails(1, "cat: /etc/fstab: Permission denied")),
    ] {
        let failure = bench(&[(rule, &[answer])]).run(destroy()).await.unwrap_err();
        assert_eq!(failure.certainty, Certainty::Failed, "{rule}: {failure:?}");
    }
    let failure = bench(&[("lvremove", &[Breaks])]).run(destroy()).await.unwrap_err();
    assert_eq!(failure.certainty, Certainty::Unknown);
}

#[tokio::test]
async fn bricks_of_clones_have_no_line_in_fstab() {
    let mount_point = "/var/run/gluster/snaps/77/brick1";
    let clone = BrickSpec { logical_volume: "77_0".into(), mount_point: mount_point.into(), ..brick() };
    let bench = bench(&[
        (": mount", &[Prints("/dev/mapper/x on /run/gluster/snaps/77/brick1 type xfs (rw)")]),
        (": cat", &[Prints("/dev/x /var/run/gluster/snaps/77/brick1 xfs rw 1 2")]),
        (
            "--separator :",
            &[Prints("  77_0:tp_fedcba9876543210fedcba9876543210\n  tp_fedcba9876543210fedcba9876543210:\n")],
        ),
    ]);
    assert!(bench.run(Action::DestroyBrick { brick: clone }).await.is_ok());
    let ran = bench.ran();
    assert!(ran.contains(&format!("umount {mount_point}")) && !ran.contains("fstab /"), "{ran}");
    assert!(ran.contains(&text("-f $VG/77_0")), "{ran}");
}

/// glusterd leaves all of a clone's bricks, also the directory above their mount points, which goes with the last
/// of them on the node. heketi v10 took every clone brick for the first of its node: what is mounted tells better.
#[tokio::test]
async fn a_clones_brick_goes_with_its_directories_and_by_its_real_name() {
    let clone = |recorded: &str| BrickSpec {
        logical_volume: recorded.into(),
        mount_point: "/run/gluster/snaps/77/brick4".into(),
        ..brick()
    };
    let volumes =
        "  77_0:tp_other\n  77_1:tp_fedcba9876543210fedcba9876543210\n  tp_fedcba9876543210fedcba9876543210:\n";
    let mounted =
        "/dev/mapper/vg_0123456789abcdef0123456789abcdef-77_1 on /run/gluster/snaps/77/brick4 type xfs (rw)\n";
    const NOT_EMPTY: Answer = Fails(1, "rmdir: failed to remove '/run/gluster/snaps/77': Directory not empty");
    for (recorded, rmdir) in [("77_1", Prints("")), ("77_0", NOT_EMPTY)] {
        let bench = bench(&[
            (": mount", &[Prints(mounted)]),
            ("--separator :", &[Prints(volumes)]),
            ("thin_count", &[Prints("1")]),
            ("rmdir /run/gluster/snaps/77/brick4", &[Prints("")]),
            ("rmdir /run/gluster/snaps/77", &[rmdir]),
        ]);
        let seen = bench.run(Action::DestroyBrick { brick: clone(recorded) }).await;
        assert_eq!(seen, Ok(Observation::BrickDestroyed { pool_removed: false }), "{recorded}");
        let ran = bench.ran();
        assert!(ran.contains(&text("-f $VG/77_1")) && !ran.contains("77_0"), "{ran}");
        let end = "|\nrmdir /run/gluster/snaps/77/brick4\nrmdir /run/gluster/snaps/77";
        assert!(ran.ends_with(end), "{ran}");
    }
    // After a boot only the logical volume is left.
    let rebooted = bench(&[
        (": mount", &[Prints("")]),
        ("--separator :", &[Prints(volumes)]),
        ("rmdir", &[Fails(1, "rmdir: failed to remove 'x': No such file or directory")]),
    ]);
    assert!(rebooted.run(Action::DestroyBrick { brick: clone("77_1") }).await.is_ok());
    let ran = rebooted.ran();
    assert!(!ran.contains("umount") && ran.contains(&text("-f $VG/77_1")), "{ran}");
}

#[tokio::test]
async fn a_short_name_does_not_take_other_lines_with_it() {
    let brick =
        BrickSpec { logical_volume: "b-1".into(), thin_pool: "p".into(), mount_point: "/bricks/b.1".into(), ..brick() };
    let fstab = "/dev/mapper/vg_0123456789abcdef0123456789abcdef-b--1 /bricks/b.1 xfs rw 1 2\n/dev/sdx /bricks/b.10 xfs rw 1 2\n";
    let bench = bench(&[(": mount", &[Prints("")]), (": cat", &[Prints(fstab)]), ("--separator :", &[NO_GROUP])]);
    assert!(bench.run(Action::DestroyBrick { brick }).await.is_ok());
    let ran = bench.ran();
    let removed = "'' '/dev/mapper/vg_0123456789abcdef0123456789abcdef-b--1 /bricks/b.1 xfs rw 1 2'";
    assert!(ran.contains(&format!("\nfstab /etc/fstab {removed}\n")), "{ran}");
}

#[tokio::test]
async fn redoing_a_brick_destroys_it_first() {
    let bench = bench(&[]);
    assert_eq!(bench.run(Action::CreateBrick { brick: brick(), redo: true }).await, Ok(Observation::Done));
    let ran = bench.ran();
    assert!(ran.find("lvremove").unwrap() < ran.find("lvcreate").unwrap(), "{ran}");
    assert!(ran.ends_with("/brick"), "{ran}");
}

/// Arbiter bricks may be smaller than what mkfs.xfs makes of its own accord; others are never that small.
#[tokio::test]
async fn a_small_arbiter_brick_gets_its_file_system() {
    const SMALL: Answer = Fails(1, "Filesystem must be larger than 300MB.\nUsage: mkfs.xfs");
    const OTHER: Answer = Fails(1, "mkfs.xfs: /dev/x contains a mounted filesystem");
    for (format, answers, small, made) in [
        (BrickFormat::Arbiter, [SMALL, Prints("")], true, true),
        (BrickFormat::Arbiter, [SMALL, SMALL], true, false),
        (BrickFormat::Arbiter, [OTHER, Prints("")], false, false),
        (BrickFormat::Normal, [SMALL, Prints("")], false, false),
    ] {
        let bench = Bench::new(&[(": mkfs.xfs", answers.as_slice())]);
        let create = Action::CreateBrick { brick: BrickSpec { format, size: Kib(16384), ..brick() }, redo: false };
        assert_eq!(bench.run(create).await.is_ok(), made, "{format:?} {answers:?}");
        let ran = bench.ran();
        let tried = text("mkfs.xfs --unsupported -i maxpct=100 -n size=8192 /dev/mapper/$VG-brick_$ID");
        assert_eq!(ran.contains(&tried), small, "{ran}");
        assert_eq!(ran.contains("mount -o"), made, "nothing is mounted without a file system");
    }
}

/// udev can be later than `lvcreate`; it is waited for, and not for ever.
#[tokio::test]
async fn a_device_node_that_comes_late_is_waited_for() {
    const NO_DISK: Answer =
        Fails(1, "Error accessing specified device /dev/mapper/a-b: No such file or directory\nUsage");
    const NO_DEVICE: Answer = Fails(32, "mount: /x: special device /dev/mapper/a-b does not exist.");
    const NO_POINT: Answer = Fails(32, "mount: /x: mount point does not exist.");
    const NO_PROGRAM: Answer = Fails(127, "bash: mkfs.xfs /dev/mapper/a-b: No such file or directory");
    for (line, answers, times, made) in [
        (": mkfs.xfs", &[NO_DISK, NO_DISK, Prints("")][..], 3, true),
        (": mount -o", &[NO_DEVICE, Prints("")], 2, true),
        (": mkfs.xfs", &[NO_DISK], 5, false),
        (": mount -o", &[NO_DEVICE], 5, false),
        (": mount -o", &[NO_POINT], 1, false),
        (": mkfs.xfs", &[NO_PROGRAM], 1, false),
    ] {
        let bench = Bench::new(&[(line, answers)]);
        let created = bench.run(Action::CreateBrick { brick: brick(), redo: false }).await;
        assert_eq!(created.is_ok(), made, "{answers:?}: {created:?}");
        let ran = bench.ran();
        assert_eq!(ran.matches(&line[2..]).count(), times, "{answers:?}: {ran}");
        assert_eq!(ran.matches("lvcreate").count(), 1, "{ran}");
    }
}
