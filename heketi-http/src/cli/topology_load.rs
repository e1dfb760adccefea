use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use heketi_core::api::{
    ClusterCreateRequest, DeviceAddRequest, NodeAddRequest, TopologyCluster, TopologyDevice, TopologyFile,
    TopologyNode, decode_first,
};
use heketi_core::id::{ClusterId, NodeId};

use super::{CliError, Session};
use crate::client::{Client, ClientError, Topology};

pub(super) async fn run(session: Session<'_>, file: Option<String>) -> Result<(), CliError> {
    let path = file.filter(|path| !path.is_empty()).ok_or_else(|| CliError::new("Missing configuration file"))?;
    let bytes = std::fs::read(&path).map_err(|error| {
        CliError(format!("Unable to open config file {path}: {error}; name a readable topology file with --json"))
    })?;
    let file: TopologyFile = decode_first(&bytes).map_err(|error| {
        CliError(format!("Unable to parse config file {path}: {error}; it must be a JSON object with clusters"))
    })?;
    load_topology(&session.client, &file, session.out).await
}

/// Makes the clusters, nodes and devices of `file` that the server does not have, and tells each step on
/// `out` in heketi v10's words. Mistakes in the file itself are found before anything is changed.
///
/// # Errors
/// [`CliError`] when something could not be made, the rest of the file notwithstanding.
pub async fn load_topology(client: &Client, file: &TopologyFile, out: &mut dyn Write) -> Result<(), CliError> {
    check(file)?;
    let known = client.topology().await.map_err(|error| {
        let error = CliError::from(error);
        CliError(format!("Unable to get topology information: {error}"))
    })?;
    let mut loader = Loader { client, out, known: known_nodes(&known), added: 0, failed: 0 };
    for cluster in &file.clusters {
        loader.cluster(cluster).await?;
    }
    let Loader { added, failed, .. } = loader;
    match failed {
        0 => Ok(()),
        _ => Err(CliError(format!(
            "{failed} of {} new nodes and devices could not be added; correct what is told above and load the file again",
            added + failed
        ))),
    }
}

/// Mistakes in the file that would leave half of it loaded.
fn check(file: &TopologyFile) -> Result<(), CliError> {
    let mut hosts = BTreeMap::new();
    for (position, node) in file.clusters.iter().flat_map(|cluster| &cluster.nodes).enumerate() {
        let names = &node.node.hostnames;
        let Some(first) = names.manage.first() else {
            return Err(CliError(format!(
                "node {} of the file has no name in hostnames.manage; nothing was changed: write one",
                position + 1
            )));
        };
        for host in names.manage.iter().chain(&names.storage).collect::<BTreeSet<_>>() {
            if let Some(other) = hosts.insert(host, first) {
                return Err(CliError(format!(
                    "host {host} is listed for two nodes, {other} and {first}; nothing was changed: remove one of them"
                )));
            }
        }
        let mut devices = BTreeSet::new();
        if let Some(twice) = node.devices.iter().find(|device| !devices.insert(&device.name)) {
            return Err(CliError(format!(
                "device {} is listed twice for node {first}; nothing was changed: remove one of them",
                twice.name
            )));
        }
    }
    Ok(())
}

struct KnownNode {
    id: NodeId,
    cluster: ClusterId,
    devices: BTreeSet<String>,
}

/// All nodes of the server by their first management host name.
fn known_nodes(topology: &Topology) -> BTreeMap<String, KnownNode> {
    let nodes = topology.clusters.iter().flat_map(|cluster| &cluster.nodes);
    nodes
        .filter_map(|node| {
            let devices = node.devices.iter().map(|device| device.name.clone()).collect();
            let known = KnownNode { id: node.id, cluster: node.cluster, devices };
            Some((node.hostnames.manage.first()?.clone(), known))
        })
        .collect()
}

fn host(node: &TopologyNode) -> &str {
    node.node.hostnames.manage.first().map_or("", String::as_str)
}

struct Loader<'a> {
    client: &'a Client,
    out: &'a mut dyn Write,
    known: BTreeMap<String, KnownNode>,
    added: usize,
    failed: usize,
}

