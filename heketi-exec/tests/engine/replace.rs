//! Nodes that were rebuilt and disks that were replaced come back.

use std::sync::Arc;
use std::time::Duration;

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, EntryState};
use heketi_exec::engine::Engine;
use heketi_exec::sim::{Effect, Fault, SimCluster, SimDisk};

use crate::support::*;
use crate::tested::{device_named, device_with_brick, node_named, only_volume};

fn failed(result: JobResult) -> String {
    match result {
        JobResult::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

/// Every volume is healed: all bricks answer, and nothing waits.
fn assert_healed(engine: &Engine, sim: &SimCluster) {
    for volume in engine.inventory().volumes() {
        let told = sim.admin("n1", &format!("gluster --mode=script volume heal {} info", volume.name));
        assert!(told.success() && !told.stdout.contains("not connected"), "{}", told.stdout);
        assert_eq!(told.stdout.matches("Number of entries: 0").count(), told.stdout.matches("Brick ").count());
    }
}

#[tokio::test]
async fn a_rebuilt_node_gets_its_place_and_its_bricks_back() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    for durability in [Durability::Replicate { replica: 3 }, Durability::Disperse { data: 2, redundancy: 1 }] {
        let request = CheckedVolumeCreate { durability, ..replica3(4) };
        volume(&engine, engine.volume_create(request).await).await;
    }
    let (before, bricks) = (sim.snapshot(), engine.inventory().bricks().cloned().collect::<Vec<_>>());
    sim.reinstall("n2", [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_healed(&engine, &sim);
    assert!(engine.inventory().bricks().eq(bricks.iter()), "the records of the bricks are as before");
    let inventory = engine.inventory();
    assert!(inventory.nodes().all(|node| node.state == EntryState::Online));
    let now = sim.snapshot();
    assert_eq!(now.pools, before.pools, "one pool, and the volumes as they were");
    for (host, node) in &now.nodes {
        let (was, is) = (&before.nodes[host], node);
        assert_eq!(
            (&is.volume_groups, &is.mounts, &is.directories),
            (&was.volume_groups, &was.mounts, &was.directories)
        );
    }
    for device in inventory.devices_of_node(node_named(&engine, "n2")) {
        let device = inventory.device(device).unwrap();
        let (uuid, group) = &now.nodes["n2"].physical_volumes[&device.name];
        assert_eq!((device.pv_uuid.as_ref(), group.as_ref()), (Some(uuid), Some(&device.volume_group())));
    }
    volume(&engine, engine.volume_create(replica3(2)).await).await;
    let job = engine.volume_delete(only_volume(&engine)).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
}

/// A member that takes the node back by itself never answers its probe.
#[tokio::test]
async fn a_rebuilt_node_does_not_need_the_answer_to_its_probe() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    sim.reinstall("n2", [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
    sim.inject(Fault::once("peer probe", Effect::FailAfter("Error : Request timed out".into(), 1)));
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_healed(&engine, &sim);
}

/// The old brick process and the old mount are still there when the disk is swapped in a running node.
#[tokio::test]
async fn a_disk_is_replaced_in_a_running_node() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    let device = device_with_brick(&engine, "n2");
    let old = engine.inventory().device(device).unwrap().name.clone();
    sim.replace_disk("n2", &old, SimDisk::gib(old.clone(), 50));
    let job = engine.device_replace(device, None).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_healed(&engine, &sim);
    let fstab = sim.admin("n2", "cat /etc/fstab").stdout;
    assert_eq!(fstab.lines().count(), 1, "the line of the lost disk is not left beside the new one: {fstab}");
}

#[tokio::test]
async fn what_is_not_lost_is_refused_and_not_touched() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    let before = sim.snapshot();
    let records: Vec<_> = engine.inventory().records().collect();
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    let text = failed(finished(&engine, job).await);
    assert!(text.contains("n2 is connected to its pool as the node it was"), "{text}");
    let job = engine.device_replace(device_with_brick(&engine, "n2"), None).await.unwrap();
    let text = failed(finished(&engine, job).await);
    assert!(text.contains("its disk was not replaced"), "{text}");
    let left = sim.leftovers(&before);
    assert!(left.is_empty(), "{left:#?}");
    let is_job = |record: &heketi_core::inventory::Record| matches!(record, heketi_core::inventory::Record::Job(_));
    let now: Vec<_> = engine.inventory().records().filter(|record| !is_job(record)).collect();
    assert_eq!(now, records.into_iter().filter(|record| !is_job(record)).collect::<Vec<_>>());
}

/// heketi writes over nothing: a disk with something on it is named, and the other one comes back.
#[tokio::test]
async fn a_disk_that_holds_something_is_named() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    let used = device_with_brick(&engine, "n2");
    let used = engine.inventory().device(used).unwrap().name.clone();
    let other = if used == "/dev/sdb" { "/dev/sdc" } else { "/dev/sdb" };
    sim.reinstall("n2", [SimDisk::gib(used, 50), SimDisk::gib(other, 50).signature("ext4")]);
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    let text = failed(finished(&engine, job).await);
    assert!(text.contains(other) && text.contains("signature of ext4") && text.contains("device replace"), "{text}");
    assert!(!sim.snapshot().nodes["n2"].physical_volumes.contains_key(other));
    assert_healed(&engine, &sim);
    // The administrator wipes it.
    sim.replace_disk("n2", other, SimDisk::gib(other, 50));
    let job = engine.device_replace(device_named(&engine, "n2", other), None).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

#[tokio::test]
async fn a_disk_that_is_too_small_is_refused_before_it_is_touched() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(40)).await).await;
    let device = device_with_brick(&engine, "n2");
    let old = engine.inventory().device(device).unwrap().name.clone();
    sim.replace_disk("n2", &old, SimDisk::gib("/dev/sdz", 30));
    let job = engine.device_replace(device, Some("/dev/sdz".into())).await.unwrap();
    let text = failed(finished(&engine, job).await);
    assert!(text.contains("/dev/sdz of n2: it has 30"), "{text}");
    assert!(!sim.snapshot().nodes["n2"].physical_volumes.contains_key("/dev/sdz"));
    assert_eq!(engine.inventory().device(device).unwrap().name, old);
}

