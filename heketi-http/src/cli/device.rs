use heketi_core::api::{DeviceAddRequest, DeviceDeleteRequest, DeviceReplaceRequest, StateRequest};
use heketi_core::id::{ClusterId, DeviceId};
use heketi_core::model::Tags;

use super::args::{DeviceCommand, Object};
use super::{CliError, Session, id, tags, text};

const MISSING: &str = "Device id missing";
const MISSING_FOR_RESYNC: &str = "object/cluster id missing";

pub(super) async fn run(mut session: Session<'_>, command: DeviceCommand) -> Result<(), CliError> {
    match command {
        DeviceCommand::Add { name, node, destroy_existing_data: destroydata, .. } => {
            if name.is_empty() {
                return Err(CliError::new("Missing device name"));
            }
            if node.is_empty() {
                return Err(CliError::new("Missing node id"));
            }
            session.client.device_add(&DeviceAddRequest { name, tags: Tags::new(), node, destroydata }).await?;
            session.print("Device added successfully\n")
        }
        DeviceCommand::Info(object) => {
            let device = session.client.device_info(id(object.id.as_deref(), MISSING)?).await?;
            let terminal = session.terminal;
            session.show(&device, |device| text::device(device, terminal))
        }
        DeviceCommand::Delete { object, force_forget } => {
            let device: DeviceId = id(object.id.as_deref(), MISSING)?;
            session.client.device_delete(device, &DeviceDeleteRequest { forceforget: force_forget }).await?;
            session.print(&format!("Device {device} deleted\n"))
        }
        DeviceCommand::Enable(object) => change_state(session, &object, "online").await,
        DeviceCommand::Disable(object) => change_state(session, &object, "offline").await,
        DeviceCommand::Remove { object, expert_option_disable_heal_check: skip } => {
            remove(session, &object, skip).await
        }
        DeviceCommand::Resync { object, cluster: false } => {
            let device: DeviceId = id(object.id.as_deref(), MISSING_FOR_RESYNC)?;
            session.client.device_resync(device).await?;
            session.print(&format!("Device {device} updated\n"))
        }
        DeviceCommand::Resync { object, cluster: true } => resync_cluster(session, &object).await,
        DeviceCommand::Replace { object, name } => {
            let device: DeviceId = id(object.id.as_deref(), MISSING)?;
            session.client.device_replace(device, &DeviceReplaceRequest { name }).await?;
            session.print(&format!("Device {device} replaced\n"))
        }
        DeviceCommand::Settags(arguments) => {
            let (device, request) = tags::set(&arguments)?;
            Ok(session.client.device_set_tags(device, &request).await.map(drop)?)
        }
        DeviceCommand::Rmtags(arguments) => {
            let (device, request) = tags::remove(&arguments)?;
            Ok(session.client.device_set_tags(device, &request).await.map(drop)?)
        }
    }
}

async fn change_state(mut session: Session<'_>, object: &Object, state: &str) -> Result<(), CliError> {
    // Lower case in v10, for these two commands only.
    let device: DeviceId = id(object.id.as_deref(), "device id missing")?;
    let request = StateRequest { state: state.to_owned(), healcheck: String::new() };
    session.client.device_state(device, &request).await?;
    session.print(&format!("Device {device} is now {state}\n"))
}

async fn remove(mut session: Session<'_>, object: &Object, skip_heal_check: bool) -> Result<(), CliError> {
    let device: DeviceId = id(object.id.as_deref(), MISSING)?;
    let mut request = StateRequest { state: "failed".to_owned(), healcheck: String::new() };
    if skip_heal_check {
        session.warn_of_skipped_heal_check().await?;
        request.healcheck = "disable".to_owned();
    }
    session.client.device_state(device, &request).await?;
    session.print(&format!("Device {device} is now removed\n"))
}

/// All devices of a cluster, whatever becomes of single ones.
async fn resync_cluster(mut session: Session<'_>, object: &Object) -> Result<(), CliError> {
    let cluster: ClusterId = id(object.id.as_deref(), MISSING_FOR_RESYNC)?;
    session.print("Cluster-wide resync operation requested. Using object_id as cluster_id.\n")?;
    let (mut devices, mut failed) = (0, 0);
    for node in session.client.cluster_info(cluster).await?.nodes {
        for device in session.client.node_info(node).await?.devices.into_iter().map(|device| device.id) {
            session.print(&format!("Now resyncing device {device}..\n"))?;
            devices += 1;
            match session.client.device_resync(device).await {
                Ok(()) => session.print(&format!("Device {device} (node {node}) in cluster {cluster} updated\n"))?,
                Err(error) => {
                    failed += 1;
                    writeln!(session.err, "Unable to resync device {device} (node {node}): {error}")?;
                }
            }
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(CliError(format!("{failed} of {devices} devices could not be resynced"))),
    }
}
