use heketi_core::api::{HostAddresses, NodeAddRequest, StateRequest};
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::model::Tags;
use serde::Serialize;

use super::args::{NodeCommand, Object};
use super::{CliError, Session, id, tags, text};

const MISSING: &str = "Node id missing";

pub(super) async fn run(mut session: Session<'_>, command: Option<NodeCommand>) -> Result<(), CliError> {
    match command {
        Some(NodeCommand::Add { zone, cluster, management_host_name, storage_host_name, .. }) => {
            add(session, zone, cluster, management_host_name, storage_host_name).await
        }
        Some(NodeCommand::List { .. }) => list(session).await,
        Some(NodeCommand::Info(object)) => {
            let node = session.client.node_info(id(object.id.as_deref(), MISSING)?).await?;
            session.show(&node, text::node)
        }
        Some(NodeCommand::Delete(object)) => {
            let node: NodeId = id(object.id.as_deref(), MISSING)?;
            session.client.node_delete(node).await?;
            session.print(&format!("Node {node} deleted\n"))
        }
        Some(NodeCommand::Enable(object)) => change_state(session, &object, "online", "online").await,
        Some(NodeCommand::Disable(object)) => change_state(session, &object, "offline", "offline").await,
        Some(NodeCommand::Remove(object)) => change_state(session, &object, "failed", "removed").await,
        Some(NodeCommand::Settags(arguments)) => {
            let (node, request) = tags::set(&arguments)?;
            Ok(session.client.node_set_tags(node, &request).await.map(drop)?)
        }
        Some(NodeCommand::Rmtags(arguments)) => {
            let (node, request) = tags::remove(&arguments)?;
            Ok(session.client.node_set_tags(node, &request).await.map(drop)?)
        }
        Some(NodeCommand::Other(_)) | None => Ok(()),
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
