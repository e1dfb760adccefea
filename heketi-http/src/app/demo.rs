//! `heketi demo`: the whole service on loopback, over a simulated cluster, shown through its own REST API.

use heketi_core::api::{self, TopologyFile, VolumeCreateRequest, VolumeInfo};
use heketi_core::inventory::Inventory;
use heketi_core::placement::explain;

use super::{signals, tell};
use crate::client::Client;
use crate::demo::Demo;

/// The port that heketi's documentation speaks of.
const USUAL_PORT: u16 = 8080;

pub(super) async fn run(exit: bool, port: Option<u16>) -> Result<(), String> {
    let demo = match port {
        Some(port) => Demo::start(Some(port)).await?,
        None => match Demo::start(Some(USUAL_PORT)).await {
            Ok(demo) => demo,
            Err(_) => Demo::start(None).await?,
        },
    };
    let shown = tokio::select! {
        shown = show(&demo) => shown.map(|()| !exit),
        () = signals::stop() => Ok(false),
    };
    if shown == Ok(true) {
        tell("Serving until Ctrl-C. The nodes are simulated and everything is forgotten at the end.");
        signals::stop().await;
        tell("Shutting down...");
        signals::exit_at_once_on_the_next();
    }
    demo.stop().await?;
    shown.map(drop)
}

async fn show(demo: &Demo) -> Result<(), String> {
    let (server, client) = (&demo.url(), demo.client());
    tell(&format!("heketi serves on {server} with a simulated cluster.\n\nThe topology is loaded:"));
    load(&client, demo.topology()).await?;

    let request: VolumeCreateRequest =
        api::decode(br#"{"size":100,"durability":{"type":"replicate","replicate":{"replica":3}}}"#)
            .map_err(|error| error.to_string())?;
    let volume = client.volume_create(&request).await.map_err(|error| format!("no volume: {error}"))?;
    tell(&format!("\nA volume of {} with three replicas, {}:", volume.size, volume.name));
    show_bricks(&demo.engine().inventory(), &volume);
    tell(&format!("\nMount it (on real nodes):\n  {}", mount_line(&volume)));
    tell("\nTry next, in another terminal:");
    for line in next_commands(server, &volume) {
        tell(&format!("  {line}"));
    }
    tell("");
    Ok(())
}

async fn load(client: &Client, topology: &TopologyFile) -> Result<(), String> {
    let mut output = std::io::stdout();
    crate::cli::load_topology(client, topology, &mut output).await.map_err(|error| error.to_string())
}

fn show_bricks(inventory: &Inventory, volume: &VolumeInfo) {
    for brick in explain::placed(inventory, volume.id) {
        let place = format!("{} {}", brick.host, brick.device);
        tell(&format!("  brick of {} on {place} (zone {})\n    because {}", brick.size, brick.zone, brick.reason()));
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
