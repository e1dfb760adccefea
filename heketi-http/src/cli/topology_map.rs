//! `topology info --map`: a picture in text.

use std::collections::BTreeMap;

use heketi_core::api::{DeviceInfo, NodeInfo};
use heketi_core::model::EntryState;

use super::{CliError, Session, Terminal, text};
use crate::client::{Topology, TopologyClusterInfo};

pub(super) async fn run(mut session: Session<'_>) -> Result<(), CliError> {
    let topology = session.client.topology().await?;
    let terminal = session.terminal;
    session.show(&topology, |topology| draw(topology, terminal))
}

fn draw(topology: &Topology, terminal: Terminal) -> String {
    if topology.clusters.is_empty() {
        return "No clusters\n".to_owned();
    }
    topology.clusters.iter().map(|it| cluster(it, terminal)).collect::<Vec<_>>().join("\n")
}

fn cluster(cluster: &TopologyClusterInfo, terminal: Terminal) -> String {
    let holds = match (cluster.file, cluster.block) {
        (true, true) => "file and block volumes",
        (true, false) => "file volumes",
        (false, true) => "block volumes",
        (false, false) => "no volumes",
    };
    let volumes = match cluster.volumes.len() {
        1 => "1 volume".to_owned(),
        count => format!("{count} volumes"),
    };
    let mut out = format!("Cluster {}, for {holds}: {volumes}\n", cluster.id);
    let mut zones: BTreeMap<i64, Vec<&NodeInfo>> = BTreeMap::new();
    for node in &cluster.nodes {
        zones.entry(node.zone).or_default().push(node);
    }
    for nodes in zones.values_mut() {
        nodes.sort_by_key(|node| &node.hostnames.manage);
    }
    // Names of one cluster stand under each other.
    let devices = || cluster.nodes.iter().flat_map(|node| &node.devices);
    let name_columns = devices().map(|device| device.name.len()).max().unwrap_or_default();
    let size_columns = devices().map(|device| sizes(device).len()).max().unwrap_or_default();
    // Indent, blanks, brackets and the words behind.
    let taken = name_columns + size_columns + 32;
    let bar = usize::from(terminal.width.unwrap_or(80)).saturating_sub(taken).clamp(10, 40);
    for (zone, nodes) in zones {
        out.push_str(&format!("  Zone {zone}\n"));
        for node in nodes {
            let host = node.hostnames.manage.first().map_or("", String::as_str);
            out.push_str(&format!("    {host} ({}){}\n", node.id, state(node.state)));
            let mut devices: Vec<&DeviceInfo> = node.devices.iter().collect();
            devices.sort_by_key(|device| &device.name);
            for device in devices {
                let (used, total) = (device.storage.used.0, device.storage.total.0);
                let bricks = match device.bricks.len() {
                    1 => "1 brick".to_owned(),
                    count => format!("{count} bricks"),
                };
                out.push_str(&format!(
                    "      {:<name_columns$} {} {:>size_columns$}  {bricks}{}\n",
                    device.name,
                    terminal.fill_bar(used, total, bar as u64),
                    sizes(device),
                    state(device.state)
                ));
            }
        }
    }
    out
}

fn sizes(device: &DeviceInfo) -> String {
    format!("{}/{} GiB", device.storage.used.whole_gib().0, device.storage.total.whole_gib().0)
}

/// Only what is not as usual.
fn state(state: EntryState) -> String {
    match state {
        EntryState::Online => String::new(),
        other => format!("  {}", text::state(other)),
    }
}
