//! Logs in to the API server: with a kubeconfig file, or with the service account of the pod heketi runs in.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::{KubernetesConfig, KubernetesError, causes};

/// Where Kubernetes puts the files of a pod's service account.
const ACCOUNT_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The service account of a pod, and the API server it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The directory of its files `token`, `ca.crt` and `namespace`. Token and authority are read again while heketi
    /// runs: Kubernetes renews them.
    pub directory: PathBuf,
    /// Host name or address of the API server.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl ServiceAccount {
    /// The one of the pod this process runs in, as `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` tell.
    ///
    /// # Errors
    /// What is missing: this is no pod then.
    pub fn of_this_pod() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set, so this is no pod"));
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT")?;
        let port = port.parse().map_err(|_| format!("KUBERNETES_SERVICE_PORT is {port:?}, which is no port"))?;
        Ok(Self { directory: PathBuf::from(ACCOUNT_DIRECTORY), host, port })
    }

    fn config(&self) -> Result<Config, String> {
        let file = |name: &str| self.directory.join(name);
        let read = |file: &Path| {
            std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
        };
        let (token, authority) = (file("token"), file("ca.crt"));
        if read(&token)?.trim().is_empty() {
            return Err(format!("{} is empty: the pod needs a service account token", token.display()));
        }
        let namespace = read(&file("namespace"))?;
        read(&authority)?;
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host.trim_matches(['[', ']'])),
            false => self.host.clone(),
        };
        let url = format!("https://{host}:{}", self.port);
        let mut config = Config::new(url.parse().map_err(|error| format!("{url} is no address: {error}"))?);
        if !namespace.trim().is_empty() {
            namespace.trim().clone_into(&mut config.default_namespace);
        }
        config.root_cert_file = Some(authority);
        config.auth_info.token_file = Some(token.display().to_string());
        Ok(config)
    }
}

/// A client that is logged in as the settings say.
pub(super) async fn client(config: &KubernetesConfig) -> Result<Client, KubernetesError> {
    let mut login = match (&config.kubeconfig, &config.service_account) {
        (Some(file), _) => from_file(file).await,
        (None, Some(account)) => account.config(),
        (None, None) => from_environment().await,
    }
    .map_err(KubernetesError::Configuration)?;
    never_repeat(&mut login);
    Client::try_from(login).map_err(|error| KubernetesError::Configuration(causes(&error)))
}

/// kube sends a request again that was answered with 429, 503 or 504, and an exec request is one: the command of one
/// that a gateway gave up on may have run.
fn never_repeat(login: &mut Config) {
    login.default_retry = false;
}

async fn from_file(file: &Path) -> Result<Config, String> {
    let about = |error: &dyn std::error::Error| format!("kubeconfig file {}: {}", file.display(), causes(error));
    let kubeconfig = Kubeconfig::read_from(file).map_err(|error| about(&error))?;
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| about(&error))
}

/// As `kubectl` does: the file of `KUBECONFIG` or `~/.kube/config`, else the service account.
async fn from_environment() -> Result<Config, String> {
    match Config::from_kubeconfig(&KubeConfigOptions::default()).await {
        Ok(config) => Ok(config),
        Err(no_file) => ServiceAccount::of_this_pod()
            .and_then(|account| account.config())
            .map_err(|no_pod| format!("{no_pod}, and there is no kubeconfig file: {}", causes(&no_file))),
    }
}