/// A replacement that a restart cut short is taken up, and the client's URL still answers.
#[tokio::test]
async fn a_replacement_goes_on_after_a_restart() {
    let sim = simulated(3);
    let (engine, store, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    sim.reinstall("n2", [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
    sim.add_latency("mkfs", Duration::from_millis(300));
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    while !sim.lines_run().iter().any(|line| line.text.contains("mkfs.xfs") && line.host.contains("n2")) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    engine.shut_down(LIMIT).await;
    assert_eq!(engine.inventory().operations().count(), 1);
    drop(engine);
    let engine = crate::support::engine(&sim, store, config()).await;
    assert!(engine.job(job).unwrap().result.is_none());
    engine.clean_up(None).await;
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_healed(&engine, &sim);
}

/// A node that was rebuilt knows no volume: nothing is destroyed on its word.
#[tokio::test]
async fn a_rebuilt_node_is_not_believed() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let id = volume(&engine, engine.volume_create(replica3(4)).await).await;
    let inventory = engine.inventory();
    let bricks = inventory.bricks_of_volume(id).map(|id| inventory.brick(id).unwrap());
    let first = bricks.min_by_key(|brick| brick.position).unwrap().node;
    let host = inventory.node(first).unwrap().manage_host().to_owned();
    sim.reinstall(&host, [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
    let before = sim.snapshot();
    // The rebuilt node is asked first, and says that there is no such volume.
    let job = engine.volume_delete(id).await.unwrap();
    failed(finished(&engine, job).await);
    engine.clean_up(None).await;
    let left = sim.leftovers(&before);
    assert!(left.iter().all(|line| !line.contains("logical volume")), "{left:#?}");
    assert_eq!(engine.inventory().bricks_of_volume(id).count(), 3);
}

/// While the others are away, a brick is not made; when they are back it is.
#[tokio::test]
async fn a_replacement_waits_for_those_to_heal_from() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    volume(&engine, engine.volume_create(replica3(4)).await).await;
    sim.reinstall("n2", [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
    let away = sim.clone();
    sim.inject(Fault::once("volume heal", Effect::Callback(Arc::new(move |_| away.set_up("n3", false)))));
    let job = engine.node_replace(node_named(&engine, "n2")).await.unwrap();
    let text = failed(finished(&engine, job).await);
    assert!(text.contains("as only 1 of 2 required peer bricks are online"), "{text}");
    assert!(engine.wait_idle(LIMIT).await);
    assert!(sim.lines_run().iter().all(|line| !line.text.contains("reset-brick")));
    sim.set_up("n3", true);
    engine.clean_up(None).await;
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
    assert_healed(&engine, &sim);
}

/// What it is told would be done in a pool of its own.
#[tokio::test]
async fn a_rebuilt_node_is_asked_for_nothing_that_concerns_the_others() {
    let sim = simulated(4);
    let (engine, _, cluster) = loaded(&sim, 3).await;
    for n in 1..=3 {
        let host = format!("n{n}");
        sim.reinstall(&host, [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
        let joined = add_node(&engine, cluster, 4).await;
        let members = sim.snapshot().pools.into_iter().find(|pool| pool.members.iter().any(|m| m == "n4")).unwrap();
        assert!(members.members.len() == 3 && !members.members.contains(&host), "{members:?}");
        // While a peer is rejected, gluster lets nobody else go.
        let job = engine.node_delete(joined).await.unwrap();
        let refused = finished(&engine, job).await;
        assert!(matches!(&refused, JobResult::Failed(text) if text.contains("probably down")), "{refused:?}");
        let job = engine.node_replace(node_named(&engine, &host)).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
        assert!(engine.wait_idle(LIMIT).await);
        let job = engine.node_delete(joined).await.unwrap();
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
}
