//! A server over the real engine with simulated nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use heketi_core::inventory::{ChangeSet, Record};
use heketi_core::operation::{Action, Step, StepOutcome};
use heketi_core::placement::Policy;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::executor::Executor;
use heketi_exec::node::NodeOptions;
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::{CommitError, MemoryStore, Revision, Store, StoreError};
use heketi_http::backend::EngineBackend;
use heketi_http::server::ServerOptions;
use tokio::sync::Semaphore;

use crate::server::{Answer, PATIENCE, Server, options};

/// Nodes that make bricks only while somebody lets them.
#[derive(Debug)]
struct Gated {
    nodes: MockExecutor,
    gate: Arc<Semaphore>,
}

#[async_trait]
impl Executor for Gated {
    async fn execute(&self, step: &Step) -> StepOutcome {
        if matches!(step.action, Action::CreateBrick { .. }) {
            let _open = self.gate.acquire().await;
            return self.nodes.execute(step).await;
        }
        self.nodes.execute(step).await
    }
}

/// A store that takes nothing more from a server that was killed.
#[derive(Debug, Default)]
struct Mortal {
    store: Arc<MemoryStore>,
    dead: Mutex<bool>,
}

impl Store for Mortal {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.store.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        let dead = self.dead.lock().unwrap();
        if *dead {
            return Err(CommitError::Failed("the server was killed".into()));
        }
        self.store.commit(expected, batch)
    }
}

/// What survives the end of a server: its store and its nodes.
#[derive(Clone)]
pub struct World {
    store: Arc<MemoryStore>,
    nodes: Arc<Gated>,
    gate: Arc<Semaphore>,
    pub config: EngineConfig,
}

impl World {
    pub fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let nodes = Arc::new(Gated { nodes: MockExecutor::new(NodeOptions::default(), 500), gate: gate.clone() });
        let config = EngineConfig { clean: false, monitor: None, ..EngineConfig::default() };
        Self { store: Arc::default(), nodes, gate, config }
    }

    /// With these limits of placement.
    pub fn with_policy(policy: Policy) -> Self {
        let mut world = Self::new();
        world.config.policy = policy;
        world
    }

    /// From now on no brick is made.
    pub fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Bricks are made again.
    pub fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub async fn start(&self) -> Live {
        self.start_with(options()).await
    }

    pub async fn start_with(&self, options: ServerOptions) -> Live {
        let store = Arc::new(Mortal { store: self.store.clone(), dead: Mutex::default() });
        let engine = Engine::open(store.clone(), self.nodes.clone(), self.config.clone()).await.unwrap();
        let server = Server::over(EngineBackend::new(engine.clone()), options).await;
        Live { server, engine, store }
    }
}

pub struct Live {
    pub server: Server<EngineBackend>,
    pub engine: Engine,
    store: Arc<Mortal>,
}

impl Live {
    /// With one cluster of three nodes in zones of their own, each with one disk of 500 GiB.
    pub async fn with_cluster() -> Self {
        let live = World::new().start().await;
        live.add_cluster(3).await;
        live
    }

    /// Adds a cluster of so many nodes; returns its id.
    pub async fn add_cluster(&self, nodes: usize) -> String {
        let cluster = self.admin("POST", "/clusters", r#"{"file":true,"block":true}"#).await.member("id");
        for n in 1..=nodes {
            let names = (format!("n{n}-{}", &cluster[..6]), format!("192.0.2.{n}-{}", &cluster[..6]));
            let node = format!(
                r#"{{"cluster":"{cluster}","zone":{n},"hostnames":{{"manage":["{}"],"storage":["{}"]}}}}"#,
                names.0, names.1
            );
            let node = self.done("POST", "/nodes", &node).await.header("location").unwrap().to_owned();
            let node = node.strip_prefix("/nodes/").unwrap();
            let device = format!(r#"{{"node":"{node}","name":"/dev/sdb"}}"#);
            assert_eq!(self.done("POST", "/devices", &device).await.status, 204);
        }
        cluster
    }

    pub async fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        self.server.admin(method, path, body).await
    }

    /// Waits for the end of a job; returns the last answer about it.
    pub async fn ended(&self, job: &Answer) -> Answer {
        assert_eq!(job.status, 202, "{job:?}");
        let path = job.header("location").unwrap().to_owned();
        let ended = async {
            loop {
                let answer = self.admin("GET", &path, "").await;
                if answer.header("x-pending").is_none() {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the job ends")
    }

    /// A request that is accepted, and the end of its job.
    pub async fn done(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ended(&self.admin(method, path, body).await).await
    }

    /// Makes a volume; returns its path.
    pub async fn volume(&self, body: &str) -> String {
        let done = self.done("POST", "/volumes", body).await;
        assert_eq!(done.status, 303, "{done:?}");
        done.header("location").unwrap().to_owned()
    }

    pub async fn json(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let answer = self.admin(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// From now on the store takes nothing, or takes everything again.
    pub fn break_store(&self, broken: bool) {
        *self.store.dead.lock().unwrap() = broken;
    }

    /// Ends the server as a kill does: nothing that runs is waited for, and nothing is stored any more.
    pub async fn kill(self) {
        self.break_store(true);
        self.engine.shut_down(Duration::ZERO).await;
    }
}
