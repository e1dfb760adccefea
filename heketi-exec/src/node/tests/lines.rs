//! The lines themselves, word for word: hooks, sudoers files and the simulated cluster know them.

use heketi_core::model::{BrickFormat, Durability};
use heketi_core::operation::{GlusterBrick, GlusterVolumeSpec};
use regex::Regex;

use super::*;
use crate::node::commands::{self, brick as bricks, device, fstab, gluster};
use crate::runner::CommandLine;

/// The lines that make a brick; the edit of fstab by its arguments alone.
fn creating(options: &NodeOptions, brick: &BrickSpec) -> Vec<CommandLine> {
    let edit = fstab::edit(options, Some(&bricks::fstab_line(options, brick)), &[]).line;
    let mut lines = bricks::create(options, brick, edit);
    lines.iter_mut().for_each(|line| line.text = arguments_of_edit(&line.text));
    lines
}

fn texts(lines: &[CommandLine]) -> String {
    lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>().join("\n")
}

fn volume(durability: Durability, sets: usize) -> GlusterVolumeSpec {
    let brick =
        |set: usize, index: u32| GlusterBrick { host: format!("10.0.0.{index}"), path: format!("/b{set}/brick") };
    GlusterVolumeSpec {
        name: "vol_1".into(),
        durability,
        arbiter: false,
        sets: (0..sets).map(|set| (1..=durability.set_size()).map(|index| brick(set, index)).collect()).collect(),
        options: vec![],
    }
}

#[test]
fn lines_of_devices() {
    let options = NodeOptions::default();
    let lines = [
        device::lsblk("/dev/sdc"),
        device::signatures("/dev/sdc"),
        device::wipe("/dev/sdc"),
        device::create_physical_volume(&options, "/dev/sdc"),
        device::create_volume_group(&options, "/dev/sdc", VG),
        device::volume_group_size(&options, VG),
        device::physical_volume(&options, "/dev/sdc"),
        device::links(&options, "/dev/sdc"),
        device::physical_volumes(&options),
        device::logical_volume_names(&options, VG),
        device::remove_volume_group(&options, VG),
        device::remove_physical_volume(&options, "/dev/sdc"),
        device::remove_mount_directory(VG),
    ];
    let expected = text(
        "lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO /dev/sdc
         wipefs --no-act --parsable /dev/sdc
         wipefs --all /dev/sdc
         /usr/sbin/lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '/dev/sdc'
         /usr/sbin/lvm vgcreate -qq --physicalextentsize=4M --autobackup=n $VG /dev/sdc
         /usr/sbin/lvm vgdisplay -c $VG
         /usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json /dev/sdc
         /usr/bin/udevadm info --query=symlink --name=/dev/sdc
         /usr/sbin/lvm pvs -o pv_name,pv_uuid,vg_name --reportformat=json
         /usr/sbin/lvm lvs --noheadings -o lv_name $VG
         /usr/sbin/lvm vgremove -qq $VG
         /usr/sbin/lvm pvremove -qq '/dev/sdc'
         rmdir /var/lib/heketi/mounts/$VG",
    );
    assert_eq!(texts(&lines), expected);
    assert!(lines.iter().all(|line| line.timeout == commands::SHORT && !line.secret_output));
}

#[test]
fn lines_that_create_a_brick() {
    let lines = creating(&NodeOptions::default(), &brick());
    let expected = text(
        r#"mkdir -p /var/lib/heketi/mounts/$VG/brick_$ID
           /usr/sbin/lvm lvcreate -qq --autobackup=n --poolmetadatasize 8192K --poolmetadataspare n --chunksize 256K --size 1572864K --thin $VG/tp_$ID --virtualsize 1048576K --name brick_$ID
           mkfs.xfs -i size=512 -n size=8192 /dev/mapper/$VG-brick_$ID
           fstab /etc/fstab '/dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID xfs rw,inode64,noatime,nouuid 1 2'
           mount -o rw,inode64,noatime,nouuid /dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID
           mkdir /var/lib/heketi/mounts/$VG/brick_$ID/brick"#,
    );
    assert_eq!(texts(&lines), expected);
    assert!(lines.iter().all(|line| line.timeout == commands::LONG));
}

