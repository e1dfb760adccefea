use heketi_core::api::{BlockVolumeCreateRequest, BlockVolumeExpandRequest};
use heketi_core::id::BlockVolumeId;

use super::args::{BlockVolumeCommand, BlockVolumeCreate};
use super::{CliError, Session, comma_list, id, text};

const MISSING: &str = "Volume id missing";

pub(super) async fn run(mut session: Session<'_>, command: BlockVolumeCommand) -> Result<(), CliError> {
    match command {
        BlockVolumeCommand::Create(options) => create(session, options).await,
        BlockVolumeCommand::List => list(session).await,
        BlockVolumeCommand::Info(object) => {
            let volume = session.client.block_volume_info(id(object.id.as_deref(), MISSING)?).await?;
            session.show(&volume, text::block_volume)
        }
        BlockVolumeCommand::Delete(object) => {
            let volume: BlockVolumeId = id(object.id.as_deref(), MISSING)?;
            session.client.block_volume_delete(volume).await?;
            session.print(&format!("Volume {volume} deleted\n"))
        }
        BlockVolumeCommand::Expand { object, blockvolume, new_size } => {
            let named = Some(blockvolume.as_str()).filter(|text| !text.is_empty()).or(object.id.as_deref());
            let named = named.ok_or_else(|| CliError::new("Missing block volume id"))?;
            if new_size == 0 {
                return Err(CliError::new("Missing block volume net new size"));
            }
            let volume = id(Some(named), "Missing block volume id")?;
            let volume = session.client.block_volume_expand(volume, &BlockVolumeExpandRequest { new_size }).await?;
            session.show(&volume, text::block_volume)
        }
    }
}

async fn create(mut session: Session<'_>, options: BlockVolumeCreate) -> Result<(), CliError> {
    let BlockVolumeCreate { size, ha, auth, name, clusters, .. } = options;
    if size == 0 {
        return Err(CliError::new("Missing volume size"));
    }
    if ha < 0 {
        return Err(CliError::new("Invalid HA count"));
    }
    let request = BlockVolumeCreateRequest { size, clusters: comma_list(&clusters), name, hacount: ha, auth };
    let volume = session.client.block_volume_create(&request).await?;
    session.show(&volume, text::block_volume)
}

async fn list(mut session: Session<'_>) -> Result<(), CliError> {
    let list = session.client.block_volume_list().await?;
    if session.json {
        return session.show(&list, |_| String::new());
    }
    if session.terminal.width.is_none() {
        for id in list.blockvolumes {
            let volume = session.client.block_volume_info(id).await?;
            session.print(&text::block_volume_line(&volume))?;
        }
        return Ok(());
    }
    let mut rows = Vec::new();
    for id in list.blockvolumes {
        let it = session.client.block_volume_info(id).await?;
        let hosting = it.blockhostingvolume.to_string();
        rows.push(vec![it.id.to_string(), it.name, it.size.0.to_string(), it.hacount.to_string(), hosting]);
    }
    session.table(&["ID", "NAME", "GIB", "HOSTS", "HOSTING VOLUME"], rows)
}
