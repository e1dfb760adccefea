//! Block volumes and the volumes that host them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use heketi_core::id::{BlockVolumeId, QueueId, VolumeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::BlockRestriction;
use heketi_core::operation::BlockVolumeCreateRequest;
use heketi_core::units::Gib;
use heketi_core::{Error, ErrorKind};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::sim::{Effect, Fault, SimCluster};
use heketi_exec::store::MemoryStore;

use crate::support::*;
use crate::tested::Tested;

/// The block volume operations that are tested with faults and kills at every place.
pub fn tested() -> Vec<Tested> {
    vec![BLOCK_CREATE, BLOCK_CREATE_NEW_HOSTING, BLOCK_EXPAND, BLOCK_DELETE]
}

pub const BLOCK_CREATE: Tested = Tested {
    name: "block create",
    nodes: 3,
    prepare: with_hosting,
    start: |engine| engine.block_volume_create(BlockVolumeCreateRequest { ha_count: 2, ..block(3) }).boxed(),
    in_parts: false,
};

pub const BLOCK_CREATE_NEW_HOSTING: Tested = Tested {
    name: "block create, new hosting volume",
    nodes: 3,
    prepare: |_, _| async {}.boxed(),
    start: |engine| engine.block_volume_create(block(3)).boxed(),
    in_parts: false,
};

pub const BLOCK_EXPAND: Tested = Tested {
    name: "block expand",
    nodes: 3,
    prepare: with_block,
    start: |engine| engine.block_volume_expand(only_block(engine), Gib(4)).boxed(),
    in_parts: false,
};

pub const BLOCK_DELETE: Tested = Tested {
    name: "block delete",
    nodes: 3,
    prepare: with_block,
    start: |engine| engine.block_volume_delete(only_block(engine)).boxed(),
    in_parts: false,
};

/// A request without a name, exported from all hosts, with a password.
fn block(size: u64) -> BlockVolumeCreateRequest {
    BlockVolumeCreateRequest { size: Gib(size), name: None, clusters: Vec::new(), ha_count: 0, auth: true }
}

/// Creates a block hosting volume of 10 GiB.
fn with_hosting<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        make_hosting(engine, 10).await;
    }
    .boxed()
}

/// Creates a block hosting volume of 10 GiB and a block volume of 2 GiB in it.
fn with_block<'a>(engine: &'a Engine, _: &'a SimCluster) -> BoxFuture<'a, ()> {
    async move {
        make_hosting(engine, 10).await;
        made(engine, engine.block_volume_create(block(2)).await).await;
    }
    .boxed()
}

async fn make_hosting(engine: &Engine, size: u64) -> VolumeId {
    let request = heketi_core::api::CheckedVolumeCreate { block: true, ..replica3(size) };
    volume(engine, engine.volume_create(request).await).await
}

