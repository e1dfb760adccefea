//! Blocks of text that scripts read: byte for byte those of heketi v10.

use std::fmt::Write;

use heketi_core::api::{
    BlockVolumeInfo, BrickInfo, ClusterInfo, DeviceInfo, NodeInfo, OperationCounts, OperationDetails, OperationInfo,
    VolumeInfo,
};
use heketi_core::model::{EntryState, Tags};

use super::Terminal;

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

pub(super) fn node(node: &NodeInfo, terminal: Terminal) -> String {
    let mut text = node_head(node);
    text.push_str("Devices:\n");
    if terminal.width.is_some() {
        let row = |it: &DeviceInfo| {
            let gib = [it.storage.total, it.storage.used, it.storage.free].map(|size| size.whole_gib().0.to_string());
            let [total, used, free] = gib;
            let bricks = it.bricks.len().to_string();
            vec![it.id.to_string(), it.name.clone(), state(it.state).to_owned(), total, used, free, bricks]
        };
        let headings = ["ID", "NAME", "STATE", "GIB", "USED", "FREE", "BRICKS"];
        return text + &terminal.table(&headings, node.devices.iter().map(row));
    }
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

pub(super) fn device(device: &DeviceInfo, terminal: Terminal) -> String {
    let storage = &device.storage;
    let bricks: String = match terminal.width {
        None => device.bricks.iter().map(brick_line).collect(),
        Some(_) => {
            let row = |it: &BrickInfo| {
                vec![it.id.to_string(), it.size.whole_gib().0.to_string(), it.volume.to_string(), it.path.clone()]
            };
            terminal.table(&["ID", "GIB", "VOLUME", "PATH"], device.bricks.iter().map(row))
        }
    };
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

/// A patch of Kubernetes endpoints: one subset for each host.
pub(super) fn endpoint_patch(volume: &VolumeInfo) -> String {
    let subset = |host: &String| {
        let address = serde_json::json!({ "ip": host });
        format!(r#"{{"addresses":[{address}],"ports":[{{"port":1}}]}}"#)
    };
    let subsets: Vec<String> = volume.mount.glusterfs.hosts.iter().map(subset).collect();
    format!(r#"{{"subsets": [{}]}}"#, subsets.join(","))
}

pub(super) fn block_volume(volume: &BlockVolumeInfo) -> String {
    let target = &volume.blockvolume;
    format!(
        "Name: {}\nSize: {}\nUsableSize: {}\nVolume Id: {}\nCluster Id: {}\nHosts: [{}]\nIQN: {}\nLUN: {}\nHacount: {}\nUsername: {}\nPassword: {}\nBlock Hosting Volume: {}\n",
        volume.name,
        volume.size.0,
        volume.usablesize.0,
        volume.id,
        volume.cluster,
        target.hosts.join(" "),
        target.iqn,
        target.lun,
        volume.hacount,
        target.username,
        target.password.expose(),
        volume.blockhostingvolume
    )
}

pub(super) fn block_volume_line(volume: &BlockVolumeInfo) -> String {
    let (id, cluster) = (volume.id.to_string(), volume.cluster.to_string());
    format!("Id:{id:<35} Cluster:{cluster:<35} Name:{}\n", volume.name)
}

pub(super) fn operation_counts(counts: &OperationCounts) -> String {
    format!(
        "Operation Counts:\n  Total: {}\n  In-Flight: {}\n  New: {}\n  Failed: {}\n  Stale: {}\n",
        counts.total, counts.in_flight, counts.new, counts.failed, counts.stale
    )
}

/// Status and sub-status; a blank follows the first even where there is no second.
pub(super) fn operation_status(operation: &OperationInfo) -> String {
    let status = if operation.status.is_empty() { "New" } else { &operation.status };
    format!("{status} {}", operation.sub_status)
}

/// Begins with an empty line, as in v10.
pub(super) fn operation(details: &OperationDetails) -> String {
    let OperationDetails { info, changes, .. } = details;
    let changes: String = changes.iter().map(|it| format!("    {}: {}\n", it.description, it.id)).collect();
    let status = operation_status(info);
    format!("\nId: {}\nType: {}\nStatus: {status}\nChanges:\n{changes}", info.id, info.type_name)
}