impl Loader<'_> {
    /// At once: the end of a line may take minutes.
    fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }

    async fn cluster(&mut self, wanted: &TopologyCluster) -> Result<(), CliError> {
        // Where any of its nodes already is, so that a new node listed first joins it.
        let mut current = wanted.nodes.iter().find_map(|node| self.known.get(host(node))).map(|node| node.cluster);
        let mut created = None;
        for node in &wanted.nodes {
            if let Some(known) = self.known.get(host(node)) {
                current = Some(known.cluster);
                let line = format!("\tFound node {} on cluster {}\n", host(node), known.cluster);
                let (id, devices) = (known.id, known.devices.clone());
                self.print(&line)?;
                self.devices(id, &devices, &node.devices).await?;
                continue;
            }
            let cluster = match current {
                Some(cluster) => cluster,
                None => self.create_cluster(wanted).await.inspect(|id| created = Some(*id))?,
            };
            current = Some(cluster);
            if let Some(id) = self.add_node(node, cluster).await? {
                self.devices(id, &BTreeSet::new(), &node.devices).await?;
            }
        }
        match created {
            Some(cluster) => self.drop_if_empty(cluster).await,
            None => Ok(()),
        }
    }

    async fn create_cluster(&mut self, wanted: &TopologyCluster) -> Result<ClusterId, CliError> {
        self.print("Creating cluster ... ")?;
        let request = ClusterCreateRequest { file: wanted.file, block: wanted.block };
        let cluster = match self.client.cluster_create(&request).await {
            Ok(cluster) => cluster,
            Err(error) => {
                self.print("\n")?;
                return Err(error.into());
            }
        };
        self.print(&format!("ID: {}\n", cluster.id))?;
        for (allowed, kind) in [(wanted.file, "file"), (wanted.block, "block")] {
            if allowed {
                self.print(&format!("\tAllowing {kind} volumes on cluster.\n"))?;
            }
        }
        Ok(cluster.id)
    }

    /// The id of the new node; `None` when it could not be added, which was told.
    async fn add_node(&mut self, node: &TopologyNode, cluster: ClusterId) -> Result<Option<NodeId>, CliError> {
        self.print(&format!("\tCreating node {} ... ", host(node)))?;
        let request = NodeAddRequest {
            zone: node.node.zone,
            hostnames: node.node.hostnames.clone(),
            cluster: cluster.to_string(),
            tags: node.node.tags.clone(),
        };
        let added = self.client.node_add(&request).await.map(|node| node.id);
        let told = match &added {
            Ok(id) => format!("ID: {id}\n"),
            Err(error) => format!("Unable to create node: {error}\n"),
        };
        self.tell(&told, &added)?;
        Ok(added.ok())
    }

    async fn devices(
        &mut self,
        node: NodeId,
        known: &BTreeSet<String>,
        wanted: &[TopologyDevice],
    ) -> Result<(), CliError> {
        for device in wanted {
            if known.contains(&device.name) {
                self.print(&format!("\t\tFound device {}\n", device.name))?;
                continue;
            }
            self.print(&format!("\t\tAdding device {} ... ", device.name))?;
            let request = DeviceAddRequest {
                name: device.name.clone(),
                tags: device.tags.clone(),
                node: node.to_string(),
                destroydata: device.destroydata,
            };
            let added = self.client.device_add(&request).await;
            let told = match &added {
                Ok(()) => "OK\n".to_owned(),
                Err(error) => format!("Unable to add device: {error}\n"),
            };
            self.tell(&told, &added)?;
        }
        Ok(())
    }

    fn tell<T>(&mut self, text: &str, result: &Result<T, ClientError>) -> Result<(), CliError> {
        match result {
            Ok(_) => self.added += 1,
            Err(_) => self.failed += 1,
        }
        self.print(text)
    }

    /// A cluster that was made for nodes of which none could be added.
    async fn drop_if_empty(&mut self, cluster: ClusterId) -> Result<(), CliError> {
        let info = self.client.cluster_info(cluster).await;
        let info = info.map_err(|error| CliError(format!("Unable to get cluster information: {error}")))?;
        if info.nodes.is_empty() {
            self.client.cluster_delete(cluster).await?;
        }
        Ok(())
    }
}
