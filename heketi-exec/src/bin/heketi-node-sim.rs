//! `heketi-node-sim`: storage nodes on this machine that are simulations, reached over SSH.
//!
//! Any heketi can use them as if they were real. Everything it needs stands in one directory: a key, a
//! configuration, a topology, and the state of the nodes, which is taken up again by the next start.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{fs, io};

use clap::Parser;
use heketi_exec::runner::RunErrorKind;
use heketi_exec::sim::{Effect, RandomFaults, SimCluster, SimDisk, SshServer, SshServerOptions};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use serde_json::{Value, json};

/// Simulated storage nodes behind SSH, on addresses of loopback.
#[derive(Debug, Parser)]
#[command(name = "heketi-node-sim", version)]
struct Arguments {
    /// Directory for keys, configuration, topology and state; made if it is not there
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Number of nodes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=5000))]
    nodes: u16,
    /// Number of disks of each node
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=24))]
    disks: u8,
    /// Size of each disk in GiB
    #[arg(long, value_name = "GIB", default_value_t = 500)]
    disk_size: u64,
    /// Zones that nodes are spread over, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    zones: u16,
    /// Address of the first node; the others have those that follow
    #[arg(long, default_value_t = Ipv4Addr::new(127, 77, 0, 1))]
    address: Ipv4Addr,
    /// Port of all nodes
    #[arg(long, default_value_t = 2222)]
    port: u16,
    /// Milliseconds that every command takes
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Milliseconds that a message to a node and its answer take
    #[arg(long, value_name = "MS", default_value_t = 0)]
    round_trip: u64,
    /// One command in this many fails, or its connection is lost; 0 is none
    #[arg(long, value_name = "N", default_value_t = 0)]
    fault_one_in: u64,
    /// The same number gives the same faults for the same commands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the state that the directory holds, and end
    #[arg(long)]
    print: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("ERROR: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let state = arguments.directory.join("state.json");
    if arguments.print {
        let text = fs::read_to_string(&state).map_err(|error| at(&state, &error))?;
        let sim = SimCluster::load(&text).map_err(|error| at(&state, &error))?;
        say(sim.snapshot().to_string().trim_end());
        return Ok(());
    }
    fs::create_dir_all(&arguments.directory).map_err(|error| at(&arguments.directory, &error))?;
    let sim = match fs::read_to_string(&state) {
        Ok(text) => SimCluster::load(&text).map_err(|error| at(&state, &error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => SimCluster::new(),
        Err(error) => return Err(at(&state, &error)),
    };
    add_nodes(&sim, arguments)?;
    script(&sim, arguments);
    let options = prepare(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(async {
        let nodes: Result<Vec<_>, String> = (0..arguments.nodes)
            .map(|n| Ok((name(arguments, n)?, SocketAddr::new(address(arguments, n)?, arguments.port))))
            .collect();
        let server = SshServer::start(&sim, nodes?, options).await.map_err(|error| error.to_string())?;
        tell(arguments, &server);
        stopped().await.map_err(|error| format!("no signals: {error}"))?;
        let text = sim.save().map_err(|error| error.to_string())?;
        replace(&state, text.as_bytes())?;
        say(&format!("The state is in {}", state.display()));
        Ok(())
    })
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// The address of the n-th node, from 0. The last part is never 0 or 255.
fn address(arguments: &Arguments, n: u16) -> Result<IpAddr, String> {
    let [a, b, c, d] = arguments.address.octets();
    let first = u32::from(d).clamp(1, 254) - 1;
    let place = first + u32::from(n);
    let third = u32::from(c) + place / 254;
    let (third, last) = (u8::try_from(third), u8::try_from(place % 254 + 1));
    match (third, last) {
        (Ok(third), Ok(last)) => Ok(IpAddr::from([a, b, third, last])),
        _ => Err(format!("there are no {} addresses after {}", arguments.nodes, arguments.address)),
    }
}

/// What heketi calls the n-th node: its address, which needs no resolving.
fn name(arguments: &Arguments, n: u16) -> Result<String, String> {
    address(arguments, n).map(|address| address.to_string())
}

fn disks(arguments: &Arguments) -> impl Iterator<Item = String> {
    (0..arguments.disks).map(|n| format!("/dev/sd{}", char::from(b'b' + n)))
}

fn add_nodes(sim: &SimCluster, arguments: &Arguments) -> Result<(), String> {
    let known = sim.snapshot();
    for n in 0..arguments.nodes {
        let name = name(arguments, n)?;
        if !known.nodes.contains_key(&name) {
            sim.add_node(&name, &name, disks(arguments).map(|disk| SimDisk::gib(disk, arguments.disk_size)));
        }
    }
    Ok(())
}

fn script(sim: &SimCluster, arguments: &Arguments) {
    if arguments.latency > 0 {
        sim.add_latency("", Duration::from_millis(arguments.latency));
    }
    if arguments.fault_one_in > 0 {
        let effects = vec![
            Effect::FailBefore("injected fault".to_owned(), 1),
            Effect::FailAfter("injected fault".to_owned(), 1),
            Effect::DropBefore,
            Effect::DropAfter,
            Effect::Refuse(RunErrorKind::Disconnected),
        ];
        sim.set_random_faults(Some(RandomFaults { seed: arguments.seed, one_in: arguments.fault_one_in, effects }));
    }
}

/// Writes what is missing in the directory: keys, configuration, topology.
fn prepare(arguments: &Arguments) -> Result<SshServerOptions, String> {
    let directory = fs::canonicalize(&arguments.directory).map_err(|error| at(&arguments.directory, &error))?;
    let client = key(&directory.join("id_ed25519"))?;
    let mut options = SshServerOptions::default();
    options.round_trip = Duration::from_millis(arguments.round_trip);
    options.host_key = Some(key(&directory.join("host_key"))?);
    options.authorized_keys = Some(vec![client.public_key().clone()]);
    let config = json!({
        "port": "8080",
        "use_auth": false,
        "glusterfs": {
            "executor": "ssh",
            "sshexec": {
                "keyfile": directory.join("id_ed25519"), "user": "root", "port": arguments.port.to_string(),
            },
            "db": directory.join("heketi.db"),
        },
    });
    write(&directory.join("heketi.json"), &config)?;
    let nodes: Result<Vec<Value>, String> = (0..arguments.nodes)
        .map(|n| {
            let names = [name(arguments, n)?];
            Ok(json!({
                "node": { "zone": n % arguments.zones + 1, "hostnames": { "manage": names, "storage": names } },
                "devices": disks(arguments).collect::<Vec<_>>(),
            }))
        })
        .collect();
    write(&directory.join("topology.json"), &json!({ "clusters": [{ "nodes": nodes? }] }))?;
    Ok(options)
}

/// The key in this file, or a new one that is written there.
fn key(file: &Path) -> Result<PrivateKey, String> {
    if file.exists() {
        return PrivateKey::read_openssh_file(file).map_err(|error| at(file, &error));
    }
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).map_err(|error| at(file, &error))?;
    key.write_openssh_file(file, LineEnding::LF).map_err(|error| at(file, &error))?;
    Ok(key)
}

fn write(file: &Path, value: &Value) -> Result<(), String> {
    replace(file, format!("{value:#}\n").as_bytes())
}

/// The file has its old or its new content, whatever happens.
fn replace(file: &Path, content: &[u8]) -> Result<(), String> {
    let new = file.with_extension("new");
    fs::write(&new, content).and_then(|()| fs::rename(&new, file)).map_err(|error| at(file, &error))
}

fn tell(arguments: &Arguments, server: &SshServer) {
    let directory = arguments.directory.display();
    let (first, last) = (&server.nodes()[0], &server.nodes()[server.nodes().len() - 1]);
    say(&format!(
        "{} nodes listen on {} to {}.
  heketi --config={directory}/heketi.json
  heketi-cli -s http://127.0.0.1:8080 topology load --json={directory}/topology.json
  ssh -i {directory}/id_ed25519 -p {} root@{} simctl state
Ctrl-C ends it and saves the state in {directory}/state.json.",
        server.nodes().len(),
        first.1,
        last.1,
        arguments.port,
        first.1.ip()
    ));
}

/// Prints for whoever reads it; nobody need.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Waits for SIGINT or SIGTERM.
async fn stopped() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
