use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::usage;

/// What the program was asked to do.
pub(super) enum Command {
    /// Serve with this configuration file.
    Serve { config: PathBuf, disable_auth: bool },
    /// Show heketi on a simulated cluster.
    Demo { exit: bool, port: Option<u16> },
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
        (Some(Subcommands::Demo { exit, port }), _) => Parsed::Run(Command::Demo { exit, port }),
        (None, Some(config)) => Parsed::Run(Command::Serve { config, disable_auth: arguments.disable_auth }),
        (None, None) => {
            eprintln!("Please provide configuration file");
            Parsed::Exit(ExitCode::FAILURE)
        }
    }
}
