use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use heketi_core::api::{
    ClusterCreateRequest, DeviceAddRequest, DeviceInfo, NodeAddRequest, TopologyCluster, TopologyDevice, TopologyFile,
    TopologyNode, decode_first,
};
use heketi_core::id::{ClusterId, NodeId};

use super::topology_known::{Known, device_difference, host, node_differences};
use super::{CliError, Session};
use crate::client::{Client, ClientError, Topology};

/// What could not be added fails the command only when that is asked for: scripts written for heketi v10 search the
/// output for `Unable`, and go on where a node or device is not there.
pub(super) async fn run(session: Session<'_>, file: Option<String>, strict: bool) -> Result<(), CliError> {
    let file = read(file)?;
    match load(&session.client, &file, session.out).await? {
        None => Ok(()),
        Some(failed) if strict => Err(failed),
        Some(CliError(failed)) => Ok(writeln!(session.err, "{failed}")?),
    }
}

/// The topology in a file.
pub(super) fn read(file: Option<String>) -> Result<TopologyFile, CliError> {
    let path = file.filter(|path| !path.is_empty()).ok_or_else(|| CliError::new("Missing configuration file"))?;
    let bytes = std::fs::read(&path).map_err(|error| {
        CliError(format!("Unable to open config file {path}: {error}; name a readable topology file with --json"))
    })?;
    decode_first(&bytes).map_err(|error| {
        CliError(format!("Unable to parse config file {path}: {error}; it must be a JSON object with clusters"))
    })
}

/// Makes the clusters, nodes and devices of `file` that the server does not have, and tells each step on
/// `out` in heketi v10's words. Mistakes in the file itself are found before anything is changed.
///
/// # Errors
/// [`CliError`] when something could not be made, the rest of the file notwithstanding.
pub async fn load_topology(client: &Client, file: &TopologyFile, out: &mut dyn Write) -> Result<(), CliError> {
    load(client, file, out).await?.map_or(Ok(()), Err)
}

/// The same; tells what could not be added beside an error that ended the work.
async fn load(client: &Client, file: &TopologyFile, out: &mut dyn Write) -> Result<Option<CliError>, CliError> {
    check(file)?;
    let known = known(client).await?;
    let mut loader = Loader { client, out, known: Known::new(&known), added: 0, failed: 0 };
    for cluster in &file.clusters {
        loader.cluster(cluster).await?;
    }
    let Loader { added, failed, .. } = loader;
    Ok((failed > 0).then(|| {
        CliError(format!(
            "{failed} of {} new nodes and devices could not be added; correct what is told above and load the file again",
            added + failed
        ))
    }))
}

pub(super) async fn known(client: &Client) -> Result<Topology, CliError> {
    client.topology().await.map_err(|error| {
        let error = CliError::from(error);
        CliError(format!("Unable to get topology information: {error}"))
    })
}

/// Mistakes in the file that would leave half of it loaded.
pub(super) fn check(file: &TopologyFile) -> Result<(), CliError> {
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

struct Loader<'a> {
    client: &'a Client,
    out: &'a mut dyn Write,
    known: Known<'a>,
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
        let mut current = self.known.cluster_of(wanted);
        if let Some(line) = current.and_then(|id| self.known.cluster_difference(id, wanted)) {
            self.print(&format!("\t{line}\n"))?;
        }
        let mut created = None;
        for node in &wanted.nodes {
            if let Some(known) = self.known.node(node) {
                current = Some(known.cluster);
                self.print(&format!("\tFound node {} on cluster {}\n", host(node), known.cluster))?;
                for line in node_differences(known, node) {
                    self.print(&format!("\t\t{line}\n"))?;
                }
                self.devices(known.id, &known.devices, &node.devices).await?;
                continue;
            }
            let cluster = match current {
                Some(cluster) => cluster,
                None => self.create_cluster(wanted).await.inspect(|id| created = Some(*id))?,
            };
            current = Some(cluster);
            if let Some(id) = self.add_node(node, cluster).await? {
                self.devices(id, &[], &node.devices).await?;
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

    async fn devices(&mut self, node: NodeId, known: &[DeviceInfo], wanted: &[TopologyDevice]) -> Result<(), CliError> {
        for device in wanted {
            if let Some(known) = known.iter().find(|known| known.name == device.name) {
                self.print(&format!("\t\tFound device {}\n", device.name))?;
                if let Some(line) = device_difference(known, device) {
                    self.print(&format!("\t\t\t{line}\n"))?;
                }
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
