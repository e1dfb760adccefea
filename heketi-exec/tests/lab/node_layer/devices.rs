use heketi_core::operation::{Action, DeviceContents, FailureKind, Observation};
use heketi_core::units::Kib;

use super::{DISK, GROUP, Nodes, block_on, brick, executor};
use crate::lab::scenario;
use crate::nodes::{assert_blank, root, root_on};

async fn contents(nodes: &Nodes, node: usize, device: &str) -> DeviceContents {
    match nodes.ok(node, Action::InspectDevice { device: device.into() }).await {
        Observation::Contents(contents) => contents,
        other => panic!("{other:?}"),
    }
}

const DISK_SIZE: Kib = Kib(4 * 1024 * 1024);

/// The nodes have no tool for partitions. udev makes the kernel read the table when the disk is closed.
const TWO_PARTITIONS: &str = r#"
python3 -c "
import struct
entry = lambda start: struct.pack('<8BII', 0, 0, 0, 0, 0x83, 0, 0, 0, start, 204800)
open('/dev/ubdb', 'r+b').write(bytes(446) + entry(2048) + entry(206848) + bytes(32) + b'\x55\xaa')"
until [ -e /dev/ubdb2 ]; do sleep 0.2; done
udevadm settle
"#;

#[test]
#[ignore = "needs the lab"]
fn disks_are_looked_at_and_left_alone() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            let blank = DeviceContents { size: DISK_SIZE, exists: true, ..DeviceContents::default() };
            assert_eq!(contents(&nodes, 1, DISK).await, blank);
            assert_eq!(contents(&nodes, 1, "/dev/nothing").await, DeviceContents::default());
            assert_eq!(contents(&nodes, 1, "/etc/passwd").await, DeviceContents::default());

            root(1, "mkfs.xfs -q /dev/ubdb && mount /dev/ubdb /mnt");
            let found = contents(&nodes, 1, DISK).await;
            assert_eq!((found.signature.as_deref(), found.mount_points), (Some("xfs"), vec!["/mnt".to_owned()]));
            assert_eq!(contents(&nodes, 1, "/dev/ubda").await.mount_points, ["/"]);
            root(1, "umount /mnt");

            let uuid = root(2, "pvcreate -q /dev/ubdb >/dev/null && pvs --noheadings -o pv_uuid /dev/ubdb");
            let found = contents(&nodes, 2, DISK).await;
            assert_eq!((found.pv_uuid.as_deref(), found.volume_group), (Some(uuid.trim()), None));
            assert_eq!(found.signature, None);
            root(2, "vgcreate -q theirs /dev/ubdb && lvcreate -q -an -Zn -L 8M -n precious theirs");
            let found = contents(&nodes, 2, DISK).await;
            assert_eq!(found.volume_group.as_deref(), Some("theirs"));

            root(3, "mkswap -q /dev/ubdc && swapon /dev/ubdc");
            assert_eq!(contents(&nodes, 3, "/dev/ubdc").await.mount_points, ["[SWAP]"]);
            root(3, "swapoff /dev/ubdc && wipefs -q --all /dev/ubdc");
            root(3, TWO_PARTITIONS);
            let found = contents(&nodes, 3, DISK).await;
            assert_eq!((found.signature.as_deref(), found.children.len()), (Some("dos"), 2), "{found:?}");

            let set_up = |wipe| {
                let (device, volume_group) = (DISK.to_owned(), GROUP.to_owned());
                Action::SetUpDevice { device, volume_group, wipe }
            };
            // None of these is taken, and what is there is named. Asked for, a disk is wiped: not one with partitions,
            // nor one of a volume group, although wipefs would do it where no logical volume is active.
            let (theirs, partitions) = ("volume group theirs", "block devices ubdb1, ubdb2");
            for (node, wipe, words) in [
                (1, false, "signature xfs"),
                (2, false, theirs),
                (3, false, partitions),
                (2, true, theirs),
                (3, true, partitions),
            ] {
                let failure = nodes.fails(node, set_up(wipe)).await;
                assert_eq!(failure.kind, FailureKind::DeviceNotAvailable, "{failure:?}");
                assert!(failure.text.contains(words), "{failure:?}");
            }
            assert_eq!(contents(&nodes, 1, DISK).await.signature.as_deref(), Some("xfs"));
            assert!(root(2, "lvs --noheadings -o lv_name theirs").contains("precious"));
            assert_eq!(contents(&nodes, 3, DISK).await.children.len(), 2);

            root(2, "vgremove -qq -f theirs");
            root(3, "wipefs -q --all /dev/ubdb && mkfs.xfs -q /dev/ubdb");
            tokio::join!(nodes.ok(1, set_up(true)), nodes.ok(2, set_up(true)), nodes.ok(3, set_up(true)));
            nodes.tear_down_all().await;
        });
        root_on(&[1, 2, 3], "wipefs --no-act --parsable /dev/ubdb | { ! grep -q . ; }");
        assert_blank();
    });
}

#[test]
#[ignore = "needs the lab"]
fn a_device_comes_and_goes() {
    scenario(|| {
        block_on(async {
            let nodes = executor();
            let report = nodes.set_up(1, DISK, GROUP).await;
            assert_eq!(report.extent, Kib(4096));
            assert_eq!(report.free, report.total);
            // 128 MiB of metadata, the rest in whole extents.
            assert!(report.total.0 > (4096 - 140) * 1024 && report.total < DISK_SIZE, "{report:?}");
            assert!(report.paths.iter().any(|path| path == "/dev/disk/by-id/lab-ubdb"), "{report:?}");
            let uuid = root(1, "pvs --noheadings -o pv_uuid /dev/ubdb");
            assert_eq!(report.pv_uuid.as_deref(), Some(uuid.trim()));

            let read = |device: &str| Action::ReadDevice { device: device.into(), volume_group: GROUP.into() };
            assert_eq!(nodes.ok(1, read(DISK)).await, Observation::Device(report.clone()));
            // The kernel may count disks otherwise after a boot; the other disk is none of ours.
            let Observation::Device(moved) = nodes.ok(1, read("/dev/ubdc")).await else { panic!() };
            assert_eq!((moved.pv_uuid, moved.total), (report.pv_uuid.clone(), report.total));
            assert_eq!(nodes.set_up(1, DISK, GROUP).await, report, "a second time is as good as one time");

            let brick = brick(1);
            nodes.create(1, &brick).await;
            let refused = nodes.tear_down(1, DISK, GROUP).await.expect_err("it holds a brick");
            assert!(refused.text.contains("still contains logical volumes"), "{refused:?}");
            assert!(refused.text.contains(&brick.logical_volume), "{refused:?}");
            let Observation::Device(used) = nodes.ok(1, read(DISK)).await else { panic!() };
            let charge = brick.pool_size + brick.metadata_size;
            assert_eq!(used.free + charge, report.total, "exactly pool and metadata are gone");
            assert!(nodes.destroy(1, &brick).await);

            nodes.tear_down(1, "/dev/other", GROUP).await.expect("the group tells its disk");
            nodes.tear_down(1, DISK, GROUP).await.expect("nothing is left to do");
            // Between pvcreate and vgcreate an earlier try ended.
            root(1, "pvcreate -q /dev/ubdb");
            let (device, volume_group) = ("/dev/disk/by-id/lab-ubdb".to_owned(), GROUP.to_owned());
            nodes.ok(1, Action::TearDownDevice { device, pv_uuid: None, volume_group, bare_too: true }).await;
        });
        assert_blank();
    });
}
