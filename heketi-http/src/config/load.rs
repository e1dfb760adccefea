use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use heketi_core::Gib;
use heketi_core::api::AdminState;
use heketi_core::model::ZoneChecking;
use heketi_exec::runner::inject::InjectConfig;
use serde_json::Value;

use super::ConfigError;
use super::env::{self, Environment};
use super::reader::{Section, bad, quoted};
use super::types::{
    CommandConfig, Config, ExecutorKind, GlusterConfig, KubeConfig, LogFormat, LogLevel, Schedule, SshConfig, TlsConfig,
};
use crate::auth::Secret;

/// Requests that run side by side would lose their outcomes to each other with fewer.
const FEWEST_REMEMBERED: usize = 100;

/// More places than this are as good as no limit.
const MOST_PLACES: usize = 1_000_000;

pub(super) const WHOLE_NUMBER: &str = "write a whole number, 0 or more";
pub(super) const ANY_NUMBER: &str = "write a whole number";
pub(super) const PORT: &str = "write a port number, 0 to 65535";

/// A configuration, and what the operator should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Texts to show at the start: ignored keys, placeholders, values without effect.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read or a value cannot be used.
    pub fn from_file(path: &Path, environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
                _ => error.to_string(),
            };
            ConfigError::Open { path: path.display().to_string(), reason }
        })?;
        Self::from_bytes(&bytes, environment)
    }

    /// The same from the text of a file. Only its first JSON value counts.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_bytes(bytes: &[u8], environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        let value = values.next().ok_or_else(|| ConfigError::Parse("the file is empty".to_owned()))?;
        let value = value.map_err(|error| ConfigError::Parse(error.to_string()))?;
        let warnings = RefCell::default();
        let mut config = top_level(Section::new("", &value, &warnings)?)?;
        let mut warnings = warnings.into_inner();
        env::apply(&mut config, environment, &mut warnings)?;
        check(&config)?;
        Ok(Self { config, warnings })
    }
}

/// What only the whole configuration can tell.
fn check(config: &Config) -> Result<(), ConfigError> {
    let gluster = &config.glusterfs;
    let ssh = matches!(gluster.executor, ExecutorKind::Ssh | ExecutorKind::InjectSsh);
    if ssh && gluster.ssh.keyfile.as_os_str().is_empty() && gluster.ssh.identity_agent.is_none() {
        let text = "Missing ssh private key file in configuration: set glusterfs.sshexec.keyfile or HEKETI_SSH_KEYFILE, \
                    or glusterfs.sshexec.identity_agent to use an ssh-agent";
        return Err(ConfigError::Missing(text.to_owned()));
    }
    if gluster.brick_min_size > gluster.brick_max_size {
        let value = gluster.brick_min_size.0.to_string();
        let remedy = format!("write at most glusterfs.brick_max_size_gb, {}", gluster.brick_max_size.0);
        return Err(bad("glusterfs.brick_min_size_gb", &value, &remedy));
    }
    Ok(())
}

/// Assigns the value of a key if it is there.
macro_rules! set {
    ($($target:expr => $value:expr;)*) => {$(
        if let Some(value) = $value { $target = value.into(); }
    )*};
}

