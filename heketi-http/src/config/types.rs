use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use heketi_core::Gib;
use heketi_core::api::AdminState;
use heketi_core::inventory::HistoryLimits;
use heketi_core::model::ZoneChecking;

use heketi_exec::runner::ssh::HostKeyPolicy;

use crate::auth::{DEFAULT_IAT_LEEWAY_SECONDS, Keys};

/// Everything that can be configured, with defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Address to listen on; `None` is every address, or loopback only while authentication is off.
    pub bind_address: Option<IpAddr>,
    /// Key `use_auth`. Alone it does not turn authentication off, see [`Config::auth_mode`].
    pub use_auth: bool,
    /// Has the file a `jwt` object?
    pub has_jwt: bool,
    /// The keys, from the file or the environment.
    pub keys: Keys,
    /// How far a token's `iat` may lie in the future.
    pub iat_leeway_seconds: u64,
    /// Copy the database to a Kubernetes secret.
    pub backup_db_to_kube_secret: bool,
    /// Name of that secret.
    pub kube_secret_name: String,
    /// TLS, if it is on.
    pub tls: Option<TlsConfig>,
    /// Serve profiles.
    pub profiling: bool,
    /// The mode the server starts in.
    pub default_state: AdminState,
    /// Time that running requests and steps get when the server stops (`shutdown_timeout`, in seconds).
    pub shutdown_timeout: Duration,
    /// How much is remembered of what is over: finished requests and `Idempotency-Key`s (`history_hours`, and
    /// `history_entries` of each, at least 100).
    pub history: HistoryLimits,
    /// What log lines look like (`log_format`: `text` or `json`).
    pub log_format: LogFormat,
    /// Everything about volumes and nodes.
    pub glusterfs: GlusterConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            bind_address: None,
            use_auth: true,
            has_jwt: false,
            keys: Keys::default(),
            iat_leeway_seconds: DEFAULT_IAT_LEEWAY_SECONDS,
            backup_db_to_kube_secret: false,
            kube_secret_name: "heketi-db-backup".to_owned(),
            tls: None,
            profiling: false,
            default_state: AdminState::Normal,
            shutdown_timeout: Duration::from_secs(10),
            history: HistoryLimits::default(),
            log_format: LogFormat::Text,
            glusterfs: GlusterConfig::default(),
        }
    }
}

/// Must clients prove who they are?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Yes, with these keys.
    On(Keys),
    /// No.
    Off,
}

/// Files for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Certificate chain, PEM.
    pub cert_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// What makes the server stop.
    Critical,
    /// What failed.
    Error,
    /// What may fail later.
    Warning,
    /// What was done.
    #[default]
    Info,
    /// Every command on every node.
    Debug,
}

impl LogLevel {
    const ALL: [(&'static str, Self); 6] = [
        ("none", Self::None),
        ("critical", Self::Critical),
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];

    /// The level of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| level)
    }

    /// Its name in the configuration and the API.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, level)| *level == self).map_or("info", |(name, _)| name)
    }
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How commands reach the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutorKind {
    /// SSH.
    #[default]
    Ssh,
    /// On this machine, which is the only node.
    Local,
    /// Into the gluster pod on the node.
    Kubernetes,
    /// Into a simulation.
    Mock,
    /// SSH with injected faults.
    InjectSsh,
    /// The simulation with injected faults.
    InjectMock,
}

impl ExecutorKind {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Local => "local",
            Self::Kubernetes => "kubernetes",
            Self::Mock => "mock",
            Self::InjectSsh => "inject/ssh",
            Self::InjectMock => "inject/mock",
        }
    }
}

/// First run and pause of something periodic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the start of the server to the first run.
    pub first: Duration,
    /// Between runs.
    pub every: Duration,
}

impl Schedule {
    pub(super) const fn seconds(first: u64, every: u64) -> Self {
        Self { first: Duration::from_secs(first), every: Duration::from_secs(every) }
    }
}

/// The volumes that host block volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHosting {
    /// Make them when they are missing.
    pub auto_create: bool,
    /// Size of one that is made.
    pub size: Gib,
    /// Options of one that is made.
    pub options: Vec<String>,
}

