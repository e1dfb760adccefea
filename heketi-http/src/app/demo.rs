//! `heketi demo`: the whole service on loopback, over a simulated cluster, shown through its own REST API.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use heketi_core::api::{self, TopologyFile, VolumeCreateRequest, VolumeInfo};
use heketi_core::inventory::Inventory;
use heketi_core::placement::explain;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::{SimCluster, SimDisk};
use heketi_exec::store::FileStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{serve_engine, signals};
use crate::client::{Client, ClientOptions, Credentials};
use crate::server::ServerOptions;

/// The topology that is loaded: three zones, six nodes, two disks each.
const TOPOLOGY: &str = include_str!("demo-topology.json");

/// Size of each simulated disk in GiB.
const DISK_GIB: u64 = 500;

/// The port that heketi's documentation speaks of.
const USUAL_PORT: u16 = 8080;

pub(super) async fn run(exit: bool, port: Option<u16>) -> Result<(), String> {
    let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let topology: TopologyFile = api::decode(TOPOLOGY.as_bytes()).map_err(|error| error.to_string())?;
    let store = FileStore::open(directory.path().join("heketi.db")).map_err(|error| error.to_string())?;
    let options = NodeOptions { poll_interval: Duration::from_millis(5), ..NodeOptions::default() };
    let executor = Arc::new(NodeExecutor::new(Arc::new(simulate(&topology).runner()), options));
    let engine =
        Engine::open(Arc::new(store), executor, EngineConfig::default()).await.map_err(|error| error.to_string())?;
    let listener = listen(port).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;

    let (shown, finished) = oneshot::channel();
    let stop = async move {
        let signal = signals::stop();
        tokio::select! {
            () = signal => {}
            // A dropped sender means the show failed.
            keep = finished => if keep == Ok(true) { signals::stop().await },
        }
    };
    let serving = tokio::spawn(serve_engine(listener, engine.clone(), ServerOptions::new(None), stop));
    let show = show(&format!("http://{address}"), &topology, &engine).await;
    if show.is_ok() && !exit {
        println!("Serving until Ctrl-C. The nodes are simulated and everything is forgotten at the end.");
    }
    let _ = shown.send(show.is_ok() && !exit);
    serving.await.map_err(|error| format!("the server ended by a defect: {error}"))??;
    show
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

async fn listen(port: Option<u16>) -> Result<TcpListener, String> {
    let bind = async |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    let bound = match port {
        Some(port) => bind(port).await,
        None => match bind(USUAL_PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(0).await,
        },
    };
    bound.map_err(|error| format!("cannot listen on loopback: {error}; name a free port with --port"))
}

async fn show(server: &str, topology: &TopologyFile, engine: &Engine) -> Result<(), String> {
    let options = ClientOptions { poll_delay: Duration::from_millis(20), ..ClientOptions::default() };
    let client = Client::with_options(server, Credentials::none(), options).map_err(|error| error.to_string())?;
    println!("heketi serves on {server} with a simulated cluster.\n\nThe topology is loaded:");
    load(&client, topology).await?;

    let request: VolumeCreateRequest =
        api::decode(br#"{"size":100,"durability":{"type":"replicate","replicate":{"replica":3}}}"#)
            .map_err(|error| error.to_string())?;
    let volume = client.volume_create(&request).await.map_err(|error| format!("no volume: {error}"))?;
    println!("\nA volume of {} with three replicas, {}:", volume.size, volume.name);
    show_bricks(&engine.inventory(), &volume);
    println!("\nMount it (on real nodes):\n  {}", mount_line(&volume));
    println!("\nTry next, in another terminal:");
    for line in next_commands(server, &volume) {
        println!("  {line}");
    }
    println!();
    Ok(())
}

async fn load(client: &Client, topology: &TopologyFile) -> Result<(), String> {
    let mut output = std::io::stdout();
    crate::cli::load_topology(client, topology, &mut output).await.map_err(|error| error.to_string())
}

fn show_bricks(inventory: &Inventory, volume: &VolumeInfo) {
    for brick in explain::placed(inventory, volume.id) {
        let place = format!("{} {}", brick.host, brick.device);
        println!("  brick of {} on {place} (zone {})\n    because {}", brick.size, brick.zone, brick.reason());
    }
}

fn mount_line(volume: &VolumeInfo) -> String {
    let mount = &volume.mount.glusterfs;
    let backup = &mount.options.backup_volfile_servers;
    format!("mount -t glusterfs -o backup-volfile-servers={backup} {} /mnt", mount.device)
}

fn next_commands(server: &str, volume: &VolumeInfo) -> [String; 6] {
    let cli = format!("cargo run -q --release --bin heketi-cli -- -s {server}");
    [
        format!("{cli} topology info"),
        format!("{cli} volume create --size=10"),
        format!("{cli} volume expand --volume={} --expand-size=50", volume.id),
        format!("{cli} volume create --size=90000"),
        format!("curl {server}/volumes/{}", volume.id),
        format!("curl -i -X DELETE {server}/volumes/{}", volume.id),
    ]
}