fn top_level(section: Section<'_>) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    set! {
        config.port => section.number::<u16>("port", PORT)?;
        config.use_auth => section.flag("use_auth")?;
        config.backup_db_to_kube_secret => section.flag("backup_db_to_kube_secret")?;
        config.profiling => section.flag("profiling")?;
        config.shutdown_timeout => section.number("shutdown_timeout", WHOLE_NUMBER)?.map(Duration::from_secs);
        config.history.age =>
            positive(section.number("history_hours", WHOLE_NUMBER)?).map(|hours| hours.saturating_mul(3600));
        config.history.entries => positive(section.number("history_entries", WHOLE_NUMBER)?)
            .map(|entries| usize::try_from(entries).unwrap_or(usize::MAX).max(FEWEST_REMEMBERED));
    }
    if let Some(address) = section.filled("bind_address")? {
        let remedy = "write an IP address, such as 0.0.0.0 or 127.0.0.1";
        let address = address.parse().map_err(|_| bad("bind_address", &quoted(&address), remedy))?;
        config.bind_address = Some(address);
    }
    if let Some(state) = section.text("default_state")? {
        config.default_state = admin_state("default_state", &state)?;
    }
    set! {
        config.iat_leeway_seconds => section.number::<u64>("jwt_iat_leeway_seconds", WHOLE_NUMBER)?;
        config.kube_secret_name => section.filled("kube_db_secret_name")?;
    }
    config.log_format = match section.filled("log_format")?.as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(other) => return Err(bad("log_format", &quoted(other), "write text or json")),
    };
    let (cert_file, key_file) = (section.filled("cert_file")?, section.filled("key_file")?);
    if section.flag("enable_tls")? == Some(true) {
        let file = |file: Option<String>, key: &str| {
            file.map(PathBuf::from)
                .ok_or_else(|| ConfigError::Missing(format!("enable_tls needs {key}: name a PEM file")))
        };
        config.tls =
            Some(TlsConfig { cert_file: file(cert_file, "cert_file")?, key_file: file(key_file, "key_file")? });
    }
    config.has_jwt = section.has("jwt");
    if let Some(jwt) = section.section("jwt")? {
        for (issuer, key) in [("admin", &mut config.keys.admin), ("user", &mut config.keys.user)] {
            let Some(issuer) = jwt.section(issuer)? else { continue };
            *key = Secret::new(issuer.text("key")?.unwrap_or_default());
            issuer.finish();
        }
        jwt.finish();
    }
    config.glusterfs = match section.section("glusterfs")? {
        Some(glusterfs) => gluster(glusterfs)?,
        None => {
            let text = "the configuration file has no glusterfs object: add one with executor and db";
            return Err(ConfigError::Missing(text.to_owned()));
        }
    };
    section.finish();
    Ok(config)
}

fn gluster(section: Section<'_>) -> Result<GlusterConfig, ConfigError> {
    let mut config = GlusterConfig::default();
    set! {
        config.db => section.filled("db")?;
        config.db_read_only => section.flag("db_read_only")?;
        config.brick_max_size => positive(section.number("brick_max_size_gb", WHOLE_NUMBER)?).map(Gib);
        config.brick_min_size => positive(section.number("brick_min_size_gb", WHOLE_NUMBER)?).map(Gib);
        config.max_bricks_per_volume => positive(section.number("max_bricks_per_volume", WHOLE_NUMBER)?);
        config.average_file_size_kb => positive(section.number("average_file_size_kb", WHOLE_NUMBER)?);
        config.pre_request_volume_options => section.list("pre_request_volume_options")?;
        config.post_request_volume_options => section.list("post_request_volume_options")?;
        config.block_hosting.auto_create => section.flag("auto_create_block_hosting_volume")?;
        config.block_hosting.size => positive(section.number("block_hosting_volume_size", WHOLE_NUMBER)?).map(Gib);
        config.block_hosting.options => section.list("block_hosting_volume_options")?.filter(|list| !list.is_empty());
    }
    if let Some(name) = section.filled("executor")? {
        config.executor = executor(&section.path("executor"), &name)?;
    }
    if let Some(level) = section.filled("loglevel")? {
        let path = section.path("loglevel");
        config.loglevel = log_level(&path, &level).unwrap_or_else(|text| {
            section.warn(text);
            LogLevel::default()
        });
    }
    if let Some(strategy) = section.filled("zone_checking")? {
        config.zone_checking = zone_checking(&section.path("zone_checking"), &strategy)?;
    }
    if let Some(nodes) = section.number::<u32>("copyset_nodes", WHOLE_NUMBER)? {
        config.copyset_nodes = (nodes > 0).then_some(nodes);
    }
    if let Some(limit) = section.number("max_volumes_per_cluster", ANY_NUMBER)? {
        config.max_volumes_per_cluster = limit_or_default(limit, 1000);
    }
    if let Some(limit) = section.number("max_inflight_operations", ANY_NUMBER)? {
        config.max_inflight_operations = limit_or_default(limit, 8);
    }
    set! { config.mock_device_size => positive(section.number("mock_device_size_gb", WHOLE_NUMBER)?).map(Gib); }
    config.node_monitor =
        schedule(&section, config.node_monitor, "disable_monitor_gluster_nodes", "monitor_gluster_nodes")?;
    config.cleaner = schedule(&section, config.cleaner, "disable_background_cleaner", "background_cleaner")?;
    if let Some(limits) = section.section("operation_retry_limits")? {
        set! { config.volume_create_retries => limits.number::<u32>("volume_create", WHOLE_NUMBER)?.filter(|n| *n > 0); }
        limits.finish();
    }
    if let Some(ssh) = section.section("sshexec")? {
        config.ssh = ssh_executor(ssh)?;
    }
    if let Some(kube) = section.section("kubeexec")? {
        config.kube = kube_executor(kube)?;
    }
    if let Some(local) = section.section("localexec")? {
        config.local = commands(&local)?;
        local.finish();
    }
    if let Some(inject) = section.value("injectexec") {
        InjectConfig::from_value(inject)
            .map_err(|error| bad(section.path("injectexec"), "not usable", &error.to_string()))?;
        config.inject = inject.clone();
    }
    section.ignore(&["allocator"]);
    section.finish();
    Ok(config)
}

