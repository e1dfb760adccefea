//! `heketi check-node`: what a node has and lacks, seen the way the server would use it.

use std::path::PathBuf;

use super::{Failure, nodes, offline, tell};

pub(super) async fn run(config: Option<PathBuf>, host: &str, json: bool) -> Result<(), Failure> {
    let file = config.ok_or_else(|| Failure::plain("Configuration file is required"))?;
    // No log is begun: the report says what a failed command means.
    let gluster = offline::configured(&file)?.glusterfs;
    let check = nodes::connect_to_look(&gluster).await?.check(host).await;
    if json {
        tell(&serde_json::to_string_pretty(&check).map_err(|error| error.to_string())?);
    } else {
        tell(&check.to_string());
    }
    if check.passed() { Ok(()) } else { Err(Failure::plain(format!("heketi cannot work with {host} as it is"))) }
}
