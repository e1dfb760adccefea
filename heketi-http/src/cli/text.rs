//! Blocks of text that scripts read: byte for byte those of heketi v10.

use std::fmt::Write;

use heketi_core::api::{BrickInfo, ClusterInfo, DeviceInfo, NodeInfo, VolumeInfo};
use heketi_core::model::{EntryState, Tags};

/// The word for a state; `failed` is shown as what the user did.
pub(super) fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Online => "online",
        EntryState::Offline => "offline",
        EntryState::Failed => "removed",
    }
}

fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(separator)
}

pub(super) fn cluster(cluster: &ClusterInfo) -> String {
    format!(
        "Cluster id: {}\nNodes:\n{}\nVolumes:\n{}\nBlock: {}\n\nFile: {}\n",
        cluster.id,
        joined(&cluster.nodes, "\n"),
        joined(&cluster.volumes, "\n"),
        cluster.block,
        cluster.file
    )
}

/// `[file][block]`
pub(super) fn cluster_flags(cluster: &ClusterInfo) -> &'static str {
    match (cluster.file, cluster.block) {
        (true, true) => "[file][block]",
        (true, false) => "[file]",
        (false, true) => "[block]",
        (false, false) => "[]",
    }
}

fn tag_lines(tags: &Tags) -> String {
    let mut text = String::new();
    if !tags.is_empty() {
        text.push_str("Tags:\n");
        for (name, value) in tags {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    text
}

/// A node without its devices.
pub(super) fn node_head(node: &NodeInfo) -> String {
    let first = |names: &[String]| names.first().cloned().unwrap_or_default();
    format!(
        "Node Id: {}\nState: {}\nCluster Id: {}\nZone: {}\nManagement Hostname: {}\nStorage Hostname: {}\n{}",
        node.id,
        state(node.state),
        node.cluster,
        node.zone,
        first(&node.hostnames.manage),
        first(&node.hostnames.storage),
        tag_lines(&node.tags)
    )
}

pub(super) fn node(node: &NodeInfo) -> String {
    let mut text = node_head(node);
    text.push_str("Devices:\n");
    for device in &node.devices {
        let storage = &device.storage;
        let _ = writeln!(
            text,
            "Id:{:<35}Name:{:<20}State:{:<10}Size (GiB):{:<8}Used (GiB):{:<8}Free (GiB):{:<8}Bricks:{:<8}",
            device.id.to_string(),
            device.name,
            state(device.state),
            storage.total.whole_gib().0,
            storage.used.whole_gib().0,
            storage.free.whole_gib().0,
            device.bricks.len()
        );
    }
    text
}

/// The line of a brick within a device.
pub(super) fn brick_line(brick: &BrickInfo) -> String {
    format!("Id:{:<35}Size (GiB):{:<8}Path: {}\n", brick.id.to_string(), brick.size.whole_gib().0, brick.path)
}

pub(super) fn device(device: &DeviceInfo) -> String {
    let storage = &device.storage;
    let bricks: String = device.bricks.iter().map(brick_line).collect();
    format!(
        "Device Id: {}\nState: {}\nSize (GiB): {}\nUsed (GiB): {}\nFree (GiB): {}\nCreate Path: {}\nPhysical Volume UUID: {}\nKnown Paths: {}\n{}Bricks:\n{bricks}",
        device.id,
        state(device.state),
        storage.total.whole_gib().0,
        storage.used.whole_gib().0,
        storage.free.whole_gib().0,
        device.name,
        device.pv_uuid,
        device.paths.join(" "),
        tag_lines(&device.tags)
    )
}

/// `key=value` of the mount options.
pub(super) fn mount_options(volume: &VolumeInfo) -> String {
    format!("backup-volfile-servers={}", volume.mount.glusterfs.options.backup_volfile_servers)
}

pub(super) fn volume(volume: &VolumeInfo) -> String {
    let (durability, block) = (&volume.durability, &volume.blockinfo);
    let restriction = if block.restriction.is_empty() { "(none)" } else { &block.restriction };
    let mut text = format!(
        "Name: {}\nSize: {}\nVolume Id: {}\nCluster Id: {}\nMount: {}\nMount Options: {}\nBlock: {}\nFree Size: {}\nReserved Size: {}\nBlock Hosting Restriction: {restriction}\nBlock Volumes: [{}]\nDurability Type: {}\n",
        volume.name,
        volume.size.0,
        volume.id,
        volume.cluster,
        volume.mount.glusterfs.device,
        mount_options(volume),
        volume.block,
        block.freesize,
        block.reservedsize,
        block.blockvolume.join(" "),
        durability.kind
    );
    let (replica, data, redundancy) =
        (durability.replicate.replica, durability.disperse.data, durability.disperse.redundancy);
    let (set, details) = match durability.kind.as_str() {
        "replicate" => (replica, format!("Replica Count: {replica}\n")),
        "disperse" => (
            data.saturating_add(redundancy),
            format!("Disperse Data Count: {data}\nDisperse Redundancy Count: {redundancy}\n"),
        ),
        _ => (1, String::new()),
    };
    // A server may report 0 where it uses a default.
    let sets = i64::try_from(volume.bricks.len()).unwrap_or(i64::MAX) / set.max(1);
    let _ = write!(text, "Distribute Count: {sets}\n{details}");
    if volume.snapshot.enable {
        let _ = write!(text, "Snapshot Factor: {:.2}\n\n", volume.snapshot.factor);
    }
    text
}

pub(super) fn volume_line(volume: &VolumeInfo) -> String {
    let block = if volume.block { " [block]" } else { "" };
    let (id, cluster) = (volume.id.to_string(), volume.cluster.to_string());
    format!("Id:{id:<35} Cluster:{cluster:<35} Name:{}{block}\n", volume.name)
}
