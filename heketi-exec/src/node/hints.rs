//! What the user can do about what LVM, mkfs, mount and gluster print: one table.
//!
//! A hint stands behind the texts that scripts know from heketi v10, and changes none of them.

/// What stands between a failure's text and the hint.
const MARK: &str = "; hint: ";

/// Parts of a message, all of them in lower case, and what to do about it. The first that fits counts.
const HINTS: &[(&[&str], &str)] = &[
    // The programs themselves.
    (
        &["command not found"],
        "the node lacks a program or the user's path does; `heketi check-node HOST` tells which one to install",
    ),
    // Disks.
    (
        &["without -ff"],
        "the disk belongs to another volume group, which `pvs` on the node names; if nothing on it is needed, remove \
         that group or add the device with --destroy-existing-data",
    ),
    (
        &["is not in devices file"],
        "LVM on the node uses listed disks only: add this one there with `lvmdevices --adddev DEVICE`",
    ),
    (
        &["excluded by a filter"],
        "LVM on the node passes over the disk: see filter and global_filter in /etc/lvm/lvm.conf and `lvmdevices`, \
         and `wipefs --no-act DEVICE` for a partition table or signature",
    ),
    (&["device is partitioned"], "the disk has a partition table; `wipefs --no-act DEVICE` on the node shows it"),
    (
        &["exclusively"],
        "something on the node uses the disk, such as a mount, multipath or RAID: `lsblk DEVICE` shows what",
    ),
    (
        &["failed to wipe"],
        "no device node appears for new volumes: where LVM runs in a container, set udev_sync = 0 and udev_rules = 0 \
         in its lvm.conf, or run it on the host by lvm_wrapper",
    ),
    (
        &["signature", "wip"],
        "the disk holds data; if nothing on it is needed, add the device with --destroy-existing-data",
    ),
    (&["duplicate pv"], "two names lead to the same disk: let LVM see the multipath device only, by a filter"),
    // Thin pools.
    (
        &["thin_check"],
        "install thin_check on the node: package thin-provisioning-tools, or device-mapper-persistent-data",
    ),
    (
        &["thin-pool", "kernel"],
        "the kernel of the node has no thin pools: `modprobe dm_thin_pool`, and name it in /etc/modules-load.d",
    ),
    (
        &["not initialized in udev database"],
        "udev of the node is behind or out of reach: see `udevadm settle`; in containers /run/udev must be the host's",
    ),
    (
        &["insufficient free space"],
        "the volume group has less room than heketi counts: `heketi-cli device resync ID` measures it again",
    ),
    (&["cannot allocate memory"], "the node has no memory left; `dmesg` there tells what used it"),
    (
        &["lvmetad"],
        "lvmetad of the node is stopped or stale: set use_lvmetad = 0 in /etc/lvm/lvm.conf, or start it again",
    ),
    // File systems.
    (
        &["no space left on device"],
        "a file system of the node is full, `df` shows which; LVM fills /etc/lvm/archive when it keeps backups",
    ),
    (&["read-only file system"], "the node's file system went read-only: `dmesg` there tells why"),
    (
        &["existing filesystem"],
        "the new volume holds a file system already; `heketi-cli audit` finds what was left behind",
    ),
    (&["unknown filesystem type"], "the kernel of the node has no XFS: `modprobe xfs`"),
    (&["wrong fs type"], "`dmesg` on the node tells what is wrong; see mountopts in heketi's configuration too"),
    (
        &["special device", "does not exist"],
        "the device node is missing although the volume exists: `lvchange -ay` and `udevadm trigger` on the node",
    ),
    (
        &["target is busy"],
        "something on the node uses the mount: end what is named here; `fuser -vm DIRECTORY` on the node shows all of it",
    ),
    // gluster.
    (
        &["another transaction"],
        "another gluster command runs in the cluster; if none does, start glusterd anew on the node that holds the \
         lock, which its log names",
    ),
    (
        &["locking failed"],
        "another gluster command holds the lock of a node in the cluster: try again when it has ended",
    ),
    (
        &["request timed out"],
        "gluster may go on with it; many volumes or slow hooks need a greater gluster_cli_timeout",
    ),
    (&["gluster daemon is operational"], "glusterd of the node does not run: `systemctl start glusterd` there"),
    (
        &["already part of another cluster"],
        "the node is a peer of other nodes: detach it there, or empty /var/lib/glusterd/peers while its glusterd is \
         stopped",
    ),
    (
        &["localhost not needed"],
        "the storage host name must lead to the new node from every node: check /etc/hosts and DNS",
    ),
    (
        &["transport endpoint is not connected"],
        "glusterd of another node does not answer: is it running, and are ports 24007 and 49152 upwards open?",
    ),
    (
        &["already part of a volume"],
        "the brick directory belonged to a volume before; `heketi-cli audit` tells what was left behind",
    ),
    (&["peer in cluster"], "a peer of the cluster is not accepted by the others: see `gluster peer status`"),
    (
        &["peers are not connected"],
        "start these nodes or glusterd on them; `gluster peer status` must show all of them connected",
    ),
    (&["quorum"], "too few nodes of the cluster are up: `gluster peer status` shows which are not"),
    (&["it contains", "snapshots"], "delete these snapshots first: `gluster snapshot delete NAME`"),
    (
        &["op-version"],
        "the nodes run different versions of gluster: see `gluster volume get all cluster.max-op-version`",
    ),
    (
        &["source brick for data to be healed"],
        "wait until `gluster volume heal VOLUME info` shows no entries for the brick",
    ),
    // gluster-block.
    (
        &["gluster-block", "connection refused"],
        "gluster-blockd must run on all hosts of the block volume: `systemctl start gluster-blockd`",
    ),
];

