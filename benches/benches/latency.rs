//! What distance to the nodes costs: SSH to simulated nodes behind lines with a delay, beside a manager that makes a
//! connection for every command, as heketi v10 does for every batch.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use heketi_benches::{is_smoke_run, readable};
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::id::QueueId;
use heketi_core::inventory::JobResult;
use heketi_core::model::{BrickFormat, Durability, HostNames, Tags};
use heketi_core::operation::{Action, BrickSpec, DeviceAddRequest, Host, NodeAddRequest, Step};
use heketi_core::units::{Gib, Kib};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::{Batch, BatchResult, CommandRunner, RunError, SshConfig, SshRunner};
use heketi_exec::sim::{SimCluster, SimDisk, SshServer, SshServerOptions};
use heketi_exec::store::MemoryStore;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use tokio::runtime::Builder;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Simulated nodes far away.
struct Far {
    sim: SimCluster,
    _server: SshServer,
    addresses: Vec<SocketAddr>,
    config: SshConfig,
    _directory: tempfile::TempDir,
}

async fn far(nodes: usize, round_trip: Duration) -> Far {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).expect("random bytes");
    key.write_openssh_file(directory.path().join("id"), LineEnding::LF).expect("a writable directory");
    let sim = SimCluster::new();
    let mut listen = Vec::new();
    for n in 1..=nodes {
        let name = format!("n{n}");
        sim.add_node(&name, &format!("10.0.0.{n}"), [SimDisk::gib("/dev/sdb", 4000)]);
        listen.push((name, SocketAddr::from(([127, 0, 0, 1], 0))));
    }
    let mut options = SshServerOptions::default();
    options.round_trip = round_trip;
    let server = SshServer::start(&sim, listen, options).await.expect("loopback");
    let addresses = server.nodes().iter().map(|(_, address)| *address).collect();
    let mut config = SshConfig::new(directory.path().join("id"));
    config.max_connections = nodes;
    config.connect_timeout = Duration::from_secs(60);
    Far { sim, _server: server, addresses, config, _directory: directory }
}

/// A connection for every line, one batch at a time on a host.
#[derive(Debug)]
struct OneByOne {
    config: SshConfig,
    hosts: std::sync::Mutex<std::collections::HashMap<String, Arc<Mutex<()>>>>,
}

#[async_trait]
impl CommandRunner for OneByOne {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let turn = self.hosts.lock().expect("no panic").entry(host.to_owned()).or_default().clone();
        let _turn = turn.lock().await;
        let mut all = BatchResult::default();
        for line in &batch.lines {
            let runner = SshRunner::new(self.config.clone()).expect("a good key");
            let done = runner.run(host, &Batch::one(line.clone())).await?;
            runner.close().await;
            let failed = done.failure().is_some();
            all.lines.extend(done.lines);
            if failed {
                break;
            }
        }
        Ok(all)
    }
}

