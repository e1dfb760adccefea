//! Every action of the node executor on the simulated cluster: each line it makes is understood there, and
//! each answer there is understood here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use heketi_core::id::{IdSource, NodeId, SeededIds};
use heketi_core::model::{BrickFormat, Durability};
use heketi_core::operation::{
    Action, BrickSpec, Certainty, FailureKind, GlusterBrick, GlusterVolumeSpec, Host, Observation, Step, StepOutcome,
};
use heketi_core::units::Kib;
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{Effect, Fault, SimCluster, SimDisk, SimSnapshot, StopPoint};

/// What one brick of the tests takes: 1 GiB.
const BRICK: Kib = Kib(1024 * 1024);
const METADATA: Kib = Kib(8 * 1024);

struct Lab {
    sim: SimCluster,
    executor: NodeExecutor,
    hosts: Vec<Host>,
}

impl Lab {
    /// Four nodes with an empty disk each, in no common pool.
    fn bare() -> Self {
        let sim = SimCluster::new();
        let mut ids = SeededIds::new(1);
        let hosts: Vec<Host> = (1..=4)
            .map(|n| {
                let (manage, storage) = (format!("node-{n}"), format!("10.0.0.{n}"));
                sim.add_node(&manage, &storage, [SimDisk::usable_gib("/dev/sdb", 20)]);
                Host { node: NodeId::from_bytes(ids.next_bytes()), manage, storage }
            })
            .collect();
        let options =
            NodeOptions { poll_interval: Duration::from_millis(1), snapshot_limit: 14, ..NodeOptions::default() };
        let executor = NodeExecutor::new(Arc::new(sim.runner()), options);
        Self { sim, executor, hosts }
    }

    /// As [`Self::bare`], with all nodes in one pool and their disks set up.
    async fn ready() -> Self {
        let lab = Self::bare();
        for n in 1..4 {
            let storage = lab.hosts[n].storage.clone();
            lab.good(0, Action::ProbePeer { storage }).await;
        }
        for n in 0..4 {
            lab.good(n, set_up("/dev/sdb", false)).await;
        }
        lab
    }

    async fn on(&self, host: usize, action: Action) -> StepOutcome {
        let hosts = vec![self.hosts[host].clone()];
        self.executor.execute(&Step { hosts, changes_gluster: None, action }).await
    }

    #[track_caller]
    fn good(&self, host: usize, action: Action) -> impl Future<Output = Observation> {
        let what = action.describe();
        async move { self.on(host, action).await.unwrap_or_else(|failure| panic!("{what}: {failure:?}")) }
    }

    /// One brick on each of the first `nodes` nodes, made, as a set.
    async fn set(&self, nodes: usize, id: u8) -> Vec<GlusterBrick> {
        let mut set = Vec::new();
        for n in 0..nodes {
            self.good(n, Action::CreateBrick { brick: brick(id), redo: false }).await;
            set.push(self.gluster_brick(n, id));
        }
        set
    }

    fn gluster_brick(&self, host: usize, id: u8) -> GlusterBrick {
        GlusterBrick { host: self.hosts[host].storage.clone(), path: brick(id).brick_directory() }
    }

    /// No line may have been refused as unknown, whatever else happened.
    fn all_lines_were_understood(&self) {
        for line in self.sim.lines_run() {
            assert_ne!(line.status, Some(127), "{}: {}", line.host, line.text);
        }
    }
}

fn set_up(device: &str, wipe: bool) -> Action {
    Action::SetUpDevice { device: device.into(), volume_group: "vg_b".into(), wipe }
}

fn tear_down(bare_too: bool) -> Action {
    Action::TearDownDevice { device: "/dev/sdb".into(), pv_uuid: None, volume_group: "vg_b".into(), bare_too }
}

