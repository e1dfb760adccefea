//! The engine over SSH against simulated nodes, each on an address of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::{NodeId, QueueId, VolumeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, HostNames, Tags};
use heketi_core::operation::{DeviceAddRequest, NodeAddRequest};
use heketi_core::units::Gib;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions, check_node};
use heketi_exec::runner::SshRunner;
use heketi_exec::sim::{SimCluster, SimDisk, SshServer, SshServerOptions};
use heketi_exec::store::MemoryStore;

use crate::client::{bounded, settings};

const NODES: usize = 100;

async fn finished(engine: &Engine, job: QueueId) -> JobResult {
    loop {
        if let Some(result) = engine.job(job).unwrap().result.clone() {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn all<T>(engine: &Engine, jobs: Vec<QueueId>, mut take: impl FnMut(JobResult) -> T) -> Vec<T> {
    let mut results = Vec::new();
    for job in jobs {
        results.push(take(finished(engine, job).await));
    }
    results
}

fn volume(gib: u64) -> CheckedVolumeCreate {
    CheckedVolumeCreate::new(Gib(gib), Durability::Replicate { replica: 3 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_nodes_over_ssh() {
    bounded(async {
        let sim = SimCluster::new();
        let mut nodes = Vec::new();
        for n in 1..=NODES {
            let name = format!("sim-{n}");
            sim.add_node(&name, &format!("10.0.0.{n}"), [SimDisk::gib("/dev/sdb", 500)]);
            nodes.push((name, SocketAddr::from(([127, 0, 0, 1], 0))));
        }
        let server = SshServer::start(&sim, nodes, SshServerOptions::default()).await.unwrap();
        let (_directory, mut config) = settings();
        // More hosts than connections: some are closed for others to be opened.
        config.max_connections = NODES * 3 / 4;
        let runner = Arc::new(SshRunner::new(config).unwrap());
        let options = NodeOptions { poll_interval: Duration::from_millis(2), ..NodeOptions::default() };
        let executor = Arc::new(NodeExecutor::new(runner, options));
        let store = Arc::new(MemoryStore::new());
        let config = EngineConfig { clean: false, monitor: None, max_in_flight: usize::MAX, ..EngineConfig::default() };
        let engine = Engine::open(store, executor, config).await.unwrap();
        let started = Instant::now();

        let cluster = engine.cluster_create(true, true).await.unwrap();
        let mut jobs = Vec::new();
        for (n, (_, address)) in server.nodes().iter().enumerate() {
            let hostnames = HostNames { manage: vec![address.to_string()], storage: vec![format!("10.0.0.{}", n + 1)] };
            let zone = i64::try_from(n).unwrap() % 5 + 1;
            let job = engine.node_add(NodeAddRequest { cluster, zone, hostnames, tags: Tags::new() }).await.unwrap();
            // The first node is the pool that the others join.
            match n {
                0 => _ = finished(&engine, job).await,
                _ => jobs.push(job),
            }
        }
        let added = all(&engine, jobs, |result| assert!(matches!(result, JobResult::Node(_)), "{result:?}")).await;
        assert_eq!(added.len(), NODES - 1);
        let nodes: Vec<NodeId> = engine.inventory().nodes().map(|node| node.id).collect();
        let mut jobs = Vec::new();
        for node in nodes {
            let request = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
            jobs.push(engine.device_add(request).await.unwrap());
        }
        all(&engine, jobs, |result| assert_eq!(result, JobResult::Done)).await;
        let loaded = started.elapsed();
        let empty = sim.snapshot();

        let mut jobs = Vec::new();
        for _ in 0..20 {
            jobs.push(engine.volume_create(volume(600)).await.unwrap());
        }
        let volumes: Vec<VolumeId> = all(&engine, jobs, |result| match result {
            JobResult::Volume(id) => id,
            other => panic!("{other:?}"),
        })
        .await;
        assert_eq!(sim.snapshot().pools[0].volumes.len(), 20);
        assert_eq!(engine.audit(true).await.unwrap().findings, []);
        let mut jobs = Vec::new();
        for id in volumes {
            jobs.push(engine.volume_delete(id).await.unwrap());
        }
        all(&engine, jobs, |result| assert_eq!(result, JobResult::Done)).await;
        assert_eq!(sim.leftovers(&empty), [""; 0]);
        println!("{NODES} nodes loaded in {loaded:?}, everything in {:?}", started.elapsed());
        engine.shut_down(Duration::from_secs(5)).await;
    })
    .await;
}

/// `heketi check-node` over SSH: a good node, one without a program, and one that is not there.
#[tokio::test]
async fn a_node_is_checked_over_ssh() {
    bounded(async {
        let sim = SimCluster::new();
        sim.add_node("sim-1", "10.0.0.1", [SimDisk::gib("/dev/sdb", 500)]);
        let nodes = vec![("sim-1".to_owned(), SocketAddr::from(([127, 0, 0, 1], 0)))];
        let server = SshServer::start(&sim, nodes, SshServerOptions::default()).await.unwrap();
        let (_directory, config) = settings();
        let runner = SshRunner::new(config).unwrap();
        let (options, host) = (NodeOptions::default(), server.nodes()[0].1.to_string());
        let good = check_node(&runner, &options, &host).await;
        assert!(good.passed() && good.findings.len() > 10, "{good}");
        sim.set_program("sim-1", "mkfs.xfs", false);
        let bad = check_node(&runner, &options, &host).await;
        assert!(!bad.passed() && bad.to_string().contains("mkfs.xfs is missing"), "{bad}");
        let away = check_node(&runner, &options, "127.0.0.1:1").await;
        assert!(!away.passed() && away.findings.len() == 1, "{away}");
    })
    .await;
}
