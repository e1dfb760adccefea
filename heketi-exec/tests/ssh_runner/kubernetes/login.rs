//! Logins at an API server behind TLS: with the service account of a pod, and with kubeconfig files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use heketi_exec::runner::RunErrorKind;
use heketi_exec::runner::kubernetes::{KubernetesConfig, KubernetesError, KubernetesRunner, ServiceAccount};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::api_server::{ApiServer, Behaviour};
use super::{mount, pods};
use crate::client::bounded;
use crate::conformance::simulated;

const TOKEN: &str = "bearer-of-good-news";

/// Signs certificates, as the authority of a Kubernetes cluster does.
struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut about = CertificateParams::new(Vec::new()).unwrap();
        about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = about.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(about, key) }
    }

    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut about = CertificateParams::new(vec![name.to_owned()]).unwrap();
        about.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (about.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// TLS for 127.0.0.1. `ask` wants a certificate of the client, too.
    fn tls(&self, ask: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth);
        let config = ServerConfig::builder();
        let config = match ask {
            false => config.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(self.der.clone()).unwrap();
                config.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
            }
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

async fn server(authority: &Authority, ask: bool) -> ApiServer {
    ApiServer::start_with(&simulated(), pods(), Some(authority.tls(ask))).await
}

/// What Kubernetes puts into a pod.
fn account(directory: &Path, authority: &Authority, server: &ApiServer) -> ServiceAccount {
    std::fs::write(directory.join("token"), TOKEN).unwrap();
    std::fs::write(directory.join("ca.crt"), &authority.pem).unwrap();
    std::fs::write(directory.join("namespace"), "storage\n").unwrap();
    ServiceAccount { directory: directory.to_owned(), host: "127.0.0.1".into(), port: server.port }
}

fn with_account(account: &ServiceAccount) -> KubernetesConfig {
    let mut config = KubernetesConfig::default();
    config.service_account = Some(account.clone());
    config
}

fn with_file(file: PathBuf) -> KubernetesConfig {
    let mut config = KubernetesConfig::default();
    config.kubeconfig = Some(file);
    config
}

/// A kubeconfig file for this server with these lines about the user.
fn kubeconfig(directory: &Path, authority: &Authority, server: &ApiServer, user: &str) -> PathBuf {
    std::fs::write(directory.join("authority.pem"), &authority.pem).unwrap();
    let file = directory.join("config");
    let port = server.port;
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:{port}\n    \
         certificate-authority: authority.pem\n\
         users:\n- name: u\n  user:\n{user}\n\
         contexts:\n- name: here\n  context:\n    cluster: c\n    user: u\n    namespace: storage\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test]
async fn the_service_account_of_a_pod_logs_in() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let server = server(&authority, false).await;
        server.ask_for_token(TOKEN);
        let account = account(directory.path(), &authority, &server);
        let runner = KubernetesRunner::connect(with_account(&account)).await.unwrap();
        assert_eq!(runner.namespace(), "storage");
        mount(&runner, "n1").await.unwrap();
        assert_eq!(server.execs().len(), 1);

        // A token that is no longer good.
        server.ask_for_token("another");
        let runner = KubernetesRunner::connect(with_account(&account)).await.unwrap();
        let error = mount(&runner, "n1").await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("Unauthorized"), "{error}");
        assert!(!format!("{error} {runner:?}").contains(TOKEN), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_server_of_another_authority_gets_no_token() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let server = server(&Authority::new(), false).await;
        let account = account(directory.path(), &Authority::new(), &server);
        let runner = KubernetesRunner::connect(with_account(&account)).await.unwrap();
        let error = mount(&runner, "n1").await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::Unreachable, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("certificate"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_a_pod_lacks_is_named() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let server = server(&authority, false).await;
        for file in ["token", "ca.crt", "namespace"] {
            let account = account(directory.path(), &authority, &server);
            let path = directory.path().join(file);
            std::fs::remove_file(&path).unwrap();
            let error = KubernetesRunner::connect(with_account(&account)).await.unwrap_err();
            assert!(matches!(error, KubernetesError::Configuration(_)), "{error}");
            let told = error.to_string();
            assert!(told.starts_with("Unable to create configuration for Kubernetes: "), "{told}");
            assert!(told.contains(path.to_str().unwrap()), "{told}");
        }
        let account = account(directory.path(), &authority, &server);
        server.deny(&["get pods/exec"]);
        let told = KubernetesRunner::connect(with_account(&account)).await.unwrap_err().to_string();
        assert!(told.contains("may not get pods/exec in namespace storage"), "{told}");
        assert!(told.contains("resources: [\"pods/exec\"]"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_kubeconfig_file_logs_in_with_a_token_or_a_certificate() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let by_token = server(&authority, false).await;
        by_token.ask_for_token(TOKEN);
        let file = kubeconfig(directory.path(), &authority, &by_token, &format!("    token: {TOKEN}"));
        let runner = KubernetesRunner::connect(with_file(file)).await.unwrap();
        assert_eq!(runner.namespace(), "storage");
        mount(&runner, "n2").await.unwrap();

        let by_certificate = server(&authority, true).await;
        let (certificate, key) = authority.sign("heketi", ExtendedKeyUsagePurpose::ClientAuth);
        std::fs::write(directory.path().join("me.crt"), certificate.pem()).unwrap();
        std::fs::write(directory.path().join("me.key"), key.serialize_pem()).unwrap();
        let user = "    client-certificate: me.crt\n    client-key: me.key";
        let file = kubeconfig(directory.path(), &authority, &by_certificate, user);
        let runner = KubernetesRunner::connect(with_file(file)).await.unwrap();
        mount(&runner, "n3").await.unwrap();

        let file = kubeconfig(directory.path(), &authority, &by_certificate, &format!("    token: {TOKEN}"));
        let runner = KubernetesRunner::connect(with_file(file)).await.unwrap();
        let error = mount(&runner, "n3").await.unwrap_err();
        assert!(error.nothing_more_ran, "{error}");
        assert_eq!((by_token.execs().len(), by_certificate.execs().len()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_kubeconfig_file_that_cannot_be_used_is_named() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        for text in [None, Some("apiVersion: [1"), Some("apiVersion: v1\nkind: Config\n")] {
            text.inspect(|text| std::fs::write(&file, text).unwrap());
            let error = KubernetesRunner::connect(with_file(file.clone())).await.unwrap_err();
            assert!(matches!(error, KubernetesError::Configuration(_)), "{error}");
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_command_is_sent_again_however_the_server_answers() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let server = server(&authority, false).await;
        let account = account(directory.path(), &authority, &server);
        let runner = KubernetesRunner::connect(with_account(&account)).await.unwrap();
        for (times, behaviour) in [(1, Behaviour::GiveUp), (2, Behaviour::Busy), (3, Behaviour::Break)] {
            server.behave(behaviour);
            mount(&runner, "n1").await.unwrap_err();
            assert_eq!(server.execs().len(), times, "{behaviour:?}");
        }
    })
    .await;
}
