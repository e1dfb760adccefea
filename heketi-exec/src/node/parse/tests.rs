use heketi_core::operation::{BrickHeal, GlusterBrick};
use heketi_core::units::Kib;
use proptest::prelude::*;

use super::gluster_xml::{Reply, SnapshotList};
use super::lvm::{GroupSize, LogicalVolume, PhysicalVolume};
use super::*;

/// Feeds one text to all parsers.
fn feed(text: &str) {
    _ = gluster_xml::status(text);
    _ = gluster_xml::pool_list(text);
    _ = gluster_xml::volumes(text);
    _ = gluster_xml::snapshots(text);
    _ = gluster_xml::heal_info(text);
    _ = lsblk::disk(text);
    _ = lsblk::signatures(text);
    _ = lvm::physical_volumes(text);
    _ = lvm::group_size(text, "vg");
    _ = lvm::volumes_and_pools(text);
    _ = lvm::names(text);
    _ = lvm::thin_count(text);
    _ = lvm::volume_groups(text);
    _ = lvm::logical_volumes(text);
    _ = gluster_xml::heal_info(text);
    _ = lvm::links(text, "/dev/sda");
    _ = mounts::mounts(text);
    _ = mounts::fstab(text);
    _ = mounts::logical_volume(text);
    _ = mounts::holders(text, 10);
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,200}") {
        feed(&text);
    }

    #[test]
    fn no_scrambled_answer_makes_a_parser_panic(
        parts in proptest::collection::vec(prop_oneof![
            Just("<cliOutput>"), Just("</cliOutput>"), Just("<opRet>"), Just("0</opRet>"), Just("<volInfo><volumes>"),
            Just("<volume><name>a"), Just("</name>"), Just("<bricks><brick uuid='x'>h:/p<name>h:/p</name>"),
            Just("&amp;"), Just("&bad;"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("\u{e9}"),
            Just("{\"report\":["), Just("{\"pv\":[{\"pv_name\":"), Just("\"/dev/sda\"}]}]}"), Just("]"), Just("}"),
            Just("{\"blockdevices\":[{\"children\":["), Just("\"size\":"), Just("-1"), Just("1e400"), Just("null"),
            Just(":"), Just("\n"), Just("  vg:1:2:3:4:5:6:7:8:9:0:1:4096:9:9:9:9\n"), Just("# "), Just(" on "), Just(" type "),
            Just("\\040"), Just("\\4"), Just("0x0,,,ext4"),
        ], 0..30)
    ) {
        feed(&parts.concat());
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_stack_overflow() {
    feed(&format!("<cliOutput>{}", "<a>".repeat(200_000)));
    feed(&format!("{{\"blockdevices\":{}", "[{\"children\":".repeat(100_000)));
}

const POOL_10: &str = include_str!("fixtures/pool_list_gluster10.xml");
const VOLUME_10: &str = include_str!("fixtures/volume_info_gluster10.xml");
const CLONE_10: &str = include_str!("fixtures/volume_info_clone_gluster10.xml");
const BRICK_MOUNTED: &str = include_str!("fixtures/lsblk_mounted_brick.json");

fn done<T: std::fmt::Debug>(reply: Result<Reply<T>, ParseError>) -> T {
    match reply {
        Ok(Reply::Done(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn brick(host: &str, path: &str) -> GlusterBrick {
    GlusterBrick { host: host.into(), path: path.into() }
}

#[test]
fn reads_the_pool_with_all_names() {
    let peers = done(gluster_xml::pool_list(POOL_10));
    assert_eq!(peers.len(), 2);
    assert_eq!(peers[0].names, ["10.77.0.12", "n2"]);
    assert_eq!(peers[0].uuid, "7b6a9f5c-8858-4399-ad10-a7fd0b39ce2f");
    assert!(peers[0].connected && peers[1].connected);
    assert_eq!(peers[1].names, ["localhost"]);
}

#[test]
fn reads_a_peer_that_is_away_and_names_without_a_list() {
    let text = "<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr>(null)</opErrstr><peerStatus>\
        <peer><uuid>9</uuid><hostname>b</hostname><connected>0</connected><state>3</state></peer></peerStatus></cliOutput>";
    let peers = done(gluster_xml::pool_list(text));
    assert_eq!((peers[0].names.as_slice(), peers[0].connected), (&["b".to_owned()][..], false));
}

#[test]
fn reads_volumes_of_gluster_10() {
    let volumes = done(gluster_xml::volumes(VOLUME_10));
    let [volume] = volumes.as_slice() else { panic!("{volumes:?}") };
    assert_eq!((volume.name.as_str(), volume.started), ("vfix", false));
    assert_eq!(volume.uuid, "822f7b0c-1c3d-4bf6-93d9-4b46ced91d5d");
    assert_eq!(volume.bricks, [brick("10.77.0.11", "/srv/fixb1"), brick("10.77.0.12", "/srv/fixb1")]);
    assert_eq!(volume.options[0], ("user.x".to_owned(), "hello  <w> & \"q\"".to_owned()));
    assert_eq!(volume.options.len(), 5);
}

/// Answers of other versions: stripe counts up to 5, no `isArbiter` in the oldest, a thin arbiter brick and
/// other new elements later, a brick without a `name` child, warnings before the answer.
#[test]
fn reads_volumes_of_other_versions() {
    let volume = |inside: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<cliOutput>\n  <opRet>0</opRet>\n  \
             <opErrno>0</opErrno>\n  <opErrstr/>\n  <volInfo>\n    <volumes>\n      <volume>\n        \
             <name>vol_9c1d</name>\n        <id>7f3d</id>\n        <status>1</status>\n        {inside}\n      \
             </volume>\n      <count>1</count>\n    </volumes>\n  </volInfo>\n</cliOutput>\n"
        )
    };
    let bodies = [
        "<statusStr>Started</statusStr><stripeCount>1</stripeCount><type>2</type><bricks>\
         <brick uuid=\"4b\">a:/m/b1/brick<name>a:/m/b1/brick</name><hostUuid>4b</hostUuid></brick></bricks>",
        "<statusStr>Started</statusStr><snapshotCount>0</snapshotCount><arbiterCount>1</arbiterCount><bricks>\
         <brick uuid=\"4b\">a:/m/b1/brick<name>a:/m/b1/brick</name><hostUuid>4b</hostUuid><isArbiter>0</isArbiter>\
         </brick></bricks><optCount>0</optCount><options/>",
        "<thinArbiterBrick><name/></thinArbiterBrick><new><deep>x</deep></new><bricks>\n<brick uuid='4b'>a:/m/b1/brick\
         </brick><brick>no brick at all</brick></bricks>",
    ];
    for body in bodies {
        let text = format!("[2026-01-01] W [some warning] <b>\n{}", volume(body));
        let volumes = done(gluster_xml::volumes(&text));
        assert_eq!(volumes[0].bricks, [brick("a", "/m/b1/brick")], "{body}");
        assert!(volumes[0].started);
    }
}

#[test]
fn a_brick_host_may_be_an_ipv6_address() {
    let text = "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>v</name><bricks>\
        <brick>fd00::1:/a<name>fd00::1:/a</name></brick></bricks></volume></volumes></volInfo></cliOutput>";
    assert_eq!(done(gluster_xml::volumes(text))[0].bricks, [brick("fd00::1", "/a")]);
}

#[test]
fn a_refusal_is_told_by_the_answer_not_by_the_exit_status() {
    let refused = "<cliOutput><opRet>-1</opRet><opErrno>30806</opErrno><opErrstr>Volume does not exist</opErrstr>\
        <volInfo><volumes><count>0</count></volumes></volInfo></cliOutput>";
    assert_eq!(gluster_xml::volumes(refused), Ok(Reply::Refused("Volume does not exist".into())));
    // heketi v10 knows answers with code 0 that are failures.
    let odd = refused.replace(">-1<", ">0<");
    assert_eq!(gluster_xml::volumes(&odd), Ok(Reply::Refused("Volume does not exist".into())));
    let silent = "<cliOutput><opRet>-1</opRet><opErrno>7</opErrno><opErrstr/></cliOutput>";
    assert!(matches!(gluster_xml::status(silent), Ok(Reply::Refused(text)) if text.contains("error 7")));
    let none = "<cliOutput><opRet>-1</opRet><opErrstr>No volumes present</opErrstr></cliOutput>";
    assert_eq!(gluster_xml::volumes(none), Ok(Reply::Done(vec![])));
    for broken in ["", "Error : Request timed out\n", "<cliOutput><opRet>0</opRet>", "<cliOutput/>", "<cliOutput></b>"]
    {
        assert!(gluster_xml::volumes(broken).is_err(), "{broken}");
    }
}

const HEAL_BRICK_DOWN: &str = include_str!("fixtures/heal_info_gluster10_brick_down.xml");

#[test]
fn reads_heal_info_of_a_volume_with_a_dead_brick() {
    let heal = done(gluster_xml::heal_info(HEAL_BRICK_DOWN));
    let seen: Vec<_> = heal.iter().map(|brick| (brick.connected, brick.entries)).collect();
    assert_eq!(seen, [(true, Some(3)), (true, Some(3)), (false, None)]);
    assert!(heal.iter().all(|brick| brick.brick.as_ref().is_some_and(|brick| brick.path.ends_with("/brick"))));
}

#[test]
fn reads_heal_info_of_versions_that_name_no_dead_brick_and_no_status() {
    let answer = |bricks: &str| {
        format!("<cliOutput><healInfo><bricks>{bricks}</bricks></healInfo><opRet>0</opRet><opErrstr/></cliOutput>")
    };
    let text = answer(
        "<brick hostUuid=\"4b\"><name>a:/1</name><status>Connected</status><numberOfEntries>0</numberOfEntries></brick>\
         <brick hostUuid=\"-\"><name>information not available</name><status>Transport endpoint is not connected\
         </status><numberOfEntries>-</numberOfEntries></brick>",
    );
    let expected = [
        BrickHeal { brick: Some(brick("a", "/1")), connected: true, entries: Some(0) },
        BrickHeal { brick: None, connected: false, entries: None },
    ];
    assert_eq!(done(gluster_xml::heal_info(&text)), expected);
    let old = answer("<brick><name>a:/1</name><numberOfEntries>2</numberOfEntries></brick>");
    let expected = [BrickHeal { brick: Some(brick("a", "/1")), connected: true, entries: Some(2) }];
    assert_eq!(done(gluster_xml::heal_info(&old)), expected);
    let none = "<cliOutput><healInfo><bricks/></healInfo><opRet>-1</opRet><opErrno>2</opErrno><opErrstr>Volume v does \
        not exist</opErrstr></cliOutput>";
    assert_eq!(gluster_xml::heal_info(none), Ok(Reply::Refused("Volume v does not exist".into())));
}

#[test]
fn reads_snapshot_lists() {
    let list = |inside: &str| format!("<cliOutput><opRet>0</opRet><opErrno>0</opErrno><opErrstr/>{inside}</cliOutput>");
    let text = list("<snapList><count>2</count><snapshot>s1</snapshot><snapshot>s2</snapshot></snapList>");
    let names = vec!["s1".to_owned(), "s2".to_owned()];
    assert_eq!(done(gluster_xml::snapshots(&text)), SnapshotList { total: 2, names });
    for empty in ["<snapList><count>0</count></snapList>", ""] {
        assert_eq!(done(gluster_xml::snapshots(&list(empty))), SnapshotList::default());
    }
}

#[test]
fn reads_physical_volumes_with_warnings_around_and_between() {
    let text = "  WARNING: Device /dev/sdz {not} initialized in udev.\n  {\n      \"report\": [\n  Failed to find it.\n          {\n\
        \"pv\": [\n  {\"pv_name\":\"/dev/ubdc\", \"pv_uuid\":\"KKuhOl\", \"vg_name\":\"vg_1\", \"new\":\"x\"}\n  ]\n}\n]\n  }\n";
    let expected = PhysicalVolume { path: "/dev/ubdc".into(), uuid: "KKuhOl".into(), group: "vg_1".into() };
    assert_eq!(lvm::physical_volumes(text), Ok(vec![expected.clone()]));
    let one_line = r#"{"report":[{"vg":[{"pv_name":"/dev/ubdc","pv_uuid":"KKuhOl","vg_name":"vg_1"}]}],"log":[]}"#;
    assert_eq!(lvm::physical_volumes(one_line), Ok(vec![expected]));
    assert_eq!(lvm::physical_volumes("  {\n\"report\": [ {\"pv\": [ ] } ] }"), Ok(vec![]));
    for broken in ["", "pvs: not found", "{", r#"{"report":7}"#] {
        assert!(lvm::physical_volumes(broken).is_err(), "{broken}");
    }
}

#[test]
fn reads_the_size_of_a_volume_group_past_warnings() {
    let line = "  vg_0f1e:r/w:772:-1:0:0:0:-1:0:1:1:104722432:4096:25567:1200:24367:k9QwEr-x\n";
    let size = GroupSize { extent: Kib(4096), total: Kib(104_722_432), free: Kib(99_807_232) };
    assert_eq!(lvm::group_size(line, "vg_0f1e"), Ok(size));
    let noisy = format!("  WARNING: a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q\n{line}");
    assert_eq!(lvm::group_size(&noisy, "vg_0f1e"), Ok(size));
    let huge = line.replace("25567", "18446744073709551615");
    let (no_number, no_extent) = (line.replace("4096", "x"), line.replace("4096", "0"));
    for broken in ["", "vg_0f1e:1:2", &no_number, &no_extent, &line.replace("vg_0f1e", "vg_other"), &huge] {
        let error = lvm::group_size(broken, "vg_0f1e").unwrap_err();
        assert!(error.to_string().contains("vgdisplay returned an invalid string"), "{error}");
    }
}

#[test]
fn reads_logical_volumes() {
    let text = "  WARNING: not a volume: really\n  brick_1:tp_1\n  tp_1:\n  TEST:\n";
    let volume = |name: &str, pool: &str| LogicalVolume { name: name.into(), pool: pool.into() };
    assert_eq!(lvm::volumes_and_pools(text), [volume("brick_1", "tp_1"), volume("tp_1", ""), volume("TEST", "")]);
    assert_eq!(lvm::names("  brick_1   \n  Some warning.\n  TEST\n\n"), ["brick_1", "TEST"]);
    assert_eq!(lvm::thin_count("  WARNING: x\n       1\n"), Ok(1));
    assert!(lvm::thin_count("    \n").is_err());
}

#[test]
fn lists_all_names_of_a_disk_once() {
    let text = "disk/by-id/lab-ubdc disk/by-id/lvm-pv-uuid-KKuhOl disk/by-path/platform-uml-blkdev.2\n";
    let paths = ["/dev/disk/by-id/lab-ubdc", "/dev/disk/by-path/platform-uml-blkdev.2", "/dev/ubdc"];
    assert_eq!(lvm::links(text, "/dev/ubdc"), paths);
    assert_eq!(lvm::links(text, "/dev/disk/by-id/lab-ubdc"), paths[..2]);
    assert_eq!(lvm::links("", "/dev/ubdc"), ["/dev/ubdc"]);
}

#[test]
fn reads_disks_of_old_and_new_lsblk() {
    let disk = lsblk::disk(BRICK_MOUNTED).unwrap().unwrap();
    assert_eq!((disk.name.as_str(), disk.size, disk.ro), ("ubdc", 4_294_967_296, false));
    assert_eq!(disk.all().len(), 9);
    assert!(disk.all().iter().any(|part| part.mountpoint == "/mnt/x" && part.fstype == "xfs"));
    let old = r#"{"blockdevices": [{"name": "sdb", "type": "disk", "fstype": null, "mountpoint": null,
        "size": "1073741824", "ro": "1", "children": [{"name": "sdb1", "type": "part", "mountpoint": "[SWAP]"}]}]}"#;
    let disk = lsblk::disk(old).unwrap().unwrap();
    assert_eq!((disk.size, disk.ro, disk.all()[1].mountpoint.as_str()), (1 << 30, true, "[SWAP]"));
    assert_eq!(lsblk::disk("{\n   \"blockdevices\": [\n\n   ]\n}\n"), Ok(None));
    assert!(lsblk::disk("lsblk: unknown option").is_err());
}

#[test]
fn reads_signatures() {
    let text = "# offset,uuid,label,type\n0x438,59aa331b,,ext4\n0x218,MjZGr1-idNE,a,b,LVM2_member\n0x1fe,,,dos\n";
    let found: Vec<_> = lsblk::signatures(text).into_iter().map(|found| (found.kind, found.uuid)).collect();
    let pair = |kind: &str, uuid: &str| (kind.to_owned(), uuid.to_owned());
    assert_eq!(found, [pair("ext4", "59aa331b"), pair("LVM2_member", "MjZGr1-idNE"), pair("dos", "")]);
}

#[test]
fn reads_mounts_and_fstab() {
    let text =
        "/dev/ubda on / type ext4 (rw,relatime)\n/dev/mapper/a-b on /m/with type in it type xfs (rw)\nodd line\n";
    let points: Vec<_> = mounts::mounts(text).into_iter().map(|mount| mount.mount_point).collect();
    assert_eq!(points, ["/", "/m/with type in it"]);
    let text = "# /dev/x /y xfs\n\n/dev/mapper/a-b\t/m\\040n xfs rw 1 2\nalone\n  UUID=1 / ext4\n/a\\777 \\04\n";
    let lines = mounts::fstab(text);
    let points: Vec<_> = lines.iter().map(|line| line.mount.mount_point.as_str()).collect();
    assert_eq!(points, ["/m n", "/", "\\04"]);
    assert_eq!(lines[0].text, "/dev/mapper/a-b\t/m\\040n xfs rw 1 2");
}

#[test]
fn names_each_process_that_holds_a_brick_once() {
    let text = "COMMAND  PID USER   FD   TYPE DEVICE SIZE/OFF NODE NAME\nsleep   1202 root  cwd    DIR  254,4        6  128 /mnt/x\n\
        glusterfs 1262 root  214r   DIR 254,4 6 1 /a\nglusterfs 1262 root  215r   DIR 254,4 6 2 /b\nbash 7 root cwd\n";
    assert_eq!(mounts::holders(text, 2), ["sleep (1202)", "glusterfs (1262)"]);
    assert!(mounts::holders("lsof: status error on /x: No such file or directory", 5).is_empty());
}

/// Two bricks of a clone on one node: gluster numbers their mount points by their place in the volume.
#[test]
fn reads_a_clone_with_several_bricks_on_a_node() {
    let volumes = done(gluster_xml::volumes(CLONE_10));
    let [volume] = volumes.as_slice() else { panic!("{volumes:?}") };
    assert_eq!(volume.uuid, "3220f3db-4382-4c93-bab7-1062934584ae");
    assert_eq!(volume.bricks.len(), 9);
    let path = "/run/gluster/snaps/3220f3db43824c93bab71062934584ae/brick4/brick";
    assert_eq!(volume.bricks[3], brick("10.77.0.11", path));
}

#[test]
fn snapshot_answers_are_told_apart() {
    let refused = [
        (include_str!("fixtures/snapshot_create_exists_gluster10.xml"), "Snapshot tmpsnap_a already exists"),
        (include_str!("fixtures/snapshot_activate_again_gluster10.xml"), "Snapshot tmpsnap_a is already activated."),
        (include_str!("fixtures/snapshot_clone_exists_gluster10.xml"), "Volume with name:vol_clone already exists"),
        (include_str!("fixtures/snapshot_clone_nosnap_gluster10.xml"), "Failed to find :tmpsnap_none snap"),
        (
            include_str!("fixtures/snapshot_deactivate_again_gluster10.xml"),
            "Snapshot tmpsnap_a is already deactivated.",
        ),
        (include_str!("fixtures/snapshot_delete_again_gluster10.xml"), "Snapshot (tmpsnap_a) does not exist"),
    ];
    for (text, words) in refused {
        assert_eq!(gluster_xml::status(text), Ok(Reply::Refused(words.into())));
    }
    for text in [
        include_str!("fixtures/snapshot_create_gluster10.xml"),
        include_str!("fixtures/snapshot_activate_gluster10.xml"),
        include_str!("fixtures/snapshot_clone_gluster10.xml"),
        include_str!("fixtures/snapshot_deactivate_gluster10.xml"),
        include_str!("fixtures/snapshot_delete_gluster10.xml"),
    ] {
        assert_eq!(gluster_xml::status(text), Ok(Reply::Done(())));
    }
}

#[test]
fn device_names_lead_to_logical_volumes() {
    let of = |device| mounts::logical_volume(device);
    let names = |group: &str, volume: &str| Some((group.to_owned(), volume.to_owned()));
    assert_eq!(of("/dev/mapper/vg_a-brick_b"), names("vg_a", "brick_b"));
    assert_eq!(of("/dev/mapper/v--g-l----v"), names("v-g", "l--v"));
    assert_eq!(of("/dev/mapper/v--g--l-v"), names("v-g-l", "v"));
    assert_eq!(of("/dev/vg_a/brick_b"), names("vg_a", "brick_b"));
    for other in ["/dev/sda1", "/dev/mapper/luks", "/dev/mapper/a--b", "tmpfs", "", "/dev/disk/by-id/x"] {
        assert_eq!(of(other), None, "{other}");
    }
}

const LVS_ALL: &str = include_str!("fixtures/lvs_all.json");

#[test]
fn reads_all_logical_volumes_but_the_hidden_ones() {
    let volumes = lvm::logical_volumes(LVS_ALL).unwrap();
    let names: Vec<_> = volumes.iter().map(|it| (it.name.as_str(), it.is_pool, it.size, it.metadata)).collect();
    let id = "0cc175b9c0f1b6a831c399e269772661";
    assert_eq!(
        names,
        [
            (format!("brick_{id}").as_str(), false, Kib(524_288), Kib(0)),
            ("f166d432d7df47a4b90e90552c7e7829_0", false, Kib(524_288), Kib(0)),
            (format!("tp_{id}").as_str(), true, Kib(1_048_576), Kib(8192)),
            ("home", false, Kib(1_048_576), Kib(0)),
        ]
    );
    assert_eq!(volumes[1].thin_pool, Some(format!("tp_{id}")));
    assert_eq!((volumes[3].volume_group.as_str(), &volumes[3].thin_pool), ("data", &None));
    for broken in ["", "{", &LVS_ALL.replace("1048576.00", "much")] {
        assert!(lvm::logical_volumes(broken).is_err(), "{broken}");
    }
}

#[test]
fn reads_all_volume_groups() {
    let text = r#"  {"report":[{"vg":[{"vg_name":"vg_1","vg_size":"52297728.00","vg_free":"50188288.00k","vg_extent_size":"4096.00"}]}]}"#;
    let groups = lvm::volume_groups(text).unwrap();
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((group.total, group.free, group.extent), (Kib(52_297_728), Kib(50_188_288), Kib(4096)));
}

#[test]
fn the_counts_of_a_volume_tell_its_durability() {
    use heketi_core::model::Durability;
    let volume = |counts: &str| {
        format!(
            "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>v</name>{counts}</volume></volumes></volInfo></cliOutput>"
        )
    };
    for (counts, expected) in [
        ("", None),
        ("<replicaCount>1</replicaCount><disperseCount>0</disperseCount>", Some(Durability::None)),
        ("<replicaCount>3</replicaCount><arbiterCount>1</arbiterCount>", Some(Durability::Replicate { replica: 3 })),
        (
            "<replicaCount>1</replicaCount><disperseCount>6</disperseCount><redundancyCount>2</redundancyCount>",
            Some(Durability::Disperse { data: 4, redundancy: 2 }),
        ),
    ] {
        assert_eq!(done(gluster_xml::volumes(&volume(counts)))[0].durability, expected, "{counts}");
    }
    assert_eq!(done(gluster_xml::volumes(VOLUME_10))[0].durability, Some(Durability::None));
}
