use heketi_core::operation::{Certainty, DeviceContents, DeviceReport, FailureKind, Observation};

use super::Answer::*;
use super::*;

const DISK: &str = r#"{"blockdevices": [{"name": "sdc", "type": "disk", "fstype": null, "mountpoint": null, "size": 4294967296, "ro": false}]}"#;
const NO_PV: Answer = Fails(5, "  Failed to find physical volume \"/dev/sdc\".");
const PV_OURS: &str =
    r#"{"report":[{"pv":[{"pv_name":"/dev/sdc","pv_uuid":"Zt3","vg_name":"vg_0123456789abcdef0123456789abcdef"}]}]}"#;
const PV_MOVED: &str = r#"{"report":[{"pv":[{"pv_name":"/dev/sdc","pv_uuid":"Aa1","vg_name":"vg_other"},{"pv_name":"/dev/sdf","pv_uuid":"Zt3","vg_name":"vg_0123456789abcdef0123456789abcdef"}]}]}"#;
const PV_OTHER: &str = r#"{"report":[{"pv":[{"pv_name":"/dev/sdc","pv_uuid":"Aa1","vg_name":"vg_other"}]}]}"#;
const PV_BARE: &str = r#"{"report":[{"pv":[{"pv_name":"/dev/sdc","pv_uuid":"Zt3","vg_name":""}]}]}"#;
const SIZE: &str = "  vg_0123456789abcdef0123456789abcdef:r/w:772:-1:0:0:0:-1:0:1:1:4059136:4096:991:1:990:4IjfKw\n";
const LINKS: &str = "disk/by-id/lab disk/by-id/lvm-pv-uuid-Zt3\n";
const NO_GROUP: Answer = Fails(5, "  Volume group \"vg\" not found");

fn inspect() -> Action {
    Action::InspectDevice { device: "/dev/sdc".into() }
}

fn set_up(wipe: bool) -> Action {
    Action::SetUpDevice { device: "/dev/sdc".into(), volume_group: VG.into(), wipe }
}

fn tear_down(pv_uuid: Option<&str>, bare_too: bool) -> Action {
    let pv_uuid = pv_uuid.map(str::to_owned);
    Action::TearDownDevice { device: "/dev/sdc".into(), pv_uuid, volume_group: VG.into(), bare_too }
}

fn report(device: &str) -> Observation {
    Observation::Device(DeviceReport {
        total: Kib(991 * 4096),
        free: Kib(990 * 4096),
        extent: Kib(4096),
        pv_uuid: Some("Zt3".into()),
        paths: vec!["/dev/disk/by-id/lab".into(), device.into()],
    })
}

#[tokio::test]
async fn an_empty_disk_holds_nothing() {
    let bench = Bench::new(&[("lsblk", &[Prints(DISK)]), ("pvs", &[NO_PV])]);
    let contents = DeviceContents { size: Kib(4 * 1024 * 1024), exists: true, ..DeviceContents::default() };
    assert_eq!(bench.run(inspect()).await, Ok(Observation::Contents(contents)));
    let expected = text(
        "lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO /dev/sdc
         wipefs --no-act --parsable /dev/sdc
         /usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json /dev/sdc",
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn a_used_disk_tells_what_holds_it() {
    const BUSY: &str = r#"{"blockdevices": [{"name": "sdc", "type": "disk", "fstype": null, "mountpoint": null, "size": "1024", "ro": "1",
        "children": [{"name": "sdc1", "type": "part", "mountpoint": "/data"}, {"name": "sdc2", "type": "part", "mountpoint": "[SWAP]",
        "children": [{"name": "md0", "type": "raid1"}]}, {"name": "a-b", "type": "lvm", "mountpoint": "/data"}]}]}"#;
    let bench = Bench::new(&[("lsblk", &[Prints(BUSY)]), ("wipefs", &[Prints("0x1fe,,,dos\n")]), ("pvs", &[NO_PV])]);
    let Ok(Observation::Contents(found)) = bench.run(inspect()).await else { panic!() };
    assert_eq!(found.mount_points, ["/data", "[SWAP]"]);
    assert_eq!(found.children, ["md0", "sdc1", "sdc2"]);
    assert_eq!((found.read_only, found.signature.as_deref(), found.size), (true, Some("dos"), Kib(1)));

    let member = Prints("0x218,Zt3,,LVM2_member\n");
    for (pvs, group) in [(PV_OURS, Some(VG)), (PV_BARE, None)] {
        let bench = Bench::new(&[("lsblk", &[Prints(DISK)]), ("wipefs", &[member]), ("pvs", &[Prints(pvs)])]);
        let Ok(Observation::Contents(found)) = bench.run(inspect()).await else { panic!() };
        assert_eq!(
            (found.pv_uuid.as_deref(), found.volume_group.as_deref(), found.signature),
            (Some("Zt3"), group, None)
        );
    }
    // What udev remembers of a disk that was wiped since is not on the disk.
    const REMEMBERED: &str =
        r#"{"blockdevices": [{"name": "sdc", "type": "disk", "fstype": "swap", "size": "1024", "ro": "0"}]}"#;
    let bench = Bench::new(&[("lsblk", &[Prints(REMEMBERED)]), ("pvs", &[NO_PV])]);
    let Ok(Observation::Contents(found)) = bench.run(inspect()).await else { panic!() };
    assert_eq!(found.signature, None);

    // LVM's own filter hides the disk: whose it is cannot be known.
    let bench = Bench::new(&[("lsblk", &[Prints(DISK)]), ("wipefs", &[member]), ("pvs", &[NO_PV])]);
    let failure = bench.run(inspect()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DeviceNotAvailable);
}

