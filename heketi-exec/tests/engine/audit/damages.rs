//! Damages to the nodes.

use heketi_core::model::Brick;
use proptest::prelude::*;

use super::*;

/// All bricks of a device go, and its volume group, with what others have in it.
fn lose_group(scene: &Scene, it: &Pieces) -> Hit {
    let inventory = scene.inventory();
    let mut hit = Hit::of([it.group.clone(), it.brick.device.to_string()]);
    for id in inventory.bricks_of_device(it.brick.device) {
        let brick = Brick::clone(inventory.brick(id).unwrap());
        hit.lost.push(brick.brick_directory());
        lose_brick(scene, &Pieces { brick, host: it.host.clone(), group: it.group.clone(), volume: it.volume.clone() });
    }
    // Where somebody else has a volume in it, that goes too.
    _ = scene.sim.admin(&it.host, &format!("/usr/sbin/lvm lvremove --autobackup=n -f {}/scratch", it.group));
    scene.run(&it.host, &format!("/usr/sbin/lvm vgremove -qq {}", it.group));
    hit
}

/// One damage to the nodes: what it does, and what of the nodes may look different after the repair.
pub struct Damage {
    pub name: &'static str,
    /// Damages; `pick` chooses what.
    pub(super) apply: fn(&Scene, usize) -> Hit,
    /// Differences that hold one of these texts are the repair itself.
    pub may_differ: &'static [&'static str],
}

impl Damage {
    /// Damages the nodes; `pick` chooses what.
    pub fn happen(&self, scene: &Scene, pick: usize) {
        (self.apply)(scene, pick);
    }
}

