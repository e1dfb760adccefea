//! `capacity`: the largest volumes that fit now.

use heketi_core::api::{CapacityInfo, ClusterCapacity, LargestVolume};

use super::{CliError, Session, Terminal, id};

pub(super) async fn run(mut session: Session<'_>, cluster: &str, factor: f32) -> Result<(), CliError> {
    let cluster = match cluster {
        "" => None,
        named => Some(id(Some(named), "Cluster id missing")?),
    };
    let capacity = session.client.capacity(cluster, Some(factor)).await?;
    let terminal = session.terminal;
    session.show(&capacity, |capacity| text(capacity, terminal))
}

fn text(capacity: &CapacityInfo, terminal: Terminal) -> String {
    match capacity.clusters.as_slice() {
        [] => "No clusters\n".to_owned(),
        clusters => clusters.iter().map(|it| cluster(it, terminal)).collect::<Vec<_>>().join("\n"),
    }
}

fn cluster(cluster: &ClusterCapacity, terminal: Terminal) -> String {
    let storage = &cluster.storage;
    let [used, total, free] = [storage.used, storage.total, storage.free].map(|size| size.whole_gib().0);
    let mut out = format!(
        "Cluster {}\n  {} {used} of {total} GiB used, {free} free\n  {} nodes, {} devices, {} of them take bricks now\n",
        cluster.id,
        terminal.fill_bar(storage.used.0, storage.total.0, 20),
        cluster.nodes,
        cluster.devices,
        cluster.usable_devices
    );
    let row = |it: &LargestVolume| {
        let size = if it.size.0 == 0 { "none".to_owned() } else { it.size.to_string() };
        vec![kind(it), size, it.reason.clone().unwrap_or_default()]
    };
    out.push_str(&terminal.table(&["VOLUME", "LARGEST", "WHY NOT"], cluster.largest.iter().map(row)));
    out
}

fn kind(volume: &LargestVolume) -> String {
    let durability = &volume.durability;
    match durability.kind.as_str() {
        "replicate" if volume.arbiter => format!("replicate {} with arbiter", durability.replicate.replica),
        "replicate" => format!("replicate {}", durability.replicate.replica),
        "disperse" => format!("disperse {}+{}", durability.disperse.data, durability.disperse.redundancy),
        other => other.to_owned(),
    }
}
