//! A client against a server that restarts, loses connections, or answers what a script says.

use std::net::SocketAddr;
use std::time::Duration;

use heketi_core::api::{VolumeCloneRequest, VolumeCreateRequest};
use heketi_core::id::{DeviceId, VolumeId};
use heketi_http::cli::run_with;
use heketi_http::client::{Client, ClientError, ClientOptions, Credentials};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::impatient;
use crate::server::PATIENCE;

/// What happens to one connection.
enum Reply {
    /// It is answered: status line without its version, further headers, body.
    Answer(&'static str, &'static str, &'static str),
    /// It is closed.
    Lost,
    /// Nobody listens for a moment.
    Down,
}

/// A server that treats one connection after the other, and tells what it was asked.
struct Script {
    address: SocketAddr,
    asked: tokio::task::JoinHandle<Vec<String>>,
}

impl Script {
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(play(listener, address, replies));
        Self { address, asked }
    }

    fn client(&self, options: ClientOptions) -> Client {
        Client::with_options(&format!("http://{}", self.address), Credentials::none(), options).unwrap()
    }

    async fn heads(self) -> Vec<String> {
        tokio::time::timeout(PATIENCE, self.asked).await.expect("the script ends").unwrap()
    }

    /// Methods and paths.
    async fn asked(self) -> Vec<String> {
        let first = |head: &String| head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        self.heads().await.iter().map(first).collect()
    }

    /// The values of a header.
    async fn headers(self, name: &str) -> Vec<String> {
        let value = |head: &String| head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        self.heads().await.iter().filter_map(value).collect()
    }
}

async fn play(listener: TcpListener, address: SocketAddr, replies: Vec<Reply>) -> Vec<String> {
    let (mut listener, mut asked) = (Some(listener), Vec::new());
    for reply in replies {
        if let Reply::Down = reply {
            listener = None;
            tokio::time::sleep(Duration::from_millis(60)).await;
            continue;
        }
        let bound = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        let (mut stream, _) = bound.accept().await.unwrap();
        listener = Some(bound);
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
        asked.push(head);
        if let Reply::Answer(status, headers, body) = reply {
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    }
    asked
}

const QUEUE: &str = "Location: /queue/7e57ab1e00112233445566778899aabb\r\n";
const ACCEPTED: Reply = Reply::Answer("202 Accepted", QUEUE, "");
const PENDING: Reply = Reply::Answer("200 OK", "X-Pending: true\r\n", "");
const DONE: Reply = Reply::Answer("204 No Content", "", "");

fn stubborn(connect_retries: u32, poll_retries: u32) -> ClientOptions {
    let poll_delay = Duration::from_millis(20);
    ClientOptions { connect_retries, poll_retries, poll_delay, ..impatient() }
}

#[tokio::test]
async fn a_wait_survives_a_restart_of_the_server() {
    let script = Script::start(vec![ACCEPTED, PENDING, Reply::Lost, Reply::Down, PENDING, DONE]).await;
    let volume = VolumeId::from_bytes([7; 16]);
    script.client(stubborn(0, 20)).volume_delete(volume).await.unwrap();
    let asked = script.asked().await;
    assert_eq!(asked[0], format!("DELETE /volumes/{volume}"));
    let polls = asked[1..].iter().filter(|line| *line == "GET /queue/7e57ab1e00112233445566778899aabb");
    assert_eq!(polls.count(), 4);
}

#[tokio::test]
async fn what_may_have_reached_the_server_is_not_sent_twice() {
    let request = VolumeCreateRequest { size: 1, ..Default::default() };
    let script = Script::start(vec![Reply::Lost]).await;
    let lost = script.client(stubborn(5, 0)).volume_create(&request).await.unwrap_err();
    assert!(matches!(lost, ClientError::Unreachable { sent: true, .. }), "{lost:?}");
    assert_eq!(script.asked().await, ["POST /volumes"]);
    // With a key it is, and the key is the same each time.
    let script = Script::start(vec![Reply::Lost, Reply::Answer("500 Internal Server Error", "", "no space")]).await;
    let keyed = ClientOptions { idempotency_keys: true, ..stubborn(5, 0) };
    let told = script.client(keyed).volume_create(&request).await.unwrap_err();
    assert_eq!(told, ClientError::Refused { status: 500, text: "no space".to_owned() });
    let keys = script.headers("idempotency-key: ").await;
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].len() == 32, "{keys:?}");
    // What changes nothing is.
    let script = Script::start(vec![Reply::Lost, Reply::Lost, Reply::Answer("200 OK", "", r#"{"volumes":[]}"#)]).await;
    assert!(script.client(stubborn(5, 0)).volume_list().await.unwrap().volumes.is_empty());
    assert_eq!(script.asked().await.len(), 3);
    // Nor is anything without leave.
    let script = Script::start(vec![Reply::Lost]).await;
    assert!(script.client(stubborn(0, 0)).volume_list().await.is_err());
    assert_eq!(script.asked().await.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_looked_for() {
    let clone = VolumeCloneRequest { name: "copy".to_owned() };
    let refused = "a clone";
    let script = Script::start(vec![Reply::Down, Reply::Answer("500 Internal Server Error", "", refused)]).await;
    // The first try finds the listener of the script still there or gone; both are no answer.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let told = script.client(stubborn(20, 0)).volume_clone(VolumeId::from_bytes([7; 16]), &clone).await;
    assert_eq!(told.unwrap_err(), ClientError::Refused { status: 500, text: refused.to_owned() });
    assert_eq!(script.asked().await.len(), 1);
}

#[tokio::test]
async fn who_gives_up_leaves_the_job_to_the_server() {
    let script = Script::start(vec![ACCEPTED, PENDING, PENDING, PENDING]).await;
    let client = script.client(stubborn(0, 0));
    let job = client.device_resync(DeviceId::from_bytes([7; 16]));
    assert!(tokio::time::timeout(Duration::from_millis(30), job).await.is_err());
    script.asked.abort();
}

async fn cli(script: &Script, words: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let url = format!("http://{}", script.address);
    let line = ["heketi-cli", "-s", &url].into_iter().chain(words.iter().copied());
    let status = run_with(line, impatient(), &mut out, &mut err).await;
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn answers_about_the_database_are_printed_as_they_come() {
    let body = "{\"clusterentries\": {\"%d\":1}}\n";
    for (words, path) in [
        (&["db", "dump"][..], "GET /db/dump"),
        (&["db", "check"], "GET /db/check"),
        (&["server", "state", "examine", "gluster"], "GET /internal/state/examine/gluster"),
    ] {
        let script = Script::start(vec![Reply::Answer("200 OK", "", body)]).await;
        assert_eq!(cli(&script, words).await, (0, body.to_owned(), String::new()));
        assert_eq!(script.asked().await, [path]);
        let script = Script::start(vec![Reply::Answer("500 Internal Server Error", "", "no dump\n")]).await;
        assert_eq!(cli(&script, words).await, (255, String::new(), "Error: no dump\n".to_owned()));
    }
}

#[tokio::test]
async fn a_limit_of_time_ends_the_wait_and_says_what_goes_on() {
    let mut replies = vec![ACCEPTED];
    replies.extend((0..100).map(|_| PENDING));
    let script = Script::start(replies).await;
    let volume = "7".repeat(32);
    let told = cli(&script, &["volume", "delete", &volume, "--timeout=50ms"]).await;
    let text =
        "Error: no end after 50ms; what was started goes on at the server: see 'heketi-cli server operations list'\n";
    assert_eq!(told, (255, String::new(), text.to_owned()));
    script.asked.abort();
}
