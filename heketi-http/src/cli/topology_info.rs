use std::fmt::Write;

use heketi_core::api::{DeviceInfo, NodeInfo, VolumeInfo};
use heketi_core::model::Tags;

use super::{CliError, Session, text, topology_template};
use crate::client::{Topology, TopologyClusterInfo};

pub(super) async fn run(mut session: Session<'_>, template: &str) -> Result<(), CliError> {
    let topology = session.client.topology().await?;
    if template.is_empty() || session.json {
        return session.show(&topology, render);
    }
    let text = topology_template::render(&topology, template)?;
    session.print(&text)
}

fn render(topology: &Topology) -> String {
    let clusters: String = topology.clusters.iter().map(cluster).collect();
    clusters + "\n"
}

fn cluster(cluster: &TopologyClusterInfo) -> String {
    let mut out = format!(
        "\nCluster Id: {}\n\n    File:  {}\n    Block: {}\n\n    Volumes:\n\n",
        cluster.id, cluster.file, cluster.block
    );
    cluster.volumes.iter().for_each(|volume| add_volume(&mut out, volume));
    out.push_str("\n    Nodes:\n");
    cluster.nodes.iter().for_each(|node| add_node(&mut out, node));
    out
}

fn add_volume(out: &mut String, volume: &VolumeInfo) {
    let durability = &volume.durability;
    let _ = writeln!(
        out,
        "\tName: {}\n\tSize: {}\n\tId: {}\n\tCluster Id: {}\n\tMount: {}\n\tMount Options: {}\n\tDurability Type: {}",
        volume.name,
        volume.size.0,
        volume.id,
        volume.cluster,
        volume.mount.glusterfs.device,
        text::mount_options(volume),
        durability.kind
    );
    let _ = match durability.kind.as_str() {
        "replicate" => writeln!(out, "\tReplica: {}", durability.replicate.replica),
        "disperse" => writeln!(
            out,
            "\tDisperse Data: {}\n\tDisperse Redundancy: {}",
            durability.disperse.data, durability.disperse.redundancy
        ),
        _ => Ok(()),
    };
    let _ = match volume.snapshot.enable {
        true => writeln!(out, "\tSnapshot: Enabled\n\tSnapshot Factor: {:.2}\n", volume.snapshot.factor),
        false => writeln!(out, "\tSnapshot: Disabled\n"),
    };
    out.push_str("\t\tBricks:\n");
    for brick in &volume.bricks {
        let _ = writeln!(
            out,
            "\t\t\tId: {}\n\t\t\tPath: {}\n\t\t\tSize (GiB): {}\n\t\t\tNode: {}\n\t\t\tDevice: {}\n",
            brick.id,
            brick.path,
            brick.size.whole_gib().0,
            brick.node,
            brick.device
        );
    }
    out.push('\n');
}

fn add_node(out: &mut String, node: &NodeInfo) {
    let _ = writeln!(
        out,
        "\n\tNode Id: {}\n\tState: {}\n\tCluster Id: {}\n\tZone: {}\n\tManagement Hostnames: {}\n\tStorage Hostnames: {}",
        node.id,
        text::state(node.state),
        node.cluster,
        node.zone,
        node.hostnames.manage.join(", "),
        node.hostnames.storage.join(", ")
    );
    add_tags(out, "\t", &node.tags);
    out.push_str("\tDevices:\n");
    node.devices.iter().for_each(|device| add_device(out, device));
}

/// The tags and an empty line; nothing without tags.
fn add_tags(out: &mut String, indent: &str, tags: &Tags) {
    if !tags.is_empty() {
        let pairs: Vec<_> = tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let _ = writeln!(out, "{indent}Tags: {}\n", pairs.join(" "));
    }
}

fn add_device(out: &mut String, device: &DeviceInfo) {
    let storage = &device.storage;
    let _ = writeln!(
        out,
        "\t\tId:{:<35}State:{:<10}Size (GiB):{:<8}Used (GiB):{:<8}Free (GiB):{:<8}",
        device.id.to_string(),
        text::state(device.state),
        storage.total.whole_gib().0,
        storage.used.whole_gib().0,
        storage.free.whole_gib().0
    );
    add_tags(out, "\t\t\t", &device.tags);
    let paths = if device.paths.is_empty() { device.name.clone() } else { device.paths.join(" ") };
    let _ = writeln!(out, "\t\t\tKnown Paths: {paths}\n\n\t\t\tBricks:");
    for brick in &device.bricks {
        let _ = write!(out, "\t\t\t\t{}", text::brick_line(brick));
    }
}