fn brick(id: u8) -> BrickSpec {
    let id = format!("{id:032x}");
    BrickSpec {
        volume_group: "vg_b".into(),
        thin_pool: format!("tp_{id}"),
        logical_volume: format!("brick_{id}"),
        mount_point: format!("/var/lib/heketi/mounts/vg_b/brick_{id}"),
        size: BRICK,
        pool_size: BRICK,
        metadata_size: METADATA,
        gid: 2000,
        format: BrickFormat::Normal,
    }
}

fn volume(name: &str, durability: Durability, sets: Vec<Vec<GlusterBrick>>) -> GlusterVolumeSpec {
    let options = vec![String::new(), "user.heketi.id 00ff".into(), "user.note it's \"quoted\" $HOME".into()];
    GlusterVolumeSpec { name: name.into(), durability, arbiter: false, sets, options }
}

const REPLICA_3: Durability = Durability::Replicate { replica: 3 };

#[tokio::test]
async fn every_action_works_and_is_undone() {
    let lab = Lab::bare();
    let nothing = lab.sim.snapshot();
    lab.good(0, Action::Settle).await;
    assert_eq!(lab.good(0, Action::CheckGlusterd).await, Observation::Done);
    for n in 1..4 {
        let storage = lab.hosts[n].storage.clone();
        lab.good(0, Action::ProbePeer { storage: storage.clone() }).await;
        lab.good(0, Action::ProbePeer { storage }).await;
    }
    let Observation::Pool(peers) = lab.good(2, Action::ListPeers).await else { panic!() };
    let names: BTreeSet<&str> = peers.iter().flat_map(|peer| &peer.names).map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["10.0.0.1", "10.0.0.2", "10.0.0.4"]));

    let Observation::Contents(contents) = lab.good(0, Action::InspectDevice { device: "/dev/sdb".into() }).await else {
        panic!()
    };
    assert!(contents.exists && contents.pv_uuid.is_none() && contents.signature.is_none(), "{contents:?}");
    for n in 0..4 {
        let Observation::Device(report) = lab.good(n, set_up("/dev/sdb", false)).await else { panic!() };
        assert_eq!((report.total, report.free, report.extent), (Kib(20 * BRICK.0), Kib(20 * BRICK.0), Kib(4096)));
        assert!(report.pv_uuid.is_some());
    }
    let empty = lab.sim.snapshot();

    let (first, second) = (lab.set(3, 1).await, lab.set(3, 2).await);
    let third = lab.set(3, 3).await;
    let made = lab.sim.directory("node-1", &brick(1).brick_directory()).expect("the brick directory");
    assert_eq!((made.group, made.mode), (2000, 0o2775));
    lab.good(0, Action::CreateVolume { volume: volume("v", REPLICA_3, vec![first, second]) }).await;
    lab.good(1, Action::AddBricks { name: "v".into(), durability: REPLICA_3, arbiter: false, sets: vec![third] }).await;
    lab.good(1, Action::Rebalance { name: "v".into() }).await;
    lab.good(1, Action::StartVolume { name: "v".into() }).await;
    let Observation::Volumes(volumes) = lab.good(3, Action::ListVolumes).await else { panic!() };
    assert_eq!(volumes.len(), 1);
    assert_eq!((volumes[0].name.as_str(), volumes[0].started, volumes[0].bricks.len()), ("v", true, 9));
    assert_eq!(volumes[0].bricks[8], lab.gluster_brick(2, 3));
    assert!(volumes[0].options.contains(&("user.note".into(), "it's \"quoted\" $HOME".into())), "{volumes:?}");

    let read = Action::ReadDevice { device: "/dev/sdb".into(), volume_group: "vg_b".into() };
    let Observation::Device(report) = lab.good(0, read.clone()).await else { panic!() };
    assert_eq!(report.free, Kib(17 * BRICK.0 - 3 * METADATA.0));
    lab.sim.rename_disk("node-1", "/dev/sdb", "/dev/sdz");
    let Observation::Device(renamed) = lab.good(0, read).await else { panic!() };
    assert_eq!((renamed.pv_uuid, renamed.free), (report.pv_uuid, report.free));
    lab.sim.rename_disk("node-1", "/dev/sdz", "/dev/sdb");

    lab.good(2, Action::DeleteVolume { name: "v".into() }).await;
    lab.good(2, Action::DeleteVolume { name: "v".into() }).await;
    for (n, id) in (0..3).flat_map(|n| [(n, 1), (n, 2), (n, 3)]) {
        for _ in 0..2 {
            let seen = lab.good(n, Action::DestroyBrick { brick: brick(id) }).await;
            assert_eq!(seen, Observation::BrickDestroyed { pool_removed: true });
        }
    }
    assert_eq!(lab.sim.leftovers(&empty), Vec::<String>::new());
    for n in 0..4 {
        lab.good(n, tear_down(false)).await;
        lab.good(n, tear_down(false)).await;
    }
    for n in 1..4 {
        let storage = lab.hosts[n].storage.clone();
        lab.good(0, Action::DetachPeer { storage: storage.clone() }).await;
        lab.good(0, Action::DetachPeer { storage }).await;
    }
    assert_eq!(lab.sim.leftovers(&nothing), Vec::<String>::new());
    lab.all_lines_were_understood();
}

