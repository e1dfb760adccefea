mod database;
mod offline;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::usage;
pub(super) use database::{DbCommand, DbFile, ExportFormat};
use offline::OfflineGroup;
pub(super) use offline::{OfflineCommand, OfflineTask};

/// What the program was asked to do.
pub(super) enum Command {
    /// Serve with this configuration file.
    Serve { config: PathBuf, disable_auth: bool },
    /// Tell what a configuration file means.
    ConfigCheck { config: PathBuf },
    /// Tell what a node lacks.
    CheckNode { config: Option<PathBuf>, host: String, json: bool },
    /// Show heketi on a simulated cluster.
    Demo { exit: bool, port: Option<u16> },
    /// Work on a database file.
    Database(DbCommand),
    /// Do without a server what a server does.
    Offline(OfflineCommand),
}

/// What the arguments mean.
pub(super) enum Parsed {
    Run(Command),
    Exit(ExitCode),
}

/// Turns racks of raw disks into GlusterFS volumes on request.
#[derive(Debug, Parser)]
#[command(name = "heketi", disable_version_flag = true)]
struct Arguments {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Let everyone who reaches the server do everything
    #[arg(long)]
    disable_auth: bool,
    /// Print the version
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Configuration files
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Tell what a node has and lacks of what heketi needs; nothing is changed there
    CheckNode {
        /// Management host name of the node
        #[arg(value_name = "HOST")]
        host: String,
        /// Configuration file of the server, which tells the way to its nodes
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Database files, while no server has them open
    Db {
        #[command(subcommand)]
        command: Option<DbCommand>,
    },
    /// What a server does, while none runs
    Offline {
        #[command(subcommand)]
        command: Option<OfflineGroup>,
    },
    /// Start on loopback with a simulated cluster, create a volume, and show what to try next
    Demo {
        /// Stop after the volume was created
        #[arg(long)]
        exit: bool,
        /// Port to listen on; without it 8080, or a free one where that is taken
        #[arg(long)]
        port: Option<u16>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print what the server would make of a configuration file and the environment
    Check {
        /// Configuration file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Prints the help of a group that was named without a command.
fn group_help(words: &[&str]) -> Parsed {
    let mut command = Arguments::command();
    // Gives groups their full names.
    command.build();
    let group = words.iter().try_fold(&mut command, |group, word| group.find_subcommand_mut(word));
    if let Some(group) = group {
        print!("{}", group.render_help());
    }
    Parsed::Exit(ExitCode::SUCCESS)
}

/// Exit status of heketi v10 for wrong usage.
const USAGE: u8 = 255;

/// Understands the command line, or answers it at once.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Parsed {
    let matches = match Arguments::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let status = usage::explain(&error, &mut std::io::stdout(), &mut std::io::stderr());
            return Parsed::Exit(ExitCode::from(status));
        }
    };
    let Ok(arguments) = Arguments::from_arg_matches(&matches) else { return Parsed::Exit(ExitCode::from(USAGE)) };
    if arguments.version {
        println!("{}", super::version());
        return Parsed::Exit(ExitCode::SUCCESS);
    }
    match (arguments.command, arguments.config) {
        (Some(Subcommands::Config { command: ConfigCommand::Check { file } }), _) => {
            Parsed::Run(Command::ConfigCheck { config: file })
        }
        (Some(Subcommands::CheckNode { host, config: own, json }), config) => {
            Parsed::Run(Command::CheckNode { config: own.or(config), host, json })
        }
        (Some(Subcommands::Demo { exit, port }), _) => Parsed::Run(Command::Demo { exit, port }),
        (Some(Subcommands::Db { command: Some(command) }), _) => Parsed::Run(Command::Database(command)),
        (Some(Subcommands::Db { command: None }), _) => group_help(&["db"]),
        (Some(Subcommands::Offline { command }), config) => match offline::task(command) {
            Ok(command) => {
                Parsed::Run(Command::Offline(OfflineCommand { config: command.config.or(config), ..command }))
            }
            Err(group) => group_help(group),
        },
        (None, Some(config)) => Parsed::Run(Command::Serve { config, disable_auth: arguments.disable_auth }),
        (None, None) => {
            eprintln!("Please provide configuration file");
            Parsed::Exit(ExitCode::FAILURE)
        }
    }
}
