//! Copies of the database in a Kubernetes secret: `backup_db_to_kube_secret`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use heketi_exec::engine::Engine;
use reqwest::StatusCode;
use serde_json::json;

use crate::client::http_client;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::tls::ClientTls;

/// The key in the secret, as heketi v10's.
const KEY: &str = "heketi.db.gz";

/// The most bytes that Kubernetes takes in a secret.
const LIMIT: usize = 1024 * 1024;

/// Between two copies: changes that come in quick succession are copied together.
const PAUSE: Duration = Duration::from_secs(5);

/// Time for one answer of the API server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where Kubernetes puts what a pod needs to talk to it.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The API server, and the secret in it.
struct Secrets {
    http: reqwest::Client,
    /// The URL of the namespace's secrets.
    url: String,
    /// Read for every copy: Kubernetes replaces it from time to time.
    token_file: PathBuf,
    namespace: String,
    name: String,
}

impl Secrets {
    /// The cluster this pod runs in.
    fn in_cluster(name: &str) -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let (Some(host), Some(port)) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"))
        else {
            return Err("this is no pod: KUBERNETES_SERVICE_HOST and _PORT are not set".to_owned());
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Self::new(&format!("https://{host}:{port}"), Path::new(ACCOUNT), name)
    }

    fn new(server: &str, account: &Path, name: &str) -> Result<Self, String> {
        let file = account.join("namespace");
        let namespace =
            std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?.trim().to_owned();
        let tls = match server.starts_with("https:") {
            true => ClientTls { certificates: vec![account.join("ca.crt")], ..ClientTls::default() },
            false => ClientTls::default(),
        };
        let http = http_client(&tls).map_err(|error| error.to_string())?;
        let http = http.no_proxy().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
        let url = format!("{server}/api/v1/namespaces/{namespace}/secrets");
        Ok(Self { http, url, token_file: account.join("token"), namespace, name: name.to_owned() })
    }

    /// Makes the secret hold this copy.
    async fn put(&self, copy: &[u8]) -> Result<(), String> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": self.name, "namespace": self.namespace },
            "data": { KEY: STANDARD.encode(copy) },
        });
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = token.map_err(|error| format!("{}: {error}", self.token_file.display()))?;
        let send = async |request: reqwest::RequestBuilder| {
            let answer = request.bearer_auth(token.trim()).json(&body).send().await;
            answer.map(|answer| answer.status()).map_err(|error| format!("the API server does not answer: {error}"))
        };
        let mut status = send(self.http.put(format!("{}/{}", self.url, self.name))).await?;
        if status == StatusCode::NOT_FOUND {
            status = send(self.http.post(&self.url)).await?;
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("the API server refuses it: {status}; may the service account update secrets?")),
        }
    }
}

/// Copies the database whenever it has changed, until the engine is gone.
pub(super) fn start(engine: &Engine, metrics: Metrics, config: &Config, scratch: PathBuf) {
    match Secrets::in_cluster(&config.kube_secret_name) {
        Ok(secrets) => drop(tokio::spawn(follow(engine.clone(), secrets, metrics, scratch, PAUSE))),
        Err(error) => tracing::error!("the database is not copied to a Kubernetes secret: {error}"),
    }
}

async fn follow(engine: Engine, secrets: Secrets, metrics: Metrics, scratch: PathBuf, pause: Duration) {
    let mut commits = engine.commits();
    // What changed before it was told of changes.
    commits.mark_changed();
    while commits.changed().await.is_ok() {
        if let Err(error) = copy(&engine, &secrets, &metrics, &scratch).await {
            tracing::warn!("the Kubernetes secret {} has an old copy of the database: {error}", secrets.name);
            // The same copy again, even if nothing changes any more.
            commits.mark_changed();
        }
        tokio::time::sleep(pause).await;
    }
}

async fn copy(engine: &Engine, secrets: &Secrets, metrics: &Metrics, scratch: &Path) -> Result<(), String> {
    let file = engine.backup(scratch).await.map_err(|error| error.to_string())?;
    let packed = tokio::task::spawn_blocking(move || pack(file)).await.map_err(|error| error.to_string())?;
    let packed = packed.map_err(|error| format!("the copy cannot be read: {error}"))?;
    let stored = match packed.len() > LIMIT {
        true => {
            Err(format!("it has {} bytes, a secret holds {LIMIT}: keep copies of /backup/db instead", packed.len()))
        }
        false => secrets.put(&packed).await,
    };
    metrics.secret_backup(packed.len(), stored.is_ok());
    stored
}

fn pack(mut file: File) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    io::copy(&mut file, &mut packer)?;
    packer.finish()
}

#[cfg(test)]
mod tests;