/// The kernel counts disks as it finds them: after a boot two can have swapped their names. What heketi wrote down of a
/// disk leads to the other one then, and that one must not be touched.
#[tokio::test]
async fn disks_that_swapped_names_are_told_apart() {
    for knows_uuid in [true, false] {
        let lab = Lab::ready().await;
        lab.sim.add_disk("node-1", SimDisk::usable_gib("/dev/sdc", 20));
        let theirs = |wipe| Action::SetUpDevice { device: "/dev/sdc".into(), volume_group: "vg_c".into(), wipe };
        lab.good(0, theirs(false)).await;
        let other = BrickSpec {
            volume_group: "vg_c".into(),
            mount_point: brick(2).mount_point.replace("vg_b", "vg_c"),
            ..brick(2)
        };
        lab.good(0, Action::CreateBrick { brick: other.clone(), redo: false }).await;
        let read = Action::ReadDevice { device: "/dev/sdb".into(), volume_group: "vg_b".into() };
        let Observation::Device(known) = lab.good(0, read.clone()).await else { panic!() };
        let with_others = lab.sim.snapshot();
        lab.good(0, Action::CreateBrick { brick: brick(1), redo: false }).await;
        for (from, to) in [("/dev/sdb", "/dev/tmp"), ("/dev/sdc", "/dev/sdb"), ("/dev/tmp", "/dev/sdc")] {
            lab.sim.rename_disk("node-1", from, to);
        }

        let Observation::Device(now) = lab.good(0, read).await else { panic!() };
        assert_eq!(now.pv_uuid, known.pv_uuid);
        assert!(now.paths.contains(&"/dev/sdc".to_owned()), "{now:?}");
        // A disk in use by another group is not set up, not even when all on it may go.
        for wipe in [false, true] {
            let taken = Action::SetUpDevice { device: "/dev/sdb".into(), volume_group: "vg_d".into(), wipe };
            let failure = lab.on(0, taken).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::DeviceNotAvailable, "{failure:?}");
        }
        lab.good(0, Action::DestroyBrick { brick: brick(1) }).await;
        let device = "/dev/sdb".to_owned();
        let pv_uuid = known.pv_uuid.clone().filter(|_| knows_uuid);
        let gone = Action::TearDownDevice { device, pv_uuid, volume_group: "vg_b".into(), bare_too: true };
        for _ in 0..2 {
            lab.good(0, gone.clone()).await;
        }
        // As the snapshot has it.
        for (from, to) in [("/dev/sdc", "/dev/tmp"), ("/dev/sdb", "/dev/sdc"), ("/dev/tmp", "/dev/sdb")] {
            lab.sim.rename_disk("node-1", from, to);
        }
        let left = lab.sim.snapshot();
        assert_eq!(left.nodes["node-1"].volume_groups["vg_c"], with_others.nodes["node-1"].volume_groups["vg_c"]);
        assert!(!left.nodes["node-1"].volume_groups.contains_key("vg_b"));
        assert_eq!(left.nodes["node-1"].mounts, with_others.nodes["node-1"].mounts);
        let again = Action::DestroyBrick { brick: other };
        assert_eq!(lab.good(0, again).await, Observation::BrickDestroyed { pool_removed: true });
        lab.all_lines_were_understood();
    }
}

