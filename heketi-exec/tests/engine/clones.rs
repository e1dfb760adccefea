//! Clones of volumes, from their making to the last thin pool they share with their source.

use heketi_core::ErrorKind;
use heketi_core::id::VolumeId;
use heketi_core::inventory::JobResult;
use heketi_core::units::{Gib, Kib};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::{Effect, Fault, SimCluster};

use crate::support::*;
use crate::tested::volume_called;

/// Bricks of at most 2 GiB, so that volumes have several sets.
fn small_bricks() -> EngineConfig {
    let mut config = config();
    config.policy.brick_max = Gib(2).kib();
    config
}

/// Three nodes, and a volume of three sets called `source`: several bricks on each node, on both its disks.
async fn with_source() -> (SimCluster, Engine, VolumeId) {
    let sim = simulated(3);
    let engine = engine(&sim, std::sync::Arc::new(heketi_exec::store::MemoryStore::new()), small_bricks()).await;
    load(&engine, 3).await;
    sim.forget_lines();
    let mut request = replica3(6);
    request.name = Some("source".into());
    let id = volume(&engine, engine.volume_create(request).await).await;
    (sim, engine, id)
}

async fn clone(engine: &Engine, source: VolumeId, name: &str) -> VolumeId {
    volume(engine, engine.volume_clone(source, Some(name.into())).await).await
}

async fn delete(engine: &Engine, id: VolumeId) -> JobResult {
    let job = engine.volume_delete(id).await.expect("planned");
    finished(engine, job).await
}

fn free(engine: &Engine) -> Vec<Kib> {
    let inventory = engine.inventory();
    inventory.devices().map(|device| inventory.free(device)).collect()
}

/// Several bricks on one node, in different volume groups: gluster numbers their logical volumes by node and their
/// mount points by place. All is found, and goes with the last volume, whichever that is.
#[tokio::test]
async fn a_cloned_volume_can_go_before_its_clone() {
    for source_first in [true, false] {
        let (sim, engine, source) = with_source().await;
        let taken = free(&engine);
        let copy = clone(&engine, source, "copy").await;
        assert_sound(&engine);
        assert_nodes_match(&engine, &sim);
        let inventory = engine.inventory();
        let volumes = inventory.bricks_of_volume(copy).filter_map(|id| inventory.brick(id));
        let numbers: Vec<_> =
            volumes.map(|brick| brick.logical_volume_name().split_once('_').unwrap().1.to_owned()).collect();
        assert!(numbers.len() == 9 && numbers.iter().any(|number| number == "2"), "{numbers:?}");
        assert_eq!(free(&engine), taken, "a clone takes no space of its own");

        let order = if source_first { [source, copy] } else { [copy, source] };
        for id in order {
            assert_eq!(delete(&engine, id).await, JobResult::Done);
            assert_sound(&engine);
            assert_nodes_match(&engine, &sim);
        }
        let inventory = engine.inventory();
        for device in inventory.devices() {
            assert_eq!(inventory.free(device), device.total);
        }
        for (node, contents) in sim.snapshot().nodes {
            for group in contents.volume_groups.values() {
                assert_eq!(group.free, group.size, "{node}");
            }
            assert!(contents.mounts.is_empty() && contents.directories.is_empty(), "{node}: {contents:?}");
        }
    }
}

/// F5: a clone has all that expanding and cloning need, in a new process too.
#[tokio::test]
async fn a_clone_is_expanded_cloned_and_deleted_like_any_volume() {
    let (sim, engine, source) = with_source().await;
    let before = sim.snapshot();
    let copy = clone(&engine, source, "copy").await;
    volume(&engine, engine.volume_expand(copy, Gib(2)).await).await;
    assert_eq!(engine.inventory().volume(copy).unwrap().size, Gib(8));
    assert_nodes_match(&engine, &sim);
    let again = clone(&engine, copy, "copy2").await;
    assert_eq!(engine.inventory().bricks_of_volume(again).count(), 12);
    assert_nodes_match(&engine, &sim);
    assert_sound(&engine);
    for id in [copy, again] {
        assert_eq!(delete(&engine, id).await, JobResult::Done);
        assert_nodes_match(&engine, &sim);
        assert_sound(&engine);
    }
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
}

/// A clone has the options of its source and an id of its own; its source is as it was.
#[tokio::test]
async fn gluster_knows_a_clone_by_its_own_id() {
    let (sim, engine, source) = with_source().await;
    let before = sim.snapshot();
    let copy = clone(&engine, source, "copy").await;
    let now = sim.snapshot();
    let (old, new) = (&now.pools[0].volumes["source"], &now.pools[0].volumes["copy"]);
    assert_eq!(*old, before.pools[0].volumes["source"]);
    assert_eq!(new.status, "Started");
    let id = |of: &heketi_exec::sim::VolumeSnapshot| {
        of.options.iter().filter(|(key, _)| key == "user.heketi.id").map(|(_, id)| id.clone()).collect::<Vec<_>>()
    };
    assert_eq!((id(old), id(new)), (vec![source.to_string()], vec![copy.to_string()]));
}

#[tokio::test]
async fn a_clone_is_refused_in_heketi_v10s_words() {
    let (sim, engine, source) = with_source().await;
    clone(&engine, source, "copy").await;
    let before = sim.snapshot();
    let refused = engine.volume_clone(source, Some("copy".into())).await.unwrap_err();
    assert_eq!(refused.text(), "Volume name 'copy' already in use");
    assert_eq!(refused.kind(), ErrorKind::CannotAllocate);
    let unknown = engine.volume_clone(VolumeId::from_bytes([7; 16]), None).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    assert_eq!(sim.snapshot(), before);
    let unnamed = volume(&engine, engine.volume_clone(source, None).await).await;
    assert_eq!(volume_called(&engine, &format!("vol_{unnamed}")), unnamed);
}

