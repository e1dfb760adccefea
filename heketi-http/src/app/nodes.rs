//! How the server reaches the nodes, as the configuration says.

use std::sync::Arc;

use heketi_exec::engine::EngineHostKeys;
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::{SshConfig, SshRunner};
use heketi_exec::sim::MockExecutor;

use crate::config::{CommandConfig, ExecutorKind, GlusterConfig};

/// The way to the nodes.
pub(super) struct Nodes {
    pub executor: Arc<dyn Executor>,
    /// Where accepted host keys are kept, once the engine is open.
    pub host_keys: Option<Arc<EngineHostKeys>>,
}

/// The settings of commands that count for the configured executor.
pub(super) fn commands(gluster: &GlusterConfig) -> &CommandConfig {
    match gluster.executor {
        ExecutorKind::Kubernetes => &gluster.kube.commands,
        _ => &gluster.ssh.commands,
    }
}

pub(super) fn connect(gluster: &GlusterConfig) -> Result<Nodes, String> {
    let options = options(commands(gluster));
    match gluster.executor {
        ExecutorKind::Ssh => ssh(gluster, options),
        ExecutorKind::Mock => {
            tracing::warn!("executor is mock: nothing is done on real nodes");
            let executor = Arc::new(MockExecutor::new(options, gluster.mock_device_size.0));
            Ok(Nodes { executor, host_keys: None })
        }
        other => Err(format!(
            "glusterfs.executor {} is not supported by this version of heketi: use ssh, or mock to try things out",
            name(other)
        )),
    }
}

fn name(executor: ExecutorKind) -> &'static str {
    match executor {
        ExecutorKind::Ssh => "ssh",
        ExecutorKind::Kubernetes => "kubernetes",
        ExecutorKind::Mock => "mock",
        ExecutorKind::InjectSsh => "inject/ssh",
        ExecutorKind::InjectMock => "inject/mock",
    }
}

fn ssh(gluster: &GlusterConfig, options: NodeOptions) -> Result<Nodes, String> {
    let host_keys = Arc::new(EngineHostKeys::default());
    let mut config = SshConfig::new(&gluster.ssh.keyfile);
    config.user.clone_from(&gluster.ssh.user);
    config.port = gluster.ssh.port;
    config.sudo = gluster.ssh.commands.sudo;
    config.host_key_policy = gluster.ssh.host_key_policy;
    config.host_key_store = host_keys.clone();
    config.use_environment();
    let runner = SshRunner::new(config).map_err(|error| error.to_string())?;
    let executor = Arc::new(NodeExecutor::new(Arc::new(runner), options));
    Ok(Nodes { executor, host_keys: Some(host_keys) })
}

fn options(commands: &CommandConfig) -> NodeOptions {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    NodeOptions {
        fstab: commands.fstab.display().to_string(),
        mount_options: commands.mountopts.clone(),
        gluster_timeout: number(commands.gluster_cli_timeout.as_secs()),
        backup_lvm_metadata: commands.backup_lvm_metadata,
        pv_data_alignment: commands.pv_data_alignment.clone(),
        vg_physical_extent_size: commands.vg_physicalextentsize.clone(),
        lv_chunk_size: commands.lv_chunksize.clone(),
        xfs_su: number(commands.xfs_su),
        xfs_sw: number(commands.xfs_sw),
        lvm_wrapper: commands.lvm_wrapper.clone(),
        debug_umount_failures: commands.debug_umount_failures,
        rebalance_on_expansion: commands.rebalance_on_expansion,
        snapshot_limit: number(commands.snapshot_limit.unwrap_or(0)),
        ..NodeOptions::default()
    }
}
