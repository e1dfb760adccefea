//! heketi-cli: the commands, flags and texts of heketi v10, over the [`crate::client`].

mod args;
mod audit;
mod block_volume;
mod brick;
mod capacity;
mod cluster;
mod device;
mod explain;
mod hints;
mod node;
mod persistent_volume;
mod server;
mod setup_storage;
mod tags;
mod terminal;
mod text;
mod topology_diff;
mod topology_info;
mod topology_known;
mod topology_load;
mod topology_map;
mod topology_template;
pub(crate) mod usage;
mod volume;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::styling::AnsiColor;
use heketi_core::api;
use serde::Serialize;

use crate::auth::Secret;
use crate::client::{Client, ClientError, ClientOptions, Credentials};
use crate::tls::ClientTls;
use args::{Cli, Command, Global, Parsed, TopologyCommand};

use terminal::{Above, Line};

pub use terminal::Terminal;
pub use topology_load::load_topology;

/// What heketi v10's command line returns for every error.
const FAILURE: u8 = 255;

/// What a shell tells of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

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
    terminal: Terminal,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Session<'_> {
    /// Prints the answer as JSON on one line without its end, or else the text.
    fn show<T: Serialize>(&mut self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        let output = if self.json { api::encode(value) } else { text(value) };
        self.print(&output)
    }

    /// Prints rows under headings.
    fn table(&mut self, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), CliError> {
        let table = self.terminal.table(headings, rows);
        self.print(&table)
    }

    /// Prints at once: some commands take long between two pieces of a line.
    fn print(&mut self, text: &str) -> Result<(), CliError> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(())
    }

    /// Leaves time to think again.
    async fn warn_of_skipped_heal_check(&mut self) -> Result<(), CliError> {
        self.print(
            "Skipping the heal check may be dangerous and increase the risk of data loss.\n \
             Press CTRL-C within 10 seconds to cancel this action.\n",
        )?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(())
    }
}

/// Runs one command line and returns its exit status. The output is that of heketi v10 to a pipe, byte for byte.
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
    run_at(Terminal::default(), arguments, options, out, err).await
}

/// The same where a terminal may be at the other end: it gets tables, colours, and a line that tells how far the
/// server is.
pub async fn run_at<A, T>(
    terminal: Terminal,
    arguments: A,
    options: ClientOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8
where
    A: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let (told, words) = match args::parse(arguments) {
        Ok(Parsed::Run(cli, words)) => match execute(*cli, terminal, options, out, err).await {
            Ok(Ended::Interrupted) => return INTERRUPTED,
            ended => (ended.map(|_| ()), words),
        },
        Ok(Parsed::Nothing) => (usage::root_help(err).map_err(CliError::from), Vec::new()),
        Ok(Parsed::Help(words)) => (usage::group_help(&words, out).map_err(CliError::from), words),
        Ok(Parsed::Unknown(word)) => (Err(CliError(usage::unknown_command(&word))), Vec::new()),
        Err(error) => return usage::explain(&error, out, err),
    };
    let Err(error) = told else { return 0 };
    // Nothing is left to tell when even this cannot be written.
    let _ = writeln!(err, "{} {error}", terminal.of_errors().paint("Error:", AnsiColor::Red));
    if let Some(hint) = hints::after(&error.0, &words).filter(|_| terminal.errors) {
        let _ = writeln!(err, "{} {hint}", terminal.of_errors().paint("Hint:", AnsiColor::Cyan));
    }
    FAILURE
}

/// How a command that did not fail ended.
enum Ended {
    Done,
    /// By Ctrl-C at a terminal.
    Interrupted,
}

