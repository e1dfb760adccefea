//! A service that embeds heketi: `embed` works on simulated nodes, `embed KEYFILE HOST HOST HOST` on real ones over SSH
//! (with an empty `/dev/sdb` each, which is lost).

use std::{error::Error, sync::Arc, time::Duration};

use heketi_core::api::{VolumeCreateRequest, decode};
use heketi_core::inventory::JobResult;
use heketi_core::model::{HostNames, Tags};
use heketi_core::operation::{DeviceAddRequest, NodeAddRequest};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::{SshConfig, SshRunner};
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::MemoryStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (executor, hosts): (Arc<dyn Executor>, Vec<String>) = match arguments.split_first() {
        None => (Arc::new(MockExecutor::new(NodeOptions::default(), 500)), ["a", "b", "c"].map(String::from).into()),
        Some((key, hosts)) => {
            let runner = SshRunner::new(SshConfig::new(key))?;
            (Arc::new(NodeExecutor::new(Arc::new(runner), NodeOptions::default())), hosts.to_vec())
        }
    };
    println!("{}", serve(executor, hosts).await?);
    Ok(())
}

/// Makes a cluster of the hosts, and a replicated volume of 10 GiB on it.
pub async fn serve(executor: Arc<dyn Executor>, hosts: Vec<String>) -> Result<String, Box<dyn Error>> {
    // `FileStore::open` keeps the state over restarts.
    let engine = Engine::open(Arc::new(MemoryStore::new()), executor, EngineConfig::default()).await?;
    let cluster = engine.cluster_create(true, true).await?;
    for (host, zone) in hosts.into_iter().zip(1..) {
        let hostnames = HostNames { manage: vec![host.clone()], storage: vec![host] };
        let job = engine.node_add(NodeAddRequest { cluster, zone, hostnames, tags: Tags::new() }).await?;
        let JobResult::Node(node) = finished(&engine, job).await? else { return Err("no node".into()) };
        let disk = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
        finished(&engine, engine.device_add(disk).await?).await?;
    }
    let request: VolumeCreateRequest = decode(br#"{"size": 10, "durability": {"type": "replicate"}}"#)?;
    let job = engine.volume_create(request.check()?).await?;
    let told = format!("{:?} with {} bricks", finished(&engine, job).await?, engine.inventory().bricks().count());
    engine.shut_down(Duration::from_secs(10)).await;
    Ok(told)
}

async fn finished(engine: &Engine, job: heketi_core::id::QueueId) -> Result<JobResult, Box<dyn Error>> {
    loop {
        match engine.job(job)?.result.clone() {
            Some(JobResult::Failed(why)) => return Err(format!("{why:?}").into()),
            Some(result) => return Ok(result),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
