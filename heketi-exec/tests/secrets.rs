//! What nobody may read: passwords of block volumes. Alone in this file, because the log of a whole process is
//! looked at.

use std::sync::Arc;
use std::time::Duration;

use heketi_core::Gib;
use heketi_core::id::{BlockVolumeId, QueueId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{HostNames, Tags};
use heketi_core::operation::{BlockVolumeCreateRequest, DeviceAddRequest, NodeAddRequest};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{Effect, Fault, SimCluster, SimDisk};
use heketi_exec::store::MemoryStore;

/// A text that collects everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An engine over three nodes with a disk each, which creates block hosting volumes of 20 GiB.
async fn loaded(sim: &SimCluster) -> Engine {
    let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
    let executor = Arc::new(NodeExecutor::new(Arc::new(sim.runner()), options));
    let mut config = EngineConfig { clean: false, ..EngineConfig::default() };
    (config.policy.block_hosting.auto_create, config.policy.block_hosting.size) = (true, Gib(20));
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor, config).await.unwrap();
    let cluster = engine.cluster_create(true, true).await.unwrap();
    for n in 1..=3 {
        let (manage, storage) = (format!("n{n}"), format!("10.0.0.{n}"));
        sim.add_node(&manage, &storage, [SimDisk::gib("/dev/sdb", 50)]);
        let hostnames = HostNames { manage: vec![manage], storage: vec![storage] };
        let request = NodeAddRequest { cluster, zone: 1, hostnames, tags: Tags::new() };
        let JobResult::Node(node) = finished(&engine, engine.node_add(request).await.unwrap()).await else { panic!() };
        let request = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
        assert_eq!(finished(&engine, engine.device_add(request).await.unwrap()).await, JobResult::Done);
    }
    engine
}

async fn finished(engine: &Engine, job: QueueId) -> JobResult {
    loop {
        if let Some(result) = engine.job(job).unwrap().result.clone() {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn made(engine: &Engine, job: QueueId) -> BlockVolumeId {
    match finished(engine, job).await {
        JobResult::BlockVolume(id) => id,
        other => panic!("{other:?}"),
    }
}

fn block(size: u64) -> BlockVolumeCreateRequest {
    BlockVolumeCreateRequest { size: Gib(size), name: None, clusters: Vec::new(), ha_count: 0, auth: true }
}

/// The password of a block volume is in no log, no error and no debugging text, also where gluster-block's answer
/// cannot be understood or is cut off.
#[tokio::test]
async fn no_password_is_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let sim = SimCluster::new();
    let engine = loaded(&sim).await;
    let id = made(&engine, engine.block_volume_create(block(2)).await.unwrap()).await;
    made(&engine, engine.block_volume_expand(id, Gib(3)).await.unwrap()).await;
    let password = engine.inventory().block_volume(id).unwrap().password.expose().to_owned();
    assert!(password.len() > 8);
    let mut shown = format!("{:?}", engine.inventory());
    for answer in [
        format!("IQN: iqn\nUSERNAME: user\nPASSWORD: {password}\nRESULT: SUCCESS"),
        format!("{{ \"IQN\": \"iqn\", \"PASSWORD\": \"{password}\", \"RESULT\": \"FAIL\" }}"),
        format!("{{ \"IQN\": \"iqn\", \"PASSWORD\": \"{password}"),
        format!("{{ \"PASSWORD\": {{ \"x\": \"{password}\" }}, \"RESULT\": 5"),
    ] {
        for command in ["gluster-block create", "gluster-block info", "gluster-block modify"] {
            sim.inject(Fault::once(command, Effect::Answer(answer.clone())));
        }
        shown += &format!("{:?}", finished(&engine, engine.block_volume_create(block(1)).await.unwrap()).await);
        shown += &format!("{:?}", finished(&engine, engine.block_volume_expand(id, Gib(4)).await.unwrap()).await);
        engine.clean_up(None).await;
        shown += &format!("{:?}", engine.inventory());
        sim.clear_faults();
    }
    sim.inject(Fault::once("gluster-block create", Effect::FailAfter(format!("PASSWORD {password}"), 1)));
    shown += &format!("{:?}", finished(&engine, engine.block_volume_create(block(1)).await.unwrap()).await);
    drop(guard);
    let logged = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    assert!(logged.contains("gluster-block create"), "the log tells what ran");
    assert!(!logged.contains(&password), "the log shows the password");
    assert!(!shown.contains(&password), "{shown}");
}