#[tokio::test]
async fn a_missing_disk_is_an_answer_a_missing_tool_is_not() {
    let bench = Bench::new(&[("lsblk", &[Fails(32, "lsblk: /dev/sdc: not a block device")])]);
    assert_eq!(bench.run(inspect()).await, Ok(Observation::Contents(DeviceContents::default())));
    for (tool, answer) in [
        ("lsblk", Fails(127, "bash: line 1: lsblk: command not found")),
        ("lsblk", Fails(1, "sudo: lsblk: command not found")),
        ("wipefs", Fails(1, "wipefs: error: /dev/sdc: probing initialization failed: Permission denied")),
        ("pvs", Fails(127, "bash: /no/such/script: No such file or directory")),
        ("pvs", Prints("")),
    ] {
        let bench = Bench::new(&[(tool, &[answer]), ("lsblk", &[Prints(DISK)])]);
        assert!(bench.run(inspect()).await.is_err(), "{tool} {answer:?}");
    }
}

#[tokio::test]
async fn sets_a_disk_up_in_one_batch() {
    let bench =
        Bench::new(&[("vgdisplay", &[Prints(SIZE)]), ("pvs", &[Prints(PV_OURS)]), ("udevadm", &[Prints(LINKS)])]);
    assert_eq!(bench.run(set_up(false)).await, Ok(report("/dev/sdc")));
    let expected = text(
        "/usr/sbin/lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '/dev/sdc'
         /usr/sbin/lvm vgcreate -qq --physicalextentsize=4M --autobackup=n $VG /dev/sdc
         /usr/sbin/lvm vgdisplay -c $VG
         /usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json /dev/sdc
         /usr/bin/udevadm info --query=symlink --name=/dev/sdc",
    );
    assert_eq!(bench.ran(), expected);
    let bench =
        Bench::new(&[("vgdisplay", &[Prints(SIZE)]), ("pvs", &[Prints(PV_OURS)]), ("udevadm", &[Fails(1, "no udev")])]);
    let Ok(Observation::Device(device)) = bench.run(set_up(false)).await else { panic!() };
    assert_eq!(device.paths, ["/dev/sdc"]);
}