fn ssh_executor(section: Section<'_>) -> Result<SshConfig, ConfigError> {
    let mut config = SshConfig { commands: commands(&section)?, ..SshConfig::default() };
    set! {
        config.keyfile => section.filled("keyfile")?;
        config.user => section.filled("user")?;
        config.port => section.number::<u16>("port", PORT)?.filter(|port| *port != 0);
        config.connect_timeout => positive(section.number("connect_timeout", WHOLE_NUMBER)?).map(Duration::from_secs);
        config.keepalive_interval =>
            positive(section.number("keepalive_interval", WHOLE_NUMBER)?).map(Duration::from_secs);
        config.max_commands_per_node => positive(section.number("max_commands_per_node", WHOLE_NUMBER)?).map(bounded);
        config.max_connections => positive(section.number("max_connections", WHOLE_NUMBER)?).map(bounded);
    }
    config.identity_agent = section.filled("identity_agent")?.map(PathBuf::from);
    config.known_hosts = section.filled("known_hosts")?.map(|files| path_list(&files));
    if let Some(text) = section.filled("host_key_policy")? {
        let remedy = "write strict, accept-new or off";
        let policy = text.parse().map_err(|_| bad("glusterfs.sshexec.host_key_policy", &text, remedy));
        config.host_key_policy = policy?;
    }
    section.finish();
    Ok(config)
}

fn kube_executor(section: Section<'_>) -> Result<KubeConfig, ConfigError> {
    let mut config = KubeConfig { commands: commands(&section)?, ..KubeConfig::default() };
    set! {
        config.gluster_daemonset => section.flag("gluster_daemonset")?;
        config.use_pod_names => section.flag("use_pod_names")?;
        config.disable_timeout_prefix => section.flag("disable_timeout_prefix")?;
    }
    config.namespace = section.filled("namespace")?;
    config.kubeconfig = section.filled("kubeconfig")?.map(PathBuf::from);
    config.container = section.filled("container")?;
    if let Some(limit) = section.number("max_connections", ANY_NUMBER)? {
        config.max_connections = limit_or_default(limit, 64);
    }
    section.ignore(&["host", "cert", "insecure", "user", "password"]);
    section.finish();
    Ok(config)
}

