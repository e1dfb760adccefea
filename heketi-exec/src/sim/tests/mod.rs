//! The simulated nodes against what real ones do.

mod blocks;
mod devices;
mod faults;
mod life_cycle;
mod peers;
mod volumes;

use super::{SimCluster, SimDisk};

const LVM: &str = "/usr/sbin/lvm";
const G: &str = "gluster --mode=script --timeout=600";

/// Three nodes with two disks of 10 GiB each, `/dev/sdb` with volume group `vg_b`, in one pool.
fn cluster() -> SimCluster {
    let sim = SimCluster::new();
    for n in 1..=3 {
        let disks = [
            SimDisk::usable_gib("/dev/sdb", 10).alias(format!("/dev/disk/by-path/disk-{n}")),
            SimDisk::gib("/dev/sdc", 10),
        ];
        sim.add_node(&format!("node-{n}"), &format!("10.0.0.{n}"), disks);
        sim.adopt_volume_group(&format!("node-{n}"), "/dev/sdb", "vg_b", None).unwrap();
    }
    sim.adopt_peers(&["node-1", "node-2", "node-3"]).unwrap();
    sim
}

/// Runs a line that must work; returns its standard output.
#[track_caller]
fn good(sim: &SimCluster, host: &str, line: &str) -> String {
    let result = sim.admin(host, line);
    assert!(result.success(), "{host}: {line}: {}", result.failure_text());
    result.stdout
}

/// Runs a line that must be refused, with this text, and change nothing.
#[track_caller]
fn refused(sim: &SimCluster, host: &str, line: &str, text: &str) {
    let before = sim.snapshot();
    let result = sim.admin(host, line);
    assert!(!result.success(), "{host}: {line} worked: {}", result.stdout);
    assert!(result.failure_text().contains(text), "{host}: {line}: {}", result.failure_text());
    assert_eq!(sim.leftovers(&before), Vec::<String>::new(), "{line}");
}

/// The lines that make brick `id` of 1 GiB, up to a step, in order.
fn brick_lines(id: &str) -> Vec<String> {
    let (mount, device) = (format!("/var/lib/heketi/mounts/vg_b/brick_{id}"), format!("/dev/mapper/vg_b-brick_{id}"));
    vec![
        format!("mkdir -p {mount}"),
        format!(
            "{LVM} lvcreate -qq --autobackup=n --poolmetadatasize 8192K --poolmetadataspare n --chunksize 256K --size 1048576K --thin vg_b/tp_{id} --virtualsize 1048576K --name brick_{id}"
        ),
        format!("mkfs.xfs -i size=512 -n size=8192 {device}"),
        format!(r#"awk "BEGIN {{print \"{device} {mount} xfs rw,inode64,noatime,nouuid 1 2\" >> \"/etc/fstab\"}}""#),
        format!("mount -o rw,inode64,noatime,nouuid {device} {mount}"),
        format!("mkdir {mount}/brick"),
    ]
}

/// A whole brick; returns its directory.
fn brick(sim: &SimCluster, host: &str, id: &str) -> String {
    brick_lines(id).iter().for_each(|line| _ = good(sim, host, line));
    format!("/var/lib/heketi/mounts/vg_b/brick_{id}/brick")
}

#[test]
fn unknown_lines_fail() {
    let sim = cluster();
    for line in [
        "",
        "rm -rf /",
        "true",
        "echo hello",
        "mkdir",
        "mkdir relative",
        "mkdir -m 755 /a",
        "mkdir /a /b",
        "cat /a /b",
        "mkdir /a; true",
        "mkdir /a && true",
        "mkdir $HOME",
        "cat /etc/fst*",
        "cat <(x)",
        "lvcreate -n x vg_b",
        "/usr/sbin/lvm",
        "/usr/sbin/lvm lvextend vg_b/x",
        "/usr/sbin/lvm pvs --nope",
        "/usr/sbin/lvm lvremove vg_b/x",
        "/no/such/script /usr/sbin/lvm pvs",
        "gluster volume info",
        "gluster --mode=script",
        "gluster --mode=script volume",
        "gluster --mode=script volume create v",
        "gluster --mode=script volume create v nobrick",
        "umount -l /a",
        "umount /../etc",
        "mount -t xfs",
        "chown root /a",
        "chmod u+x /a",
        "sed -i.save s/a/b/ /etc/fstab",
        "sed -i.save \"/a.*b/d\" /etc/fstab",
        "awk \"BEGIN {print 1}\"",
        "wipefs /dev/sdc",
        "wipefs --all --no-act /dev/sdc",
        "lsblk /dev/sdb",
        "systemctl stop sshd",
        "/usr/bin/udevadm settle",
        "/usr/bin/udevadm info --name=/dev/sdb",
        "pgrep x",
        "sudo mkdir /a",
    ] {
        let before = sim.snapshot();
        let result = sim.admin("node-1", line);
        assert_eq!(result.status, crate::runner::LineStatus::Exited(127), "{line}");
        assert!(result.stderr.contains("not understand") || line.starts_with("sed"), "{line}: {}", result.stderr);
        assert!(sim.leftovers(&before).is_empty(), "{line}");
    }
    assert!(
        good(&sim, "node-1", "nsenter --target 1 --mount /usr/sbin/lvm vgs --noheadings -o vg_name").contains("vg_b")
    );
}

#[test]
fn a_snapshot_can_be_saved_and_compared() {
    let sim = cluster();
    let before = sim.snapshot();
    brick(&sim, "node-2", "a");
    let after = sim.snapshot();
    let text = serde_json::to_string(&after).unwrap();
    assert_eq!(serde_json::from_str::<super::SimSnapshot>(&text).unwrap(), after);
    let differences = after.differences(&before);
    for part in [
        "+ node-2: thin pool vg_b/tp_a",
        "+ node-2: logical volume vg_b/brick_a",
        "+ node-2: mount ",
        "+ node-2: /etc/fstab: ",
        "+ node-2: directory ",
        "- node-2: volume group vg_b",
    ] {
        assert!(differences.iter().any(|line| line.starts_with(part)), "{part}: {differences:#?}");
    }
    assert!(after.to_string().lines().count() > before.to_string().lines().count());
}