/// Waits for a job that makes a block volume.
async fn made(engine: &Engine, job: Result<QueueId, Error>) -> BlockVolumeId {
    match finished(engine, job.expect("planned")).await {
        JobResult::BlockVolume(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Waits for a job that fails; returns its text.
async fn failed(engine: &Engine, job: Result<QueueId, Error>) -> String {
    match finished(engine, job.expect("planned")).await {
        JobResult::Failed(text) => text,
        other => panic!("{other:?}"),
    }
}

fn only_block(engine: &Engine) -> BlockVolumeId {
    engine.inventory().block_volumes().next().expect("a block volume").id
}

/// Size and usable size of a block volume, free and reserved space of its hosting volume.
fn sizes(engine: &Engine, id: BlockVolumeId) -> (u64, u64, u64, u64) {
    let inventory = engine.inventory();
    let block = inventory.block_volume(id).expect("a block volume");
    let hosting = inventory.volume(block.hosting).and_then(|volume| volume.hosting).expect("a hosting volume");
    (block.size.0, block.usable.0, hosting.free.0, hosting.reserved.0)
}

/// The targets of gluster-block are those of the state.
pub fn assert_targets_match(engine: &Engine, sim: &SimCluster) {
    let (inventory, snapshot) = (engine.inventory(), sim.snapshot());
    let mut made: Vec<_> = snapshot.pools.iter().flat_map(|pool| &pool.block_volumes).collect();
    for block in inventory.block_volumes() {
        let hosting = inventory.volume(block.hosting).expect("a hosting volume");
        let name = format!("{}/{}", hosting.name, block.name);
        let at = made.iter().position(|(made, _)| **made == name);
        let (_, target) = made.swap_remove(at.unwrap_or_else(|| panic!("block volume {name} has no target")));
        assert_eq!((target.size, target.auth), (block.size.0, block.auth), "{name}");
        assert!(target.hosts.keys().eq(&sorted(&block.hosts)), "{name}: {target:?}");
        assert!(target.hosts.values().all(|size| *size >= block.usable.0), "{name}: {target:?}");
        assert_eq!(block.password.is_empty(), !block.auth, "{name}");
    }
    assert!(made.is_empty(), "targets are left over: {made:?}");
}

fn sorted(hosts: &[String]) -> Vec<String> {
    let mut hosts = hosts.to_vec();
    hosts.sort();
    hosts
}

#[tokio::test]
async fn a_block_volume_is_created_expanded_and_deleted_without_a_trace() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let empty = sim.snapshot();
    let id = made(&engine, engine.block_volume_create(block(3)).await).await;
    let inventory = engine.inventory();
    let record = inventory.block_volume(id).unwrap();
    assert_eq!(sizes(&engine, id), (3, 3, 6, 1));
    assert_eq!((record.hosts.len(), record.ha_count), (3, 3));
    assert!(record.iqn.starts_with("iqn.2016-12.org.gluster-block:"), "{record:?}");
    assert!(record.iqn.ends_with(&record.username) && !record.password.is_empty());
    assert_nodes_match(&engine, &sim);
    let options = &sim.snapshot().pools[0].volumes[&inventory.volume(record.hosting).unwrap().name].options;
    assert!(options.contains(&("features.shard".into(), "on".into())), "{options:?}");

    assert_eq!(made(&engine, engine.block_volume_expand(id, Gib(5)).await).await, id);
    assert_eq!(sizes(&engine, id), (5, 5, 4, 1));
    let hosting = record.hosting;
    volume(&engine, engine.volume_expand(hosting, Gib(5)).await).await;
    assert_eq!(sizes(&engine, id), (5, 5, 8, 2));
    let refused = engine.volume_delete(hosting).await.unwrap_err();
    assert_eq!(refused.text(), "Cannot delete a block hosting volume containing block volumes");
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);

    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_eq!(engine.inventory().volume(hosting).unwrap().hosting.unwrap().free, Gib(13));
    let job = engine.volume_delete(hosting).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_eq!(sim.leftovers(&empty), Vec::<String>::new());
}

/// Five block volumes of 3 GiB, of which a hosting volume of 10 GiB takes three: the others get a second one, and
/// whoever meets its creation is told to try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_block_volumes_at_once() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    make_hosting(&engine, 10).await;
    let one = async || {
        loop {
            match engine.block_volume_create(block(3)).await {
                Err(error) if error.kind() == ErrorKind::Busy => tokio::time::sleep(Duration::from_millis(2)).await,
                job => return made(&engine, job).await,
            }
        }
    };
    tokio::join!(one(), one(), one(), one(), one());
    let inventory = engine.inventory();
    let spaces: Vec<_> = inventory.volumes().map(|volume| volume.hosting.unwrap().free.0).collect();
    assert_eq!((inventory.block_volumes().count(), spaces.iter().sum::<u64>(), spaces.len()), (5, 3, 2));
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// A hosting volume of 200 GiB takes 196 GiB, in one or in 49 parts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hosting_volume_is_filled_to_its_last_gib() {
    let sim = SimCluster::new();
    for n in 1..=3 {
        let disks = ["/dev/sdb", "/dev/sdc"].map(|disk| heketi_exec::sim::SimDisk::gib(disk, 300));
        sim.add_node(&format!("n{n}"), &format!("10.0.0.{n}"), disks);
    }
    let mut config = config();
    (config.policy.block_hosting.auto_create, config.policy.block_hosting.size) = (false, Gib(1024));
    let engine = engine(&sim, Arc::new(MemoryStore::new()), config).await;
    load(&engine, 3).await;
    let hosting = make_hosting(&engine, 200).await;
    let disabled = "Block Hosting Volume Creation is disabled. Create a Block hosting volume and try again.";
    for size in [201, 200, 197] {
        assert_eq!(engine.block_volume_create(block(size)).await.unwrap_err().text(), disabled, "{size}");
    }
    let id = made(&engine, engine.block_volume_create(block(196)).await).await;
    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    for _ in 0..49 {
        made(&engine, engine.block_volume_create(block(4)).await).await;
    }
    assert_eq!(engine.inventory().volume(hosting).unwrap().hosting.unwrap().free, Gib(0));
    assert_eq!(engine.block_volume_create(block(1)).await.unwrap_err().text(), disabled);
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// The cases of heketi v10's test of expansions with injected errors.
#[tokio::test]
async fn expansions_that_fail_on_some_hosts_keep_the_size_and_what_is_usable() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    make_hosting(&engine, 50).await;
    let id = made(&engine, engine.block_volume_create(block(1)).await).await;
    let fail = "{ \"RESULT\": \"FAIL\", \"errCode\": 255, \"errMsg\": \"no\" }";
    sim.inject(Fault::once("gluster-block modify", Effect::Answer(fail.into())));
    let text = failed(&engine, engine.block_volume_expand(id, Gib(2)).await).await;
    assert_eq!(text, "Failed to expand block volume: no (see logs for details, and retry the operation)");
    assert_eq!(sizes(&engine, id), (1, 1, 48, 1), "refused at the start");

    sim.set_block_resize_failing("n2", true);
    for (size, free) in [(2, 47), (3, 46), (4, 45)] {
        let text = failed(&engine, engine.block_volume_expand(id, Gib(size)).await).await;
        assert_eq!(text, "Failed to expand block volume (see logs for details, and retry the operation)");
        assert_eq!(sizes(&engine, id), (size, 1, free, 1), "one host fails");
        assert_sound(&engine);
    }
    sim.set_block_resize_failing("n2", false);
    made(&engine, engine.block_volume_expand(id, Gib(4)).await).await;
    assert_eq!(sizes(&engine, id), (4, 4, 45, 1), "the same size again");
    let refused = engine.block_volume_expand(id, Gib(4)).await.unwrap_err();
    let same = "Requested new-size 4 is same as current block volume size 4, nothing to be done.";
    assert_eq!((refused.kind(), refused.text()), (ErrorKind::CannotAllocate, same));

    sim.set_block_resize_failing("n2", true);
    failed(&engine, engine.block_volume_expand(id, Gib(5)).await).await;
    sim.set_block_resize_failing("n2", false);
    made(&engine, engine.block_volume_expand(id, Gib(6)).await).await;
    assert_eq!(sizes(&engine, id), (6, 6, 43, 1), "another size");

    // A version that tells neither why nor where it failed: what is usable does not rise.
    sim.set_block_resize_failing("n2", true);
    let info = "{ \"GBID\": \"x\", \"SIZE\": \"7.0 GiB\", \"PASSWORD\": \"\" }";
    sim.inject(Fault::always("gluster-block info", Effect::Answer(info.into())));
    let text = failed(&engine, engine.block_volume_expand(id, Gib(7)).await).await;
    assert_eq!(text, "Failed to expand block volume (see logs for details, and retry the operation)");
    assert_eq!(sizes(&engine, id), (7, 6, 42, 1));
    sim.clear_faults();
    assert_sound(&engine);
    assert_nodes_match(&engine, &sim);
}

