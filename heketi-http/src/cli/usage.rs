//! What is told about the command line itself: help, completions, the manual, and mistakes in the words of heketi
//! v10's.

use std::io::{self, Write};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap_complete::Shell;

use super::{CliError, FAILURE, args};

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
            format!("invalid argument \"{value}\" for \"{}\" flag{reason}", with_shorthand(name))
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
    write!(err, "{}", args::description().render_help())
}

/// Help of the group these words lead to.
pub(super) fn group_help(words: &[String], out: &mut dyn Write) -> io::Result<()> {
    let mut command = args::description();
    // Gives groups their full names and the global flags.
    command.build();
    let group = words.iter().try_fold(&mut command, |group, word| group.find_subcommand_mut(word));
    match group {
        Some(group) => write!(out, "{}", group.render_help()),
        None => Ok(()),
    }
}

/// The completions of a shell.
pub(super) fn completion(shell: Shell, out: &mut dyn Write) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::description(), "heketi-cli", &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6 writes a program's hyphen in two ways in its script for bash, which then knows no subcommand.
    Ok(out.write_all(script.replace("heketi__subcmd__cli", "heketi__cli").as_bytes())?)
}

/// The manual: one page of all commands.
pub(super) fn manual(out: &mut dyn Write) -> Result<(), CliError> {
    let description = args::description();
    let man = clap_mangen::Man::new(description.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    describe(&description, "heketi-cli", &mut page)?;
    Ok(out.write_all(&page)?)
}

/// The commands below this one, each under a heading of its own, with the flags that are not global.
fn describe(command: &clap::Command, path: &str, page: &mut Vec<u8>) -> io::Result<()> {
    for inner in command.get_subcommands() {
        let path = format!("{path} {}", inner.get_name());
        if let Some(example) = inner.get_after_help() {
            writeln!(page, ".SS \"{}\"", path.replace('-', "\\-"))?;
            let man = clap_mangen::Man::new(inner.clone().disable_help_flag(true));
            let mut sections = Vec::new();
            man.render_description_section(&mut sections)?;
            if inner.get_arguments().any(|argument| !argument.is_hide_set()) {
                man.render_options_section(&mut sections)?;
            }
            // Their headings are those of a page.
            let text = String::from_utf8_lossy(&sections);
            let kept = text.lines().filter(|line| [".SH", ".ie", ".el"].iter().all(|mark| !line.starts_with(mark)));
            kept.map(|line| line.to_owned() + "\n").try_for_each(|line| page.write_all(line.as_bytes()))?;
            let example = example.to_string().replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
            writeln!(page, ".PP\n.nf\n{example}\n.fi")?;
        }
        describe(inner, &path, page)?;
    }
    Ok(())
}

/// A flag as v10 names it where its value is wrong: `-e, --exact`.
fn with_shorthand(flag: &str) -> String {
    fn find(command: &clap::Command, long: &str) -> Option<char> {
        let here = command.get_arguments().filter(|it| it.get_long() == Some(long)).find_map(clap::Arg::get_short);
        here.or_else(|| command.get_subcommands().find_map(|inner| find(inner, long)))
    }
    match find(&args::description(), flag.trim_start_matches('-')) {
        Some(short) => format!("-{short}, {flag}"),
        None => flag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_command_and_each_global_flag_once() {
        let mut page = Vec::new();
        manual(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for command in ["cluster create", "volume explain", "server state examine gluster", "audit repair"] {
            assert!(page.contains(&format!(".SS \"heketi\\-cli {command}\"\n")), "{command}");
            assert!(page.contains(&format!("  heketi\\-cli {command}")), "the example of {command}");
        }
        assert_eq!(page.matches("Take whatever certificate").count(), 1);
        assert_eq!(page.matches(".SH").count(), page.lines().filter(|line| line.starts_with(".SH ")).count());
    }

    #[test]
    fn shells_get_completions() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completion(shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("set-block-hosting-restriction") && script.contains("snapshot-factor"), "{shell}");
        }
    }
}