#[tokio::test]
async fn every_kind_of_volume_can_be_made() {
    let lab = Lab::ready().await;
    let disperse = Durability::Disperse { data: 2, redundancy: 1 };
    for (id, (name, durability, nodes)) in
        [("plain", Durability::None, 1), ("two", Durability::Replicate { replica: 2 }, 2), ("disperse", disperse, 3)]
            .into_iter()
            .enumerate()
    {
        let id = u8::try_from(id).expect("few") * 4;
        let (first, second) = (lab.set(nodes, id).await, lab.set(nodes, id + 1).await);
        lab.good(0, Action::CreateVolume { volume: volume(name, durability, vec![first]) }).await;
        lab.good(0, Action::AddBricks { name: name.into(), durability, arbiter: false, sets: vec![second] }).await;
        lab.good(0, Action::DeleteVolume { name: name.into() }).await;
    }
    let arbiter = BrickSpec { format: BrickFormat::Arbiter, gid: 0, ..brick(20) };
    lab.good(3, Action::CreateBrick { brick: arbiter, redo: true }).await;
    lab.all_lines_were_understood();
}

#[tokio::test]
async fn disks_in_use_are_refused_and_wiped_when_asked() {
    let lab = Lab::bare();
    lab.sim.add_disk("node-1", SimDisk::gib("/dev/sdc", 10).signature("ext4"));
    lab.sim.add_disk("node-1", SimDisk::gib("/dev/sdd", 10).mounted("/data"));
    let failure = lab.on(0, set_up("/dev/sdc", false)).await.expect_err("it holds ext4");
    assert_eq!(failure.kind, FailureKind::DeviceNotAvailable);
    assert!(failure.text.contains("ext4"), "{}", failure.text);
    let failure = lab.on(0, set_up("/dev/sdd", true)).await.expect_err("it is mounted");
    assert_eq!(failure.kind, FailureKind::DeviceNotAvailable);
    let Observation::Contents(found) = lab.good(0, Action::InspectDevice { device: "/dev/sdd".into() }).await else {
        panic!()
    };
    assert_eq!(found.mount_points, ["/data"]);
    let Observation::Contents(found) = lab.good(0, Action::InspectDevice { device: "/dev/none".into() }).await else {
        panic!()
    };
    assert!(!found.exists);
    lab.good(0, set_up("/dev/sdc", true)).await;
    lab.all_lines_were_understood();
}

#[tokio::test]
async fn deleting_is_refused_while_it_would_be_half_done() {
    let lab = Lab::ready().await;
    let set = lab.set(3, 1).await;
    lab.good(0, Action::CreateVolume { volume: volume("v", REPLICA_3, vec![set]) }).await;
    let running = lab.sim.snapshot();
    let delete = || Action::DeleteVolume { name: "v".into() };
    lab.sim.set_glusterd("node-4", false);
    assert!(lab.on(0, delete()).await.is_err());
    lab.sim.set_glusterd("node-4", true);
    assert_eq!(lab.sim.leftovers(&running), Vec::<String>::new());
    assert!(lab.sim.admin("node-1", "gluster --mode=script --xml snapshot create s v no-timestamp").success());
    let failure = lab.on(0, delete()).await.expect_err("it has a snapshot");
    assert!(failure.text.contains("contains 1 snapshots"), "{}", failure.text);
    // A brick that runs cannot be destroyed.
    let failure = lab.on(0, Action::DestroyBrick { brick: brick(1) }).await.expect_err("it is in use");
    assert!(failure.text.contains("busy") && failure.text.contains("gluster"), "{}", failure.text);
    // With the volume gone its pool still holds what somebody else made in it.
    assert!(lab.sim.admin("node-1", "gluster --mode=script --xml snapshot delete s").success());
    lab.good(0, delete()).await;
    let other =
        "/usr/sbin/lvm lvcreate -qq --thin vg_b/tp_00000000000000000000000000000001 --virtualsize 1G --name other";
    assert!(lab.sim.admin("node-1", other).success());
    let seen = lab.good(0, Action::DestroyBrick { brick: brick(1) }).await;
    assert_eq!(seen, Observation::BrickDestroyed { pool_removed: false });
    assert!(lab.on(0, tear_down(true)).await.is_err());
    lab.all_lines_were_understood();
}