/// Between the look on which the wipe was decided and the wipe the disk can have got another owner, or its name
/// another disk.
#[tokio::test]
async fn a_disk_is_looked_at_again_before_it_is_wiped() {
    const MOUNTED: &str =
        r#"{"blockdevices": [{"name": "sdc", "type": "disk", "size": 1024, "ro": false, "mountpoint": "/data"}]}"#;
    const PARTITIONED: &str = r#"{"blockdevices": [{"name": "sdc", "type": "disk", "size": 1024, "ro": false,
        "children": [{"name": "sdc1", "type": "part"}]}]}"#;
    const FREE: Answer = Prints(r#"{"report":[{"pv":[]}]}"#);
    for (disk, pvs, found) in [
        (DISK, Prints(PV_OTHER), "physical volume Aa1 of volume group vg_other"),
        (MOUNTED, FREE, "mounted at /data"),
        (PARTITIONED, FREE, "block devices sdc1"),
    ] {
        let bench = Bench::new(&[("lsblk", &[Prints(disk)]), ("pvs", &[pvs])]);
        let failure = bench.run(set_up(true)).await.unwrap_err();
        assert_eq!((failure.kind, failure.certainty), (FailureKind::DeviceNotAvailable, Certainty::Failed));
        assert!(failure.text.contains(&format!("it is not wiped; found on it: {found}")), "{}", failure.text);
        assert!(!bench.ran().contains("wipefs --all") && !bench.ran().contains("pvcreate"), "{}", bench.ran());
    }
    let usual = [("vgdisplay", &[Prints(SIZE)][..]), ("udevadm", &[Prints(LINKS)]), ("lsblk", &[Prints(DISK)])];
    let bench = Bench::new(&[&usual[..], &[("pvs", &[Prints(PV_BARE), Prints(PV_OURS)])]].concat());
    assert_eq!(bench.run(set_up(true)).await, Ok(report("/dev/sdc")));
    assert!(bench.ran().contains("\nwipefs --all /dev/sdc\n/usr/sbin/lvm pvcreate"), "{}", bench.ran());
    // What an earlier try made is not wiped.
    let bench = Bench::new(&[&usual[..], &[("pvs", &[Prints(PV_OURS)])]].concat());
    assert_eq!(bench.run(set_up(true)).await, Ok(report("/dev/sdc")));
    assert!(!bench.ran().contains("wipefs --all"), "{}", bench.ran());
}

#[tokio::test]
async fn a_disk_set_up_by_an_earlier_try_is_read() {
    let bench = Bench::new(&[
        ("pvcreate", &[Fails(5, "  Can't initialize physical volume \"/dev/sdc\" of volume group \"vg\" without -ff")]),
        ("lsblk", &[Prints(DISK)]),
        ("vgdisplay", &[Prints(SIZE)]),
        ("pvs", &[Prints(PV_OURS)]),
        ("udevadm", &[Prints(LINKS)]),
    ]);
    assert_eq!(bench.run(set_up(false)).await, Ok(report("/dev/sdc")));
}

#[tokio::test]
async fn a_disk_in_use_is_not_available_and_the_text_tells_why() {
    for (pvcreate, pvs, words) in [
        (
            Fails(5, "  Can't initialize"),
            Prints(PV_OTHER),
            "Initializing device /dev/sdc failed (aleady contains Physical Volume UUID): Can't initialize (lvm pvcreate on n1); found on it: physical volume Aa1 of volume group vg_other",
        ),
        (
            Fails(5, "WARNING: ext4 signature detected"),
            NO_PV,
            "Initializing device /dev/sdc failed (already initialized or contains data?): WARNING: ext4 signature detected",
        ),
        (
            Fails(5, "Cannot use /dev/sdc: device is partitioned"),
            NO_PV,
            "Initializing device /dev/sdc failed (already initialized or contains data?): Cannot use",
        ),
    ] {
        let bench = Bench::new(&[("pvcreate", &[pvcreate]), ("lsblk", &[Prints(DISK)]), ("pvs", &[pvs])]);
        let failure = bench.run(set_up(false)).await.unwrap_err();
        assert!(failure.text.starts_with(words), "{}", failure.text);
        assert_eq!((failure.kind, failure.certainty), (FailureKind::DeviceNotAvailable, Certainty::Failed));
    }
    let broken = Bench::new(&[
        ("lvm", &[Fails(127, "bash: /usr/sbin/lvm: No such file or directory")]),
        ("lsblk", &[Prints(DISK)]),
    ]);
    let failure = broken.run(set_up(false)).await.unwrap_err();
    assert_eq!((failure.kind, failure.certainty), (FailureKind::Command, Certainty::Failed));
    let lost = Bench::new(&[("vgcreate", &[Breaks])]).run(set_up(false)).await.unwrap_err();
    assert_eq!(lost.certainty, Certainty::Unknown);
}