/// What to do about a failure with this text.
pub fn hint(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    HINTS.iter().find(|(parts, _)| parts.iter().all(|part| text.contains(part))).map(|(_, hint)| *hint)
}

/// The text with what to do behind it, once.
pub(super) fn with_hint(text: String) -> String {
    match hint(&text) {
        Some(hint) if !text.contains(MARK) => format!("{text}{MARK}{hint}"),
        _ => text,
    }
}

/// The text without the hint.
pub(super) fn without_hint(text: &str) -> &str {
    text.split_once(MARK).map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_real_tools_get_their_hint() {
        for (message, advice) in [
            ("bash: line 1: mkfs.xfs: command not found", "check-node"),
            ("sudo: gluster-block: command not found", "check-node"),
            (
                "  Can't initialize physical volume \"/dev/sdb\" of volume group \"old\" without -ff",
                "--destroy-existing-data",
            ),
            ("  Cannot use /dev/sdb: device is not in devices file", "lvmdevices --adddev"),
            ("  Device /dev/sdb excluded by a filter.", "global_filter"),
            ("  Cannot use /dev/sdb: device is partitioned", "partition table"),
            ("  Can't open /dev/sdb exclusively.  Mounted filesystem?", "lsblk"),
            (
                "WARNING: ext4 signature detected on /dev/sdb at offset 1080. Wipe it? [y/n]: [n]\n  Aborted wiping of ext4.",
                "--destroy-existing-data",
            ),
            ("  WARNING: Not using device /dev/sdd for PV X.\n  Cannot change VG with duplicate PVs.", "multipath"),
            ("  /usr/sbin/thin_check: execvp failed: No such file or directory", "thin-provisioning-tools"),
            ("  thin-pool: Required device-mapper target(s) not detected in your kernel.", "dm_thin_pool"),
            ("  Failed to wipe start of new LV.", "udev_sync = 0"),
            ("  WARNING: Device /dev/sdb not initialized in udev database even after waiting", "/run/udev"),
            ("  Volume group \"vg\" has insufficient free space (10 extents): 20 required.", "device resync"),
            ("  device-mapper: reload ioctl on  failed: Cannot allocate memory", "memory"),
            ("  WARNING: lvmetad connection failed, reconnect.", "use_lvmetad = 0"),
            ("  /etc/lvm/archive/.lvm_x: write error failed: No space left on device", "df"),
            ("mkdir: cannot create directory '/x': Read-only file system", "dmesg"),
            ("mkfs.xfs: /dev/mapper/a appears to contain an existing filesystem (xfs).", "audit"),
            ("mount: /x: unknown filesystem type 'xfs'.", "modprobe xfs"),
            ("mount: /x: wrong fs type, bad option, bad superblock on /dev/mapper/a", "mountopts"),
            ("mount: /x: special device /dev/mapper/a does not exist.", "lvchange -ay"),
            ("umount: /x: target is busy.", "fuser -vm"),
            ("volume set: failed: Another transaction is in progress for v. Please try again after some time.", "lock"),
            ("volume create: v: failed: Locking failed on n2. Please check log file for details.", "lock"),
            ("Error : Request timed out", "gluster_cli_timeout"),
            ("Connection failed. Please check if gluster daemon is operational.", "systemctl start glusterd"),
            (
                "peer probe: failed: n2 is either already part of another cluster or having volumes configured",
                "/var/lib/glusterd/peers",
            ),
            ("peer probe: success. Probe on localhost not needed", "/etc/hosts"),
            ("peer probe: failed: Probe returned with Transport endpoint is not connected", "24007"),
            ("volume create: v: failed: /b/brick is already part of a volume", "audit"),
            ("volume create: v: failed: Host n2 is not in 'Peer in Cluster' state", "peer status"),
            ("Unable to delete volume v: peers are not connected: n2", "peer status"),
            ("volume start: v: failed: Quorum not met. Volume operation not allowed.", "peer status"),
            ("Unable to delete volume v because it contains 2 snapshots: a, b", "snapshot delete"),
            (
                "volume set: failed: One or more connected clients cannot support the feature being set. Required op-version is 70000",
                "max-op-version",
            ),
            ("Cannot replace brick X as it is source brick for data to be healed", "heal"),
            ("gluster-block create: n2: Connection refused", "gluster-blockd"),
        ] {
            let hint = hint(message);
            assert!(hint.is_some_and(|hint| hint.contains(advice)), "{message}: {hint:?}");
            let text = with_hint(message.to_owned());
            assert!(text.starts_with(message) && without_hint(&text) == message, "{text}");
            assert_eq!(with_hint(text.clone()), text);
        }
        for message in ["volume start: v: failed: no", "Process exited with status 3", ""] {
            assert_eq!(with_hint(message.to_owned()), message);
        }
    }

    /// An earlier entry hides none of the later ones.
    #[test]
    fn every_entry_is_reached() {
        for (parts, own) in HINTS {
            assert_eq!(hint(&parts.join(" ")), Some(*own), "{parts:?}");
            assert!(parts.iter().all(|part| *part == part.to_ascii_lowercase()), "{parts:?}");
        }
    }
}