/// What somebody deleted with gluster-block is deleted.
#[tokio::test]
async fn a_block_volume_or_its_target_that_is_gone_can_be_deleted() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let id = made(&engine, engine.block_volume_create(block(3)).await).await;
    let inventory = engine.inventory();
    let record = inventory.block_volume(id).unwrap();
    let hosting = &inventory.volume(record.hosting).unwrap().name;
    assert!(sim.admin("n1", &format!("gluster-block delete {hosting}/{} --json", record.name)).success());
    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
}

/// gluster-blockd is stopped on two of three nodes, then glusterd too: deletes fail, the block volume stays and can
/// be seen, and is deleted when the services are back.
#[tokio::test]
async fn a_block_volume_that_cannot_be_deleted_stays() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let id = made(&engine, engine.block_volume_create(block(3)).await).await;
    ["n1", "n2"].iter().for_each(|node| sim.set_block_daemon(node, false));
    for _ in 0..3 {
        let text = failed(&engine, engine.block_volume_delete(id).await).await;
        assert!(text.contains("10.0.0.1, 10.0.0.2"), "{text}");
        assert!(!engine.inventory().is_block_volume_hidden(id));
    }
    sim.set_glusterd("n3", false);
    for _ in 0..3 {
        let text = failed(&engine, engine.block_volume_delete(id).await).await;
        assert!(text.contains("daemon is operational"), "{text}");
        assert!(!engine.inventory().is_block_volume_hidden(id), "nothing was begun, so nothing has to be resumed");
    }
    assert_sound(&engine);
    ["n1", "n2"].iter().for_each(|node| sim.set_block_daemon(node, true));
    sim.set_glusterd("n3", true);
    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_nodes_match(&engine, &sim);
}

/// F27: nobody waits while hosts of a block volume are asked whether they answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_holds_nobody_up() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    make_hosting(&engine, 10).await;
    sim.inject(Fault::once(("n2", "pool list"), Effect::Hang(Duration::from_millis(700))));
    let started = std::time::Instant::now();
    let waiting = engine.block_volume_create(BlockVolumeCreateRequest { ha_count: 2, ..block(2) }).await;
    volume(&engine, engine.volume_create(replica3(1)).await).await;
    let other = made(&engine, engine.block_volume_create(block(2)).await).await;
    assert!(started.elapsed() < Duration::from_millis(650), "{:?}", started.elapsed());
    assert!(engine.job(*waiting.as_ref().unwrap()).unwrap().result.is_none());
    let id = made(&engine, waiting).await;
    assert_ne!(id, other);
    assert_eq!(engine.inventory().block_volume(id).unwrap().hosts.len(), 2);
    assert_sound(&engine);
}

