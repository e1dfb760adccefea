//! How the server reaches the nodes, as the configuration says.

use std::sync::Arc;

use heketi_exec::engine::{Engine, EngineHostKeys};
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeCheck, NodeExecutor, NodeOptions, check_node, needed_programs};
use heketi_exec::runner::inject::{InjectConfig, InjectRunner};
use heketi_exec::runner::ssh::HostKeyPolicy;
use heketi_exec::runner::{CommandRunner, LocalRunner, SshConfig, SshRunner};
use heketi_exec::sim::MockExecutor;

use crate::config::{CommandConfig, ExecutorKind, GlusterConfig};

/// The way to the nodes.
pub(super) struct Nodes {
    pub executor: Arc<dyn Executor>,
    /// What the executor's commands go through.
    runner: Runner,
    options: NodeOptions,
    /// Where accepted host keys are kept, once the engine is open.
    host_keys: Option<Arc<EngineHostKeys>>,
    /// The simulated nodes, if they are.
    mock: Option<Arc<MockExecutor>>,
}

impl Nodes {
    /// Host keys are kept with the state; simulated nodes hold what the state says.
    pub(super) fn know(&self, engine: &Engine) {
        if let Some(keys) = &self.host_keys {
            keys.keep_in(engine);
        }
        for failed in self.mock.iter().flat_map(|mock| mock.cluster().populate(&engine.inventory())) {
            tracing::info!("the simulated nodes lack something: {failed}");
        }
    }

    /// What a node has and lacks of what heketi needs. Changes nothing there.
    pub(super) async fn check(&self, host: &str) -> NodeCheck {
        if let Some(mock) = &self.mock {
            mock.cluster().add_node(host, host, []);
        }
        check_node(self.runner.as_ref(), &self.options, host).await
    }
}

/// The settings of commands that count for the configured executor.
pub(super) fn commands(gluster: &GlusterConfig) -> &CommandConfig {
    match gluster.executor {
        ExecutorKind::Kubernetes => &gluster.kube.commands,
        ExecutorKind::Local => &gluster.local,
        _ => &gluster.ssh.commands,
    }
}