fn commands(section: &Section<'_>) -> Result<CommandConfig, ConfigError> {
    let mut config = CommandConfig::default();
    set! {
        config.fstab => section.filled("fstab")?;
        config.mountopts => section.filled("mountopts")?;
        config.fstab_options => section.filled("fstab_options")?;
        config.sudo => section.flag("sudo")?;
        config.backup_lvm_metadata => section.flag("backup_lvm_metadata")?;
        config.pv_data_alignment => section.filled("pv_data_alignment")?;
        config.vg_physicalextentsize => section.filled("vg_physicalextentsize")?;
        config.lv_chunksize => section.filled("lv_chunksize")?;
        config.xfs_sw => section.number::<u64>("xfs_sw", WHOLE_NUMBER)?;
        config.xfs_su => section.number::<u64>("xfs_su", WHOLE_NUMBER)?;
        config.debug_umount_failures => section.flag("debug_umount_failures")?;
        config.lvm_wrapper => section.filled("lvm_wrapper")?;
    }
    if let Some(limit) = section.number("snapshot_limit", ANY_NUMBER)? {
        config.snapshot_limit = snapshot_limit(limit);
    }
    if let Some(seconds) = positive(section.number("gluster_cli_timeout", WHOLE_NUMBER)?) {
        config.gluster_cli_timeout = Duration::from_secs(seconds);
    }
    if let Some(word) = section.filled("block_prealloc")? {
        match block_prealloc(&section.path("block_prealloc"), &word) {
            Ok(word) => config.block_prealloc = word,
            Err(text) => section.warn(text),
        }
    }
    if section.flag("rebalance_on_expansion")? == Some(false) {
        section.warn(format!(
            "{} has no effect when false, as in heketi v10: set HEKETI_GLUSTERAPP_REBALANCE_ON_EXPANSION=false instead",
            section.path("rebalance_on_expansion")
        ));
    }
    Ok(config)
}

fn schedule(
    section: &Section<'_>,
    usual: Option<Schedule>,
    disable: &str,
    name: &str,
) -> Result<Option<Schedule>, ConfigError> {
    let mut schedule = usual.unwrap_or(Schedule::seconds(0, 0));
    let seconds = |key: String| Ok(positive(section.number(&key, WHOLE_NUMBER)?).map(Duration::from_secs));
    set! {
        schedule.first => seconds(format!("start_time_{name}"))?;
        schedule.every => seconds(format!("refresh_time_{name}"))?;
    }
    Ok(if section.flag(disable)? == Some(true) { None } else { Some(schedule) })
}

/// Files separated by colons.
pub(super) fn path_list(text: &str) -> Vec<PathBuf> {
    text.split(':').filter(|file| !file.is_empty()).map(PathBuf::from).collect()
}

/// As a number of places that can be counted.
fn bounded(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(MOST_PLACES)
}

/// 0 stands for the default.
fn positive(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number > 0)
}

/// 0 stands for the default, a negative number for no limit.
pub(super) fn limit_or_default(limit: i64, default: u64) -> Option<u64> {
    match limit {
        0 => Some(default),
        _ => u64::try_from(limit).ok(),
    }
}

/// 0 and less stand for no limit.
pub(super) fn snapshot_limit(limit: i64) -> Option<u64> {
    u64::try_from(limit).ok().filter(|limit| *limit > 0)
}

pub(super) fn executor(key: &str, name: &str) -> Result<ExecutorKind, ConfigError> {
    Ok(match name {
        "ssh" => ExecutorKind::Ssh,
        "local" => ExecutorKind::Local,
        "kube" | "kubernetes" => ExecutorKind::Kubernetes,
        "mock" => ExecutorKind::Mock,
        "inject/ssh" => ExecutorKind::InjectSsh,
        "inject/mock" => ExecutorKind::InjectMock,
        _ => {
            let remedy =
                format!("invalid executor: {name}; write ssh, local, kubernetes, mock, inject/ssh or inject/mock");
            return Err(bad(key, &quoted(name), &remedy));
        }
    })
}

pub(super) fn log_level(key: &str, name: &str) -> Result<LogLevel, String> {
    LogLevel::named(name).ok_or_else(|| {
        format!("{key} is {}, info is taken: write none, critical, error, warning, info or debug", quoted(name))
    })
}

pub(super) fn zone_checking(key: &str, name: &str) -> Result<ZoneChecking, ConfigError> {
    match name {
        "none" => Ok(ZoneChecking::None),
        "strict" => Ok(ZoneChecking::Strict),
        _ => Err(bad(key, &quoted(name), "write none or strict")),
    }
}

pub(super) fn admin_state(key: &str, name: &str) -> Result<AdminState, ConfigError> {
    if name.is_empty() {
        return Ok(AdminState::Normal);
    }
    let remedy = "unknown admin state name; write normal, local-client or read-only";
    AdminState::named(name).ok_or_else(|| bad(key, &quoted(name), remedy))
}

pub(super) fn block_prealloc(key: &str, word: &str) -> Result<String, String> {
    let good = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(word.to_owned()) } else { Err(format!("{key} is {}, full is taken: write a word", quoted(word))) }
}
