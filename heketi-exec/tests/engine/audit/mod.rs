//! Audits with the nodes: every kind of damage is reported by name and repaired, and nothing else is touched.

mod behaviour;
mod damages;
mod record_damages;
mod torture;

pub use damages::DAMAGES;

use std::sync::Arc;

use heketi_core::audit::{Finding, Report, salvage};
use heketi_core::inventory::{Change, ChangeSet, Inventory, Record};
use heketi_core::model::{Brick, Volume};
use heketi_core::units::Gib;
use heketi_exec::engine::Engine;
use heketi_exec::sim::{SimCluster, SimDisk, SimSnapshot};
use heketi_exec::store::{MemoryStore, Store};

use crate::support::*;

/// What each brick holds.
const DATA: &str = "data";

/// Four nodes with volumes of heketi and things of others on them.
pub struct Scene {
    pub sim: SimCluster,
    pub engine: Engine,
}

impl Scene {
    pub async fn new() -> Self {
        let sim = simulated(4);
        let (engine, _, _) = loaded(&sim, 4).await;
        let request = heketi_core::api::CheckedVolumeCreate { gid: 2000, ..replica3(2) };
        let one = volume(&engine, engine.volume_create(request).await).await;
        volume(&engine, engine.volume_expand(one, Gib(1)).await).await;
        let mut request = replica3(1);
        request.options = vec!["performance.open-behind off".into(), "auth.allow 10.0.0.*".into()];
        volume(&engine, engine.volume_create(request).await).await;
        let scene = Self { sim, engine };
        scene.add_foreign_things();
        scene.settle_foreign_space().await;
        scene.write_data();
        scene
    }

    /// A directory in each brick stands for its data: it is gone when the brick was made again.
    fn write_data(&self) {
        let inventory = self.inventory();
        for brick in inventory.bricks() {
            let host = inventory.node(brick.node).unwrap().manage_host();
            self.run(host, &format!("mkdir {}/{DATA}", brick.brick_directory()));
        }
    }

    /// A volume group, logical volumes, a thin pool, a mount, an fstab line, directories and a gluster volume of
    /// somebody else, on the nodes and in heketi's own volume groups.
    fn add_foreign_things(&self) {
        let group = self.group_on("n1", "/dev/sdb");
        for host in ["n1", "n2"] {
            self.sim.add_disk(host, SimDisk::gib("/dev/sdz", 20));
            self.run(host, "/usr/sbin/lvm pvcreate -qq --metadatasize=128M --dataalignment=256K '/dev/sdz'");
            self.run(host, "/usr/sbin/lvm vgcreate -qq --physicalextentsize=4M --autobackup=n data /dev/sdz");
            self.run(host, "/usr/sbin/lvm lvcreate -qq --autobackup=n --size 1048576K --name home data");
            self.run(host, "mkfs.xfs -i size=512 -n size=8192 /dev/mapper/data-home");
            self.run(host, "mkdir -p /home");
            self.run(host, "mount -o rw /dev/mapper/data-home /home");
            let line = "awk \"BEGIN {print \\\"/dev/mapper/data-home /home xfs rw 0 0\\\" >> \\\"/etc/fstab\\\"}\"";
            self.run(host, line);
            self.run(host, "mkdir -p /var/lib/heketi/mounts/theirs/data");
        }
        self.run("n1", &format!("/usr/sbin/lvm lvcreate -qq --autobackup=n --size 1048576K --name scratch {group}"));
        self.run("n1", "mkdir -p /srv/brick");
        self.run("n1", "gluster --mode=script volume create theirs 10.0.0.1:/srv/brick force");
        self.run("n1", "gluster --mode=script volume start theirs");
    }

    /// The device with somebody's logical volume on it is measured again: the first finding and its repair.
    async fn settle_foreign_space(&self) {
        let report = self.audit().await;
        assert_eq!(report.findings.len(), 1, "{report:#?}");
        assert!(report.findings[0].text.contains("space of others"), "{report:#?}");
        self.repair().await;
    }

    fn run(&self, host: &str, line: &str) {
        let result = self.sim.admin(host, line);
        assert!(result.success(), "{host}: {line}: {}", result.failure_text());
    }

    pub async fn audit(&self) -> Report {
        self.engine.audit(true).await.expect("an audit")
    }