/// The `glusterfs` object.
#[derive(Clone, Debug, PartialEq)]
pub struct GlusterConfig {
    /// Database file.
    pub db: PathBuf,
    /// Open it for reading only.
    pub db_read_only: bool,
    /// How commands reach the nodes.
    pub executor: ExecutorKind,
    /// How much is logged.
    pub loglevel: LogLevel,
    /// Largest brick.
    pub brick_max_size: Gib,
    /// Smallest brick.
    pub brick_min_size: Gib,
    /// Most bricks of a volume.
    pub max_bricks_per_volume: u64,
    /// Expected average size of files, for thin-pool metadata and inodes.
    pub average_file_size_kb: u64,
    /// Options set before a request's own.
    pub pre_request_volume_options: Vec<String>,
    /// Options set after a request's own.
    pub post_request_volume_options: Vec<String>,
    /// Must the bricks of a set stand in different zones?
    pub zone_checking: ZoneChecking,
    /// In clusters with more nodes than this, brick sets keep to a bounded family of groups of nodes (`copyset_nodes`,
    /// not known to heketi v10); `None` is never.
    pub copyset_nodes: Option<u32>,
    /// Most volumes of a cluster; `None` is no limit.
    pub max_volumes_per_cluster: Option<u64>,
    /// The volumes that host block volumes.
    pub block_hosting: BlockHosting,
    /// Checks of the nodes' health; `None` is never.
    pub node_monitor: Option<Schedule>,
    /// Most operations at a time; `None` is no limit.
    pub max_inflight_operations: Option<u64>,
    /// Clean-up of operations that did not end; `None` is never.
    pub cleaner: Option<Schedule>,
    /// How often a volume create is tried again.
    pub volume_create_retries: u32,
    /// Settings of the `ssh` executor.
    pub ssh: SshConfig,
    /// Settings of the `kubernetes` executor.
    pub kube: KubeConfig,
    /// Settings of the `local` executor (`localexec`, not known to heketi v10): those of commands, `sudo` among them.
    pub local: CommandConfig,
    /// The `injectexec` object as it is in the file: hooks of the `inject/…` executors.
    pub inject: serde_json::Value,
    /// Size of a device of the `mock` executor.
    pub mock_device_size: Gib,
}

impl Default for GlusterConfig {
    fn default() -> Self {
        Self {
            db: PathBuf::from("heketi.db"),
            db_read_only: false,
            executor: ExecutorKind::default(),
            loglevel: LogLevel::default(),
            brick_max_size: Gib(4096),
            brick_min_size: Gib(1),
            max_bricks_per_volume: 32,
            average_file_size_kb: 64,
            pre_request_volume_options: Vec::new(),
            post_request_volume_options: Vec::new(),
            zone_checking: ZoneChecking::None,
            copyset_nodes: None,
            max_volumes_per_cluster: Some(1000),
            block_hosting: BlockHosting {
                auto_create: false,
                size: Gib(1024),
                options: vec!["group gluster-block".to_owned()],
            },
            node_monitor: Some(Schedule::seconds(10, 120)),
            max_inflight_operations: Some(8),
            cleaner: Some(Schedule::seconds(60, 3600)),
            volume_create_retries: 4,
            ssh: SshConfig::default(),
            kube: KubeConfig::default(),
            local: CommandConfig::default(),
            inject: serde_json::Value::Null,
            mock_device_size: Gib(500),
        }
    }
}