/// Runs one action after another with the manager's end at every line, before, after and during its effect,
/// then the undo with a new manager, and expects nothing to be left.
#[tokio::test(start_paused = true)]
async fn a_brick_is_undone_wherever_the_manager_ended() {
    for point in [StopPoint::BeforeLine, StopPoint::AfterLine, StopPoint::DuringLine(Duration::from_secs(9))] {
        for line in 1.. {
            let lab = Lab::ready().await;
            let before = lab.sim.snapshot();
            lab.sim.set_stop_after(line, point);
            let made = lab.on(0, Action::CreateBrick { brick: brick(1), redo: false }).await;
            let stopped = lab.sim.stopped();
            assert_eq!(made.is_err(), stopped);
            lab.sim.clear_stop();
            lab.good(0, Action::Settle).await;
            if line % 2 == 0 {
                lab.good(0, Action::CreateBrick { brick: brick(1), redo: true }).await;
            }
            undo(&lab, Action::DestroyBrick { brick: brick(1) }, &before).await;
            lab.all_lines_were_understood();
            if !stopped {
                assert!(line > 8, "the lines of a brick: {line}");
                break;
            }
        }
    }
}

/// An undo that is itself interrupted at every line, and taken up again.
async fn undo(lab: &Lab, action: Action, expected: &SimSnapshot) {
    for line in 1.. {
        lab.sim.set_stop_after(line, if line % 2 == 0 { StopPoint::AfterLine } else { StopPoint::BeforeLine });
        let result = lab.on(0, action.clone()).await;
        let stopped = lab.sim.stopped();
        lab.sim.clear_stop();
        if !stopped {
            result.expect("the undo was not interrupted");
            break;
        }
    }
    assert_eq!(lab.sim.leftovers(expected), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_device_is_undone_wherever_the_manager_ended() {
    for point in [StopPoint::BeforeLine, StopPoint::AfterLine] {
        for line in 1.. {
            let lab = Lab::bare();
            let before = lab.sim.snapshot();
            lab.sim.set_stop_after(line, point);
            _ = lab.on(0, set_up("/dev/sdb", line % 2 == 0)).await;
            let stopped = lab.sim.stopped();
            lab.sim.clear_stop();
            undo(&lab, tear_down(true), &before).await;
            if !stopped {
                break;
            }
        }
    }
}

#[tokio::test]
async fn lost_answers_are_unknown_outcomes() {
    let lab = Lab::ready().await;
    lab.sim.inject(Fault::once("mkfs.xfs", Effect::DropAfter));
    let failure = lab.on(0, Action::CreateBrick { brick: brick(1), redo: false }).await.expect_err("dropped");
    assert_eq!(failure.certainty, Certainty::Unknown);
    lab.sim.inject(Fault::once("lvs", Effect::DropBefore));
    let failure = lab.on(0, Action::DestroyBrick { brick: brick(1) }).await.expect_err("dropped");
    assert_eq!(failure.certainty, Certainty::NotStarted);
    lab.sim.inject(Fault::once("volume", Effect::FailBefore("Error : Request timed out".into(), 1)));
    let failure = lab.on(0, Action::StartVolume { name: "v".into() }).await.expect_err("timed out");
    assert_eq!(failure.certainty, Certainty::Unknown);
    lab.good(0, Action::CreateBrick { brick: brick(1), redo: true }).await;
}
