use heketi_core::api::{ClusterCreateRequest, ClusterFlagsRequest};

use super::args::{ClusterCommand, go_bool};
use super::{CliError, Session, id, text};

const MISSING: &str = "Cluster id missing";

pub(super) async fn run(mut session: Session<'_>, command: ClusterCommand) -> Result<(), CliError> {
    match command {
        ClusterCommand::Create { file, block, .. } => {
            let cluster = session.client.cluster_create(&ClusterCreateRequest { file, block }).await?;
            session.show(&cluster, |cluster| format!("Cluster id: {}\n", cluster.id))
        }
        ClusterCommand::List => list(session).await,
        ClusterCommand::Info(object) => {
            let cluster = session.client.cluster_info(id(object.id.as_deref(), MISSING)?).await?;
            session.show(&cluster, text::cluster)
        }
        ClusterCommand::Delete(object) => {
            let cluster = id(object.id.as_deref(), MISSING)?;
            session.client.cluster_delete(cluster).await?;
            session.print(&format!("Cluster {cluster} deleted\n"))
        }
        ClusterCommand::Setflags { object, file, block } => {
            let cluster = id(object.id.as_deref(), MISSING)?;
            if file.is_empty() && block.is_empty() {
                return Err(CliError::new("At least one of --file or --block must be specified."));
            }
            let flag = |name: &str, text: &str, current: bool| match text {
                "" => Ok(current),
                _ => go_bool(text)
                    .map_err(|reason| CliError(format!("invalid argument \"{text}\" for \"--{name}\" flag: {reason}"))),
            };
            // Both flags are always replaced, so the one not named keeps its value.
            flag("file", &file, false)?;
            flag("block", &block, false)?;
            let current = session.client.cluster_info(cluster).await?;
            let request = ClusterFlagsRequest {
                file: flag("file", &file, current.file)?,
                block: flag("block", &block, current.block)?,
            };
            Ok(session.client.cluster_set_flags(cluster, &request).await?)
        }
    }
}

async fn list(mut session: Session<'_>) -> Result<(), CliError> {
    let list = session.client.cluster_list().await?;
    if session.json {
        return session.show(&list, |_| String::new());
    }
    if session.terminal.width.is_some() {
        let mut rows = Vec::new();
        for id in list.clusters {
            let it = session.client.cluster_info(id).await?;
            let counts = [it.nodes.len(), it.volumes.len(), it.blockvolumes.len()];
            let mut row = vec![it.id.to_string(), text::cluster_flags(&it).to_owned()];
            row.extend(counts.map(|count| count.to_string()));
            rows.push(row);
        }
        return session.table(&["ID", "MAY HOLD", "NODES", "VOLUMES", "BLOCK VOLUMES"], rows);
    }
    session.print("Clusters:\n")?;
    for id in list.clusters {
        let cluster = session.client.cluster_info(id).await?;
        session.print(&format!("Id:{id} {}\n", text::cluster_flags(&cluster)))?;
    }
    Ok(())
}
