//! Operations that an ended server left behind.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use heketi_core::api::CheckedVolumeCreate;
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, HostNames, Tags};
use heketi_core::operation::{
    Action, Certainty, DeviceAddRequest, FailureKind, NodeAddRequest, Step, StepFailure, StepOutcome,
};
use heketi_core::{Gib, id::QueueId};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::executor::Executor;
use heketi_exec::node::NodeOptions;
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::FileStore;

use crate::support::*;

/// Nodes that lose the connection while bricks are made, and do not come back.
#[derive(Debug)]
struct Breaking(MockExecutor);

#[async_trait]
impl Executor for Breaking {
    async fn execute(&self, step: &Step) -> StepOutcome {
        match step.action {
            Action::CreateBrick { .. } | Action::Settle | Action::DestroyBrick { .. } => Err(StepFailure {
                host: step.hosts[0].manage.clone(),
                kind: FailureKind::Unreachable,
                certainty: Certainty::Unknown,
                text: "connection lost".to_owned(),
            }),
            _ => self.0.execute(step).await,
        }
    }
}

async fn result(engine: &Engine, queue: QueueId) -> JobResult {
    assert!(engine.wait_idle(LIMIT).await, "operations run on and on");
    engine.job(queue).unwrap().result.clone().unwrap()
}

/// A server that could neither create a volume nor undo that, and ended.
async fn left_by_another_server(db: &Path) {
    let executor = Arc::new(Breaking(MockExecutor::new(NodeOptions::default(), 500)));
    let config = EngineConfig { clean: false, monitor: None, ..EngineConfig::default() };
    let engine = Engine::open(Arc::new(FileStore::open(db).unwrap()), executor, config).await.unwrap();
    let cluster = engine.cluster_create(true, true).await.unwrap();
    for n in 1..=3 {
        let hostnames = HostNames { manage: vec![format!("n{n}")], storage: vec![format!("192.0.2.{n}")] };
        let request = NodeAddRequest { cluster, zone: n, hostnames, tags: Tags::new() };
        let added = engine.node_add(request).await.unwrap();
        let JobResult::Node(node) = result(&engine, added).await else { panic!("no node {n}") };
        let device = DeviceAddRequest { node, name: "/dev/sdb".into(), tags: Tags::new(), destroy_data: false };
        let added = engine.device_add(device).await.unwrap();
        assert_eq!(result(&engine, added).await, JobResult::Done);
    }
    let request = CheckedVolumeCreate::new(Gib(10), Durability::Replicate { replica: 3 });
    let queue = engine.volume_create(request).await.unwrap();
    assert!(matches!(result(&engine, queue).await, JobResult::Failed(_)));
    engine.shut_down(Duration::ZERO).await;
}

/// Waits until the database is let go of.
fn wait_for(db: &Path) {
    let start = Instant::now();
    while FileStore::open(db).is_err() {
        assert!(start.elapsed() < LIMIT, "the database is still in use");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn stale_operations_are_listed_shown_and_cleaned_up() {
    let directory = tempfile::tempdir().unwrap();
    let (config, db) = (mock_config(directory.path()), directory.path().join("heketi.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(left_by_another_server(&db));
    drop(runtime);
    wait_for(&db);

    let server = Server::start(&config);
    let list = server.ok(&["server", "operations", "list"]);
    let id = list.strip_prefix("Id:").unwrap().split(' ').next().unwrap();
    assert_eq!(list, format!("Id:{id}  Type:create-volume  Status:stale \n"));
    let counts = |total: u32| {
        format!("Operation Counts:\n  Total: {total}\n  In-Flight: 0\n  New: 0\n  Failed: 0\n  Stale: {total}\n")
    };
    assert_eq!(server.ok(&["server", "operations", "info"]), counts(1));
    let shown = server.ok(&["server", "operations", "info", id]);
    assert!(shown.starts_with(&format!("\nId: {id}\nType: create-volume\nStatus: stale \nChanges:\n")), "{shown}");
    assert_eq!(
        (shown.matches("    Add brick: ").count(), shown.matches("    Add volume: ").count()),
        (3, 1),
        "{shown}"
    );
    assert_eq!(server.ok(&["volume", "list"]), "", "what is not there yet is not shown");

    // One that is not known is no reason to fail, and none to resume another.
    let cleaned = server.cli(&["server", "operations", "cleanup", &"f".repeat(32)]);
    assert!(cleaned.status.success() && text(&cleaned.stderr).starts_with("Note: Operation clean up is a batch"));
    assert_eq!(server.ok(&["server", "operations", "info"]), counts(1));
    assert!(server.cli(&["server", "operations", "cleanup", id]).status.success());
    assert_eq!(server.ok(&["server", "operations", "info"]), counts(0));
    assert_eq!(server.refused(&["server", "operations", "info", id]), format!("Id not found: {id}"));
    assert_eq!(server.ok(&["audit"]), "No problems found\n");
}

#[test]
fn injected_faults_fail_commands_and_kill_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let (config, fatal) = (mock_config(directory.path()), directory.path().join("fatal"));
    let hooks = serde_json::json!({ "commands": [
        { "Cmd": "(^| )lvcreate.*", "CondFile": fatal, "Reaction": { "Panic": "panicking at lvcreate" } },
        { "Cmd": "^gluster .* volume create .*blammo.*", "Reaction": { "Err": "no such luck" } },
    ], "results": null });
    let executor = ("/glusterfs/executor", "inject/mock".into());
    configure(&config, &[executor, ("/glusterfs/injectexec", serde_json::json!({ "command_injection": hooks }))]);
    let (topology, log) = (topology(directory.path()), directory.path().join("log"));

    let server = Server::start_logging(&config, &log);
    server.ok(&["topology", "load", &format!("--json={}", topology.display())]);
    server.ok(&["volume", "create", "--size=1", "--name=fine"]);
    let refused = server.refused(&["volume", "create", "--size=1", "--name=vblammo"]);
    assert!(refused.contains("no such luck"), "{refused}");
    std::fs::write(&fatal, "").unwrap();
    // The job that ends with the server: the command line would ask for it for a while.
    let (status, ..) = server.request("POST", "/volumes", r#"{"size": 1}"#);
    assert_eq!(status, 202);
    server.died();
    assert!(std::fs::read_to_string(&log).unwrap().contains("panicking at lvcreate"));

    configure(&config, &[("/glusterfs/executor", "mock".into())]);
    let server = Server::start(&config);
    let counts = server.ok(&["server", "operations", "info"]);
    assert!(counts.contains("Total: 1\n") && counts.contains("Stale: 1\n"), "{counts}");
    assert!(server.cli(&["server", "operations", "cleanup"]).status.success());
    assert!(server.ok(&["server", "operations", "info"]).contains("Total: 0\n"));

    let typo = serde_json::json!({ "command_injection": { "commands": [{ "Command": "x" }] } });
    configure(&config, &[("/glusterfs/injectexec", typo)]);
    let refused = run(&[&format!("--config={}", config.display())]);
    assert!(!refused.status.success());
    let told = text(&refused.stderr);
    assert!(told.contains("glusterfs.injectexec") && told.contains("`command`"), "{told}");
}