/// Ways to the nodes that this program was built without; wrong to ignore.
pub(super) fn refuse_unsupported(gluster: &GlusterConfig) -> Result<(), String> {
    match gluster.executor {
        ExecutorKind::Kubernetes if cfg!(not(feature = "kubernetes")) => {
            Err("glusterfs.executor kubernetes is not supported: this heketi was built without the feature kubernetes"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// The way to the nodes without a database, which a running server holds: host keys are taken as a new server would take
/// them, and forgotten.
pub(super) async fn connect_to_look(gluster: &GlusterConfig) -> Result<Nodes, String> {
    match gluster.executor {
        ExecutorKind::Ssh | ExecutorKind::InjectSsh => {
            let runner = SshRunner::new(ssh_config(gluster)).map_err(|error| error.to_string())?;
            Ok(over(Arc::new(runner), options(commands(gluster))))
        }
        // What is missing is told by the check itself.
        ExecutorKind::Local => Ok(over(Arc::new(LocalRunner::new(gluster.local.sudo)), options(commands(gluster)))),
        _ => connect(gluster).await,
    }
}

pub(super) async fn connect(gluster: &GlusterConfig) -> Result<Nodes, String> {
    let options = options(commands(gluster));
    match gluster.executor {
        ExecutorKind::Ssh => ssh(gluster, options, |runner| runner),
        ExecutorKind::InjectSsh => ssh(gluster, options, injected(gluster)?),
        ExecutorKind::Local => local(&gluster.local, options).await,
        ExecutorKind::Mock => Ok(mock(gluster, options, |runner| runner)),
        ExecutorKind::InjectMock => Ok(mock(gluster, options, injected(gluster)?)),
        #[cfg(feature = "kubernetes")]
        ExecutorKind::Kubernetes => kubernetes(&gluster.kube, options).await,
        #[cfg(not(feature = "kubernetes"))]
        ExecutorKind::Kubernetes => Err("glusterfs.executor kubernetes has no way to the nodes".to_owned()),
    }
}

type Runner = Arc<dyn CommandRunner>;

/// Puts the configured faults before a way to the nodes.
fn injected(gluster: &GlusterConfig) -> Result<impl FnOnce(Runner) -> Runner, String> {
    let config = InjectConfig::from_value(&gluster.inject).map_err(|error| error.to_string())?;
    let hooks = config.commands.len() + config.results.len();
    tracing::warn!("executor is {}: {hooks} hooks replace outcomes of commands on nodes", gluster.executor.name());
    Ok(|runner| Arc::new(InjectRunner::new(runner, config)) as Runner)
}

#[cfg(feature = "kubernetes")]
async fn kubernetes(kube: &crate::config::KubeConfig, options: NodeOptions) -> Result<Nodes, String> {
    use heketi_exec::runner::kubernetes::{KubernetesConfig, KubernetesRunner, PodSelection};

    let mut config = KubernetesConfig::default();
    config.namespace.clone_from(&kube.namespace);
    config.kubeconfig.clone_from(&kube.kubeconfig);
    config.selection = match (kube.use_pod_names, kube.gluster_daemonset) {
        (true, _) => PodSelection::Name,
        (false, true) => PodSelection::Node,
        (false, false) => PodSelection::Label,
    };
    config.container.clone_from(&kube.container);
    config.max_connections = kube.max_connections.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    config.timeout_prefix = !kube.disable_timeout_prefix;
    let runner = KubernetesRunner::connect(config).await.map_err(|error| error.to_string())?;
    Ok(over(Arc::new(runner), options))
}

async fn local(commands: &CommandConfig, options: NodeOptions) -> Result<Nodes, String> {
    let runner = LocalRunner::new(commands.sudo);
    let mut programs = needed_programs(&options);
    programs.extend(commands.lvm_wrapper.split_whitespace().next());
    runner
        .check(&programs)
        .await
        .map_err(|error| format!("{error} (glusterfs.localexec.sudo is {})", commands.sudo))?;
    tracing::info!("executor is local: this machine is the only node");
    Ok(over(Arc::new(runner), options))
}

fn mock(gluster: &GlusterConfig, options: NodeOptions, wrap: impl FnOnce(Runner) -> Runner) -> Nodes {
    tracing::warn!("executor is {}: nothing is done on real nodes", gluster.executor.name());
    let mut runner: Option<Runner> = None;
    let executor = Arc::new(MockExecutor::with_runner(options.clone(), gluster.mock_device_size.0, |simulated| {
        runner.insert(wrap(simulated)).clone()
    }));
    let runner = runner.unwrap_or_else(|| Arc::new(executor.cluster().runner()));
    Nodes { executor: executor.clone(), runner, options, host_keys: None, mock: Some(executor) }
}

/// An executor whose commands go through `runner`.
fn over(runner: Runner, options: NodeOptions) -> Nodes {
    let executor = Arc::new(NodeExecutor::new(runner.clone(), options.clone()));
    Nodes { executor, runner, options, host_keys: None, mock: None }
}

fn ssh(gluster: &GlusterConfig, options: NodeOptions, wrap: impl FnOnce(Runner) -> Runner) -> Result<Nodes, String> {
    let host_keys = Arc::new(EngineHostKeys::default());
    let mut config = ssh_config(gluster);
    config.host_key_store = host_keys.clone();
    let runner = SshRunner::new(config).map_err(|error| error.to_string())?;
    Ok(Nodes { host_keys: Some(host_keys), ..over(wrap(Arc::new(runner)), options) })
}

fn ssh_config(gluster: &GlusterConfig) -> SshConfig {
    let mut config = SshConfig::new(&gluster.ssh.keyfile);
    config.agent.clone_from(&gluster.ssh.identity_agent);
    config.user.clone_from(&gluster.ssh.user);
    config.port = gluster.ssh.port;
    config.use_passphrase_variable();
    config.sudo = gluster.ssh.commands.sudo;
    config.connect_timeout = gluster.ssh.connect_timeout;
    config.keepalive_interval = gluster.ssh.keepalive_interval;
    config.channels_per_host = gluster.ssh.max_commands_per_node;
    config.max_connections = gluster.ssh.max_connections;
    config.host_key_policy = gluster.ssh.host_key_policy;
    if let Some(files) = gluster.ssh.known_hosts.as_ref().filter(|files| !files.is_empty()) {
        // Who names the files wants hosts in them and no others.
        config.host_key_policy = HostKeyPolicy::Strict;
        config.known_hosts.clone_from(files);
    }
    config
}

fn options(commands: &CommandConfig) -> NodeOptions {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    NodeOptions {
        fstab: commands.fstab.display().to_string(),
        mount_options: commands.mountopts.clone(),
        fstab_options: commands.fstab_options.clone(),
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
        block_prealloc: commands.block_prealloc.clone(),
        ..NodeOptions::default()
    }
}
