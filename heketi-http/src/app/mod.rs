//! The program `heketi`: command line, start, signals, end.

mod arguments;
mod check_node;
mod config_check;
mod conversion;
mod database;
mod demo;
mod nodes;
mod offline;
mod secret_backup;
mod signals;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use heketi_core::Kib;
use heketi_core::placement::{BlockHostingPolicy, Policy};
use heketi_exec::engine::{Engine, EngineConfig, MonitorConfig};
use heketi_exec::store::{self, Store};
use tokio::net::TcpListener;

use crate::auth::Authenticator;
use crate::backend::EngineBackend;
use crate::config::{AuthMode, Config, Environment, GlusterConfig, Loaded};
use crate::logging;
use crate::metrics::Metrics;
use crate::server::{AdminMode, ServerOptions, serve};
use crate::tls::ServerTls;
use arguments::{Command, Parsed};

/// Runs the program with these arguments, the program's name first, until it ends.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match arguments::parse(arguments) {
        Parsed::Run(command) => command,
        Parsed::Exit(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    let result = runtime.block_on(async {
        match command {
            Command::Serve { config, disable_auth } => Ok(server(&config, disable_auth).await?),
            Command::ConfigCheck { config } => Ok(config_check::run(&config)?),
            Command::CheckNode { config, host, json } => check_node::run(config, &host, json).await,
            Command::Demo { exit, port } => Ok(demo::run(exit, port).await?),
            Command::Database(command) => database::run(command),
            Command::Offline(command) => offline::run(command).await,
        }
    });
    // Tasks that wait for a node must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { text }) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with a status that is not zero.
struct Failure {
    /// The whole line for standard error.
    text: String,
}

impl Failure {
    /// In the words of heketi v10, which nothing precedes.
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self { text: format!("ERROR: {text}") }
    }
}

fn fail(text: &str) -> ExitCode {
    eprintln!("ERROR: {text}");
    ExitCode::FAILURE
}

/// Prints a line. Whoever reads it may be gone: that does not end the server.
fn tell(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The version as the program prints it; scripts take its second word.
fn version() -> String {
    format!("Heketi v{}", env!("CARGO_PKG_VERSION"))
}

async fn server(file: &Path, disable_auth: bool) -> Result<(), String> {
    tell(&version());
    let Loaded { config, mut warnings } =
        Loaded::from_file(file, &Environment::process()).map_err(|error| error.to_string())?;
    nodes::refuse_unsupported(&config.glusterfs)?;
    let (auth, more) = config.auth_mode(disable_auth).map_err(|error| error.to_string())?;
    warnings.extend(more);
    warnings.extend(config_check::without_effect(&config));
    for warning in &warnings {
        let _ = writeln!(io::stderr(), "WARNING: {warning}");
    }
    let log = logging::start(config.glusterfs.loglevel, config.log_format);
    let tls = config.tls.as_ref().map(|files| ServerTls::load(&files.cert_file, &files.key_file)).transpose();
    let tls = tls.map_err(|error| format!("HTTP Server error: {error}"))?;

    let nodes = nodes::connect(&config.glusterfs).await?;
    let store = open_store(&config.glusterfs)?;
    let listener = listen(&config, &auth).await?;
    let metrics = Metrics::default();
    let meter = Some(Arc::new(metrics.clone()) as _);
    let engine_config = EngineConfig { meter, ..engine_config(&config) };
    let engine = Engine::open(store, nodes.executor.clone(), engine_config).await.map_err(|error| error.to_string())?;
    nodes.know(&engine);
    let pending = engine.inventory().operations().count();
    if pending > 0 {
        tracing::warn!("{pending} operations were left unfinished; they are resumed in the background");
    }
    let mode = AdminMode::new(config.default_state);
    signals::return_to_normal(mode.clone());
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    // The signals count from the moment the server is known to run.
    let stop = signals::stop();
    tell(&format!("Listening on port {port}{}", if tls.is_some() { " with TLS enabled" } else { "" }));
    if let Some(tls) = &tls {
        signals::reload_on_hangup(tls.clone());
    }
    if config.backup_db_to_kube_secret {
        secret_backup::start(&engine, metrics.clone(), &config, scratch(&config.glusterfs));
    }
    let authenticator = match auth {
        AuthMode::On(keys) => Some(Authenticator::new(keys, config.iat_leeway_seconds)),
        AuthMode::Off => None,
    };
    let drain = config.shutdown_timeout;
    let read_only_database = config.glusterfs.db_read_only;
    let options =
        ServerOptions { mode, tls, log, metrics, read_only_database, drain, ..ServerOptions::new(authenticator) };
    let backend = EngineBackend::new(engine.clone()).with_scratch(scratch(&config.glusterfs));
    serve_engine(listener, engine, backend, options, stop).await
}

/// Serves until `stop`, then lets running steps end; what is not over is resumed at the next start.
async fn serve_engine(
    listener: TcpListener,
    engine: Engine,
    backend: EngineBackend,
    options: ServerOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let backend = Arc::new(backend);
    let (grace, stopped) = (options.drain, OnceLock::new());
    let stopping = async {
        stop.await;
        let _ = stopped.set(Instant::now());
        tell("Shutting down...");
        signals::exit_at_once_on_the_next();
    };
    let served = serve(listener, backend, options, stopping).await;
    // Requests and steps share the time.
    let spent = stopped.get().map_or(Duration::ZERO, Instant::elapsed);
    engine.shut_down(grace.saturating_sub(spent)).await;
    served.map_err(|error| format!("HTTP Server error: {error}"))
}

async fn listen(config: &Config, auth: &AuthMode) -> Result<TcpListener, String> {
    let address = config.listen_address(auth);
    let bound = match TcpListener::bind(SocketAddr::new(address, config.port)).await {
        // A host without IPv6 has no `::`.
        Err(error) if address.is_ipv6() && config.bind_address.is_none() && no_such_family(&error) => {
            TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), config.port)).await
        }
        other => other,
    };
    bound.map_err(|error| {
        format!(
            "HTTP Server error: cannot listen on port {} of {address}: {error}; set port to a free one",
            config.port
        )
    })
}

