//! `heketi config check`: what the server would make of a configuration file.

use std::path::Path;

use crate::config::{AuthMode, Config, Environment, Loaded};

/// Prints the configuration as a file that says the same, with keys masked; what the operator should know goes to
/// standard error.
pub(super) fn run(file: &Path) -> Result<(), String> {
    let Loaded { config, mut warnings } =
        Loaded::from_file(file, &Environment::process()).map_err(|error| error.to_string())?;
    let (auth, more) = config.auth_mode(false).map_err(|error| error.to_string())?;
    warnings.extend(more);
    warnings.extend(without_effect(&config));
    warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    println!("{:#}", config.shown());
    super::nodes::refuse_unsupported(&config.glusterfs)?;
    let who = match &auth {
        AuthMode::On(_) => "clients need tokens",
        AuthMode::Off => "no tokens are asked for",
    };
    eprintln!("The server would listen on port {} of {}; {who}.", config.port, config.listen_address(&auth));
    Ok(())
}

/// What is configured and would do nothing.
pub(super) fn without_effect(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.profiling {
        warnings.push("profiling has no effect: this version of heketi serves no profiles; set it to false".to_owned());
    }
    if config.glusterfs.db_read_only {
        warnings.push("glusterfs.db_read_only is true: requests that change something are refused".to_owned());
    }
    warnings
}
