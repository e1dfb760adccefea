//! What is told about the command line itself, in the words of heketi v10's.

use std::io::{self, Write};

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::FAILURE;
use super::args::Cli;

/// Prints help, version or an error; returns the exit status.
pub(crate) fn explain(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = write!(out, "{error}");
            0
        }
        _ => {
            let _ = writeln!(err, "Error: {}", message(error));
            FAILURE
        }
    }
}

fn message(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let flag = context(ContextKind::InvalidArg).unwrap_or_default();
    let name = flag.split([' ', '=', '[']).next().unwrap_or_default();
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with("--") => format!("unknown flag: {name}"),
        ErrorKind::UnknownArgument => {
            format!(
                "unknown shorthand flag: '{}' in {name}",
                name.trim_start_matches('-').chars().next().unwrap_or('-')
            )
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("flag needs an argument: {name}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
            format!("invalid argument \"{value}\" for \"{name}\" flag{reason}")
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    }
}

pub(super) fn unknown_command(word: &str) -> String {
    format!("unknown command \"{word}\" for \"heketi-cli\"\nRun 'heketi-cli --help' for usage.")
}

pub(super) fn root_help(err: &mut dyn Write) -> io::Result<()> {
    write!(err, "{}", Cli::command().render_help())
}

pub(super) fn group_help(group: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command();
    // Gives the group its full name and the global flags.
    command.build();
    match command.find_subcommand_mut(group) {
        Some(group) => write!(out, "{}", group.render_help()),
        None => Ok(()),
    }
}
