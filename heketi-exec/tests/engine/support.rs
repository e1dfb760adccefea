//! A simulated cluster with an engine over it, and what tests ask of both.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use heketi_core::Error;
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{ClusterId, NodeId, QueueId, VolumeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{Device, Durability, HostNames, Tags};
use heketi_core::operation::{DeviceAddRequest, NodeAddRequest};
use heketi_core::placement::{BlockHostingPolicy, Policy};
use heketi_core::units::Gib;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{SimCluster, SimDisk};
use heketi_exec::store::{MemoryStore, Store};

/// No wait of a test is longer.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A simulated cluster of `nodes` nodes with two 50 GiB disks each, two nodes a zone.
pub fn simulated(nodes: u32) -> SimCluster {
    let sim = SimCluster::new();
    for n in 1..=nodes {
        let disks = [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)];
        sim.add_node(&format!("n{n}"), &format!("10.0.0.{n}"), disks);
    }
    sim
}

/// Quick polls, no background cleaner and no monitor: tests resume operations when they want it, and count lines.
/// Block hosting volumes of 10 GiB come when they are needed.
pub fn config() -> EngineConfig {
    let block_hosting = BlockHostingPolicy { auto_create: true, size: Gib(10), ..BlockHostingPolicy::default() };
    let policy = Policy { block_hosting, ..Policy::default() };
    let poll_interval = Duration::from_millis(1);
    EngineConfig { policy, clean: false, monitor: None, poll_interval, ..EngineConfig::default() }
}

/// An engine over the nodes of `sim` that keeps its state in `store`.
pub async fn engine(sim: &SimCluster, store: Arc<dyn Store>, config: EngineConfig) -> Engine {
    let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
    let executor = Arc::new(NodeExecutor::new(Arc::new(sim.runner()), options));
    Engine::open(store, executor, config).await.expect("the store opens")
}

/// A fresh engine with a loaded topology.
pub async fn loaded(sim: &SimCluster, nodes: u32) -> (Engine, Arc<MemoryStore>, ClusterId) {
    let store = Arc::new(MemoryStore::new());
    let engine = engine(sim, store.clone(), config()).await;
    let cluster = load(&engine, nodes).await;
    (engine, store, cluster)
}

/// Creates a cluster and adds all nodes and disks of [`simulated`].
pub async fn load(engine: &Engine, nodes: u32) -> ClusterId {
    let cluster = engine.cluster_create(true, true).await.expect("a cluster");
    for n in 1..=nodes {
        let node = add_node(engine, cluster, n).await;
        for disk in ["/dev/sdb", "/dev/sdc"] {
            let job = engine.device_add(device(node, disk)).await.expect("planned");
            assert_eq!(finished(engine, job).await, JobResult::Done);
        }
    }
    cluster
}

/// The request that adds node `n` of [`simulated`].
pub fn node(cluster: ClusterId, n: u32) -> NodeAddRequest {
    let hostnames = HostNames { manage: vec![format!("n{n}")], storage: vec![format!("10.0.0.{n}")] };
    NodeAddRequest { cluster, zone: i64::from(n.div_ceil(2)), hostnames, tags: Tags::new() }
}

/// The request that adds a disk.
pub fn device(node: NodeId, disk: &str) -> DeviceAddRequest {
    DeviceAddRequest { node, name: disk.into(), tags: Tags::new(), destroy_data: false }
}

/// Adds node `n`.
pub async fn add_node(engine: &Engine, cluster: ClusterId, n: u32) -> NodeId {
    let job = engine.node_add(node(cluster, n)).await.expect("planned");
    match finished(engine, job).await {
        JobResult::Node(id) => id,
        other => panic!("node n{n}: {other:?}"),
    }
}

/// A request for a replica-3 volume.
pub fn replica3(gib: u64) -> CheckedVolumeCreate {
    CheckedVolumeCreate::new(Gib(gib), Durability::Replicate { replica: 3 })
}

/// Waits for the end of a job.
pub async fn finished(engine: &Engine, job: QueueId) -> JobResult {
    let wait = async {
        loop {
            if let Some(result) = engine.job(job).expect("the job is known").result.clone() {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the job ends in time")
}

/// Waits for a job that makes a volume.
pub async fn volume(engine: &Engine, job: Result<QueueId, Error>) -> VolumeId {
    match finished(engine, job.expect("planned")).await {
        JobResult::Volume(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Nothing contradicts itself, and nothing is pending.
pub fn assert_sound(engine: &Engine) {
    let inventory = engine.inventory();
    let findings = heketi_core::audit::check(&inventory);
    assert!(findings.is_empty(), "{findings:#?}");
    let pending: Vec<_> = inventory.operations().collect();
    assert!(pending.is_empty(), "{pending:#?}");
}

/// The nodes hold just the bricks and volumes of the state: each brick's logical volume in its thin pool, mounted
/// where the record says, and no other volume or snapshot anywhere.
pub fn assert_nodes_match(engine: &Engine, sim: &SimCluster) {
    let (inventory, snapshot) = (engine.inventory(), sim.snapshot());
    let (mut expected, mut mounts) = (BTreeSet::new(), BTreeSet::new());
    for brick in inventory.bricks() {
        let (node, spec) = (inventory.node(brick.node).expect("a node").manage_host().to_owned(), brick.spec(0));
        mounts.insert((node.clone(), spec.mount_point));
        expected.insert((node, spec.volume_group, spec.logical_volume, Some(spec.thin_pool)));
    }
    let mut found = BTreeSet::new();
    for (node, contents) in &snapshot.nodes {
        for (group, group_contents) in &contents.volume_groups {
            let volumes = group_contents.logical_volumes.iter();
            found.extend(volumes.map(|(name, (_, pool))| (node.clone(), group.clone(), name.clone(), pool.clone())));
            for (pool, (_, _, count)) in &group_contents.thin_pools {
                assert!(*count > 0, "thin pool {group}/{pool} on {node} is empty");
            }
        }
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty(), "bricks that are on no node: {missing:#?}");
    let left: Vec<_> = found.difference(&expected).collect();
    assert!(left.is_empty(), "logical volumes that no brick's record names: {left:#?}");
    let is_mounted = |(node, point): &(String, String)| snapshot.nodes[node].mounts.contains_key(point);
    let unmounted: Vec<_> = mounts.iter().filter(|mount| !is_mounted(mount)).collect();
    assert!(unmounted.is_empty(), "bricks that are not mounted: {unmounted:#?}");
    let known: BTreeSet<&String> = inventory.volumes().map(|volume| &volume.name).collect();
    let in_gluster: BTreeSet<&String> = snapshot.pools.iter().flat_map(|pool| pool.volumes.keys()).collect();
    assert_eq!(known, in_gluster, "volumes heketi knows, and those of gluster");
    let snapshots: Vec<_> = snapshot.pools.iter().flat_map(|pool| pool.snapshots.keys()).collect();
    assert!(snapshots.is_empty(), "snapshots are left: {snapshots:?}");
    crate::blocks::assert_targets_match(engine, sim);
    let groups = snapshot.nodes.iter().flat_map(|(host, node)| node.volume_groups.keys().map(move |vg| (host, vg)));
    let made: BTreeSet<(String, String)> = groups.map(|(host, vg)| (host.clone(), vg.clone())).collect();
    let host = |device: &Device| inventory.node(device.node).expect("its node").manage_host().to_owned();
    let known: BTreeSet<_> = inventory.devices().map(|device| (host(device), device.volume_group())).collect();
    // A device that is given up may have lost its group already.
    assert!(made.is_subset(&known), "volume groups are left over: {:#?}", made.difference(&known));
}
