//! Runs batches in the gluster pods of a Kubernetes cluster, over the API server's exec.
//!
//! A batch is one exec request in the pod that stands for the host: one round trip, as over SSH. Pods that are
//! about to end or not ready get no commands. The API server cannot end a process in a pod: `timeout` before
//! each line does that.

mod config;
mod exec;
mod login;
mod pods;
mod rights;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kube::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use config::{KubernetesConfig, KubernetesError, PodSelection};
pub use login::ServiceAccount;

use super::outcome::{End, Job};
use super::splitter::Split;
use super::wrapper::{Script, longest_run};
use super::{Batch, BatchResult, CommandRunner, RunError, RunErrorKind};
use exec::Followed;

/// Runs batches in pods. Cheap to share behind an `Arc`.
pub struct KubernetesRunner {
    client: Client,
    namespace: String,
    config: KubernetesConfig,
    /// Places for requests, over all hosts.
    total: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl fmt::Debug for KubernetesRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesRunner")
            .field("namespace", &self.namespace)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl KubernetesRunner {
    /// A runner that logs in as the settings say, by default as this process: with the kubeconfig file of the
    /// environment, or with the service account of the pod it runs in. Checks that it may do what it needs to.
    ///
    /// # Errors
    /// [`KubernetesError`] when there are no credentials, or a right is missing: the text names the rule. An
    /// API server that does not answer is only logged: it may come back.
    pub async fn connect(config: KubernetesConfig) -> Result<Self, KubernetesError> {
        let runner = Self::with_client(login::client(&config).await?, config);
        runner.check_rights().await?;
        Ok(runner)
    }

    /// A runner over a client of yours, whose `default_retry` must be off: it would run commands again. Asks the API
    /// server nothing yet.
    pub fn with_client(client: Client, config: KubernetesConfig) -> Self {
        let namespace = config.namespace.clone().filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let total = Arc::new(Semaphore::new(most(config.max_connections.unwrap_or(usize::MAX))));
        Self { client, namespace, config, total, hosts: Mutex::default() }
    }

    /// The namespace of the pods.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Asks the API server whether this account may find pods and run commands in them.
    ///
    /// # Errors
    /// [`KubernetesError::Forbidden`] with the rules that are missing.
    pub async fn check_rights(&self) -> Result<(), KubernetesError> {
        rights::check(&self.client, &self.namespace, &self.config).await
    }

    /// Waits for a place on the host and among all requests.
    async fn queue(&self, host: &str) -> Option<[OwnedSemaphorePermit; 2]> {
        let places = {
            // A panic elsewhere cannot leave this map half changed.
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            let limit = most(self.config.batches_per_host.max(1));
            hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(limit))).clone()
        };
        let own = places.acquire_owned().await.ok()?;
        Some([own, self.total.clone().acquire_owned().await.ok()?])
    }
}

/// As many places as a semaphore can have.
fn most(places: usize) -> usize {
    places.min(Semaphore::MAX_PERMITS)
}

#[async_trait]
impl CommandRunner for KubernetesRunner {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        if batch.lines.is_empty() {
            return Ok(BatchResult::default());
        }
        let job = Job { host, user: "", batch, sudo: false };
        let script = match self.config.timeout_prefix {
            true => Script::new(batch, false),
            false => Script::without_timeouts(batch),
        };
        let script = script.map_err(|error| job.refused(RunErrorKind::Protocol, error.to_string()))?;
        let places =
            self.queue(host).await.ok_or_else(|| job.refused(RunErrorKind::Closed, "the runner is shut down"))?;
        let find = pods::find(&self.client, &self.namespace, &self.config, host);
        let found = tokio::time::timeout(self.config.connect_timeout, find).await;
        let pod = match found {
            Ok(Ok(pod)) => pod,
            Ok(Err((kind, message))) => return Err(job.refused(kind, message)),
            Err(_) => return Err(job.refused(RunErrorKind::Unreachable, "the Kubernetes API does not answer")),
        };
        job.log_start();
        let limit = longest_run(batch) + self.config.batch_margin;
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        let splitter = script.splitter();
        let (done, outcome) = oneshot::channel();
        // What was sent goes on when the caller stops waiting, as on a real node.
        tokio::spawn(async move {
            let followed = exec::run(client, &namespace, &pod, script.text(), splitter, limit).await;
            drop(places);
            let _ = done.send(followed);
        });
        match outcome.await {
            Ok(Followed::Ran(split, end)) => job.conclude(*split, end),
            Ok(Followed::Refused(kind, message)) => Err(job.refused(kind, message)),
            Err(_) => job.conclude(Split::default(), End::Lost("the runner is shutting down".to_owned())),
        }
    }

    async fn close(&self) {
        self.total.close();
    }
}

/// What a failed request to the API server means. Nothing ran in a pod.
fn refusal(error: &kube::Error, what: &str) -> (RunErrorKind, String) {
    match error {
        kube::Error::Api(status) if status.code == 403 || status.code == 401 => (
            RunErrorKind::AuthenticationFailed,
            format!("the Kubernetes API refuses to {what}: {}; {}", status.message, rights::REMEDY),
        ),
        kube::Error::Api(status) => (RunErrorKind::Protocol, format!("cannot {what}: {}", status.message)),
        other => (RunErrorKind::Unreachable, format!("cannot {what}: {}", causes(other))),
    }
}

/// An error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