async fn finished(engine: &Engine, job: QueueId) -> JobResult {
    loop {
        if let Some(result) = engine.job(job).expect("known").result.clone() {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// How long it takes to create so many volumes, all asked for at once.
async fn create_volumes(far: &Far, runner: Arc<dyn CommandRunner>, volumes: usize) -> Duration {
    let options = NodeOptions { poll_interval: Duration::from_millis(2), ..NodeOptions::default() };
    // The topology comes from near: it is not measured.
    let near = NodeExecutor::new(Arc::new(far.sim.runner()), options.clone());
    let measured = NodeExecutor::new(runner, options);
    let executor = Arc::new(Switch { near, far: measured, loaded: false.into() });
    let config = EngineConfig { clean: false, monitor: None, max_in_flight: usize::MAX, ..EngineConfig::default() };
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor.clone(), config).await.expect("a store");
    let cluster = engine.cluster_create(true, true).await.expect("a cluster");
    for (n, address) in far.addresses.iter().enumerate() {
        far.sim.add_host_name(&format!("n{}", n + 1), &address.to_string());
        let hostnames = HostNames { manage: vec![address.to_string()], storage: vec![format!("10.0.0.{}", n + 1)] };
        let zone = i64::try_from(n % 5).expect("small") + 1;
        let job =
            engine.node_add(NodeAddRequest { cluster, zone, hostnames, tags: Tags::new() }).await.expect("planned");
        let JobResult::Node(node) = finished(&engine, job).await else { panic!("no node {n}") };
        let disk = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
        let job = engine.device_add(disk).await.expect("planned");
        assert_eq!(finished(&engine, job).await, JobResult::Done);
    }
    executor.loaded.store(true, std::sync::atomic::Ordering::SeqCst);
    let start = Instant::now();
    let mut jobs = Vec::new();
    for _ in 0..volumes {
        let request = CheckedVolumeCreate::new(Gib(10), Durability::Replicate { replica: 3 });
        jobs.push(engine.volume_create(request).await.expect("planned"));
    }
    for job in jobs {
        let result = finished(&engine, job).await;
        assert!(matches!(result, JobResult::Volume(_)), "{result:?}");
    }
    let took = start.elapsed();
    engine.shut_down(Duration::from_secs(5)).await;
    took
}

#[derive(Debug)]
struct Switch {
    near: NodeExecutor,
    far: NodeExecutor,
    loaded: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Executor for Switch {
    async fn execute(&self, step: &Step) -> heketi_core::operation::StepOutcome {
        match self.loaded.load(std::sync::atomic::Ordering::SeqCst) {
            true => self.far.execute(step).await,
            false => self.near.execute(step).await,
        }
    }
}

/// How long making a brick on each of three nodes at once takes, connections being there: the best of several tries.
async fn brick_time(round_trip: Duration) -> Duration {
    let far = far(3, round_trip).await;
    let executor =
        NodeExecutor::new(Arc::new(SshRunner::new(far.config.clone()).expect("a key")), NodeOptions::default());
    let step = |n: usize, action| {
        let host = Host {
            node: heketi_core::id::NodeId::from_bytes([u8::try_from(n).expect("small"); 16]),
            manage: far.addresses[n].to_string(),
            storage: format!("10.0.0.{}", n + 1),
        };
        Step { hosts: vec![host], changes_gluster: None, action }
    };
    for n in 0..3 {
        let action = Action::SetUpDevice { device: "/dev/sdb".into(), volume_group: "vg_b".into(), wipe: false };
        executor.execute(&step(n, action)).await.expect("an empty disk");
    }
    let mut best = Duration::MAX;
    for try_number in 0..10 {
        let id = format!("{try_number:032x}");
        let brick = BrickSpec {
            volume_group: "vg_b".into(),
            thin_pool: format!("tp_{id}"),
            logical_volume: format!("brick_{id}"),
            mount_point: format!("/var/lib/heketi/mounts/vg_b/brick_{id}"),
            size: Kib(1 << 20),
            pool_size: Kib(1 << 20),
            metadata_size: Kib(8192),
            gid: 2000,
            format: BrickFormat::Normal,
        };
        let [a, b, c] = [0, 1, 2].map(|n| step(n, Action::CreateBrick { brick: brick.clone(), redo: false }));
        let start = Instant::now();
        let made = tokio::join!(executor.execute(&a), executor.execute(&b), executor.execute(&c));
        let took = start.elapsed();
        assert!(made.0.is_ok() && made.1.is_ok() && made.2.is_ok(), "{made:?}");
        best = best.min(took);
    }
    best
}

/// Round trips that making a brick on each of three nodes at once takes: counted, by a clock that moves only while
/// messages are on their way.
fn brick_round_trips() -> f64 {
    // Timers are a millisecond coarse.
    let round_trip = Duration::from_secs(1);
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(brick_time(round_trip)).as_secs_f64() / round_trip.as_secs_f64()
}

fn main() -> ExitCode {
    let trips = brick_round_trips();
    Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(measure(trips))
}

async fn measure(trips: f64) -> ExitCode {
    let smoke = is_smoke_run();
    let round_trip = Duration::from_millis(20);
    let (near, far_away) = (brick_time(Duration::ZERO).await, brick_time(round_trip).await);
    println!(
        "a brick on each of 3 nodes: {trips:.1} round trips (goal: at most 2); {}, and {} with 20 ms a round trip",
        readable(near),
        readable(far_away)
    );
    let few = (trips * 10.0).round() <= 20.0;

    let (nodes, volumes) = if smoke { (5, 3) } else { (100, 100) };
    let round_trip = Duration::from_millis(50);
    let ours = {
        let far = far(nodes, round_trip).await;
        let runner = Arc::new(SshRunner::new(far.config.clone()).expect("a key"));
        create_volumes(&far, runner, volumes).await
    };
    println!("{volumes} volumes on {nodes} nodes, 50 ms a round trip: {ours:.1?}");
    let theirs = {
        let far = far(nodes, round_trip).await;
        let runner = Arc::new(OneByOne { config: far.config.clone(), hosts: std::sync::Mutex::default() });
        create_volumes(&far, runner, volumes).await
    };
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    println!("the same with a connection for every command: {theirs:.1?}, {ratio:.1} times as long (goal: 8)");
    let reached = few && ratio >= 8.0;
    if !smoke && !reached {
        eprintln!("A goal was missed.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
