//! Looks at whole nodes, and the repairs of what they find.

use heketi_core::model::Durability;
use heketi_core::operation::{Certainty, GlusterBrick, GlusterVolumeSpec, NodeMount, Observation};

use super::Answer::*;
use super::*;

const PVS: &str = r#"{"report":[{"pv":[{"pv_name":"/dev/sdb","pv_uuid":"KKuhOl","vg_name":"vg_0123456789abcdef0123456789abcdef"},
    {"pv_name":"/dev/sdc","pv_uuid":"Zt3rQk","vg_name":""}]}]}"#;
const VGS: &str = r#"{"report":[{"vg":[{"vg_name":"vg_0123456789abcdef0123456789abcdef","vg_size":"8192.00","vg_free":"4096.00","vg_extent_size":"4096.00"}]}]}"#;
const LVS: &str = include_str!("../parse/fixtures/lvs_all.json");
const MOUNT: &str = "/dev/mapper/vg_0123456789abcdef0123456789abcdef-brick_fedcba9876543210fedcba9876543210 on \
    /var/lib/heketi/mounts/vg_0123456789abcdef0123456789abcdef/brick_fedcba9876543210fedcba9876543210 type xfs (rw)\n";
const FSTAB: &str = "# UUID=0 / ext4 rw 0 1\n/dev/mapper/vg_0123456789abcdef0123456789abcdef-brick_fedcba9876543210fedcba9876543210 \
    /var/lib/heketi/mounts/vg_0123456789abcdef0123456789abcdef/brick_fedcba9876543210fedcba9876543210 xfs rw 1 2\n";
const VOLUMES: &str = "  brick_fedcba9876543210fedcba9876543210:tp_fedcba9876543210fedcba9876543210\n  tp_fedcba9876543210fedcba9876543210:\n";