/// Settings of commands on nodes, whatever way they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandConfig {
    /// The file that gets the lines of brick mounts.
    pub fstab: PathBuf,
    /// Mount options of bricks.
    pub mountopts: String,
    /// Options of new fstab lines beside those of `mountopts`, such as `nofail`.
    pub fstab_options: String,
    /// Put `sudo` before commands.
    pub sudo: bool,
    /// Most snapshots of a volume; `None` is no limit.
    pub snapshot_limit: Option<u64>,
    /// Spread existing data over new bricks.
    pub rebalance_on_expansion: bool,
    /// Let LVM back up its metadata.
    pub backup_lvm_metadata: bool,
    /// Time-out of a gluster command.
    pub gluster_cli_timeout: Duration,
    /// Data alignment of physical volumes.
    pub pv_data_alignment: String,
    /// Extent size of volume groups.
    pub vg_physicalextentsize: String,
    /// Chunk size of thin pools.
    pub lv_chunksize: String,
    /// XFS stripe width; 0 is unset.
    pub xfs_sw: u64,
    /// XFS stripe unit; 0 is unset.
    pub xfs_su: u64,
    /// Name the processes that hold a brick that cannot be unmounted; on unless it is turned off, unlike in v10.
    pub debug_umount_failures: bool,
    /// How gluster-block allocates.
    pub block_prealloc: String,
    /// A command put before LVM commands.
    pub lvm_wrapper: String,
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self {
            fstab: PathBuf::from("/etc/fstab"),
            mountopts: "rw,inode64,noatime,nouuid".to_owned(),
            fstab_options: String::new(),
            sudo: false,
            snapshot_limit: None,
            rebalance_on_expansion: true,
            backup_lvm_metadata: false,
            gluster_cli_timeout: Duration::from_secs(600),
            pv_data_alignment: "256K".to_owned(),
            vg_physicalextentsize: "4M".to_owned(),
            lv_chunksize: "256K".to_owned(),
            xfs_sw: 0,
            xfs_su: 0,
            debug_umount_failures: true,
            block_prealloc: "full".to_owned(),
            lvm_wrapper: String::new(),
        }
    }
}

/// The `sshexec` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshConfig {
    /// Private key file; with `identity_agent` the file of a public key, or empty.
    pub keyfile: PathBuf,
    /// Socket of the ssh-agent that holds the key (`identity_agent`, not known to heketi v10); `None`: the key is in
    /// the file.
    pub identity_agent: Option<PathBuf>,
    /// User on the nodes.
    pub user: String,
    /// Port on the nodes.
    pub port: u16,
    /// What is done about a host key nobody has seen before (`host_key_policy`).
    pub host_key_policy: HostKeyPolicy,
    /// Known-hosts files; `None`: none were named.
    pub known_hosts: Option<Vec<PathBuf>>,
    /// How long connecting and the login may take together (`connect_timeout`, in seconds).
    pub connect_timeout: Duration,
    /// A silent connection is probed this often, and dead after three probes (`keepalive_interval`, in seconds).
    pub keepalive_interval: Duration,
    /// Batches of commands at a time on one node (`max_commands_per_node`).
    pub max_commands_per_node: usize,
    /// Connections at a time, over all nodes (`max_connections`).
    pub max_connections: usize,
    /// Settings of commands.
    pub commands: CommandConfig,
}

impl Default for SshConfig {
    fn default() -> Self {
        Self {
            keyfile: PathBuf::new(),
            identity_agent: None,
            user: "heketi".to_owned(),
            port: 22,
            host_key_policy: HostKeyPolicy::default(),
            known_hosts: None,
            connect_timeout: Duration::from_secs(15),
            keepalive_interval: Duration::from_secs(15),
            max_commands_per_node: 4,
            max_connections: 64,
            commands: CommandConfig::default(),
        }
    }
}

/// The `kubeexec` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeConfig {
    /// Namespace of the gluster pods; `None` is the server's own.
    pub namespace: Option<String>,
    /// The kubeconfig file to log in with (`kubeconfig`, not known to heketi v10); `None`: that of the environment, or
    /// the service account of the server's pod.
    pub kubeconfig: Option<PathBuf>,
    /// The container of a pod that gets the commands; `None` is its default one.
    pub container: Option<String>,
    /// Find pods by node name instead of by label.
    pub gluster_daemonset: bool,
    /// Management host names are names of pods.
    pub use_pod_names: bool,
    /// Most sessions at a time; `None` is no limit.
    pub max_connections: Option<u64>,
    /// Do not put `timeout` before commands.
    pub disable_timeout_prefix: bool,
    /// Settings of commands.
    pub commands: CommandConfig,
}

impl Default for KubeConfig {
    fn default() -> Self {
        Self {
            namespace: None,
            kubeconfig: None,
            container: None,
            gluster_daemonset: false,
            use_pod_names: false,
            max_connections: Some(64),
            disable_timeout_prefix: false,
            commands: CommandConfig::default(),
        }
    }
}
