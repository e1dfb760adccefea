use std::time::Duration;

use heketi_core::api::{DeviceAddRequest, DeviceDeleteRequest, StateRequest};
use heketi_core::id::DeviceId;
use heketi_core::model::Tags;

use super::args::{DeviceCommand, Object};
use super::{CliError, Session, id, tags, text};

const MISSING: &str = "Device id missing";

pub(super) async fn run(mut session: Session<'_>, command: Option<DeviceCommand>) -> Result<(), CliError> {
    match command {
        Some(DeviceCommand::Add { name, node, destroy_existing_data: destroydata, .. }) => {
            if name.is_empty() {
                return Err(CliError::new("Missing device name"));
            }
            if node.is_empty() {
                return Err(CliError::new("Missing node id"));
            }
            session.client.device_add(&DeviceAddRequest { name, tags: Tags::new(), node, destroydata }).await?;
            session.print("Device added successfully\n")
        }
        Some(DeviceCommand::Info(object)) => {
            let device = session.client.device_info(id(object.id.as_deref(), MISSING)?).await?;
            session.show(&device, text::device)
        }
        Some(DeviceCommand::Delete { object, force_forget }) => {
            let device: DeviceId = id(object.id.as_deref(), MISSING)?;
            session.client.device_delete(device, &DeviceDeleteRequest { forceforget: force_forget }).await?;
            session.print(&format!("Device {device} deleted\n"))
        }
        Some(DeviceCommand::Enable(object)) => change_state(session, &object, "online").await,
        Some(DeviceCommand::Disable(object)) => change_state(session, &object, "offline").await,
        Some(DeviceCommand::Remove { object, expert_option_disable_heal_check: skip }) => {
            remove(session, &object, skip).await
        }
        Some(DeviceCommand::Settags(arguments)) => {
            let (device, request) = tags::set(&arguments)?;
            Ok(session.client.device_set_tags(device, &request).await.map(drop)?)
        }
        Some(DeviceCommand::Rmtags(arguments)) => {
            let (device, request) = tags::remove(&arguments)?;
            Ok(session.client.device_set_tags(device, &request).await.map(drop)?)
        }
        Some(DeviceCommand::Other(_)) | None => Ok(()),
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
        session.print(
            "Skipping the heal check may be dangerous and increase the risk of data loss.\n \
             Press CTRL-C within 10 seconds to cancel this action.\n",
        )?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        request.healcheck = "disable".to_owned();
    }
    session.client.device_state(device, &request).await?;
    session.print(&format!("Device {device} is now removed\n"))
}