    /// Audits and repairs until nothing is found. Returns what was found first.
    pub async fn repair(&self) -> Vec<Finding> {
        let first = self.audit().await.findings;
        let mut found = first.clone();
        for _ in 0..6 {
            if found.is_empty() {
                return first;
            }
            let job = match self.engine.audit_repair(&found).await {
                Ok(job) => job,
                Err(error) => panic!("{error}: {found:#?}"),
            };
            let result = finished(&self.engine, job).await;
            assert!(self.engine.wait_idle(LIMIT).await);
            let now = self.audit().await.findings;
            assert!(now != found, "nothing comes of it: {result:#?}\n{found:#?}");
            found = now;
        }
        panic!("there is no end: {found:#?}");
    }

    fn inventory(&self) -> Arc<Inventory> {
        self.engine.inventory()
    }

    fn group_on(&self, host: &str, disk: &str) -> String {
        let inventory = self.inventory();
        let node = inventory.node_with_host(host).expect("a node");
        let mut devices = inventory.devices_of_node(node).map(|id| inventory.device(id).unwrap());
        devices.find(|device| device.name == disk).unwrap().volume_group()
    }

    /// The server stops, its records are changed, and it starts again.
    pub async fn with_records(self, change: impl FnOnce(&mut Vec<Record>)) -> Self {
        let mut records = kept(&self.inventory());
        change(&mut records);
        let salvaged = salvage(records);
        let store = Arc::new(MemoryStore::new());
        let mut changes = ChangeSet::default();
        changes.append(salvaged.inventory.records().map(Change::Put).collect());
        let (_, revision) = store.load().unwrap();
        store.commit(revision, &[changes]).unwrap();
        self.engine.shut_down(LIMIT).await;
        let engine = engine(&self.sim, store, config()).await;
        Self { sim: self.sim, engine }
    }
}

/// All records but jobs, which come and go.
fn kept(inventory: &Inventory) -> Vec<Record> {
    inventory.records().filter(|record| !matches!(record, Record::Job(_))).collect()
}

/// The pieces of one brick on its node.
struct Pieces {
    brick: Brick,
    host: String,
    group: String,
    volume: Volume,
}

impl Pieces {
    fn point(&self) -> String {
        self.brick.mount_point()
    }

    fn lv(&self) -> String {
        format!("{}/{}", self.group, self.brick.logical_volume_name())
    }

    fn pool(&self) -> String {
        format!("{}/{}", self.group, self.brick.thin_pool_name())
    }
}

fn pieces(scene: &Scene, pick: usize) -> Pieces {
    let inventory = scene.inventory();
    let bricks: Vec<_> = inventory.bricks().collect();
    let brick = Brick::clone(bricks[pick % bricks.len()]);
    let host = inventory.node(brick.node).unwrap().manage_host().to_owned();
    let group = heketi_core::model::volume_group_name(brick.device);
    let volume = Volume::clone(inventory.volume(brick.volume).unwrap());
    Pieces { brick, host, group, volume }
}

fn drop_fstab_line(scene: &Scene, it: &Pieces) {
    scene.run(&it.host, &format!("sed -i.save \"/{}/d\" /etc/fstab", it.brick.logical_volume_name()));
}

fn lose_brick(scene: &Scene, it: &Pieces) {
    scene.sim.force_unmount(&it.host, &it.point());
    scene.run(&it.host, &format!("/usr/sbin/lvm lvremove --autobackup=n -f {}", it.pool()));
}

/// The differences between the nodes now and before that are no part of a repair.
fn unwanted(scene: &Scene, before: &SimSnapshot, hit: &Hit, may_differ: &[&str]) -> Vec<String> {
    let lost = |line: &str| {
        hit.lost.iter().any(|directory| line.starts_with("- ") && line.ends_with(&format!("{directory}/{DATA}")))
    };
    let allowed = |line: &String| may_differ.iter().any(|text| line.contains(text)) || lost(line);
    scene.sim.leftovers(before).into_iter().filter(|line| !allowed(line)).collect()
}

/// What a damage hit.
#[derive(Default)]
struct Hit {
    /// Names that the audit must tell.
    named: Vec<String>,
    /// Brick directories whose data the damage itself took.
    lost: Vec<String>,
}

impl Hit {
    fn of(named: impl IntoIterator<Item = String>) -> Self {
        Self { named: named.into_iter().collect(), lost: Vec::new() }
    }

    fn losing(named: impl IntoIterator<Item = String>, brick: &Brick) -> Self {
        Self { lost: vec![brick.brick_directory()], ..Self::of(named) }
    }
}

/// Every name in these findings.
fn names(found: &[Finding]) -> Vec<String> {
    found.iter().flat_map(|it| it.objects.iter().map(ToString::to_string).chain([it.text.clone()])).collect()
}
