//! `heketi offline state examine gluster`.

use std::time::Duration;

use heketi_core::api;

use crate::app::{Failure, tell};
use crate::backend::examine;
use crate::config::Config;

/// Prints the examiner's answer between two lines that scripts look for.
pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    tell("OFFLINE COMMAND: Examine state of Gluster");
    let failed = |text: String| Failure::plain(format!("Error examining gluster: {text}"));
    let store = super::store_to_look_at(config).map_err(failed)?;
    let (engine, _) = super::engine(config, store).await.map_err(failed)?;
    tell("Starting examiner now...");
    let seen = examine(&engine, false).await;
    engine.shut_down(Duration::ZERO).await;
    let answer = api::encode(&seen.map_err(|error| failed(error.to_string()))?);
    tell(&format!("EXAMINER_OUTPUT_STARTS\n{answer}\nEXAMINER_OUTPUT_ENDS"));
    Ok(())
}
