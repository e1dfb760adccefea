//! A server on loopback, and a client that sends exactly what it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use heketi_http::auth::{Authenticator, DEFAULT_IAT_LEEWAY_SECONDS, Issued, Keys, Secret, TokenLifetime, sign};
use heketi_http::backend::Backend;
use heketi_http::server::{ServerOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backend::Fake;

pub const ADMIN_KEY: &str = "admin key";
pub const USER_KEY: &str = "user key";

/// No test waits longer for one thing.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server<B = Fake> {
    pub address: SocketAddr,
    pub backend: Arc<B>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

pub fn options() -> ServerOptions {
    let keys = Keys { admin: Secret::new(ADMIN_KEY), user: Secret::new(USER_KEY) };
    ServerOptions::new(Some(Authenticator::new(keys, DEFAULT_IAT_LEEWAY_SECONDS)))
}

impl Server {
    pub async fn start() -> Self {
        Self::with(options()).await
    }

    pub async fn with(options: ServerOptions) -> Self {
        Self::over(Fake::new(), options).await
    }
}

impl<B: Backend + 'static> Server<B> {
    /// A server over this backend.
    pub async fn over(backend: B, options: ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let backend = Arc::new(backend);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let serving = tokio::spawn(serve(listener, backend.clone(), options, shutdown));
        Self { address, backend, stop: Some(stop), serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it to stop.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub async fn stopped(self) {
        tokio::time::timeout(PATIENCE, self.serving).await.expect("the server stops").unwrap().unwrap();
    }

    /// Sends bytes on a new connection and reads one answer.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            Answer::parse(&bytes)
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time")
    }

    /// A request with more header lines (each ended by CRLF) and a body.
    pub async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = match (body.is_empty(), headers.contains("Transfer-Encoding")) {
            (false, false) => format!("Content-Length: {}\r\n", body.len()),
            _ => String::new(),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}{length}\r\n");
        self.raw(format!("{head}{body}").as_bytes()).await
    }

    /// A request of the administrator.
    pub async fn admin(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &bearer("admin", ADMIN_KEY, method, path), body).await
    }

    /// A request of the user.
    pub async fn user(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &bearer("user", USER_KEY, method, path), body).await
    }

    /// Polls a job of the administrator until it has ended.
    pub async fn ended(&self, job: &Answer) -> Answer {
        let path = job.header("location").expect("a job").to_owned();
        loop {
            let answer = self.admin("GET", &path, "").await;
            if answer.header("x-pending").is_none() {
                return answer;
            }
        }
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The `Authorization` line of a request.
pub fn bearer(issuer: &str, key: &str, method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let issued = Issued { issuer, method, path, now: now(), lifetime: TokenLifetime::default() };
    format!("Authorization: bearer {}\r\n", sign(&Secret::new(key), &issued).unwrap())
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status: status.unwrap_or_default(), headers, body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Status and body, for comparing both at once.
    pub fn told(&self) -> (u16, &str) {
        (self.status, &self.body)
    }

    /// The text of a member of a JSON body.
    pub fn member(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body[name].as_str().unwrap().to_owned()
    }
}
