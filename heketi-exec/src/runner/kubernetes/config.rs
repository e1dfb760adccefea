//! What a [`KubernetesRunner`](super::KubernetesRunner) needs to know, and what can be wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use super::ServiceAccount;

/// Which pod stands for a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodSelection {
    /// The one pod with the label `glusterfs-node=<host>`.
    #[default]
    Label,
    /// The pod with a label `glusterfs-node` on the Kubernetes node of that name: pods of a daemon set.
    Node,
    /// The pod of that name.
    Name,
}

/// Settings of a [`KubernetesRunner`](super::KubernetesRunner).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KubernetesConfig {
    /// The namespace of the pods. Default: the one of the credentials.
    pub namespace: Option<String>,
    /// The kubeconfig file to log in with. Default: that of the environment, if there is one.
    pub kubeconfig: Option<PathBuf>,
    /// The service account to log in with when no [`kubeconfig`](Self::kubeconfig) is named. Default: that of the pod
    /// this process runs in.
    pub service_account: Option<ServiceAccount>,
    /// Which pod stands for a host.
    pub selection: PodSelection,
    /// The container that gets the commands. Default: the one the pod's annotation
    /// `kubectl.kubernetes.io/default-container` names, else the first.
    pub container: Option<String>,
    /// Commands at the same time, over all hosts; more wait. Default 64.
    pub max_connections: Option<usize>,
    /// Batches that run at the same time on one host; more wait. Default 4.
    pub batches_per_host: usize,
    /// Put `timeout` before each line. Without it a line that hangs goes on in the pod. Default true.
    pub timeout_prefix: bool,
    /// How long finding a pod may take. Default 15 s.
    pub connect_timeout: Duration,
    /// What a batch may take beyond the times of its lines before its outcome counts as unknown.
    /// Default 30 s.
    pub batch_margin: Duration,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        Self {
            namespace: None,
            kubeconfig: None,
            service_account: None,
            selection: PodSelection::default(),
            container: None,
            max_connections: Some(64),
            batches_per_host: 4,
            timeout_prefix: true,
            connect_timeout: Duration::from_secs(15),
            batch_margin: Duration::from_secs(30),
        }
    }
}

/// Why a [`KubernetesRunner`](super::KubernetesRunner) cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesError {
    /// There is no usable configuration of a client.
    #[error(
        "Unable to create configuration for Kubernetes: {0}; run heketi in a pod with a service account, or name a kubeconfig file in KUBECONFIG"
    )]
    Configuration(String),
    /// The account lacks rights.
    #[error("the account of heketi may not {missing} in namespace {namespace}; {remedy}")]
    Forbidden {
        /// What it may not do, as `verb resource`, in a list.
        missing: String,
        /// Where.
        namespace: String,
        /// The rule to add.
        remedy: String,
    },
}