#[tokio::test]
async fn reads_a_device_also_after_it_got_another_name() {
    let read = || Action::ReadDevice { device: "/dev/sdc".into(), volume_group: VG.into() };
    let usual = [("vgdisplay", &[Prints(SIZE)][..]), ("udevadm", &[Prints(LINKS)][..])];
    let bench = Bench::new(&[&usual[..], &[("pvs", &[Prints(PV_OURS)])]].concat());
    assert_eq!(bench.run(read()).await, Ok(report("/dev/sdc")));
    for named in [Prints(PV_OTHER), NO_PV] {
        let bench = Bench::new(&[&usual[..], &[("pvs", &[named, Prints(PV_MOVED)])]].concat());
        assert_eq!(bench.run(read()).await, Ok(report("/dev/sdf")));
        assert!(bench.ran().ends_with("udevadm info --query=symlink --name=/dev/sdf"));
    }
    let bench = Bench::new(&[&usual[..], &[("pvs", &[Prints(PV_OTHER)])]].concat());
    assert!(bench.run(read()).await.is_err());
    assert!(Bench::new(&[("vgdisplay", &[NO_GROUP])]).run(read()).await.is_err());
}

#[tokio::test]
async fn tears_down_the_disk_of_the_group_under_its_present_name() {
    let bench = Bench::new(&[("pvs", &[Prints(PV_MOVED)])]);
    assert_eq!(bench.run(tear_down(None, false)).await, Ok(Observation::Done));
    let expected = text(
        "/usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json
         |
         /usr/sbin/lvm lvs --noheadings -o lv_name $VG
         |
         /usr/sbin/lvm vgremove -qq $VG
         /usr/sbin/lvm pvremove -qq '/dev/sdf'
         |
         rmdir /var/lib/heketi/mounts/$VG",
    );
    assert_eq!(bench.ran(), expected);
}

#[tokio::test]
async fn a_group_with_volumes_stays_whole() {
    let bench = Bench::new(&[("pvs", &[Prints(PV_OURS)]), ("lvs", &[Prints("  TEST\n  tp_1  \n")])]);
    let failure = bench.run(tear_down(Some("Zt3"), true)).await.unwrap_err();
    assert!(failure.text.contains("TEST, tp_1"), "{}", failure.text);
    assert!(!bench.ran().contains("remove"));
}

#[tokio::test]
async fn a_disk_of_another_group_is_never_touched() {
    for (pv_uuid, bare_too) in [(None, false), (None, true), (Some("Aa1"), true), (Some("Zt3"), true)] {
        let bench = Bench::new(&[("pvs", &[Prints(PV_OTHER)])]);
        assert_eq!(bench.run(tear_down(pv_uuid, bare_too)).await, Ok(Observation::Done));
        assert!(!bench.ran().contains("remove"), "{pv_uuid:?} {bare_too}");
    }
}

#[tokio::test]
async fn a_bare_disk_is_removed_only_when_that_is_right() {
    for (pv_uuid, bare_too, removed) in [
        (None, false, false),
        (Some("Zt3"), false, false),
        (None, true, true),
        (Some("Zt3"), true, true),
        (Some("Other"), true, false),
    ] {
        let bench = Bench::new(&[("pvs", &[Prints(PV_BARE)])]);
        assert_eq!(bench.run(tear_down(pv_uuid, bare_too)).await, Ok(Observation::Done));
        assert_eq!(bench.ran().contains("pvremove -qq '/dev/sdc'"), removed, "{pv_uuid:?} {bare_too}");
    }
}

#[tokio::test]
async fn tearing_down_twice_is_success() {
    let bench = Bench::new(&[
        ("pvs", &[Prints(PV_OURS)]),
        ("vgremove", &[NO_GROUP]),
        ("pvremove", &[Fails(5, "  No PV found on device /dev/sdc.")]),
        ("rmdir", &[Fails(1, "rmdir: failed to remove 'x': No such file or directory")]),
    ]);
    assert_eq!(bench.run(tear_down(None, false)).await, Ok(Observation::Done));
}