async fn execute(
    cli: Cli,
    terminal: Terminal,
    options: ClientOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Ended, CliError> {
    let Cli { global, command, .. } = cli;
    let command = match command {
        Command::Completion { shell } => return usage::completion(shell, out).map(|()| Ended::Done),
        Command::Man => return usage::manual(out).map(|()| Ended::Done),
        command => command,
    };
    let json = global.json();
    let client = connect(&global, options)?;
    if !terminal.errors {
        let session = Session { client, json, terminal, out, err };
        return in_time(session, command, global.timeout).await.map(|()| Ended::Done);
    }
    let line = Line::default();
    let told = line.clone();
    let client = client.with_progress(move |job| told.tell(job));
    let (mut out, mut err) = (Above::new(line.clone(), out), Above::new(line.clone(), err));
    let session = Session { client, json, terminal, out: &mut out, err: &mut err };
    let ended = tokio::select! {
        result = in_time(session, command, global.timeout) => result.map(|()| Ended::Done),
        Ok(()) = tokio::signal::ctrl_c() => Ok(Ended::Interrupted),
    };
    let followed = line.is_shown();
    out.finish()?;
    if followed && matches!(ended, Ok(Ended::Interrupted)) {
        writeln!(err, "What was started goes on at the server: see 'heketi-cli server operations list'")?;
    }
    err.finish()?;
    ended
}

async fn in_time(session: Session<'_>, command: Command, limit: Option<Duration>) -> Result<(), CliError> {
    let Some(limit) = limit else { return dispatch(session, command).await };
    tokio::time::timeout(limit, dispatch(session, command)).await.unwrap_or_else(|_| {
        Err(CliError(format!(
            "no end after {limit:?}; what was started goes on at the server: see 'heketi-cli server operations list'"
        )))
    })
}

fn connect(global: &Global, options: ClientOptions) -> Result<Client, CliError> {
    let server = if global.server.is_empty() { DEFAULT_SERVER } else { &global.server };
    let credentials = Credentials::new(global.user.clone(), Secret::new(global.secret.clone()));
    let certificates = global.tls_cert.iter().filter(|file| !file.as_os_str().is_empty()).cloned().collect();
    let tls = ClientTls { insecure: global.insecure_tls, certificates };
    let mut options = ClientOptions { tls, ..options };
    if let Some(retries) = global.retries {
        (options.busy_retries, options.connect_retries) = (retries, retries);
        options.idempotency_keys = retries > 0;
        options.poll_retries = options.poll_retries.max(retries);
    }
    Ok(Client::with_options(server, credentials, options)?)
}

async fn dispatch(session: Session<'_>, command: Command) -> Result<(), CliError> {
    match command {
        Command::Cluster(command) => cluster::run(session, command).await,
        Command::Node(command) => node::run(session, command).await,
        Command::Device(command) => device::run(session, command).await,
        Command::Topology(TopologyCommand::Load { file, strict }) => topology_load::run(session, file, strict).await,
        Command::Topology(TopologyCommand::Diff { file }) => topology_diff::run(session, file).await,
        Command::Topology(TopologyCommand::Info { map: true, .. }) => topology_map::run(session).await,
        Command::Topology(TopologyCommand::Info { template, .. }) => topology_info::run(session, &template).await,
        Command::Volume(command) => volume::run(session, command).await,
        Command::BlockVolume(command) => block_volume::run(session, command).await,
        Command::Brick(command) => brick::run(session, command).await,
        Command::Server(command) => server::run(session, command).await,
        Command::LogLevel(command) => server::log_level(session, command).await,
        Command::Capacity { cluster, snapshot_factor } => capacity::run(session, &cluster, snapshot_factor).await,
        Command::Watch { since, count } => watch::run(session, since, count).await,
        Command::Db(command) => server::db(session, command).await,
        Command::Audit(audit) => audit::run(session, audit).await,
        Command::SetupStorage(options) => setup_storage::run(session, &options).await,
        // They ask no server.
        Command::Completion { .. } | Command::Man => Ok(()),
    }
}

/// The items of a list that is separated by commas, as they are.
fn comma_list(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

/// The id a command needs. One that is no id is refused as the server would refuse it.
fn id<T: FromStr>(text: Option<&str>, missing: &str) -> Result<T, CliError> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| CliError::new(missing))?;
    text.parse().map_err(|_| {
        let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit());
        CliError::new(if hexadecimal { "Id not found" } else { "Invalid path or request" })
    })
}
