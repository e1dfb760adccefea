//! A configuration as a file that says the same.

use std::time::Duration;

use heketi_core::model::ZoneChecking;
use heketi_exec::runner::ssh::HostKeyPolicy;
use serde_json::{Value, json};

use super::types::{CommandConfig, Config, GlusterConfig, LogFormat, Schedule};
use crate::auth::Secret;

/// What stands in the place of a key.
const MASK: &str = "********";

impl Config {
    /// Everything that was understood, under the keys of the file. Keys of clients are masked; what is limited by
    /// nothing is -1.
    pub fn shown(&self) -> Value {
        let tls = self.tls.clone().unwrap_or_default();
        json!({
            "port": self.port.to_string(),
            "bind_address": self.bind_address.map(|address| address.to_string()).unwrap_or_default(),
            "use_auth": self.use_auth,
            "jwt": { "admin": { "key": masked(&self.keys.admin) }, "user": { "key": masked(&self.keys.user) } },
            "jwt_iat_leeway_seconds": self.iat_leeway_seconds,
            "backup_db_to_kube_secret": self.backup_db_to_kube_secret,
            "kube_db_secret_name": self.kube_secret_name,
            "enable_tls": self.tls.is_some(),
            "cert_file": tls.cert_file,
            "key_file": tls.key_file,
            "profiling": self.profiling,
            "default_state": self.default_state.to_string(),
            "shutdown_timeout": self.shutdown_timeout.as_secs(),
            "history_hours": self.history.age / 3600,
            "history_entries": self.history.entries,
            "log_format": match self.log_format { LogFormat::Text => "text", LogFormat::Json => "json" },
            "glusterfs": gluster(&self.glusterfs),
        })
    }
}

fn masked(key: &Secret) -> &'static str {
    if key.is_empty() { "" } else { MASK }
}

fn limit(limit: Option<u64>) -> Value {
    limit.map_or(json!(-1), |limit| json!(limit))
}

fn seconds(schedule: Option<Schedule>, part: impl Fn(Schedule) -> Duration) -> u64 {
    schedule.map_or(0, |schedule| part(schedule).as_secs())
}

fn gluster(config: &GlusterConfig) -> Value {
    let files = config.ssh.known_hosts.iter().flatten();
    let known_hosts = files.map(|file| file.display().to_string()).collect::<Vec<_>>().join(":");
    let mut ssh = commands(&config.ssh.commands);
    ssh["keyfile"] = json!(config.ssh.keyfile);
    ssh["user"] = json!(config.ssh.user);
    ssh["identity_agent"] = json!(config.ssh.identity_agent.clone().unwrap_or_default());
    ssh["port"] = json!(config.ssh.port.to_string());
    ssh["host_key_policy"] = json!(match config.ssh.host_key_policy {
        HostKeyPolicy::Strict => "strict",
        HostKeyPolicy::AcceptNew => "accept-new",
        HostKeyPolicy::Off => "off",
    });
    ssh["known_hosts"] = json!(known_hosts);
    ssh["connect_timeout"] = json!(config.ssh.connect_timeout.as_secs());
    ssh["keepalive_interval"] = json!(config.ssh.keepalive_interval.as_secs());
    ssh["max_commands_per_node"] = json!(config.ssh.max_commands_per_node);
    ssh["max_connections"] = json!(config.ssh.max_connections);
    let mut kube = commands(&config.kube.commands);
    kube["namespace"] = json!(config.kube.namespace.clone().unwrap_or_default());
    kube["kubeconfig"] = json!(config.kube.kubeconfig.clone().unwrap_or_default());
    kube["container"] = json!(config.kube.container.clone().unwrap_or_default());
    kube["gluster_daemonset"] = json!(config.kube.gluster_daemonset);
    kube["use_pod_names"] = json!(config.kube.use_pod_names);
    kube["max_connections"] = limit(config.kube.max_connections);
    kube["disable_timeout_prefix"] = json!(config.kube.disable_timeout_prefix);
    json!({
        "db": config.db,
        "db_read_only": config.db_read_only,
        "executor": config.executor.name(),
        "loglevel": config.loglevel.name(),
        "brick_max_size_gb": config.brick_max_size.0,
        "brick_min_size_gb": config.brick_min_size.0,
        "max_bricks_per_volume": config.max_bricks_per_volume,
        "average_file_size_kb": config.average_file_size_kb,
        "pre_request_volume_options": config.pre_request_volume_options.join(","),
        "post_request_volume_options": config.post_request_volume_options.join(","),
        "zone_checking": match config.zone_checking { ZoneChecking::None => "none", ZoneChecking::Strict => "strict" },
        "copyset_nodes": config.copyset_nodes.unwrap_or(0),
        "max_volumes_per_cluster": limit(config.max_volumes_per_cluster),
        "auto_create_block_hosting_volume": config.block_hosting.auto_create,
        "block_hosting_volume_size": config.block_hosting.size.0,
        "block_hosting_volume_options": config.block_hosting.options.join(","),
        "disable_monitor_gluster_nodes": config.node_monitor.is_none(),
        "start_time_monitor_gluster_nodes": seconds(config.node_monitor, |it| it.first),
        "refresh_time_monitor_gluster_nodes": seconds(config.node_monitor, |it| it.every),
        "max_inflight_operations": limit(config.max_inflight_operations),
        "disable_background_cleaner": config.cleaner.is_none(),
        "start_time_background_cleaner": seconds(config.cleaner, |it| it.first),
        "refresh_time_background_cleaner": seconds(config.cleaner, |it| it.every),
        "operation_retry_limits": { "volume_create": config.volume_create_retries },
        "mock_device_size_gb": config.mock_device_size.0,
        "injectexec": config.inject,
        "sshexec": ssh,
        "kubeexec": kube,
        "localexec": commands(&config.local),
    })
}

fn commands(config: &CommandConfig) -> Value {
    json!({
        "fstab": config.fstab,
        "mountopts": config.mountopts,
        "fstab_options": config.fstab_options,
        "sudo": config.sudo,
        "snapshot_limit": config.snapshot_limit.unwrap_or(0),
        "rebalance_on_expansion": config.rebalance_on_expansion,
        "backup_lvm_metadata": config.backup_lvm_metadata,
        "gluster_cli_timeout": config.gluster_cli_timeout.as_secs(),
        "pv_data_alignment": config.pv_data_alignment,
        "vg_physicalextentsize": config.vg_physicalextentsize,
        "lv_chunksize": config.lv_chunksize,
        "xfs_sw": config.xfs_sw,
        "xfs_su": config.xfs_su,
        "debug_umount_failures": config.debug_umount_failures,
        "block_prealloc": config.block_prealloc,
        "lvm_wrapper": config.lvm_wrapper,
    })
}
