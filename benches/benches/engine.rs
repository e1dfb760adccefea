//! How many volumes an engine creates in a second, on simulated nodes and a real database file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heketi_benches::{SlowStore, is_smoke_run};
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::QueueId;
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, HostNames, Tags};
use heketi_core::operation::{DeviceAddRequest, NodeAddRequest};
use heketi_core::placement::Policy;
use heketi_core::units::Gib;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{SimCluster, SimDisk};
use heketi_exec::store::{FileStore, Store};

/// Nodes of the simulated cluster, in four zones.
const NODES: u32 = 24;

/// Disks of a node.
const DISKS: [&str; 2] = ["/dev/sdb", "/dev/sdc"];

/// What a flush costs on top, in the second half of the table.
const SLOW_FLUSH: Duration = Duration::from_millis(5);

fn simulated() -> SimCluster {
    let sim = SimCluster::new();
    for n in 1..=NODES {
        sim.add_node(&format!("n{n}"), &format!("10.0.0.{n}"), DISKS.map(|disk| SimDisk::gib(disk, 16 * 1024)));
    }
    sim
}

/// An engine with a loaded topology over fresh simulated nodes.
async fn loaded(store: Arc<dyn Store>) -> Engine {
    let sim = simulated();
    let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
    let executor = Arc::new(NodeExecutor::new(Arc::new(sim.runner()), options));
    let policy = Policy { max_volumes: None, ..Policy::default() };
    let config = EngineConfig { policy, max_in_flight: 1024, clean: false, monitor: None, ..EngineConfig::default() };
    let engine = Engine::open(store, executor, config).await.expect("the store opens");
    let cluster = engine.cluster_create(true, true).await.expect("a cluster");
    for n in 1..=NODES {
        let hostnames = HostNames { manage: vec![format!("n{n}")], storage: vec![format!("10.0.0.{n}")] };
        let node = NodeAddRequest { cluster, zone: i64::from(n % 4 + 1), hostnames, tags: Tags::new() };
        let job = engine.node_add(node).await.expect("planned");
        let JobResult::Node(node) = finished(&engine, job).await else { panic!("node n{n} was not added") };
        for disk in DISKS {
            let device = DeviceAddRequest { node, name: disk.into(), tags: Tags::new(), destroy_data: false };
            let job = engine.device_add(device).await.expect("planned");
            assert_eq!(finished(&engine, job).await, JobResult::Done);
        }
    }
    engine
}

async fn finished(engine: &Engine, job: QueueId) -> JobResult {
    loop {
        if let Some(result) = engine.job(job).expect("the job is known").result.clone() {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn request() -> CheckedVolumeCreate {
    CheckedVolumeCreate::new(Gib(1), Durability::Replicate { replica: 3 })
}

/// Volumes created in a second by `clients` clients, each of which waits for one volume before it asks for
/// the next.
async fn creates_per_second(store: Arc<dyn Store>, clients: usize, span: Duration) -> f64 {
    let engine = loaded(store).await;
    let start = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut created = 0_u32;
                while start.elapsed() < span {
                    let job = engine.volume_create(request()).await.expect("planned");
                    assert!(matches!(finished(&engine, job).await, JobResult::Volume(_)));
                    created += 1;
                }
                created
            })
        })
        .collect();
    let mut created = 0;
    for client in clients {
        created += client.await.expect("a client ends well");
    }
    let elapsed = start.elapsed();
    engine.shut_down(Duration::from_secs(10)).await;
    f64::from(created) / elapsed.as_secs_f64()
}

fn main() {
    let (span, clients): (_, &[usize]) =
        if is_smoke_run() { (Duration::from_millis(200), &[1, 8]) } else { (Duration::from_secs(8), &[1, 8, 64]) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("| store | clients | volumes a second | times as many as one client |\n|---|--:|--:|--:|");
    for slow in [false, true] {
        let mut one = None;
        for &clients in clients {
            let directory = tempfile::tempdir().expect("a directory");
            let file = FileStore::open(directory.path().join("heketi.db")).expect("a database");
            let (name, store): (_, Arc<dyn Store>) = match slow {
                false => ("file", Arc::new(file)),
                true => ("file, 5 ms more a flush", Arc::new(SlowStore::new(file, SLOW_FLUSH))),
            };
            let rate = runtime.block_on(creates_per_second(store, clients, span));
            let ratio = rate / *one.get_or_insert(rate);
            println!("| {name} | {clients} | {rate:.0} | {ratio:.1} |");
        }
    }
}
