//! `volume explain`: where a volume would go, and why.

use heketi_core::api::{PlacementBrick, PlacementCluster, PlacementDevice, PlacementInfo};

use super::args::VolumeWish;
use super::{CliError, Session, Terminal, volume};

pub(super) async fn run(mut session: Session<'_>, wish: &VolumeWish) -> Result<(), CliError> {
    if wish.size == 0 {
        return Err(CliError::new("Missing volume size"));
    }
    let placement = session.client.placement_explain(&volume::request(wish)).await?;
    let terminal = session.terminal;
    session.show(&placement, |placement| text(placement, terminal))
}

fn text(placement: &PlacementInfo, terminal: Terminal) -> String {
    let mut out = String::new();
    match (&placement.cluster, &placement.error) {
        (Some(cluster), None) => out.push_str(&format!("It fits, in cluster {cluster}:\n")),
        (_, error) => {
            let error = error.as_deref().unwrap_or("the server does not tell why");
            out.push_str(&format!("It does not fit: {error}\n"));
        }
    }
    for (number, set) in placement.sets.iter().enumerate() {
        out.push_str(&format!("  Set {}\n", number + 1));
        set.bricks.iter().for_each(|it| out.push_str(&brick(it)));
    }
    for it in &placement.clusters {
        out.push('\n');
        out.push_str(&cluster(it, terminal));
    }
    out
}

fn brick(brick: &PlacementBrick) -> String {
    let kind = if brick.arbiter { "arbiter brick" } else { "brick" };
    let PlacementBrick { host, name, zone, size, reason, .. } = brick;
    let because = if reason.is_empty() { String::new() } else { format!("\n      because {reason}") };
    format!("    {kind} of {size} on {host} {name} (zone {zone}){because}\n")
}

fn cluster(cluster: &PlacementCluster, terminal: Terminal) -> String {
    let mut out = format!("Cluster {}", cluster.id);
    match (cluster.fits, &cluster.reason) {
        (true, _) => out.push_str(": fits"),
        (false, Some(reason)) => out.push_str(&format!(": {reason}")),
        (false, None) => out.push_str(": does not fit"),
    }
    match cluster.largest_size {
        Some(size) => out.push_str(&format!("; the largest such volume that fits has {size}\n")),
        None => out.push_str("; no such volume fits\n"),
    }
    if let Some(size) = cluster.brick_size {
        out.push_str(&format!("Devices, for bricks of {size}:\n"));
    }
    if cluster.devices.is_empty() {
        return out;
    }
    let row = |it: &PlacementDevice| {
        let verdict = it.refusal.clone().unwrap_or_else(|| "takes one".to_owned());
        let zone = it.zone.to_string();
        let room = [it.free.whole_gib().0, it.total.whole_gib().0, it.bricks].map(|number| number.to_string());
        let [free, total, bricks] = room;
        vec![it.host.clone(), it.name.clone(), zone, free, total, bricks, verdict]
    };
    let headings = ["HOST", "DEVICE", "ZONE", "FREE GIB", "GIB", "ROOM FOR", "BRICK"];
    out.push_str(&terminal.table(&headings, cluster.devices.iter().map(row)));
    if cluster.more_devices > 0 {
        out.push_str(&format!("and {} more devices\n", cluster.more_devices));
    }
    out
}
