//! What of a topology file the server has already, and where the two differ. A file changes nothing that is there: who
//! loads it is told how to change it.

use std::collections::BTreeMap;

use heketi_core::api::{DeviceInfo, NodeInfo, TopologyCluster, TopologyDevice, TopologyNode};
use heketi_core::id::ClusterId;
use heketi_core::model::Tags;

use crate::client::{Topology, TopologyClusterInfo};

/// The nodes of the server by their first management host name, and its clusters.
pub(super) struct Known<'a> {
    nodes: BTreeMap<&'a str, &'a NodeInfo>,
    clusters: BTreeMap<ClusterId, &'a TopologyClusterInfo>,
}

impl<'a> Known<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        let nodes = topology.clusters.iter().flat_map(|cluster| &cluster.nodes);
        let named = nodes.filter_map(|node| Some((node.hostnames.manage.first()?.as_str(), node)));
        let clusters = topology.clusters.iter().map(|cluster| (cluster.id, cluster));
        Self { nodes: named.collect(), clusters: clusters.collect() }
    }

    pub(super) fn node(&self, wanted: &TopologyNode) -> Option<&'a NodeInfo> {
        self.nodes.get(host(wanted)).copied()
    }

    /// Where any of its nodes already is, so that a new node listed first joins it.
    pub(super) fn cluster_of(&self, wanted: &TopologyCluster) -> Option<ClusterId> {
        wanted.nodes.iter().find_map(|node| self.node(node)).map(|node| node.cluster)
    }

    pub(super) fn cluster_difference(&self, id: ClusterId, wanted: &TopologyCluster) -> Option<String> {
        let here = self.clusters.get(&id)?;
        let flags = |file, block| format!("file {file}, block {block}");
        let (here, there) = (flags(here.file, here.block), flags(wanted.file, wanted.block));
        let remedy = format!("heketi-cli cluster setflags {id} --file={} --block={}", wanted.file, wanted.block);
        (here != there).then(|| format!("Flags of cluster {id} differ: {here} here, {there} in the file; {remedy}"))
    }

    /// The nodes of a cluster that these items of a file do not list.
    pub(super) fn unlisted(&self, listed: &[TopologyCluster]) -> Vec<&'a NodeInfo> {
        let listed: Vec<&str> = listed.iter().flat_map(|cluster| &cluster.nodes).map(host).collect();
        self.nodes.iter().filter(|(name, _)| !listed.contains(name)).map(|(_, node)| *node).collect()
    }
}

/// The name that a node of a file is known by.
pub(super) fn host(node: &TopologyNode) -> &str {
    node.node.hostnames.manage.first().map_or("", String::as_str)
}

/// Zone, names and tags that differ, each with what to do.
pub(super) fn node_differences(here: &NodeInfo, wanted: &TopologyNode) -> Vec<String> {
    let (name, spec) = (host(wanted), &wanted.node);
    let mut lines = Vec::new();
    if spec.zone != here.zone {
        lines.push(format!(
            "Zone of node {name} differs: {} here, {} in the file; only a node that is removed, deleted and added again \
             changes its zone",
            here.zone, spec.zone
        ));
    }
    let (names, there) = (here.hostnames.storage.join(","), spec.hostnames.storage.join(","));
    if names != there {
        lines.push(format!(
            "Storage host names of node {name} differ: {names} here, {there} in the file; only a node that is removed, \
             deleted and added again changes them"
        ));
    }
    let remedy = |pairs: &str| match pairs {
        "" => format!("heketi-cli node rmtags {} --all", here.id),
        _ => format!("heketi-cli node settags {} --exact {pairs}", here.id),
    };
    lines.extend(tag_difference(&format!("node {name}"), &here.tags, &spec.tags, remedy));
    lines
}

/// Tags that differ, with what to do.
pub(super) fn device_difference(here: &DeviceInfo, wanted: &TopologyDevice) -> Option<String> {
    let remedy = |pairs: &str| match pairs {
        "" => format!("heketi-cli device rmtags {} --all", here.id),
        _ => format!("heketi-cli device settags {} --exact {pairs}", here.id),
    };
    tag_difference(&format!("device {}", wanted.name), &here.tags, &wanted.tags, remedy)
}

fn tag_difference(object: &str, here: &Tags, wanted: &Tags, remedy: impl Fn(&str) -> String) -> Option<String> {
    // A file without tags says nothing about those that were set since.
    if here == wanted || wanted.is_empty() {
        return None;
    }
    let pairs = |tags: &Tags| tags.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" ");
    let (here, wanted) = (pairs(here), pairs(wanted));
    let shown = if here.is_empty() { "none" } else { &here };
    Some(format!("Tags of {object} differ: {shown} here, {wanted} in the file; {}", remedy(&wanted)))
}
