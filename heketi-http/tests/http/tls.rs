//! TLS of the server and of its clients. The certificates are for `localhost` and 127.0.0.1; nothing else trusts
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use heketi_http::auth::Secret;
use heketi_http::client::{Client, ClientError, ClientOptions, Credentials};
use heketi_http::tls::{ClientTls, ServerTls};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::server::{ADMIN_KEY, PATIENCE, Server, options};

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/certificates").join(name)
}

fn load(name: &str) -> ServerTls {
    ServerTls::load(&certificate(&format!("{name}.pem")), &certificate(&format!("{name}.key"))).unwrap()
}

async fn serve(tls: ServerTls) -> Server {
    let mut options = options();
    options.tls = Some(tls);
    Server::with(options).await
}

fn client(server: &Server, tls: ClientTls) -> Client {
    let url = format!("https://localhost:{}", server.address.port());
    let credentials = Credentials::new("admin", Secret::new(ADMIN_KEY));
    Client::with_options(&url, credentials, ClientOptions { tls, ..ClientOptions::default() }).unwrap()
}

fn trusting(names: &[&str]) -> ClientTls {
    ClientTls { insecure: false, certificates: names.iter().map(|name| certificate(name)).collect() }
}

#[tokio::test]
async fn a_client_trusts_what_it_was_told_to() {
    let (signed, own) = (serve(load("signed")).await, serve(load("self-signed")).await);
    let insecure = ClientTls { insecure: true, certificates: vec![] };
    for (server, tls, good) in [
        (&signed, trusting(&["authority.pem"]), true),
        (&signed, trusting(&["signed.pem"]), true),
        (&signed, trusting(&["self-signed.pem", "authority.pem"]), true),
        (&signed, trusting(&["self-signed.pem"]), false),
        (&signed, ClientTls::default(), false),
        (&signed, insecure.clone(), true),
        (&own, trusting(&["self-signed.pem"]), true),
        (&own, trusting(&["authority.pem"]), false),
        (&own, ClientTls::default(), false),
        (&own, insecure, true),
    ] {
        let told = client(server, tls.clone()).cluster_list().await;
        match good {
            true => assert!(told.unwrap().clusters.is_empty()),
            false => assert!(matches!(told, Err(ClientError::Unreachable { .. })), "{tls:?}: {told:?}"),
        }
    }
    // The name counts too.
    let url = format!("https://127.0.0.2:{}", own.address.port());
    let options = ClientOptions { tls: trusting(&["self-signed.pem"]), ..ClientOptions::default() };
    let told = Client::with_options(&url, Credentials::none(), options).unwrap().cluster_list().await;
    assert!(told.is_err(), "{told:?}");
}

#[tokio::test]
async fn the_command_line_has_v10s_flags() {
    let server = serve(load("signed")).await;
    let url = format!("https://localhost:{}", server.address.port());
    let authority = certificate("authority.pem").display().to_string();
    let missing = certificate("missing.pem").display().to_string();
    for (flags, words) in [
        (vec!["-I"], "Clusters:"),
        (vec!["--insecure-tls=true"], "Clusters:"),
        (vec!["-C", &authority], "Clusters:"),
        (vec!["--tls-cert", &authority], "Clusters:"),
        (vec![], "cannot reach the heketi server"),
        (vec!["-C", &missing], "missing.pem"),
    ] {
        let usual = ["heketi-cli", "-s", &url, "--user=admin", "--secret", ADMIN_KEY, "cluster", "list"];
        let arguments: Vec<&str> = usual.into_iter().chain(flags.iter().copied()).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        heketi_http::cli::run(arguments, &mut out, &mut err).await;
        let told = String::from_utf8([out, err].concat()).unwrap();
        assert!(told.contains(words), "{flags:?}: {told}");
    }
}

#[tokio::test]
async fn certificates_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let put = |name: &str| {
        fs::copy(certificate(&format!("{name}.pem")), &cert).unwrap();
        fs::copy(certificate(&format!("{name}.key")), &key).unwrap();
    };
    put("signed");
    let tls = ServerTls::load(&cert, &key).unwrap();
    let server = serve(tls.clone()).await;
    let (before, after) = (trusting(&["authority.pem"]), trusting(&["self-signed.pem"]));
    let connected = client(&server, before.clone());
    connected.cluster_list().await.unwrap();

    fs::write(&key, "no key").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("key.pem") && !error.contains("no key"), "{error}");
    client(&server, before.clone()).cluster_list().await.expect("the old certificate is still there");

    put("self-signed");
    tls.reload().unwrap();
    client(&server, after).cluster_list().await.unwrap();
    assert!(client(&server, before).cluster_list().await.is_err());
    connected.cluster_list().await.expect("open connections go on");
}

#[tokio::test]
async fn bad_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let (good, other) = (certificate("signed.pem"), certificate("self-signed.key"));
    for (cert, key, words) in [
        (Path::new("/nonexistent.pem"), &other, "/nonexistent.pem"),
        (empty.as_path(), &other, "it holds no certificate"),
        (good.as_path(), &empty, "it holds no private key"),
        (good.as_path(), &other, "does not fit the certificate"),
    ] {
        let error = ServerTls::load(cert, key).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn who_speaks_no_tls_is_cut_off() {
    let mut options = options();
    options.tls = Some(load("signed"));
    options.head_timeout = std::time::Duration::from_millis(200);
    let server = Server::with(options).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut rest)).await.expect("in time");
    assert!(read.is_err() || rest.is_empty());
    let plain = server.raw(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(plain.status, 0, "{plain:?}");
}
