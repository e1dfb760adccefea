//! Environment variables that win over the file.

use std::str::FromStr;
use std::time::Duration;

use heketi_core::Gib;
use heketi_exec::runner::ssh::AGENT_VARIABLE;

use super::ConfigError;
use super::load::{self, ANY_NUMBER, PORT, WHOLE_NUMBER};
use super::reader::{bad, comma_list, quoted};
use super::types::{CommandConfig, Config};
use crate::auth::{DEFAULT_IAT_LEEWAY_SECONDS, Secret};

/// Where environment variables come from.
pub struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'static> {
    /// The variables of this process.
    pub fn process() -> Self {
        Self(&|name| std::env::var(name).ok())
    }

    /// No variables at all.
    pub fn empty() -> Self {
        Self(&|_| None)
    }
}

impl<'a> Environment<'a> {
    /// The variables that `lookup` knows.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(lookup)
    }

    /// An empty variable counts as absent, as in heketi v10.
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|text| !text.is_empty())
    }

    fn number<T: FromStr>(&self, name: &str, remedy: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| bad(name, &quoted(&text), remedy))
    }

    /// A boolean in one of Go's spellings.
    fn flag(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        go_bool(&text).map(Some).ok_or_else(|| bad(name, &quoted(&text), "write true or false"))
    }

    /// A boolean of which only the first letter counts.
    fn yes(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.as_bytes().first() {
            Some(b'y' | b'Y' | b'1') => Ok(Some(true)),
            Some(b'n' | b'N' | b'0') => Ok(Some(false)),
            _ => Err(bad(name, &quoted(&text), "write y or n")),
        }
    }
}

fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

macro_rules! set {
    ($($target:expr => $value:expr;)*) => {$(
        if let Some(value) = $value { $target = value.into(); }
    )*};
}

/// Overrides what the file says.
pub(super) fn apply(config: &mut Config, env: &Environment<'_>, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    set! {
        config.keys.admin => env.text("HEKETI_ADMIN_KEY").map(Secret::new);
        config.keys.user => env.text("HEKETI_USER_KEY").map(Secret::new);
        config.port => env.number::<u16>("HEKETI_HTTP_PORT", PORT)?;
        config.backup_db_to_kube_secret => env.text("HEKETI_BACKUP_DB_TO_KUBE_SECRET").map(|_| true);
        config.kube_secret_name => env.text("HEKETI_KUBE_DB_SECRET_NAME");
        config.profiling => env.text("HEKETI_PROFILING").map(|_| true);
    }
    if let Some(state) = env.text("HEKETI_DEFAULT_STATE") {
        config.default_state = load::admin_state("HEKETI_DEFAULT_STATE", &state)?;
    }
    if let Some(text) = env.text("HEKETI_JWT_IAT_LEEWAY_SECONDS") {
        config.iat_leeway_seconds = text.parse().unwrap_or_else(|_| {
            let value = quoted(&text);
            warnings.push(format!(
                "HEKETI_JWT_IAT_LEEWAY_SECONDS is {value}, {DEFAULT_IAT_LEEWAY_SECONDS} is taken: {WHOLE_NUMBER}"
            ));
            DEFAULT_IAT_LEEWAY_SECONDS
        });
    }
    application(config, env, warnings)?;
    let gluster = &mut config.glusterfs;
    for commands in [&mut gluster.ssh.commands, &mut gluster.kube.commands, &mut gluster.local] {
        command_settings(commands, env, warnings)?;
    }
    set! {
        gluster.ssh.keyfile => env.text("HEKETI_SSH_KEYFILE");
        gluster.ssh.user => env.text("HEKETI_SSH_USER");
        gluster.ssh.port => env.number::<u16>("HEKETI_SSH_PORT", PORT)?.filter(|port| *port != 0);
        gluster.kube.gluster_daemonset => env.yes("HEKETI_KUBE_GLUSTER_DAEMONSET")?;
        gluster.kube.use_pod_names => env.yes("HEKETI_KUBE_USE_POD_NAMES")?;
        gluster.mock_device_size => env.number("HEKETI_MOCK_DEVICE_SIZE_GB", WHOLE_NUMBER)?.map(Gib);
    }
    if gluster.ssh.identity_agent.as_deref() == Some(AGENT_VARIABLE.as_ref()) {
        let unset = || {
            let remedy = "that variable is not set; set it for heketi, or write the path of the agent's socket";
            bad("glusterfs.sshexec.identity_agent", &quoted(AGENT_VARIABLE), remedy)
        };
        gluster.ssh.identity_agent = Some(env.text(AGENT_VARIABLE).ok_or_else(unset)?.into());
    }
    if let Some(namespace) = env.text("HEKETI_KUBE_NAMESPACE") {
        gluster.kube.namespace = Some(namespace);
    }
    if let Some(files) = env.text("SSH_KNOWN_HOSTS") {
        gluster.ssh.known_hosts = Some(load::path_list(&files));
    }
    // Every executor has these settings, so each reported a problem of its own.
    warnings.dedup();
    Ok(())
}

