//! Settings from Python, with the names of heketi's configuration file.

use std::time::Duration;

use heketi_core::model::ZoneChecking;
use heketi_core::placement::{BlockHostingPolicy, Policy};
use heketi_core::units::{Gib, Kib};
use heketi_exec::engine::{EngineConfig, MonitorConfig};
use heketi_exec::node::NodeOptions;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Reads JSON that the Python side wrote.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        // Where in the JSON it is says nothing to a caller who wrote Python.
        let text = error.to_string();
        Failure::Invalid(text.split(" at line ").next().unwrap_or_default().to_owned())
    })
}

/// Limits and defaults of placement: the keys of `heketi.json` that concern it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicySettings {
    brick_min_size_gb: Option<u64>,
    brick_max_size_gb: Option<u64>,
    max_bricks_per_volume: Option<u32>,
    max_volumes_per_cluster: Option<u64>,
    zone_checking: Option<String>,
    average_file_size_kb: Option<u64>,
    pre_request_volume_options: Vec<String>,
    post_request_volume_options: Vec<String>,
    copyset_nodes: Option<u32>,
    auto_create_block_hosting_volume: Option<bool>,
    block_hosting_volume_size: Option<u64>,
    block_hosting_volume_options: Option<Vec<String>>,
}

impl PolicySettings {
    /// # Errors
    /// [`Failure::Invalid`] for values that contradict each other or mean nothing.
    pub(crate) fn policy(self, default: Policy) -> Result<Policy, Failure> {
        let zones = match self.zone_checking.as_deref() {
            None => default.zone_checking,
            Some("none") => ZoneChecking::None,
            Some("strict") => ZoneChecking::Strict,
            Some(other) => return Err(Failure::Invalid(format!("zone_checking {other:?} is none of none, strict"))),
        };
        let kib = |gib: Option<u64>, default: Kib| gib.map_or(default, |gib| Gib(gib).kib());
        let hosting = default.block_hosting;
        let policy = Policy {
            brick_min: kib(self.brick_min_size_gb, default.brick_min),
            brick_max: kib(self.brick_max_size_gb, default.brick_max),
            max_bricks: self.max_bricks_per_volume.unwrap_or(default.max_bricks),
            max_volumes: match self.max_volumes_per_cluster {
                None => default.max_volumes,
                Some(0) => None,
                limit => limit,
            },
            zone_checking: zones,
            average_file_size: self.average_file_size_kb.map_or(default.average_file_size, Kib),
            pre_options: self.pre_request_volume_options,
            post_options: self.post_request_volume_options,
            copyset_nodes: self.copyset_nodes.or(default.copyset_nodes),
            block_hosting: BlockHostingPolicy {
                auto_create: self.auto_create_block_hosting_volume.unwrap_or(hosting.auto_create),
                size: self.block_hosting_volume_size.map_or(hosting.size, Gib),
                options: self.block_hosting_volume_options.unwrap_or(hosting.options),
            },
            ..default
        };
        if policy.brick_min == Kib::ZERO || policy.brick_min > policy.brick_max {
            let (min, max) = (policy.brick_min, policy.brick_max);
            return Err(Failure::Invalid(format!("bricks of at least {min} and at most {max} are not possible")));
        }
        Ok(policy)
    }
}

/// Settings of an embedded manager.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineSettings {
    policy: PolicySettings,
    max_inflight_operations: Option<usize>,
    steps_per_node: Option<usize>,
    monitor_gluster_nodes: Option<bool>,
    background_cleaner: Option<bool>,
    poll_interval: Option<f64>,
}

impl EngineSettings {
    /// # Errors
    /// [`Failure::Invalid`] as [`PolicySettings::policy`].
    pub(crate) fn config(self) -> Result<EngineConfig, Failure> {
        let default = EngineConfig::default();
        let positive = |name: &str, number: Option<usize>, default: usize| match number {
            Some(0) => Err(Failure::Invalid(format!("{name} must be at least 1"))),
            number => Ok(number.unwrap_or(default)),
        };
        let poll_interval = match self.poll_interval.map(Duration::try_from_secs_f64) {
            None => default.poll_interval,
            Some(Ok(span)) if !span.is_zero() => span,
            Some(_) => return Err(Failure::Invalid("poll_interval must be a number of seconds above 0".into())),
        };
        Ok(EngineConfig {
            policy: self.policy.policy(default.policy)?,
            max_in_flight: positive("max_inflight_operations", self.max_inflight_operations, default.max_in_flight)?,
            steps_per_node: positive("steps_per_node", self.steps_per_node, default.steps_per_node)?,
            monitor: self.monitor_gluster_nodes.unwrap_or(true).then(MonitorConfig::default),
            clean: self.background_cleaner.unwrap_or(default.clean),
            poll_interval,
            ..default
        })
    }
}

/// How commands are made: the keys of `sshexec` in `heketi.json` that concern it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CommandSettings {
    fstab: Option<String>,
    mount_options: Option<String>,
    gluster_cli_timeout: Option<u32>,
    backup_lvm_metadata: Option<bool>,
    pv_data_alignment: Option<String>,
    vg_physicalextentsize: Option<String>,
    lv_chunksize: Option<String>,
    xfs_su: Option<u32>,
    xfs_sw: Option<u32>,
    lvm_wrapper: Option<String>,
    debug_umount_failures: Option<bool>,
    snapshot_limit: Option<u32>,
    block_prealloc: Option<String>,
}

impl CommandSettings {
    pub(crate) fn options(self) -> NodeOptions {
        let default = NodeOptions::default();
        NodeOptions {
            fstab: self.fstab.unwrap_or(default.fstab),
            mount_options: self.mount_options.unwrap_or(default.mount_options),
            gluster_timeout: self.gluster_cli_timeout.unwrap_or(default.gluster_timeout),
            backup_lvm_metadata: self.backup_lvm_metadata.unwrap_or(default.backup_lvm_metadata),
            pv_data_alignment: self.pv_data_alignment.unwrap_or(default.pv_data_alignment),
            vg_physical_extent_size: self.vg_physicalextentsize.unwrap_or(default.vg_physical_extent_size),
            lv_chunk_size: self.lv_chunksize.unwrap_or(default.lv_chunk_size),
            xfs_su: self.xfs_su.unwrap_or(default.xfs_su),
            xfs_sw: self.xfs_sw.unwrap_or(default.xfs_sw),
            lvm_wrapper: self.lvm_wrapper.unwrap_or(default.lvm_wrapper),
            debug_umount_failures: self.debug_umount_failures.unwrap_or(default.debug_umount_failures),
            snapshot_limit: self.snapshot_limit.unwrap_or(default.snapshot_limit),
            block_prealloc: self.block_prealloc.unwrap_or(default.block_prealloc),
            ..default
        }
    }
}