#[test]
fn lines_that_create_a_brick_follow_the_configuration() {
    let options = NodeOptions {
        fstab: "/var/lib/heketi/fstab".into(),
        mount_options: "rw,context=\"a:b\"".into(),
        fstab_options: "nofail,x-systemd.device-timeout=30s".into(),
        backup_lvm_metadata: true,
        lv_chunk_size: "1M".into(),
        xfs_su: 64,
        xfs_sw: 4,
        lvm_wrapper: "nsenter --mount=/host".into(),
        pool_metadata_spare: true,
        ..NodeOptions::default()
    };
    let owned = BrickSpec { gid: 2345, ..brick() };
    let lines = texts(&creating(&options, &owned));
    let lines: Vec<&str> = lines.lines().collect();
    let expect = |index: usize, expected: &str| assert_eq!(lines[index], text(expected));
    expect(
        1,
        "nsenter --mount=/host /usr/sbin/lvm lvcreate -qq --autobackup=y --poolmetadatasize 8192K --chunksize 1M --size 1572864K --thin $VG/tp_$ID --virtualsize 1048576K --name brick_$ID",
    );
    expect(2, "mkfs.xfs -i size=512 -d su=64,sw=4 -n size=8192 /dev/mapper/$VG-brick_$ID");
    expect(
        3,
        r#"fstab /var/lib/heketi/fstab '/dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID xfs rw,context="a:b",nofail,x-systemd.device-timeout=30s 1 2'"#,
    );
    expect(4, r#"mount -o 'rw,context="a:b"' /dev/mapper/$VG-brick_$ID /var/lib/heketi/mounts/$VG/brick_$ID"#);
    expect(6, "chown :2345 /var/lib/heketi/mounts/$VG/brick_$ID/brick");
    expect(7, "chmod 2775 /var/lib/heketi/mounts/$VG/brick_$ID/brick");
    let arbiter = BrickSpec { format: BrickFormat::Arbiter, ..brick() };
    let lines = texts(&creating(&options, &arbiter));
    assert!(lines.contains(text("\nmkfs.xfs -i maxpct=100 -n size=8192 /dev/mapper/$VG-brick_$ID\n").trim()));
    assert!(lines.contains("--chunksize 256K "), "{lines}");
}

#[test]
fn lines_that_destroy_a_brick() {
    let options = NodeOptions::default();
    let brick = brick();
    let lines = [
        bricks::mounts(),
        bricks::read_fstab(&options),
        bricks::volumes_and_pools(&options, VG),
        bricks::unmount(&brick.mount_point),
        bricks::remove_volume(&options, VG, &brick.logical_volume),
        bricks::thin_count(&options, VG, &brick.thin_pool),
        bricks::remove_volume(&options, VG, &brick.thin_pool),
        bricks::remove_mount_point(&brick.mount_point),
        bricks::holders(&brick.mount_point),
    ];
    let expected = text(
        r#"mount
           cat /etc/fstab
           /usr/sbin/lvm lvs --noheadings --separator : --options lv_name,pool_lv $VG
           umount /var/lib/heketi/mounts/$VG/brick_$ID
           /usr/sbin/lvm lvremove --autobackup=n -f $VG/brick_$ID
           /usr/sbin/lvm lvs --noheadings --options=thin_count $VG/tp_$ID
           /usr/sbin/lvm lvremove --autobackup=n -f $VG/tp_$ID
           rmdir /var/lib/heketi/mounts/$VG/brick_$ID
           lsof /var/lib/heketi/mounts/$VG/brick_$ID"#,
    );
    assert_eq!(texts(&lines), expected);
}

#[test]
fn lines_of_peers_and_volumes() {
    let options = NodeOptions { gluster_timeout: 42, ..NodeOptions::default() };
    let lines = [
        gluster::pool_list(&options),
        gluster::probe(&options, "stor-b"),
        gluster::snapshot_limit(&options, 14),
        gluster::detach(&options, "stor-b"),
        gluster::volumes_info(&options),
        gluster::volume_info(&options, "v"),
        gluster::snapshots(&options, "v"),
        gluster::stop(&options, "v"),
        gluster::delete(&options, "v"),
        gluster::start(&options, "v"),
        gluster::rebalance(&options, "v"),
    ];
    let expected = text(
        "gluster --mode=script --timeout=42 pool list --xml
         gluster --mode=script --timeout=42 peer probe stor-b
         gluster --mode=script --timeout=42 snapshot config snap-max-hard-limit 14
         gluster --mode=script --timeout=42 peer detach stor-b
         gluster --mode=script --timeout=42 volume info --xml
         gluster --mode=script --timeout=42 volume info v --xml
         gluster --mode=script --timeout=42 snapshot list v --xml
         gluster --mode=script --timeout=42 volume stop v force
         gluster --mode=script --timeout=42 volume delete v
         gluster --mode=script --timeout=42 volume start v
         gluster --mode=script --timeout=42 volume rebalance v start",
    );
    assert_eq!(texts(&lines), expected);
}

#[test]
fn lines_that_create_a_volume() {
    let options = NodeOptions::default();
    let spec = GlusterVolumeSpec {
        options: ["user.heketi.id 1a2b", "", "auth.allow 10.0.0.*, 10.1.*", "a.b  c"].map(String::from).to_vec(),
        ..volume(Durability::Replicate { replica: 3 }, 7)
    };
    let lines = gluster::create_volume(&options, &spec).unwrap();
    let set = |n: usize| (1..4).map(|host| format!(" 10.0.0.{host}:/b{n}/brick")).collect::<String>();
    let g = "gluster --mode=script --timeout=600 volume";
    let expected = [
        format!("{g} create vol_1 replica 3{}", set(0)),
        format!("{g} add-brick vol_1{}", (1..6).map(set).collect::<String>()),
        format!("{g} add-brick vol_1{}", set(6)),
        format!("{g} set vol_1 user.heketi.id 1a2b"),
        format!("{g} set vol_1 auth.allow '10.0.0.*, 10.1.*'"),
        format!("{g} set vol_1 a.b c"),
        format!("{g} start vol_1"),
    ];
    assert_eq!(texts(&lines), expected.join("\n"));

    let disperse = volume(Durability::Disperse { data: 2, redundancy: 1 }, 2);
    let lines = texts(&gluster::create_volume(&options, &disperse).unwrap());
    assert!(lines.starts_with(&format!("{g} create vol_1 disperse-data 2 redundancy 1{}\n", set(0))), "{lines}");
    assert!(lines.contains(&format!("{g} add-brick vol_1{}\n", set(1))), "{lines}");

    for single in [Durability::None, Durability::Replicate { replica: 1 }] {
        let lines = texts(&gluster::create_volume(&options, &volume(single, 1)).unwrap());
        assert_eq!(lines, format!("{g} create vol_1 10.0.0.1:/b0/brick\n{g} start vol_1"));
    }
    let lines = gluster::create_volume(&options, &volume(Durability::None, 17)).unwrap();
    assert_eq!(lines.iter().filter(|line| line.text.contains(" add-brick ")).count(), 2);
}

/// The patterns of heketi v10's functional tests: one that must match, and one that must not.
#[test]
fn fault_injection_patterns_match() {
    let options = NodeOptions::default();
    let spec = brick();
    let create = creating(&options, &spec);
    let lvcreate = create[1].text.clone();
    let replicate = GlusterVolumeSpec { name: "vblammo1".into(), ..volume(Durability::Replicate { replica: 3 }, 2) };
    let volume_lines = gluster::create_volume(&options, &replicate).unwrap();
    let stop = gluster::stop(&options, "vblammo1").text;
    let delete = gluster::delete(&options, "vblammo1").text;
    let links = device::links(&options, "/dev/sdb").text;
    let remove = bricks::remove_volume(&options, VG, &spec.logical_volume).text;
    let unmount = bricks::unmount(&spec.mount_point).text;
    let probe = gluster::probe(&options, "a").text;
    for (pattern, line, other) in [
        (r"(^| )lvcreate.*", &lvcreate, &remove),
        (r".*lvcreate.*", &lvcreate, &create[2].text),
        (r".*lvremove.*", &remove, &lvcreate),
        (r"^umount.*", &unmount, &create[4].text),
        (r".*udevadm.*", &links, &lvcreate),
        (r"^gluster .*volume .*", &volume_lines[0].text, &probe),
        (r"^gluster .* volume create .*", &volume_lines[0].text, &volume_lines[1].text),
        (r"^gluster .*volume .*delete .*", &delete, &stop),
        (r".*add-brick .*", &volume_lines[1].text, &volume_lines[0].text),
        (r".*blammo.*", &volume_lines[0].text, &lvcreate),
        (r".*blammo.*", &stop, &probe),
        (r".*blammo.*", &delete, &probe),
    ] {
        let regex = Regex::new(pattern).unwrap();
        assert!(regex.is_match(line), "{pattern} must match {line}");
        assert!(!regex.is_match(other), "{pattern} must not match {other}");
    }
}

#[test]
fn the_class_of_a_line_names_its_command() {
    let options = NodeOptions { lvm_wrapper: "nsenter -m".into(), ..NodeOptions::default() };
    for (line, class) in [
        (bricks::remove_volume(&options, VG, "x"), "lvm lvremove"),
        (device::links(&options, "/dev/sdb"), "udevadm"),
        (gluster::pool_list(&options), "gluster pool list"),
        (gluster::start(&options, "v"), "gluster volume start"),
        (bricks::mounts(), "mount"),
    ] {
        assert_eq!(commands::class(&line), class);
    }
}