fn application(config: &mut Config, env: &Environment<'_>, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    let gluster = &mut config.glusterfs;
    if let Some(name) = env.text("HEKETI_EXECUTOR") {
        gluster.executor = load::executor("HEKETI_EXECUTOR", &name)?;
    }
    if let Some(level) = env.text("HEKETI_GLUSTERAPP_LOGLEVEL") {
        match load::log_level("HEKETI_GLUSTERAPP_LOGLEVEL", &level) {
            Ok(level) => gluster.loglevel = level,
            Err(text) => warnings.push(text),
        }
    }
    if let Some(strategy) = env.text("HEKETI_ZONE_CHECKING") {
        gluster.zone_checking = load::zone_checking("HEKETI_ZONE_CHECKING", &strategy)?;
    }
    if let Some(limit) = env.number("HEKETI_GLUSTER_MAX_VOLUMES_PER_CLUSTER", ANY_NUMBER)? {
        gluster.max_volumes_per_cluster = load::limit_or_default(limit, 1000);
    }
    if let Some(limit) = env.number("HEKETI_MAX_INFLIGHT_OPERATIONS", ANY_NUMBER)? {
        gluster.max_inflight_operations = load::limit_or_default(limit, 8);
    }
    if let Some(text) = env.text("HEKETI_AUTO_CREATE_BLOCK_HOSTING_VOLUME") {
        gluster.block_hosting.auto_create = go_bool(&text).unwrap_or_else(|| {
            let value = quoted(&text);
            let text =
                format!("HEKETI_AUTO_CREATE_BLOCK_HOSTING_VOLUME is {value}, false is taken: write true or false");
            warnings.push(text);
            false
        });
    }
    set! {
        gluster.db => env.text("HEKETI_DB_PATH");
        gluster.pre_request_volume_options => env.text("HEKETI_PRE_REQUEST_VOLUME_OPTIONS").map(|text| comma_list(&text));
        gluster.post_request_volume_options => env.text("HEKETI_POST_REQUEST_VOLUME_OPTIONS").map(|text| comma_list(&text));
        gluster.block_hosting.size => env.number("HEKETI_BLOCK_HOSTING_VOLUME_SIZE", WHOLE_NUMBER)?.filter(|size| *size > 0).map(Gib);
        gluster.block_hosting.options => env.text("HEKETI_BLOCK_HOSTING_VOLUME_OPTIONS").map(|text| comma_list(&text));
    }
    // Exactly `true`, as in heketi v10: these switch safety nets off.
    if env.text("HEKETI_DISABLE_HEALTH_MONITOR").as_deref() == Some("true") {
        gluster.node_monitor = None;
    }
    if env.text("HEKETI_DISABLE_BACKGROUND_CLEANER").as_deref() == Some("true") {
        gluster.cleaner = None;
    }
    Ok(())
}

fn command_settings(
    commands: &mut CommandConfig,
    env: &Environment<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfigError> {
    set! {
        commands.fstab => env.text("HEKETI_FSTAB");
        commands.mountopts => env.text("HEKETI_MOUNT_OPTS");
        commands.debug_umount_failures => env.flag("HEKETI_DEBUG_UMOUNT_FAILURES")?;
        commands.lvm_wrapper => env.text("HEKETI_LVM_WRAPPER");
        commands.rebalance_on_expansion => env.flag("HEKETI_GLUSTERAPP_REBALANCE_ON_EXPANSION")?;
    }
    if let Some(limit) = env.number("HEKETI_SNAPSHOT_LIMIT", ANY_NUMBER)? {
        commands.snapshot_limit = load::snapshot_limit(limit);
    }
    if let Some(seconds) = env.number::<u64>("HEKETI_GLUSTER_CLI_TIMEOUT", WHOLE_NUMBER)?.filter(|seconds| *seconds > 0)
    {
        commands.gluster_cli_timeout = Duration::from_secs(seconds);
    }
    if let Some(word) = env.text("HEKETI_BLOCK_VOLUME_DEFAULT_PREALLOC") {
        match load::block_prealloc("HEKETI_BLOCK_VOLUME_DEFAULT_PREALLOC", &word) {
            Ok(word) => commands.block_prealloc = word,
            Err(text) => warnings.push(text),
        }
    }
    Ok(())
}
