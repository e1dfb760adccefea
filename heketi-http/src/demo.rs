//! A whole service over a simulated cluster: real state, real operations, real HTTP on loopback; only the nodes are
//! simulated. For trying things out, for examples, and for tests of programs that use heketi.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use heketi_core::api::{self, TopologyFile};
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{SimCluster, SimDisk};
use heketi_exec::store::FileStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backend::EngineBackend;
use crate::client::{Client, ClientOptions, Credentials};
use crate::metrics::Metrics;
use crate::server::{ServerOptions, serve};

/// The topology of the simulated cluster: three zones, six nodes, two disks each.
const TOPOLOGY: &str = include_str!("app/demo-topology.json");

/// Size of each simulated disk in GiB.
const DISK_GIB: u64 = 500;

/// A server with a simulated cluster, which ends with this value. Its ids are the same every time, and so is where it
/// puts bricks.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let demo = heketi_http::demo::Demo::start(None).await.unwrap();
/// demo.load_topology().await.unwrap();
/// assert_eq!(demo.client().cluster_list().await.unwrap().clusters.len(), 1);
/// demo.stop().await.unwrap();
/// # });
/// ```
pub struct Demo {
    address: SocketAddr,
    topology: TopologyFile,
    engine: Engine,
    sim: SimCluster,
    drain: Duration,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
    _directory: tempfile::TempDir,
}

impl Demo {
    /// Starts it on a port of loopback, on a free one if none is named. Its nodes and disks are there, but the server
    /// knows nothing of them.
    ///
    /// # Errors
    /// A text when the port is taken or no temporary files can be made.
    pub async fn start(port: Option<u16>) -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        let topology: TopologyFile = api::decode(TOPOLOGY.as_bytes()).map_err(|error| error.to_string())?;
        let store = FileStore::open(directory.path().join("heketi.db")).map_err(|error| error.to_string())?;
        let options = NodeOptions { poll_interval: Duration::from_millis(5), ..NodeOptions::default() };
        let sim = simulate(&topology);
        let executor = Arc::new(NodeExecutor::new(Arc::new(sim.runner()), options));
        let metrics = Metrics::default();
        let config = EngineConfig {
            meter: Some(Arc::new(metrics.clone())),
            poll_interval: Duration::from_millis(50),
            id_seed: Some(1),
            ..EngineConfig::default()
        };
        let engine = Engine::open(Arc::new(store), executor, config).await.map_err(|error| error.to_string())?;
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)))).await;
        let listener =
            listener.map_err(|error| format!("cannot listen on loopback: {error}; name a free port with --port"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let options = ServerOptions { metrics, ..ServerOptions::new(None) };
        let (drain, backend) = (options.drain, Arc::new(EngineBackend::new(engine.clone())));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, backend, options, async { drop(stopped.await) }));
        Ok(Self { address, topology, engine, sim, drain, stop, serving, _directory: directory })
    }

    /// Address of the server, for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it, which does not wait long between two questions.
    pub fn client(&self) -> Client {
        let options = ClientOptions { poll_delay: Duration::from_millis(20), ..ClientOptions::default() };
        // The address is well formed, whatever the port is.
        Client::with_options(&self.url(), Credentials::none(), options).unwrap_or_else(|_| unreachable!())
    }

    /// What is simulated, as `topology load` takes it.
    pub fn topology(&self) -> &TopologyFile {
        &self.topology
    }

    /// The simulated nodes, for faults and latency.
    pub fn sim(&self) -> &SimCluster {
        &self.sim
    }

    /// The engine behind the server.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes the server know all nodes and disks.
    ///
    /// # Errors
    /// A text that names what could not be added.
    pub async fn load_topology(&self) -> Result<(), String> {
        let loaded = crate::cli::load_topology(&self.client(), &self.topology, &mut std::io::sink()).await;
        loaded.map_err(|error| error.to_string())
    }

    /// Lets running requests and steps end, then stops.
    ///
    /// # Errors
    /// A text when the server ended by an error of its own.
    pub async fn stop(self) -> Result<(), String> {
        drop(self.stop);
        let served = self.serving.await.map_err(|error| format!("the server ended by a defect: {error}"))?;
        self.engine.shut_down(self.drain).await;
        served.map_err(|error| format!("HTTP Server error: {error}"))
    }
}

fn simulate(topology: &TopologyFile) -> SimCluster {
    let sim = SimCluster::new();
    for node in topology.clusters.iter().flat_map(|cluster| &cluster.nodes) {
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        let disks = node.devices.iter().map(|device| SimDisk::gib(&device.name, DISK_GIB));
        let names = &node.node.hostnames;
        sim.add_node(&first(&names.manage), &first(&names.storage), disks);
    }
    sim
}
