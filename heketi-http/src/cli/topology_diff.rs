//! `topology diff`: what `topology load` would do with a file.

use heketi_core::api::{TopologyDevice, TopologyNode};
use serde::Serialize;

use super::topology_known::{Known, device_difference, host, node_differences};
use super::{CliError, Session, topology_load};

/// Lines, in the order of the file.
#[derive(Default, Serialize)]
struct Diff {
    /// What would be made.
    new: Vec<String>,
    /// What is there but otherwise; loading changes none of it.
    different: Vec<String>,
    /// What the file does not list; loading leaves it alone.
    unlisted: Vec<String>,
}

pub(super) async fn run(mut session: Session<'_>, file: Option<String>) -> Result<(), CliError> {
    let file = topology_load::read(file)?;
    topology_load::check(&file)?;
    let topology = topology_load::known(&session.client).await?;
    let known = Known::new(&topology);
    let mut diff = Diff::default();
    for cluster in file.clusters.iter().filter(|cluster| !cluster.nodes.is_empty()) {
        let place = match known.cluster_of(cluster) {
            Some(id) => {
                diff.different.extend(known.cluster_difference(id, cluster));
                format!("cluster {id}")
            }
            None => {
                diff.new.push(format!("cluster (file {}, block {})", cluster.file, cluster.block));
                "the new cluster".to_owned()
            }
        };
        cluster.nodes.iter().for_each(|node| diff.node(&known, node, &place));
    }
    for node in known.unlisted(&file.clusters) {
        let name = node.hostnames.manage.first().map_or("", String::as_str);
        diff.unlisted.push(format!("node {name} ({}) of cluster {}", node.id, node.cluster));
    }
    session.show(&diff, text)
}

impl Diff {
    fn node(&mut self, known: &Known<'_>, wanted: &TopologyNode, place: &str) {
        let name = host(wanted);
        let add = |device: &TopologyDevice| {
            let wiped = if device.destroydata { ", whose data would be destroyed" } else { "" };
            format!("device {} of node {name}{wiped}", device.name)
        };
        let Some(here) = known.node(wanted) else {
            self.new.push(format!("node {name} (zone {}) in {place}", wanted.node.zone));
            self.new.extend(wanted.devices.iter().map(add));
            return;
        };
        self.different.extend(node_differences(here, wanted));
        for device in &wanted.devices {
            match here.devices.iter().find(|known| known.name == device.name) {
                Some(known) => self.different.extend(device_difference(known, device)),
                None => self.new.push(add(device)),
            }
        }
        let is_listed = |name: &str| wanted.devices.iter().any(|device| device.name == name);
        for device in here.devices.iter().filter(|device| !is_listed(&device.name)) {
            self.unlisted.push(format!("device {} ({}) of node {name}", device.name, device.id));
        }
    }
}

fn text(diff: &Diff) -> String {
    let mut text = String::new();
    for line in &diff.new {
        text.push_str(&format!("+ {line}\n"));
    }
    for line in &diff.different {
        text.push_str(&format!("~ {line}\n"));
    }
    for line in &diff.unlisted {
        text.push_str(&format!("  not in the file: {line}\n"));
    }
    match diff.new.len() {
        0 => text.push_str("Loading the file would add nothing\n"),
        1 => text.push_str("Loading the file would add 1 object\n"),
        count => text.push_str(&format!("Loading the file would add {count} objects\n")),
    }
    text
}
