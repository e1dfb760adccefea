//! The command line of heketi-cli: commands, flags and variables of heketi v10, and those beyond it.
//!
//! clap parses it, because help, completions and the manual page then come from the one description below. What v10's
//! parser did otherwise is taught to it in one place, [`adapt`], for all commands alike: booleans in Go's spellings,
//! flags that are zero when not given, surplus arguments that are ignored, groups that print their help. The words of
//! v10's parser for a wrong command line are in [`super::usage`]. A parser of our own for exactly v10's grammar would
//! be longer than both, and would need help, completions and manual written beside it.

mod adapt;
mod block_volume;
mod cluster;
mod device;
mod examples;
mod node;
mod server;
mod setup;
mod tags;
mod topology;
mod volume;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

pub(super) use adapt::{duration, go_bool};
pub(super) use block_volume::{BlockVolumeCommand, BlockVolumeCreate, BrickCommand};
pub(super) use cluster::ClusterCommand;
pub(super) use device::DeviceCommand;
pub(super) use node::NodeCommand;
pub(super) use server::{
    Audit, AuditCommand, DbCommand, ExamineCommand, LogLevelCommand, ModeCommand, OperationsCommand, Repair,
    ServerCommand, StateCommand,
};
pub(super) use setup::SetupStorage;
pub(super) use tags::{RemoveTags, SetTags};
pub(super) use topology::TopologyCommand;
pub(super) use volume::{EndpointCommand, RestrictionCommand, VolumeCommand, VolumeCreate, VolumeWish};

/// Command line of heketi, which turns raw disks into GlusterFS volumes
#[derive(Parser)]
#[command(
    name = "heketi-cli",
    version = concat!("v", env!("CARGO_PKG_VERSION")),
    disable_version_flag = true,
    args_override_self = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
// Values from the environment are hidden in help: they would show the key.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Address of the heketi server, with its scheme [default: http://localhost:8080]
    #[arg(short, long, global = true, env = "HEKETI_CLI_SERVER", hide_env_values = true, value_name = "URL")]
    pub(super) server: String,
    /// Name the server knows us by: admin or user
    #[arg(long, global = true, env = "HEKETI_CLI_USER", hide_env_values = true)]
    pub(super) user: String,
    /// Key of that name
    #[arg(long, global = true, env = "HEKETI_CLI_KEY", hide_env_values = true)]
    pub(super) secret: String,
    /// Take whatever certificate an https server has
    #[arg(short = 'I', long, global = true, env = "HEKETI_CLI_INSECURE_TLS", hide_env_values = true)]
    pub(super) insecure_tls: bool,
    /// PEM files of certificates to trust instead of the system's; repeat it or separate them by commas
    #[arg(
        short = 'C',
        long,
        global = true,
        env = "HEKETI_CLI_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub(super) tls_cert: Vec<PathBuf>,
    /// How often to ask again when the server is busy [default: 6] or cannot be reached [default: 0]
    #[arg(long, global = true, env = "HEKETI_CLI_RETRIES", hide_env_values = true, value_name = "NUMBER")]
    pub(super) retries: Option<u32>,
    /// Stop waiting after this time, such as 90s or 5m; what was started goes on at the server
    #[arg(long, global = true, env = "HEKETI_CLI_TIMEOUT", hide_env_values = true, value_name = "TIME", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// Print the server's answer as JSON
    // A text, because `topology load` has a --json of its own that names a file.
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_name = "BOOL")]
    json: Option<String>,
}

impl Global {
    /// Shall the answer be printed as JSON?
    pub(super) fn json(&self) -> bool {
        self.json.as_deref().is_some_and(|text| go_bool(text) == Ok(true))
    }
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Clusters
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Nodes
    #[command(subcommand)]
    Node(NodeCommand),
    /// Devices
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Everything at once: clusters, nodes, devices, volumes
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// Volumes
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Block volumes
    #[command(subcommand, name = "blockvolume")]
    BlockVolume(BlockVolumeCommand),
    /// Bricks
    #[command(subcommand)]
    Brick(BrickCommand),
    /// The server itself
    #[command(subcommand)]
    Server(ServerCommand),
    /// How much the server logs
    #[command(subcommand, name = "loglevel")]
    LogLevel(LogLevelCommand),
    /// Show the largest volumes that fit now
    Capacity {
        /// Only this cluster
        #[arg(long, value_name = "ID")]
        cluster: String,
        /// Count room for snapshots, as a multiple of the size
        #[arg(long, default_value = "1.0", value_name = "FACTOR")]
        snapshot_factor: f32,
    },
    /// Show what happens, as it happens, until it is stopped by Ctrl-C
    Watch {
        /// Only events after that of this number
        #[arg(long, value_name = "NUMBER")]
        since: Option<u64>,
        /// Stop after so many events
        #[arg(long, value_name = "NUMBER")]
        count: Option<u64>,
    },
    /// The server's database
    #[command(subcommand)]
    Db(DbCommand),
    /// Compare the state with itself and with the nodes, and repair it
    Audit(Audit),
    /// Create the volume that a server in Kubernetes keeps its database on, and write the objects that copy it there
    #[command(
        name = "setup-openshift-heketi-storage",
        aliases = ["setup-heketi-db-storage", "setup-kubernetes-heketi-storage"]
    )]
    SetupStorage(Box<SetupStorage>),
    /// Print the completions of a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in the format of man(7)
    Man,
}

/// The id of an object. Its absence is the command's concern.
#[derive(Args)]
pub(super) struct Object {
    /// Id of the object
    pub(super) id: Option<String>,
}

/// What a command line asks for.
pub(super) enum Parsed {
    /// To run the command of these words.
    Run(Box<Cli>, Vec<String>),
    /// Nothing at all.
    Nothing,
    /// The help of the group these words lead to.
    Help(Vec<String>),
    /// A command that does not exist.
    Unknown(String),
}

/// The whole description, as clap parses, helps and completes from it.
pub(super) fn description() -> clap::Command {
    adapt::adapt(Cli::command(), "")
}

/// Understands a command line, the name of the program included.
pub(super) fn parse<A, T>(arguments: A) -> Result<Parsed, clap::Error>
where
    A: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let mut matches = description().try_get_matches_from(arguments)?;
    // Before it was adapted: that knows which groups need a command.
    let description = Cli::command();
    let (mut group, mut inner, mut words) = (&description, &matches, Vec::new());
    loop {
        match inner.subcommand().map(|(word, inner)| (word, group.find_subcommand(word), inner)) {
            Some((word, Some(command), below)) => {
                words.push(word.to_owned());
                (group, inner) = (command, below);
            }
            Some((word, None, _)) if words.is_empty() => return Ok(Parsed::Unknown(word.to_owned())),
            None if words.is_empty() => return Ok(Parsed::Nothing),
            Some((_, None, _)) => return Ok(Parsed::Help(words)),
            None if group.is_subcommand_required_set() => return Ok(Parsed::Help(words)),
            None => break,
        }
    }
    Ok(Parsed::Run(Box::new(Cli::from_arg_matches_mut(&mut matches)?), words))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::description().debug_assert();
    }
}
