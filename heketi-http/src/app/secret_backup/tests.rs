use std::sync::Arc;

use flate2::read::GzDecoder;
use heketi_exec::engine::EngineConfig;
use heketi_exec::node::NodeOptions;
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::{FileStore, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers requests with these statuses in turn, and returns what was asked.
async fn api_server(listener: TcpListener, statuses: &[u16]) -> Vec<String> {
    let mut requests = Vec::new();
    for status in statuses {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            stream.read_buf(&mut bytes).await.unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_some_and(|length| length.parse::<usize>().unwrap() == body.len()) {
                break;
            }
        }
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        requests.push(String::from_utf8(bytes).unwrap());
    }
    requests
}

#[tokio::test]
async fn the_secret_follows_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let account = directory.path();
    std::fs::write(account.join("namespace"), "storage\n").unwrap();
    std::fs::write(account.join("token"), "a-token\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let secrets = Secrets::new(&server, account, "heketi-db-backup").unwrap();

    let store = FileStore::open(account.join("heketi.db")).unwrap();
    let executor = Arc::new(MockExecutor::new(NodeOptions::default(), 1));
    let engine = Engine::open(Arc::new(store), executor, EngineConfig::default()).await.unwrap();
    let first = engine.cluster_create(true, true).await.unwrap();
    let metrics = Metrics::default();
    let following =
        tokio::spawn(follow(engine.clone(), secrets, metrics.clone(), account.into(), Duration::from_millis(1)));
    // Not there yet, made; then refused, and tried again although nothing changes.
    let asked = tokio::spawn(async move { api_server(listener, &[404, 201, 403, 200]).await });
    let bytes = |text: &str| text.lines().any(|line| line.starts_with("heketi_kube_secret_backup_bytes"));
    let stored = async {
        while !bytes(&metrics.text(None)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.unwrap();
    engine.cluster_create(true, true).await.unwrap();
    let requests = tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap();
    following.abort();

    let starts: Vec<&str> = requests.iter().map(|request| request.lines().next().unwrap()).collect();
    let put = "PUT /api/v1/namespaces/storage/secrets/heketi-db-backup HTTP/1.1";
    assert_eq!(starts, [put, "POST /api/v1/namespaces/storage/secrets HTTP/1.1", put, put]);
    assert!(requests.iter().all(|request| request.contains("authorization: Bearer a-token\r\n")));
    let body: serde_json::Value = serde_json::from_str(requests[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    let packed = STANDARD.decode(body["data"][KEY].as_str().unwrap()).unwrap();
    let path = account.join("restored.db");
    io::copy(&mut GzDecoder::new(packed.as_slice()), &mut File::create(&path).unwrap()).unwrap();
    let (records, _) = FileStore::open(&path).unwrap().load().unwrap();
    assert!(format!("{records:?}").contains(&first.to_string()), "{records:?}");
}
