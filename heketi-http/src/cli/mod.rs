//! heketi-cli: the commands, flags and texts of heketi v10, over the [`crate::client`].

mod args;
mod cluster;
mod device;
mod node;
mod persistent_volume;
mod tags;
mod text;
mod topology_info;
mod topology_load;
pub(crate) mod usage;
mod volume;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use clap::{CommandFactory, FromArgMatches};
use heketi_core::api;
use serde::Serialize;

use crate::auth::Secret;
use crate::client::{Client, ClientError, ClientOptions, Credentials};
use args::{Cli, ClusterCommand, Command, DeviceCommand, NodeCommand, TopologyCommand, VolumeCommand};

pub use topology_load::load_topology;

/// What heketi v10's command line returns for every error.
const FAILURE: u8 = 255;

const DEFAULT_SERVER: &str = "http://localhost:8080";

/// Why a command failed; printed after `Error: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError(String);

impl CliError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CliError {}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let text = match &error {
            ClientError::Unreachable { .. } | ClientError::Address { .. } => {
                format!("{error} (set it with --server or HEKETI_CLI_SERVER)")
            }
            _ => error.to_string(),
        };
        Self(text)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self(format!("cannot write the output: {error}"))
    }
}

/// What every command has.
struct Session<'a> {
    client: Client,
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Session<'_> {
    /// Prints the answer as JSON on one line without its end, or else the text.
    fn show<T: Serialize>(&mut self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        let output = if self.json { api::encode(value) } else { text(value) };
        self.print(&output)
    }

    /// Prints at once: some commands take long between two pieces of a line.
    fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }
}

/// Runs one command line and returns its exit status.
pub async fn run<A, T>(arguments: A, out: &mut dyn Write, err: &mut dyn Write) -> u8
where
    A: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    run_with(arguments, ClientOptions::default(), out, err).await
}

/// The same with a client of other patience.
pub async fn run_with<A, T>(arguments: A, options: ClientOptions, out: &mut dyn Write, err: &mut dyn Write) -> u8
where
    A: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let matches = Cli::command().try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error, out, err),
    };
    match execute(cli, options, out, err).await {
        Ok(()) => 0,
        Err(error) => {
            // Nothing is left to tell when even this cannot be written.
            let _ = writeln!(err, "Error: {error}");
            FAILURE
        }
    }
}

async fn execute(cli: Cli, options: ClientOptions, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), CliError> {
    let Some(command) = cli.command else { return Ok(usage::root_help(err)?) };
    if let Some(group) = command.without_subcommand() {
        return Ok(usage::group_help(group, out)?);
    }
    if let Command::Other(words) = &command {
        return Err(CliError(usage::unknown_command(words.first().map_or("", String::as_str))));
    }
    let server = if cli.server.is_empty() { DEFAULT_SERVER } else { &cli.server };
    let json = cli.json.as_deref().is_some_and(|text| args::go_bool(text) == Ok(true));
    let credentials = Credentials::new(cli.user, Secret::new(cli.secret));
    let client = Client::with_options(server, credentials, options)?;
    let session = Session { client, json, out, err };
    match command {
        Command::Cluster(group) => cluster::run(session, group.command).await,
        Command::Node(group) => node::run(session, group.command).await,
        Command::Device(group) => device::run(session, group.command).await,
        Command::Topology(group) => match group.command {
            Some(TopologyCommand::Load { file, .. }) => topology_load::run(session, file).await,
            _ => topology_info::run(session).await,
        },
        Command::Volume(group) => volume::run(session, group.command).await,
        Command::Other(_) => Ok(()),
    }
}

impl Command {
    /// The name of the group, when it is not followed by one of its commands.
    fn without_subcommand(&self) -> Option<&'static str> {
        match self {
            Self::Cluster(group) if matches!(group.command, None | Some(ClusterCommand::Other(_))) => Some("cluster"),
            Self::Node(group) if matches!(group.command, None | Some(NodeCommand::Other(_))) => Some("node"),
            Self::Device(group) if matches!(group.command, None | Some(DeviceCommand::Other(_))) => Some("device"),
            Self::Topology(group) if matches!(group.command, None | Some(TopologyCommand::Other(_))) => {
                Some("topology")
            }
            Self::Volume(group) if matches!(group.command, None | Some(VolumeCommand::Other(_))) => Some("volume"),
            _ => None,
        }
    }
}

/// The id a command needs. One that is no id is refused as the server would refuse it.
fn id<T: FromStr>(text: Option<&str>, missing: &str) -> Result<T, CliError> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| CliError::new(missing))?;
    text.parse().map_err(|_| {
        let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit());
        CliError::new(if hexadecimal { "Id not found" } else { "Invalid path or request" })
    })
}
