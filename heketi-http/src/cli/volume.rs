use heketi_core::api::{
    BlockRestrictionRequest, DisperseInfo, DurabilityInfo, ReplicateInfo, SnapshotRequest, VolumeCloneRequest,
    VolumeCreateRequest, VolumeExpandRequest,
};
use heketi_core::id::VolumeId;

use super::args::{EndpointCommand, Object, RestrictionCommand, VolumeCommand, VolumeCreate, VolumeWish};
use super::{CliError, Session, comma_list, explain, id, persistent_volume, text};

const MISSING: &str = "Volume id missing";

pub(super) async fn run(mut session: Session<'_>, command: VolumeCommand) -> Result<(), CliError> {
    match command {
        VolumeCommand::Create(options) => create(session, &options).await,
        VolumeCommand::Explain(wish) => explain::run(session, &wish).await,
        VolumeCommand::List => list(session).await,
        VolumeCommand::Info(object) => {
            let volume = session.client.volume_info(id(object.id.as_deref(), MISSING)?).await?;
            session.show(&volume, text::volume)
        }
        VolumeCommand::Delete(object) => {
            let volume: VolumeId = id(object.id.as_deref(), MISSING)?;
            session.client.volume_delete(volume).await?;
            session.print(&format!("Volume {volume} deleted\n"))
        }
        VolumeCommand::Expand { object, volume, expand_size } => {
            if expand_size == 0 {
                return Err(CliError::new("Missing volume amount to expand"));
            }
            let named = Some(volume.as_str()).filter(|text| !text.is_empty()).or(object.id.as_deref());
            let volume: VolumeId = id(named, "Missing volume id")?;
            let volume = session.client.volume_expand(volume, &VolumeExpandRequest { expand_size }).await?;
            session.show(&volume, text::volume)
        }
        VolumeCommand::Clone { object, name } => {
            let volume: VolumeId = id(object.id.as_deref(), MISSING)?;
            let volume = session.client.volume_clone(volume, &VolumeCloneRequest { name }).await?;
            session.show(&volume, text::volume)
        }
        VolumeCommand::Endpoint(EndpointCommand::Patch(object)) => {
            let volume = session.client.volume_info(id(object.id.as_deref(), MISSING)?).await?;
            session.print(&text::endpoint_patch(&volume))
        }
        VolumeCommand::SetBlockHostingRestriction(RestrictionCommand::Locked(object)) => {
            restrict(session, &object, "locked").await
        }
        VolumeCommand::SetBlockHostingRestriction(RestrictionCommand::Unlocked(object)) => {
            restrict(session, &object, "").await
        }
    }
}

async fn restrict(mut session: Session<'_>, object: &Object, restriction: &str) -> Result<(), CliError> {
    let volume: VolumeId = id(object.id.as_deref(), MISSING)?;
    let request = BlockRestrictionRequest { restriction: restriction.to_owned() };
    let volume = session.client.volume_set_block_restriction(volume, &request).await?;
    session.show(&volume, text::volume)
}

async fn create(mut session: Session<'_>, options: &VolumeCreate) -> Result<(), CliError> {
    if options.wish.size == 0 {
        return Err(CliError::new("Missing volume size"));
    }
    if options.persistent_volume && options.persistent_volume_endpoint.is_empty() {
        writeln!(session.err, "--persistent-volume-endpoint must be provided when using --persistent-volume")?;
        return Err(CliError::new("Missing endpoint"));
    }
    let volume = session.client.volume_create(&request(&options.wish)).await?;
    if options.persistent_volume {
        let json = persistent_volume::json(&volume, &options.persistent_volume_endpoint);
        return session.print(&format!("{json}\n"));
    }
    let file = &options.persistent_volume_file;
    if !file.is_empty() {
        let endpoint = match options.persistent_volume_endpoint.as_str() {
            "" => "TYPE ENDPOINT HERE",
            endpoint => endpoint,
        };
        if let Err(error) = std::fs::write(file, persistent_volume::json(&volume, endpoint)) {
            writeln!(session.err, "Unable to write to file {file}")?;
            return Err(CliError(format!("open {file}: {error}; the volume {} was created", volume.id)));
        }
        return Ok(());
    }
    session.show(&volume, text::volume)
}

pub(super) fn request(options: &VolumeWish) -> VolumeCreateRequest {
    let snapshot = match options.snapshot_factor > 1.0 {
        true => SnapshotRequest { enable: true, factor: options.snapshot_factor },
        false => SnapshotRequest::default(),
    };
    VolumeCreateRequest {
        size: options.size,
        clusters: comma_list(&options.clusters),
        name: options.name.clone(),
        durability: DurabilityInfo {
            kind: options.durability.clone(),
            replicate: ReplicateInfo { replica: options.replica },
            disperse: DisperseInfo { data: options.disperse_data, redundancy: options.redundancy },
        },
        gid: options.gid,
        glustervolumeoptions: comma_list(&options.gluster_volume_options),
        block: options.block,
        snapshot,
    }
}

async fn list(mut session: Session<'_>) -> Result<(), CliError> {
    let list = session.client.volume_list().await?;
    if session.json {
        return session.show(&list, |_| String::new());
    }
    if session.terminal.width.is_none() {
        for id in list.volumes {
            let volume = session.client.volume_info(id).await?;
            session.print(&text::volume_line(&volume))?;
        }
        return Ok(());
    }
    let mut rows = Vec::new();
    for id in list.volumes {
        let it = session.client.volume_info(id).await?;
        let kind = if it.block { "block hosting".to_owned() } else { it.durability.kind };
        rows.push(vec![it.id.to_string(), it.name, it.size.0.to_string(), kind, it.cluster.to_string()]);
    }
    session.table(&["ID", "NAME", "GIB", "KIND", "CLUSTER"], rows)
}
