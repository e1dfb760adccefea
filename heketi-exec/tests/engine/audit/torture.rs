//! A repair meets a fault, or the server is killed, at every line and every commit. Whatever comes of it, the next
//! audit finds what is left and repairs it, no data of a brick that was well is touched, nor anything of others.

use std::sync::atomic::Ordering;

use heketi_core::inventory::JobResult;
use heketi_exec::sim::{Fault, StopPoint};

use super::damages::{DAMAGES, Damage};
use super::*;
use crate::faults::effects;
use crate::kill::RUNS_ON;
use crate::mortal::Mortal;

/// Damages whose repairs differ. Those left out are parts of these, or repaired by the same steps.
fn damages() -> impl Iterator<Item = &'static Damage> {
    let parts = [
        "no line in fstab",
        "a thin pool is gone",
        "replaced by an empty",
        "a thin pool is left",
        "a line of fstab is left",
        "mount point of a brick",
    ];
    DAMAGES.iter().filter(move |damage| !parts.iter().any(|part| damage.name.contains(part)))
}

/// A small scene, its nodes before the damage, and the findings of it.
struct Damaged {
    scene: Scene,
    before: SimSnapshot,
    hit: Hit,
    findings: Vec<Finding>,
}

impl Damaged {
    async fn new(damage: &Damage, store: impl FnOnce(&SimCluster) -> Arc<dyn Store>) -> Self {
        let sim = simulated(3);
        let engine = engine(&sim, store(&sim), config()).await;
        load(&engine, 3).await;
        volume(&engine, engine.volume_create(replica3(1)).await).await;
        let scene = Scene { sim, engine };
        scene.write_data();
        scene.run("n1", "mkdir -p /srv/brick");
        scene.run("n1", "gluster --mode=script volume create theirs 10.0.0.1:/srv/brick force");
        let before = scene.sim.snapshot();
        let hit = (damage.apply)(&scene, 0);
        let findings = scene.audit().await.findings;
        scene.sim.forget_lines();
        Self { scene, before, hit, findings }
    }

    /// Runs the repair once.
    async fn repair_once(&self) -> Option<JobResult> {
        let job = self.scene.engine.audit_repair(&self.findings).await.ok()?;
        assert!(self.scene.engine.wait_idle(LIMIT).await);
        self.scene.engine.job(job).ok()?.result.clone()
    }

    /// With all mishaps over: nothing is pending, and repairing goes to its end.
    async fn check(self, damage: &Damage, context: &str) {
        println!("{context}");
        let clean_up = self.scene.engine.clean_up(None);
        tokio::time::timeout(LIMIT, clean_up).await.expect("clean-up ends");
        let pending: Vec<_> = self.scene.inventory().operations().cloned().collect();
        assert!(pending.is_empty(), "{context}: {pending:#?}");
        self.scene.repair().await;
        let left = unwanted(&self.scene, &self.before, &self.hit, damage.may_differ);
        assert!(left.is_empty(), "{context}: {left:#?}");
        assert_sound(&self.scene.engine);
    }
}

fn memory(_: &SimCluster) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Lines of the repair, by number. All nodes are asked the same: one of them stands for all.
async fn lines(damage: &Damage) -> Vec<u64> {
    let damaged = Damaged::new(damage, memory).await;
    let result = damaged.repair_once().await;
    assert_eq!(result, Some(JobResult::Done), "{}", damage.name);
    let run = damaged.scene.sim.lines_run();
    let asks = |text: &str| {
        let questions = ["/usr/sbin/lvm pvs", "/usr/sbin/lvm vgs", "/usr/sbin/lvm lvs --rep", "mount", "cat ", "find "];
        let gluster = ["pool list", "volume info", "heal"];
        text == "mount"
            || questions.iter().any(|start| *start != "mount" && text.starts_with(start))
            || gluster.iter().any(|part| text.contains(part))
    };
    let chosen = run.iter().zip(1..).filter(|(line, _)| !asks(&line.text) || &*line.host == "n1");
    chosen.map(|(_, number)| number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_survives_a_fault_at_every_line() {
    for damage in damages() {
        let lines = lines(damage).await;
        let mut points = 0;
        for line in &lines {
            for (name, effect) in effects() {
                let damaged = Damaged::new(damage, memory).await;
                damaged.scene.sim.inject(Fault::nth(*line, "", effect));
                damaged.repair_once().await;
                damaged.scene.sim.clear_faults();
                damaged.check(damage, &format!("{}: line {line} {name}", damage.name)).await;
                points += 1;
            }
        }
        println!("repair of: {}: {points} fault points", damage.name);
    }
}

/// A new server on what the killed one stored.
async fn restart(damaged: Damaged, store: &Arc<MemoryStore>) -> Damaged {
    let Damaged { scene: Scene { sim, engine: killed }, before, hit, findings } = damaged;
    drop(killed);
    sim.clear_stop();
    let engine = engine(&sim, store.clone(), config()).await;
    Damaged { scene: Scene { sim, engine }, before, hit, findings }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_survives_a_kill_at_every_line() {
    for damage in damages() {
        let lines = lines(damage).await;
        for line in &lines {
            for point in [StopPoint::BeforeLine, StopPoint::AfterLine, StopPoint::DuringLine(RUNS_ON)] {
                let mut under = None;
                let mortal = |sim: &SimCluster| {
                    let store = Mortal::new(sim, false);
                    under = Some(store.under.clone());
                    store as Arc<dyn Store>
                };
                let damaged = Damaged::new(damage, mortal).await;
                damaged.scene.sim.set_stop_after(*line, point);
                damaged.repair_once().await;
                let damaged = restart(damaged, &under.unwrap()).await;
                damaged.check(damage, &format!("{}: killed at line {line}, {point:?}", damage.name)).await;
            }
        }
        println!("repair of: {}: {} kill points at lines", damage.name, lines.len() * 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_survives_a_kill_at_every_commit() {
    for damage in damages() {
        let mortal = |stores: &mut Option<Arc<Mortal>>, sim: &SimCluster, after: bool| {
            let store = Mortal::new(sim, after);
            *stores = Some(store.clone());
            store as Arc<dyn Store>
        };
        let mut store = None;
        let damaged = Damaged::new(damage, |sim| mortal(&mut store, sim, false)).await;
        let first = store.as_ref().unwrap().commits();
        damaged.repair_once().await;
        let last = store.unwrap().commits();
        assert!(last > first + 2, "a repair is several commits");
        for commit in first + 1..=last {
            for after in [false, true] {
                let mut store = None;
                let damaged = Damaged::new(damage, |sim| mortal(&mut store, sim, after)).await;
                let store = store.unwrap();
                store.dies_at.store(commit, Ordering::SeqCst);
                damaged.repair_once().await;
                let damaged = restart(damaged, &store.under).await;
                let context = format!("{}: killed at commit {}, after: {after}", damage.name, commit - first);
                damaged.check(damage, &context).await;
            }
        }
        println!("repair of: {}: {} kill points at commits", damage.name, (last - first) * 2);
    }
}
