//! Requests a second over real sockets, with tokens, beside a bare hyper that sends the same bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use heketi_benches::is_smoke_run;
use heketi_core::placement::Policy;
use heketi_exec::engine::{Engine, EngineConfig};
use heketi_exec::node::NodeOptions;
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::FileStore;
use heketi_http::auth::{Authenticator, DEFAULT_IAT_LEEWAY_SECONDS, Issued, Keys, Secret, TokenLifetime, sign};
use heketi_http::backend::EngineBackend;
use heketi_http::server::{ServerOptions, serve};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "a key of some length for the bench";
/// Nodes of the simulated cluster, in four zones.
const NODES: u32 = 12;

/// A connection that stays open.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request and reads the answer: status, head, body.
    async fn ask(&mut self, request: &[u8]) -> (u16, String, String) {
        self.stream.write_all(request).await.expect("the server reads");
        self.buffer.clear();
        loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("an answer") > 0, "the server hung up");
            let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&self.buffer[..end]).expect("a head");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
            if self.buffer.len() == end + 4 + length {
                let body = String::from_utf8_lossy(&self.buffer[end + 4..]).into_owned();
                return (head[9..12].parse().expect("a status"), head.to_owned(), body);
            }
        }
    }
}

fn request(method: &str, path: &str, body: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let issued = Issued { issuer: "admin", method, path, now, lifetime: TokenLifetime::default() };
    let token = sign(&Secret::new(KEY), &issued).expect("a token");
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Follows a job to its end; the path of its result.
async fn finished(client: &mut Client, answer: (u16, String, String)) -> Option<String> {
    assert_eq!(answer.0, 202, "{}", answer.2);
    let location = |head: &str| head.lines().find_map(|line| line.strip_prefix("location: ").map(str::to_owned));
    let queue = request("GET", &location(&answer.1).expect("a job"), "");
    loop {
        let (status, head, body) = client.ask(&queue).await;
        match status {
            200 => tokio::time::sleep(Duration::from_millis(1)).await,
            303 => return location(&head),
            204 => return None,
            _ => panic!("{body}"),
        }
    }
}

async fn post(client: &mut Client, path: &str, body: &str) -> Option<String> {
    let answer = client.ask(&request("POST", path, body)).await;
    finished(client, answer).await
}

/// Starts heketi over simulated nodes; its address.
async fn heketi(directory: &std::path::Path) -> SocketAddr {
    let store = FileStore::open(directory.join("heketi.db")).expect("a store");
    let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
    let policy = Policy { max_volumes: None, ..Policy::default() };
    let config = EngineConfig { policy, max_in_flight: 1024, clean: false, monitor: None, ..EngineConfig::default() };
    let executor = Arc::new(MockExecutor::new(options, 64 * 1024));
    let engine = Engine::open(Arc::new(store), executor, config).await.expect("the store opens");
    let keys = Keys { admin: Secret::new(KEY), user: Secret::new("another key") };
    let options = ServerOptions::new(Some(Authenticator::new(keys, DEFAULT_IAT_LEEWAY_SECONDS)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, Arc::new(EngineBackend::new(engine)), options, std::future::pending()));
    let mut client = Client::connect(address).await;
    let made = client.ask(&request("POST", "/clusters", r#"{"file":true,"block":true}"#)).await;
    let cluster: serde_json::Value = serde_json::from_str(&made.2).expect("a cluster");
    for n in 1..=NODES {
        let zone = n % 4 + 1;
        let names = format!(r#"{{"manage":["n{n}"],"storage":["192.0.2.{n}"]}}"#);
        let node = format!(r#"{{"cluster":{},"zone":{zone},"hostnames":{names}}}"#, cluster["id"]);
        let node = post(&mut client, "/nodes", &node).await.expect("a node");
        let id = node.trim_start_matches("/nodes/");
        post(&mut client, "/devices", &format!(r#"{{"node":"{id}","name":"/dev/sdb"}}"#)).await;
    }
    address
}

/// Starts a bare hyper that answers everything with these bytes; its address.
async fn bare(body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let body = Bytes::from(body);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let body = body.clone();
            let answer = service_fn(move |_: Request<hyper::body::Incoming>| {
                let body = body.clone();
                async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    address
}

/// Requests a second of so many clients for so long.
async fn reads(address: SocketAddr, clients: usize, time: Duration, request: &[u8]) -> f64 {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let request = request.to_vec();
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                let mut count = 0_u64;
                while started.elapsed() < time {
                    assert_eq!(client.ask(&request).await.0, 200);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.expect("a client");
    }
    total as f64 / started.elapsed().as_secs_f64()
}

/// Volumes a second of so many clients, each of which waits for one before it asks for the next.
async fn creates(address: SocketAddr, clients: usize, each: usize) -> f64 {
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..each {
                    let body = r#"{"size":1,"durability":{"type":"replicate","replicate":{"replica":3}}}"#;
                    post(&mut client, "/volumes", body).await.expect("a volume");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a client");
    }
    (clients * each) as f64 / started.elapsed().as_secs_f64()
}

async fn run(smoke: bool) {
    let directory = tempfile::tempdir().expect("a directory");
    let address = heketi(directory.path()).await;
    let mut client = Client::connect(address).await;
    let volume = r#"{"size":100,"durability":{"type":"replicate","replicate":{"replica":3}}}"#;
    let path = post(&mut client, "/volumes", volume).await.expect("a volume");
    let read = request("GET", &path, "");
    let body = client.ask(&read).await.2;
    let bytes = body.len();
    let hello = bare(body).await;
    let (rounds, time) = if smoke { (1, Duration::from_millis(50)) } else { (5, Duration::from_secs(2)) };
    println!("| reads of {bytes} bytes, clients | bare hyper | heketi | part |\n|---|--:|--:|--:|");
    for clients in [1, 16, 64] {
        // By turns, so that what else the machine does concerns both.
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            without.push(reads(hello, clients, time, &read).await);
            with.push(reads(address, clients, time, &read).await);
        }
        let median = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let (with, without) = (median(with), median(without));
        println!("| {clients} | {without:.0} | {with:.0} | {:.2} |", with / without);
    }
    println!("\n| creates, clients | volumes a second |\n|---|--:|");
    for clients in [1, 16] {
        let each = if smoke { 1 } else { 400 / clients };
        println!("| {clients} | {:.0} |", creates(address, clients, each).await);
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(is_smoke_run()));
}