fn node(changes: &[(&'static str, &[Answer])]) -> Bench {
    let usual: [(&'static str, &[Answer]); 8] = [
        ("lvm pvs", &[Prints(PVS)]),
        ("lvm vgs", &[Prints(VGS)]),
        ("lvs --reportformat", &[Prints(LVS)]),
        ("--separator :", &[Prints(VOLUMES)]),
        (": mount -o", &[Prints("")]),
        (": mount", &[Prints(MOUNT)]),
        (": cat ", &[Prints(FSTAB)]),
        (": find /var", &[Prints("/var/lib/heketi/mounts/vg_1\n/var/lib/heketi/mounts/vg_1/x\n")]),
    ];
    Bench::new(&[changes, &usual].concat())
}

#[tokio::test]
async fn one_batch_tells_everything() {
    let bench = node(&[(": find /run", &[Prints("/run/gluster/snaps/x/brick1/brick\n")])]);
    let Ok(Observation::Node(seen)) = bench.run(Action::InspectNode).await else { panic!("no contents") };
    assert_eq!(seen.physical_volumes.len(), 2);
    assert_eq!(
        (&seen.physical_volumes[0].volume_group, &seen.physical_volumes[1].volume_group),
        (&Some(VG.into()), &None)
    );
    assert_eq!((seen.volume_groups[0].total, seen.volume_groups[0].free), (Kib(8192), Kib(4096)));
    assert_eq!(seen.logical_volumes.len(), 4);
    let device = text("/dev/mapper/$VG-brick_$ID");
    let mount = NodeMount { device, mount_point: text("/var/lib/heketi/mounts/$VG/brick_$ID") };
    assert_eq!((seen.mounts, seen.fstab), (vec![mount.clone()], vec![mount]));
    let directories =
        ["/var/lib/heketi/mounts/vg_1", "/var/lib/heketi/mounts/vg_1/x", "/run/gluster/snaps/x/brick1/brick"];
    assert_eq!(seen.directories, directories);
    let expected = text(
        "/usr/sbin/lvm pvs --reportformat json --units k --nosuffix -o pv_name,pv_uuid,vg_name
         /usr/sbin/lvm vgs --reportformat json --units k --nosuffix -o vg_name,vg_size,vg_free,vg_extent_size
         /usr/sbin/lvm lvs --reportformat json --units k --nosuffix -o vg_name,lv_name,pool_lv,lv_attr,lv_size,lv_metadata_size
         mount
         cat /etc/fstab
         find /var/lib/heketi/mounts -mindepth 1 -maxdepth 3 -type d
         find /run/gluster/snaps -mindepth 3 -maxdepth 3 -type d",
    );
    assert_eq!(bench.ran(), expected);
}

/// A fresh node has neither directory nor fstab of heketi's; a node that cannot be asked has no answer at all.
#[tokio::test]
async fn what_is_not_there_is_no_failure_and_what_is_not_known_is() {
    let bench = node(&[
        (": cat ", &[Fails(1, "cat: /etc/fstab: No such file or directory")]),
        (": find /var", &[Fails(1, "find: '/var/lib/heketi/mounts': No such file or directory")]),
        (": find /run", &[Fails(1, "find: '/run/gluster/snaps': No such file or directory")]),
    ]);
    let Ok(Observation::Node(seen)) = bench.run(Action::InspectNode).await else { panic!("no contents") };
    assert_eq!((seen.fstab.len(), seen.directories.len()), (0, 0));
    for (line, answer) in [
        ("lvm lvs", Fails(5, "Can't open device")),
        (": find /var", Fails(1, "find: '/var/lib/heketi/mounts': Permission denied")),
        (": cat ", Fails(1, "sudo: a password is required")),
        ("lvm vgs", Prints("no report")),
    ] {
        let bench = node(&[(line, &[answer])]);
        let failure = bench.run(Action::InspectNode).await.unwrap_err();
        assert_ne!(failure.certainty, Certainty::Unknown, "{line}: {failure:?}");
    }
}

fn mount(make_directory: bool) -> Action {
    Action::MountBrick { brick: brick(), make_directory }
}

#[tokio::test]
async fn mounts_only_what_is_missing() {
    let looks = "/usr/sbin/lvm lvs --noheadings --separator : --options lv_name,pool_lv $VG
           |
           mount
           |
           cat /etc/fstab";
    let whole = node(&[]);
    assert_eq!(whole.run(mount(false)).await, Ok(Observation::Done));
    assert_eq!(whole.ran(), text(looks));
    let stray =
        "/dev/mapper/vg_0123456789abcdef0123456789abcdef-brick_fedcba9876543210fedcba9876543210 /mnt xfs rw 1 2\n";
    let bench = node(&[(": mount -o", &[Prints("")]), (": mount", &[Prints("")]), (": cat ", &[Prints(stray)])]);
    assert_eq!(bench.run(mount(true)).await, Ok(Observation::Done));
    let expected = text(&format!(
        r#"{looks}
           |
           fstab /etc/fstab '/dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID xfs rw,inode64,noatime,nouuid 1 2' '/dev/mapper/$VG-brick_$ID /mnt xfs rw 1 2'
           mkdir -p /var/lib/heketi/mounts/$VG/brick_$ID
           mount -o rw,inode64,noatime,nouuid /dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID
           mkdir -p /var/lib/heketi/mounts/$VG/brick_$ID/brick"#
    ));
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn mounts_nothing_over_or_instead_of_what_is_there() {
    let other = "/dev/mapper/data-home on \
        /var/lib/heketi/mounts/vg_0123456789abcdef0123456789abcdef/brick_fedcba9876543210fedcba9876543210 type xfs (rw)\n";
    for (line, answer, words) in [
        (": mount", Prints(other), "it was left there"),
        ("--separator :", Prints("  tp_fedcba9876543210fedcba9876543210:\n"), "nothing was mounted"),
        ("--separator :", Fails(5, "  Volume group \"x\" not found"), "nothing was mounted"),
    ] {
        let bench = node(&[(line, &[answer])]);
        let failure = bench.run(mount(false)).await.unwrap_err();
        assert!(failure.text.contains(words), "{}", failure.text);
        assert!(!bench.ran().contains("fstab /etc/fstab '"));
    }
}

#[tokio::test]
async fn removes_directories_below_the_mount_points_only() {
    let remove = |path: &str| Action::RemoveMountDirectory { path: path.into() };
    let bench = Bench::new(&[]);
    assert_eq!(bench.run(remove("/var/lib/heketi/mounts/vg_1")).await, Ok(Observation::Done));
    assert_eq!(bench.ran(), "rmdir /var/lib/heketi/mounts/vg_1");
    for path in ["/var/lib/heketi/mounts", "/var/lib/heketi/mounts/", "/srv/x", "/var/lib/heketi/mounts/../x", "x"] {
        let failure = bench.run(remove(path)).await.unwrap_err();
        assert_eq!((failure.certainty, bench.ran()), (Certainty::NotStarted, String::new()), "{path}");
    }
    let gone = Bench::new(&[("rmdir", &[Fails(1, "rmdir: failed to remove 'x': No such file or directory")])]);
    assert_eq!(gone.run(remove("/var/lib/heketi/mounts/vg_1")).await, Ok(Observation::Done));
    let used = Bench::new(&[("rmdir", &[Fails(1, "rmdir: failed to remove 'x': Directory not empty")])]);
    assert!(used.run(remove("/var/lib/heketi/mounts/vg_1")).await.is_err());
}

/// All bricks at once and in order, or the data would be spread otherwise than it is.
#[tokio::test]
async fn creates_a_lost_volume_over_all_its_bricks() {
    let bench = Bench::new(&[]);
    let brick = |host: &str, set: u32| GlusterBrick { host: host.into(), path: format!("/b{set}/brick") };
    let set = |n| vec![brick("a", n), brick("b", n)];
    let volume = GlusterVolumeSpec {
        name: "vol_1".into(),
        durability: Durability::Replicate { replica: 2 },
        arbiter: false,
        sets: vec![set(1), set(2)],
        options: vec!["user.heketi.id 7".into()],
    };
    assert_eq!(bench.run(Action::RecreateVolume { volume }).await, Ok(Observation::Done));
    let expected = text(
        "gluster --mode=script --timeout=600 volume create vol_1 replica 2 a:/b1/brick b:/b1/brick a:/b2/brick b:/b2/brick force
         gluster --mode=script --timeout=600 volume set vol_1 user.heketi.id 7
         gluster --mode=script --timeout=600 volume start vol_1",
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn starts_bricks_and_sets_options() {
    let bench = Bench::new(&[]);
    _ = bench.run(Action::StartBricks { name: "v".into() }).await.unwrap();
    let options = vec!["auth.allow 10.*".into(), String::new()];
    _ = bench.run(Action::SetOptions { name: "v".into(), options }).await.unwrap();
    let expected = "gluster --mode=script --timeout=600 volume start v force\n|\n\
         gluster --mode=script --timeout=600 volume set v auth.allow '10.*'";
    assert_eq!(bench.ran(), expected);
}