/// Hosts without a running glusterd are left out where there is a choice, and are missed where there is none.
#[tokio::test]
async fn block_volumes_are_exported_from_hosts_that_answer() {
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    make_hosting(&engine, 10).await;
    let before = sim.snapshot();
    sim.set_glusterd("n1", false);
    let two = BlockVolumeCreateRequest { ha_count: 2, ..block(2) };
    let id = made(&engine, engine.block_volume_create(two.clone()).await).await;
    let hosts = sorted(&engine.inventory().block_volume(id).unwrap().hosts);
    assert_eq!(hosts, ["10.0.0.2", "10.0.0.3"]);
    sim.set_glusterd("n2", false);
    assert_eq!(failed(&engine, engine.block_volume_create(two).await).await, "insufficient block hosts online");
    ["n1", "n2"].iter().for_each(|node| sim.set_glusterd(node, true));
    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    assert_sound(&engine);
    assert_eq!(sim.leftovers(&before), Vec::<String>::new());
}

/// heketi v10's tests of rollbacks: whatever gluster-block answers, nothing stays.
#[tokio::test]
async fn a_failed_create_leaves_nothing_behind() {
    let unparsable = "Unparsable error during block volume create: something else";
    for (answer, text) in [
        ("{ \"RESULT\": \"FAIL\", \"errCode\": 1, \"errMsg\": \"told\" }", "Failed to create block volume: told"),
        ("something else", unparsable),
    ] {
        let sim = simulated(3);
        let (engine, _, _) = loaded(&sim, 3).await;
        let empty = sim.snapshot();
        sim.inject(Fault::always("gluster-block create", Effect::Answer(answer.into())));
        assert_eq!(failed(&engine, engine.block_volume_create(block(3)).await).await, text);
        assert_eq!(engine.inventory().volumes().count(), 0, "the hosting volume goes too");
        assert_sound(&engine);
        assert_eq!(sim.leftovers(&empty), Vec::<String>::new());

        // One that was there before stays.
        let hosting = make_hosting(&engine, 10).await;
        failed(&engine, engine.block_volume_create(block(3)).await).await;
        assert_eq!(engine.inventory().volume(hosting).unwrap().hosting.unwrap().free, Gib(9));
        assert_sound(&engine);
    }
    let sim = simulated(3);
    let (engine, _, _) = loaded(&sim, 3).await;
    let empty = sim.snapshot();
    sim.inject(Fault::always("volume create", Effect::FailBefore("no volume".into(), 1)));
    let text = failed(&engine, engine.block_volume_create(block(3)).await).await;
    assert!(text.starts_with("no volume"), "{text}");
    assert_sound(&engine);
    assert_eq!(sim.leftovers(&empty), Vec::<String>::new());
}

#[tokio::test]
async fn restrictions_take_effect_at_once_and_count_as_operations() {
    let sim = simulated(3);
    let limited = EngineConfig { max_in_flight: 1, ..config() };
    let engine = engine(&sim, Arc::new(MemoryStore::new()), limited).await;
    load(&engine, 3).await;
    let hosting = make_hosting(&engine, 10).await;
    let id = made(&engine, engine.block_volume_create(block(1)).await).await;
    let job = engine.volume_block_restriction(hosting, BlockRestriction::Locked).await.unwrap();
    assert_eq!(engine.job(job).unwrap().result, Some(JobResult::Volume(hosting)));
    // A locked volume takes no more, and what it hosts goes on.
    made(&engine, engine.block_volume_expand(id, Gib(2)).await).await;
    let other = made(&engine, engine.block_volume_create(block(1)).await).await;
    assert_ne!(engine.inventory().block_volume(other).unwrap().hosting, hosting);
    let job = engine.block_volume_delete(id).await.unwrap();
    assert_eq!(finished(&engine, job).await, JobResult::Done);
    engine.volume_block_restriction(hosting, BlockRestriction::None).await.unwrap();
    assert!(engine.wait_idle(LIMIT).await);

    sim.add_latency("gluster-block create", Duration::from_millis(100));
    let running = engine.block_volume_create(block(1)).await;
    let refused = engine.volume_block_restriction(hosting, BlockRestriction::Locked).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Busy);
    made(&engine, running).await;
    let plain = volume(&engine, engine.volume_create(replica3(1)).await).await;
    let refused = engine.volume_block_restriction(plain, BlockRestriction::Locked).await.unwrap_err();
    assert_eq!(refused.text(), "Block restrictions can only be set on block hosting volumes");
    assert_sound(&engine);
}
