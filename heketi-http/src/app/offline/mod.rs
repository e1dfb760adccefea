//! `heketi offline`: what a server does, while none runs. The database is held as by a server.

mod examine;
mod update_db_volume;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::executor::Executor;
use heketi_exec::store::{self, Store};

use super::arguments::{OfflineCommand, OfflineTask};
use super::{Failure, config_check, engine_config, nodes, open_store, tell};
use crate::config::{Config, Environment, Loaded};
use crate::logging;

pub(super) async fn run(command: OfflineCommand) -> Result<(), Failure> {
    let file = command.config.ok_or_else(|| Failure::plain("Configuration file is required"))?;
    let config = configured(&file)?;
    logging::start(config.glusterfs.loglevel, config.log_format);
    match command.task {
        OfflineTask::CleanUp => clean_up(&config).await,
        OfflineTask::Examine => examine::run(&config).await,
        OfflineTask::UpdateDbVolume { name } => update_db_volume::run(&config, &name).await,
    }
}

/// What a configuration file says, with warnings about the rest of it.
pub(super) fn configured(file: &Path) -> Result<Config, Failure> {
    let loaded = Loaded::from_file(file, &Environment::process());
    let Loaded { config, mut warnings } = loaded.map_err(|error| Failure::from(error.to_string()))?;
    warnings.extend(config_check::without_effect(&config));
    warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    nodes::refuse_unsupported(&config.glusterfs)?;
    Ok(config)
}

/// An engine that starts nothing by itself, and its way to the nodes.
async fn engine(config: &Config, store: Arc<dyn Store>) -> Result<(Engine, Arc<dyn Executor>), String> {
    let nodes = nodes::connect(&config.glusterfs).await?;
    let config = EngineConfig { clean: false, monitor: None, ..engine_config(config) };
    let engine = Engine::open(store, nodes.executor.clone(), config).await.map_err(|error| error.to_string())?;
    nodes.know(&engine);
    Ok((engine, nodes.executor))
}

/// The database as it is, for a command that changes nothing in it: a file of heketi v10 is not converted.
fn store_to_look_at(config: &Config) -> Result<Arc<dyn Store>, String> {
    store::open_to_look(&config.glusterfs.db).map_err(|error| error.to_string())
}

async fn clean_up(config: &Config) -> Result<(), Failure> {
    tell("OFFLINE COMMAND: Clean All Pending Operations");
    let failed = |text: String| Failure::plain(format!("Error cleaning operations: {text}"));
    if config.glusterfs.db_read_only {
        return Err(failed("glusterfs.db_read_only is true: set it to false".to_owned()));
    }
    let (engine, _) = engine(config, open_store(&config.glusterfs).map_err(failed)?).await.map_err(failed)?;
    eprintln!("Starting clean now...");
    engine.clean_up(None).await;
    let inventory = engine.inventory();
    let left = inventory.operations().map(|operation| format!("{} {}", operation.type_name(), operation.id));
    let left: Vec<String> = left.collect();
    engine.shut_down(Duration::ZERO).await;
    if left.is_empty() {
        return Ok(());
    }
    Err(failed(format!("these operations are left, the log says why: {}", left.join(", "))))
}
