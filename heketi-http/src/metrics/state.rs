use std::collections::BTreeMap;
use std::sync::Arc;

use heketi_core::Kib;
use heketi_core::api::OperationCounts;
use heketi_core::id::NodeId;
use heketi_core::inventory::Inventory;
use heketi_exec::engine::NodeHealth;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the gauges are made from.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The state.
    pub inventory: Arc<Inventory>,
    /// Operations, counted as `GET /operations` counts them.
    pub operations: OperationCounts,
    /// Which nodes answer, as far as they were asked.
    pub health: BTreeMap<NodeId, NodeHealth>,
}

/// In the order of the alphabet, as heketi v10 has them.
type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge>;

fn add(registry: &mut Registry, name: &str, help: &str) -> Gauges {
    let gauges = Gauges::default();
    registry.register(name, help, gauges.clone());
    gauges
}

fn alone(registry: &mut Registry, name: &str, help: &str, value: u64) {
    set(&add(registry, name, help), &Vec::new(), value);
}

fn set(gauges: &Gauges, labels: &Labels, value: u64) {
    gauges.get_or_create(labels).set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn size<T>(of: impl Iterator<Item = T>) -> u64 {
    of.count() as u64
}

pub(super) fn register(registry: &mut Registry, observed: Option<&Observed>) {
    alone(registry, "heketi_up", "Is heketi running?", u64::from(observed.is_some()));
    let Some(observed) = observed else { return };
    clusters(registry, &observed.inventory);
    nodes(registry, observed);
    devices(registry, &observed.inventory);
    operations(registry, observed);
}

fn clusters(registry: &mut Registry, inventory: &Inventory) {
    alone(registry, "heketi_cluster_count", "Number of clusters", size(inventory.clusters()));
    let volumes = add(registry, "heketi_volumes_count", "Number of volumes on cluster");
    let block_volumes = add(registry, "heketi_block_volumes_count", "Number of block volumes on cluster");
    let nodes = add(registry, "heketi_nodes_count", "Number of nodes on cluster");
    for cluster in inventory.clusters() {
        let labels = vec![("cluster", cluster.id.to_string())];
        let visible = inventory.volumes_of_cluster(cluster.id).filter(|id| !inventory.is_volume_hidden(*id));
        set(&volumes, &labels, size(visible));
        let hosted = inventory.volumes_of_cluster(cluster.id).flat_map(|id| inventory.block_volumes_of_volume(id));
        set(&block_volumes, &labels, size(hosted.filter(|id| !inventory.is_block_volume_hidden(*id))));
        set(&nodes, &labels, size(inventory.nodes_of_cluster(cluster.id)));
    }
}

fn nodes(registry: &mut Registry, observed: &Observed) {
    let devices = add(registry, "heketi_device_count", "Number of devices on host");
    let up = add(registry, "heketi_node_up", "Did the node answer when it was last asked?");
    for node in observed.inventory.nodes() {
        let names = |id: Option<String>| {
            let id = id.map(|id| ("id", id));
            let first = [("cluster", node.cluster.to_string()), ("hostname", node.manage_host().to_owned())];
            let last = [("storage_hostname", node.storage_host().to_owned())];
            first.into_iter().chain(id).chain(last).collect()
        };
        set(&devices, &names(None), size(observed.inventory.devices_of_node(node.id)));
        if let Some(health) = observed.health.get(&node.id) {
            set(&up, &names(Some(node.id.to_string())), u64::from(health.up));
        }
    }
}

fn devices(registry: &mut Registry, inventory: &Inventory) {
    let bricks = add(registry, "heketi_device_brick_count", "Number of bricks on device");
    // (KiB, bytes) of each.
    let mut pair = |name: &str, help: &str| {
        let bytes = format!("{help} in bytes");
        (add(registry, name, help), add(registry, &format!("{name}_bytes"), &bytes))
    };
    let total = pair("heketi_device_size", "Total size of the device");
    let free = pair("heketi_device_free", "Amount of Free space available on the device");
    let used = pair("heketi_device_used", "Amount of space used on the device");
    for device in inventory.devices() {
        let Some(node) = inventory.node(device.node) else { continue };
        let labels = vec![
            ("cluster", node.cluster.to_string()),
            ("device", device.name.clone()),
            ("hostname", node.manage_host().to_owned()),
            ("id", device.id.to_string()),
            ("pv_uuid", device.pv_uuid.clone().unwrap_or_default()),
            ("storage_hostname", node.storage_host().to_owned()),
        ];
        set(&bricks, &labels, size(inventory.used_bricks_of_device(device.id)));
        let space = inventory.free(device);
        let in_use = Kib(device.total.0.saturating_sub(space.0));
        for (gauges, kib) in [(&total, device.total), (&free, space), (&used, in_use)] {
            set(&gauges.0, &labels, kib.0);
            set(&gauges.1, &labels, kib.0.saturating_mul(1024));
        }
    }
}

fn operations(registry: &mut Registry, observed: &Observed) {
    let counts = &observed.operations;
    for (name, help, value) in [
        ("heketi_operations_total_count", "Total Number of Operations", counts.total),
        ("heketi_operations_inFlight_count", "Number of in flight Operations", counts.in_flight),
        ("heketi_operations_new_count", "Number of New Operations", counts.new),
        ("heketi_operations_stale_count", "Number of Stale Operations", counts.stale),
        ("heketi_operations_failed_count", "Number of Failed Operations", counts.failed),
    ] {
        alone(registry, name, help, value);
    }
    let queue = add(registry, "heketi_queue_length", "Number of jobs in the queue");
    let finished = observed.inventory.finished_jobs_count() as u64;
    let all = size(observed.inventory.jobs());
    set(&queue, &vec![("state", "finished".to_owned())], finished);
    set(&queue, &vec![("state", "pending".to_owned())], all.saturating_sub(finished));
}
