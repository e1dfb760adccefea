use heketi_core::api::{HostAddresses, NodeAddRequest, StateRequest};
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::model::Tags;
use serde::Serialize;

use super::args::{NodeCommand, Object};
use super::{CliError, Session, id, tags, text};

const MISSING: &str = "Node id missing";

pub(super) async fn run(mut session: Session<'_>, command: NodeCommand) -> Result<(), CliError> {
    match command {
        NodeCommand::Add { zone, cluster, management_host_name, storage_host_name, .. } => {
            add(session, zone, cluster, management_host_name, storage_host_name).await
        }
        NodeCommand::List => list(session).await,
        NodeCommand::Info(object) => {
            let node = session.client.node_info(id(object.id.as_deref(), MISSING)?).await?;
            let terminal = session.terminal;
            session.show(&node, |node| text::node(node, terminal))
        }
        NodeCommand::Delete(object) => {
            let node: NodeId = id(object.id.as_deref(), MISSING)?;
            session.client.node_delete(node).await?;
            session.print(&format!("Node {node} deleted\n"))
        }
        NodeCommand::Enable(object) => change_state(session, &object, "online", "online").await,
        NodeCommand::Disable(object) => change_state(session, &object, "offline", "offline").await,
        NodeCommand::Remove(object) => change_state(session, &object, "failed", "removed").await,
        NodeCommand::Replace(object) => {
            let node: NodeId = id(object.id.as_deref(), MISSING)?;
            session.client.node_replace(node).await?;
            session.print(&format!("Node {node} replaced\n"))
        }
        NodeCommand::Settags(arguments) => {
            let (node, request) = tags::set(&arguments)?;
            Ok(session.client.node_set_tags(node, &request).await.map(drop)?)
        }
        NodeCommand::Rmtags(arguments) => {
            let (node, request) = tags::remove(&arguments)?;
            Ok(session.client.node_set_tags(node, &request).await.map(drop)?)
        }
    }
}

async fn add(
    mut session: Session<'_>,
    zone: i64,
    cluster: String,
    manage: String,
    storage: String,
) -> Result<(), CliError> {
    let missing = [
        (zone == 0, "Missing zone"),
        (manage.is_empty(), "Missing management hostname"),
        (storage.is_empty(), "Missing storage hostname"),
        (cluster.is_empty(), "Missing cluster id"),
    ];
    if let Some((_, text)) = missing.into_iter().find(|(missing, _)| *missing) {
        return Err(CliError::new(text));
    }
    let hostnames = HostAddresses { manage: vec![manage], storage: vec![storage] };
    let node = session.client.node_add(&NodeAddRequest { zone, hostnames, cluster, tags: Tags::new() }).await?;
    session.show(&node, |node| format!("Node information:\n{}", text::node_head(node)))
}

#[derive(Serialize)]
struct NodeList {
    nodes: Vec<NodeListItem>,
}

#[derive(Serialize)]
struct NodeListItem {
    id: NodeId,
    cluster: ClusterId,
}

async fn list(mut session: Session<'_>) -> Result<(), CliError> {
    let mut nodes = Vec::new();
    for cluster in session.client.cluster_list().await?.clusters {
        let info = session.client.cluster_info(cluster).await?;
        nodes.extend(info.nodes.into_iter().map(|id| NodeListItem { id, cluster }));
    }
    if session.terminal.width.is_some() && !session.json {
        let mut rows = Vec::new();
        for node in nodes {
            let it = session.client.node_info(node.id).await?;
            let host = it.hostnames.manage.first().cloned().unwrap_or_default();
            let state = text::state(it.state).to_owned();
            let counts = [it.zone.to_string(), it.devices.len().to_string()];
            let [zone, devices] = counts;
            rows.push(vec![it.id.to_string(), host, zone, state, devices, it.cluster.to_string()]);
        }
        return session.table(&["ID", "HOST", "ZONE", "STATE", "DEVICES", "CLUSTER"], rows);
    }
    session.show(&NodeList { nodes }, |list| {
        list.nodes.iter().map(|node| format!("Id:{}\tCluster:{}\n", node.id, node.cluster)).collect()
    })
}

async fn change_state(mut session: Session<'_>, object: &Object, state: &str, shown: &str) -> Result<(), CliError> {
    let node: NodeId = id(object.id.as_deref(), MISSING)?;
    let request = StateRequest { state: state.to_owned(), healcheck: String::new() };
    session.client.node_state(node, &request).await?;
    session.print(&format!("Node {node} is now {shown}\n"))
}