pub const DAMAGES: &[Damage] = &[
    Damage {
        name: "a brick is not mounted",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.sim.force_unmount(&it.host, &it.point());
            Hit::of([it.point(), it.brick.id.to_string()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a brick has no line in fstab",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            drop_fstab_line(scene, &it);
            Hit::of([it.point(), it.brick.id.to_string()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a brick has a wrong line in fstab and is not mounted after a power cut",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            drop_fstab_line(scene, &it);
            let device = format!("/dev/mapper/{}-{}", it.group, it.brick.logical_volume_name());
            let line = format!("{device} /mnt xfs noauto 1 2");
            scene.run(&it.host, &format!("awk \"BEGIN {{print \\\"{line}\\\" >> \\\"/etc/fstab\\\"}}\""));
            scene.sim.force_unmount(&it.host, &it.point());
            Hit::of([it.point(), it.brick.id.to_string()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a brick directory is gone",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.sim.delete_directory(&it.host, &it.brick.brick_directory());
            Hit::losing([it.brick.brick_directory(), it.brick.id.to_string()], &it.brick)
        },
        may_differ: &[],
    },
    Damage {
        name: "a logical volume is gone",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.sim.force_unmount(&it.host, &it.point());
            scene.run(&it.host, &format!("/usr/sbin/lvm lvremove --autobackup=n -f {}", it.lv()));
            Hit::losing([it.lv(), it.brick.id.to_string()], &it.brick)
        },
        may_differ: &[],
    },
    Damage {
        name: "a thin pool is gone",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            lose_brick(scene, &it);
            Hit::losing([it.lv(), it.brick.id.to_string()], &it.brick)
        },
        may_differ: &[],
    },
    Damage {
        name: "a thin pool is gone, and glusterd was started since",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            lose_brick(scene, &it);
            scene.run(&it.host, "systemctl restart glusterd");
            Hit::losing([it.lv(), it.brick.id.to_string()], &it.brick)
        },
        may_differ: &[],
    },
    Damage {
        name: "a volume group is gone",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            lose_group(scene, &it)
        },
        // LVM gives the physical volume a new identity; the foreign volume went with the group.
        may_differ: &["physical volume", "volume group", "scratch"],
    },
    Damage {
        name: "a disk was replaced by an empty one",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let disk = scene.inventory().device(it.brick.device).unwrap().name.clone();
            let hit = lose_group(scene, &it);
            scene.run(&it.host, &format!("/usr/sbin/lvm pvremove -qq '{disk}'"));
            hit
        },
        may_differ: &["physical volume", "volume group", "scratch"],
    },
    Damage {
        name: "a volume is stopped",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.run("n2", &format!("gluster --mode=script volume stop {} force", it.volume.name));
            Hit::of([it.volume.name.clone(), it.volume.id.to_string()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a volume is deleted",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.run("n2", &format!("gluster --mode=script volume stop {} force", it.volume.name));
            scene.run("n2", &format!("gluster --mode=script volume delete {}", it.volume.name));
            Hit::of([it.volume.name.clone(), it.volume.id.to_string()])
        },
        // gluster gives the volume a new identity.
        may_differ: &["volume vol_"],
    },
    Damage {
        name: "an option was changed",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            scene.run("n3", &format!("gluster --mode=script volume set {} user.heketi.id none", it.volume.name));
            Hit::of([it.volume.name.clone(), "user.heketi.id".into()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a brick is left over",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let id = format!("{:032x}", 0xdead_0000_u64 + pick as u64);
            let lv = format!("brick_{id}");
            let point = format!("/var/lib/heketi/mounts/{}/{lv}", it.group);
            let device = format!("/dev/mapper/{}-{lv}", it.group);
            let run = |line: &str| scene.run(&it.host, line);
            run(&format!("mkdir -p {point}"));
            run(&format!(
                "/usr/sbin/lvm lvcreate -qq --autobackup=n --poolmetadatasize 8192K --poolmetadataspare n --size 1048576K --thin {}/tp_{id} \
                 --virtualsize 1048576K --name {lv}",
                it.group
            ));
            run(&format!("mkfs.xfs -i size=512 -n size=8192 {device}"));
            run(&format!("awk \"BEGIN {{print \\\"{device} {point} xfs rw 1 2\\\" >> \\\"/etc/fstab\\\"}}\""));
            run(&format!("mount -o rw {device} {point}"));
            run(&format!("mkdir {point}/brick"));
            Hit::of([format!("{}/{lv}", it.group), point, "fstab".into()])
        },
        may_differ: &[],
    },
    Damage {
        name: "a thin pool is left over",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let pool = format!("{}/tp_{:032x}", it.group, 0xdead_u64);
            scene.run(
                &it.host,
                &format!("/usr/sbin/lvm lvcreate -qq --autobackup=n --poolmetadatasize 8192K --poolmetadataspare n --size 1048576K --thin {pool}"),
            );
            Hit::of([pool])
        },
        may_differ: &[],
    },
    Damage {
        name: "a line of fstab is left over",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let lv = format!("brick_{:032x}", 0xdead_u64);
            let line = format!("/dev/mapper/{0}-{lv} /var/lib/heketi/mounts/{0}/{lv} xfs rw 1 2", it.group);
            scene.run(&it.host, &format!("awk \"BEGIN {{print \\\"{line}\\\" >> \\\"/etc/fstab\\\"}}\""));
            Hit::of([lv])
        },
        may_differ: &[],
    },
    Damage {
        name: "the mount point of a brick is left over",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let point = format!("/var/lib/heketi/mounts/{}/brick_{:032x}", it.group, 0xdead_u64);
            scene.run(&it.host, &format!("mkdir -p {point}"));
            Hit::of([point])
        },
        may_differ: &[],
    },
    Damage {
        name: "the directory of a volume group is left over",
        apply: |scene, pick| {
            let it = pieces(scene, pick);
            let path = format!("/var/lib/heketi/mounts/vg_{:032x}", 0xdead_u64);
            scene.run(&it.host, &format!("mkdir -p {path}"));
            Hit::of([path])
        },
        may_differ: &[],
    },
];

async fn damage_and_repair(damage: &Damage, pick: usize) {
    let scene = Scene::new().await;
    let (nodes, records) = (scene.sim.snapshot(), kept(&scene.inventory()));
    let hit = (damage.apply)(&scene, pick);
    let found = scene.repair().await;
    let (context, told) = (format!("{} ({pick})", damage.name), names(&found));
    for name in &hit.named {
        assert!(told.iter().any(|text| text.contains(name)), "{context}: nothing names {name}: {found:#?}");
    }
    let left = unwanted(&scene, &nodes, &hit, damage.may_differ);
    assert!(left.is_empty(), "{context}: {left:#?}");
    if damage.may_differ.is_empty() {
        assert_eq!(kept(&scene.inventory()), records, "{context}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damage_of_the_nodes_is_named_and_repaired() {
    for damage in DAMAGES {
        for pick in [0, 4, 8] {
            damage_and_repair(damage, pick).await;
        }
    }
    println!("{} kinds of damage to nodes, each named and repaired to an empty audit", DAMAGES.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_random_damage_of_the_nodes_is_named_and_repaired(kind in 0..DAMAGES.len(), pick in 0..1000usize) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(damage_and_repair(&DAMAGES[kind], pick));
    }
}
