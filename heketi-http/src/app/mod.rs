//! The program `heketi`: command line, start, signals, end.

mod arguments;
mod demo;
mod logging;
mod nodes;
mod signals;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use heketi_core::placement::Policy;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::store::FileStore;
use tokio::net::TcpListener;

use crate::auth::Authenticator;
use crate::backend::EngineBackend;
use crate::config::{AdminState, AuthMode, Config, Environment, GlusterConfig, Loaded};
use crate::server::{ServerOptions, serve};
use arguments::{Command, Parsed};

/// How long running steps are waited for after the first signal to stop.
const GRACE: Duration = Duration::from_secs(10);

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
            Command::Serve { config, disable_auth } => server(&config, disable_auth).await,
            Command::Demo { exit, port } => demo::run(exit, port).await,
        }
    });
    // Tasks that wait for a node must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => fail(&text),
    }
}

fn fail(text: &str) -> ExitCode {
    eprintln!("ERROR: {text}");
    ExitCode::FAILURE
}

/// The version as the program prints it; scripts take its second word.
fn version() -> String {
    format!("Heketi v{}", env!("CARGO_PKG_VERSION"))
}

async fn server(file: &Path, disable_auth: bool) -> Result<(), String> {
    println!("{}", version());
    let Loaded { config, mut warnings } =
        Loaded::from_file(file, &Environment::process()).map_err(|error| error.to_string())?;
    refuse_unsupported(&config)?;
    let (auth, more) = config.auth_mode(disable_auth).map_err(|error| error.to_string())?;
    warnings.extend(more);
    warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
    logging::start(config.glusterfs.loglevel);

    let nodes = nodes::connect(&config.glusterfs)?;
    let store = FileStore::open(&config.glusterfs.db).map_err(|error| error.to_string())?;
    let listener = listen(&config, &auth).await?;
    let engine = Engine::open(Arc::new(store), nodes.executor, engine_config(&config.glusterfs))
        .await
        .map_err(|error| error.to_string())?;
    if let Some(keys) = nodes.host_keys {
        keys.keep_in(&engine);
    }
    let pending = engine.inventory().operations().count();
    if pending > 0 {
        tracing::warn!("{pending} operations were left unfinished; they are resumed in the background");
    }
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    println!("Listening on port {port}");
    let authenticator = match auth {
        AuthMode::On(keys) => Some(Authenticator::new(keys, config.iat_leeway_seconds)),
        AuthMode::Off => None,
    };
    serve_engine(listener, engine, ServerOptions::new(authenticator), signals::stop()).await
}

/// Serves until `stop`, then lets running steps end; what is not over is resumed at the next start.
async fn serve_engine(
    listener: TcpListener,
    engine: Engine,
    options: ServerOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let backend = Arc::new(EngineBackend::new(engine.clone()));
    let stopping = async {
        stop.await;
        println!("Shutting down...");
        signals::exit_at_once_on_the_next();
    };
    let served = serve(listener, backend, options, stopping).await;
    engine.shut_down(GRACE).await;
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

/// Configured things that would be wrong to ignore.
fn refuse_unsupported(config: &Config) -> Result<(), String> {
    let asked = [
        (config.tls.is_some(), "enable_tls", "set it to false and put a TLS proxy in front"),
        (config.glusterfs.db_read_only, "glusterfs.db_read_only", "set it to false"),
        (config.default_state != AdminState::Normal, "default_state", "set it to normal"),
        (config.backup_db_to_kube_secret, "backup_db_to_kube_secret", "set it to false"),
    ];
    match asked.iter().find(|(is_asked, ..)| *is_asked) {
        Some((_, key, remedy)) => Err(format!("{key} is not supported by this version of heketi: {remedy}")),
        None => Ok(()),
    }
}

fn engine_config(gluster: &GlusterConfig) -> EngineConfig {
    let policy = Policy {
        brick_min: gluster.brick_min_size.kib(),
        brick_max: gluster.brick_max_size.kib(),
        max_bricks: u32::try_from(gluster.max_bricks_per_volume).unwrap_or(u32::MAX),
        max_volumes: gluster.max_volumes_per_cluster,
        zone_checking: gluster.zone_checking,
        pre_options: gluster.pre_request_volume_options.clone(),
        post_options: gluster.post_request_volume_options.clone(),
        rebalance: nodes::commands(gluster).rebalance_on_expansion,
    };
    let defaults = EngineConfig::default();
    let at_most = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    EngineConfig {
        policy,
        max_in_flight: gluster.max_inflight_operations.map_or(usize::MAX, at_most),
        clean: gluster.cleaner.is_some(),
        clean_start: gluster.cleaner.map_or(defaults.clean_start, |schedule| schedule.first),
        clean_interval: gluster.cleaner.map_or(defaults.clean_interval, |schedule| schedule.every),
        ..defaults
    }
}