fn no_such_family(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn open_store(gluster: &GlusterConfig) -> Result<Arc<dyn Store>, String> {
    if gluster.db_read_only {
        return store::open_read_only(&gluster.db).map_err(|error| error.to_string());
    }
    let (store, conversion) = store::open_or_convert(&gluster.db).map_err(|error| error.to_string())?;
    if let Some(done) = conversion {
        conversion::log(&done);
    }
    Ok(Arc::new(store))
}

/// Copies of the database take their space beside it: a file system for temporary files may be memory.
fn scratch(gluster: &GlusterConfig) -> PathBuf {
    match gluster.db.parent() {
        Some(directory) if !directory.as_os_str().is_empty() && !gluster.db_read_only => directory.to_path_buf(),
        Some(_) if !gluster.db_read_only => PathBuf::from("."),
        _ => std::env::temp_dir(),
    }
}

/// What the configuration says about the engine, whoever runs it.
fn engine_config(config: &Config) -> EngineConfig {
    let gluster = &config.glusterfs;
    let policy = Policy {
        brick_min: gluster.brick_min_size.kib(),
        brick_max: gluster.brick_max_size.kib(),
        max_bricks: u32::try_from(gluster.max_bricks_per_volume).unwrap_or(u32::MAX),
        max_volumes: gluster.max_volumes_per_cluster,
        zone_checking: gluster.zone_checking,
        pre_options: gluster.pre_request_volume_options.clone(),
        post_options: gluster.post_request_volume_options.clone(),
        rebalance: nodes::commands(gluster).rebalance_on_expansion,
        average_file_size: Kib(gluster.average_file_size_kb),
        create_retries: gluster.volume_create_retries,
        copyset_nodes: gluster.copyset_nodes,
        block_hosting: BlockHostingPolicy {
            auto_create: gluster.block_hosting.auto_create,
            size: gluster.block_hosting.size,
            options: gluster.block_hosting.options.clone(),
        },
    };
    let defaults = EngineConfig::default();
    let at_most = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    EngineConfig {
        policy,
        max_in_flight: gluster.max_inflight_operations.map_or(usize::MAX, at_most),
        clean: gluster.cleaner.is_some() && !gluster.db_read_only,
        clean_start: gluster.cleaner.map_or(defaults.clean_start, |schedule| schedule.first),
        clean_interval: gluster.cleaner.map_or(defaults.clean_interval, |schedule| schedule.every),
        monitor: gluster.node_monitor.map(|schedule| MonitorConfig {
            start: schedule.first,
            interval: schedule.every,
            ..MonitorConfig::default()
        }),
        history: config.history,
        ..defaults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clean-up without a server adds to what is remembered, and prunes it.
    #[test]
    fn whoever_runs_an_engine_keeps_to_the_limits_of_the_history() {
        let text = br#"{"history_hours":2,"history_entries":500,"glusterfs":{"executor":"mock"}}"#;
        let config = Loaded::from_bytes(text, &Environment::empty()).unwrap().config;
        let limits = engine_config(&config).history;
        assert_eq!((limits.age, limits.entries), (2 * 3600, 500));
    }
}