/// Somebody's gluster volume has the name: it stays, and the client is told.
#[tokio::test]
async fn somebody_elses_volume_of_the_clones_name_is_not_touched() {
    let (sim, engine, source) = with_source().await;
    for line in ["mkdir -p /srv/brick", "gluster --mode=script volume create taken 10.0.0.1:/srv/brick force"] {
        assert!(sim.admin("n1", line).success(), "{line}");
    }
    let before = sim.snapshot();
    let job = engine.volume_clone(source, Some("taken".into())).await.unwrap();
    let JobResult::Failed(text) = finished(&engine, job).await else { panic!("the name is taken") };
    assert!(text.starts_with("Volume name 'taken' already in use"), "{text}");
    assert_sound(&engine);
    assert_eq!(sim.snapshot(), before);
}

/// F24: a volume whose snapshots somebody keeps is not deleted, and goes on running.
#[tokio::test]
async fn a_volume_with_snapshots_of_its_user_stays() {
    let (sim, engine, source) = with_source().await;
    let taken = sim.admin("n2", "gluster --mode=script --xml snapshot create mine source no-timestamp");
    assert!(taken.stdout.contains("<opRet>0</opRet>"), "{taken:?}");
    let before = sim.snapshot();
    let JobResult::Failed(text) = delete(&engine, source).await else { panic!("it has a snapshot") };
    assert!(text.starts_with("Unable to delete volume source because it contains 1 snapshots: mine"), "{text}");
    assert_eq!(sim.snapshot(), before);
    assert_sound(&engine);
    // Cloning is no harm to it, and takes only its own snapshot away.
    let copy = clone(&engine, source, "copy").await;
    assert_eq!(delete(&engine, copy).await, JobResult::Done);
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
}

/// A snapshot that is deleted while a peer is away comes back with it. So nothing is begun.
#[tokio::test]
async fn no_clone_is_begun_while_a_peer_is_away() {
    let (sim, engine, source) = with_source().await;
    let before = sim.snapshot();
    sim.set_up("n3", false);
    let job = engine.volume_clone(source, Some("copy".into())).await.unwrap();
    let JobResult::Failed(text) = finished(&engine, job).await else { panic!("a peer is away") };
    assert!(text.contains("peers are not connected: 10.0.0.3"), "{text}");
    assert_sound(&engine);
    sim.set_up("n3", true);
    assert_eq!(sim.snapshot(), before);
    clone(&engine, source, "copy").await;
}

/// F4: a failed clone leaves nothing that the next volume could trip over.
#[tokio::test]
async fn a_failed_clone_does_not_stand_in_the_way_of_the_next_volume() {
    let (sim, engine, source) = with_source().await;
    let before = sim.snapshot();
    sim.inject(Fault::nth(1, "snapshot clone", Effect::FailBefore("injected failure".into(), 1)));
    let job = engine.volume_clone(source, Some("copy".into())).await.unwrap();
    assert!(matches!(finished(&engine, job).await, JobResult::Failed(_)));
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
    volume(&engine, engine.volume_create(replica3(2)).await).await;
    clone(&engine, source, "copy").await;
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// After a boot glusterd mounts the bricks of living clones; of a clone that is deleted then, nothing stays.
#[tokio::test]
async fn a_clone_survives_a_boot_and_can_be_deleted_after_it() {
    let (sim, engine, source) = with_source().await;
    let before = sim.snapshot();
    let copy = clone(&engine, source, "copy").await;
    for node in ["n1", "n2", "n3"] {
        assert_eq!(sim.reboot(node, "/etc/fstab"), Vec::<String>::new());
    }
    assert_nodes_match(&engine, &sim);
    assert_eq!(delete(&engine, copy).await, JobResult::Done);
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
}

/// Both volumes are deleted at the same moment; the thin pools they share go with the later one.
#[tokio::test]
async fn a_volume_and_its_clone_can_go_together() {
    let (sim, engine, source) = with_source().await;
    let copy = clone(&engine, source, "copy").await;
    let (first, second) = tokio::join!(delete(&engine, source), delete(&engine, copy));
    assert_eq!((first, second), (JobResult::Done, JobResult::Done));
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_eq!(engine.inventory().bricks().count(), 0);
}

/// An interrupted clone whose source was deleted by hand meanwhile: the nodes have neither, and it is over.
#[tokio::test]
async fn an_interrupted_clone_ends_when_gluster_has_its_source_no_more() {
    let (sim, engine, source) = with_source().await;
    // It fails, and so does the undo.
    for line in ["snapshot clone", "snapshot delete"] {
        sim.inject(Fault::nth(1, line, Effect::FailBefore("injected failure".into(), 1)));
    }
    engine.volume_clone(source, Some("copy".into())).await.unwrap();
    assert!(engine.wait_idle(LIMIT).await);
    assert_eq!(engine.inventory().operations().count(), 1, "it waits to be resumed");
    let clone = engine.inventory().volumes().find(|volume| volume.id != source).unwrap().id;
    let lines = [
        format!("--xml snapshot delete tmpsnap_{clone}"),
        "volume stop source force".to_owned(),
        "volume delete source".to_owned(),
    ];
    for line in lines {
        let done = sim.admin("n1", &format!("gluster --mode=script {line}"));
        assert!(done.success() && !done.stdout.contains("<opRet>-1"), "{line}: {done:?}");
    }
    engine.clean_up(None).await;
    let left: Vec<_> = engine.inventory().operations().map(|it| it.error.clone()).collect();
    assert_eq!(left, []);
    assert!(engine.inventory().volumes().all(|volume| volume.id == source));
    assert!(!engine.inventory().is_volume_hidden(source));
}
