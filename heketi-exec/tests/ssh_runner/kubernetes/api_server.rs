//! A Kubernetes API server in this process: pods, access reviews, and exec over WebSocket into simulated nodes.
//! Frames and status objects are those of real ones.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use heketi_exec::runner::CommandRunner;
use heketi_exec::runner::received::{Printed, Received};
use heketi_exec::sim::SimCluster;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

/// What exec does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs the command on the node that the pod stands for.
    Run,
    /// 403, as without the right to exec.
    Forbid,
    /// 500, as when the kubelet cannot be reached.
    Break,
    /// 429, as when the API server has too much to do.
    Busy,
    /// 504, as from a gateway in front that waited too long.
    GiveUp,
    /// Cuts the connection before it answers.
    DropRequest,
    /// Cuts the connection after the command ran, before any output.
    DropAfterRun,
    /// Sends half of the output, then cuts the connection.
    Truncate,
    /// Runs nothing and says that the shell was not found.
    NoShell,
    /// Takes the request and sends nothing.
    Stall,
}

/// A running API server. It ends with the runtime of the test.
#[derive(Clone)]
pub struct ApiServer {
    pub port: u16,
    state: Arc<Mutex<State>>,
    sim: SimCluster,
}

struct State {
    pods: Vec<Value>,
    denied: BTreeSet<String>,
    behaviour: Behaviour,
    protocol: &'static str,
    execs: Vec<Exec>,
    /// The bearer token that every request must have.
    token: Option<String>,
}

/// What a client talks over.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
type Stream = Box<dyn Wire>;

/// One exec request.
#[derive(Clone, Debug)]
pub struct Exec {
    pub pod: String,
    pub container: String,
    pub command: Vec<String>,
}

/// A pod as the API shows one that can be used.
pub fn pod(name: &str, node: &str, label: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "storage", "labels": { "glusterfs-node": label } },
        "spec": { "nodeName": node, "containers": [{ "name": "glusterfs", "image": "gluster" }] },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

impl ApiServer {
    /// Pods stand for the nodes of `sim` that they run on.
    pub async fn start(sim: &SimCluster, pods: Vec<Value>) -> Self {
        Self::start_with(sim, pods, None).await
    }

    /// The same behind TLS.
    pub async fn start_with(sim: &SimCluster, pods: Vec<Value>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            pods,
            denied: BTreeSet::new(),
            behaviour: Behaviour::Run,
            protocol: "v5.channel.k8s.io",
            execs: Vec::new(),
            token: None,
        };
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, state: Arc::new(Mutex::new(state)), sim: sim.clone() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, tls) = (serving.clone(), tls.clone());
                stream.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    match tls {
                        None => server.serve(Box::new(stream)).await,
                        // Who has no good certificate is turned away.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                server.serve(Box::new(stream)).await;
                            }
                        }
                    }
                });
            }
        });
        server
    }

    /// A client of it that goes to another port.
    pub fn on_port(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    pub fn set_pods(&self, pods: Vec<Value>) {
        self.state.lock().unwrap().pods = pods;
    }

    /// Rights that are not given, as `verb resource`.
    pub fn deny(&self, rights: &[&str]) {
        self.state.lock().unwrap().denied = rights.iter().map(|right| (*right).to_owned()).collect();
    }

    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = behaviour;
    }

    pub fn speak(&self, protocol: &'static str) {
        self.state.lock().unwrap().protocol = protocol;
    }

    pub fn execs(&self) -> Vec<Exec> {
        self.state.lock().unwrap().execs.clone()
    }

    /// Answers only requests with this bearer token.
    pub fn ask_for_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(token.to_owned());
    }

    async fn serve(&self, mut stream: Stream) {
        let mut bytes = Vec::new();
        loop {
            let head_end = loop {
                if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    break at + 4;
                }
                match stream.read_buf(&mut bytes).await {
                    Ok(1..) => {}
                    _ => return,
                }
            };
            let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
            let length = header(&head, "content-length").map_or(0, |text| text.parse::<usize>().unwrap());
            while bytes.len() < head_end + length {
                if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    return;
                }
            }
            let body: Vec<u8> = bytes.drain(..head_end + length).skip(head_end).collect();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            let asked = self.state.lock().unwrap().token.clone();
            let known = asked.is_none_or(|token| header(&head, "authorization") == Some(&format!("Bearer {token}")));
            if !known {
                let answer = failure(401, "Unauthorized", "Unauthorized");
                if send_answer(&mut stream, 401, &answer).await.is_err() {
                    return;
                }
                continue;
            }
            if target.contains("/exec?") {
                return self.exec(stream, &head, &target).await;
            }
            let (status, answer) = self.answer(&target, &body);
            if send_answer(&mut stream, status, &answer).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, target: &str, body: &[u8]) -> (u16, Value) {
        let state = self.state.lock().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path.ends_with("/selfsubjectaccessreviews") {
            let mut review: Value = serde_json::from_slice(body).unwrap();
            let asked = &review["spec"]["resourceAttributes"];
            assert_eq!(asked["namespace"], "storage");
            let (verb, resource) = (asked["verb"].as_str().unwrap(), asked["resource"].as_str().unwrap());
            let right = match asked["subresource"].as_str() {
                Some(sub) => format!("{verb} {resource}/{sub}"),
                None => format!("{verb} {resource}"),
            };
            review["status"] = json!({ "allowed": !state.denied.contains(&right) });
            return (201, review);
        }
        let rest = path.strip_prefix("/api/v1/namespaces/storage/pods").unwrap_or_else(|| panic!("{path}"));
        if let Some(name) = rest.strip_prefix('/') {
            if state.denied.contains("get pods") {
                return (403, failure(403, "Forbidden", "pods is forbidden"));
            }
            let found = state.pods.iter().find(|pod| pod["metadata"]["name"] == name).cloned();
            let missing = || (404, failure(404, "NotFound", &format!("pods \"{name}\" not found")));
            return found.map_or_else(missing, |pod| (200, pod));
        }
        if state.denied.contains("list pods") {
            return (403, failure(403, "Forbidden", "pods is forbidden"));
        }
        let selector = decoded(query).into_iter().find(|(key, _)| key == "labelSelector").map(|(_, value)| value);
        let label = selector.as_deref().and_then(|selector| selector.strip_prefix("glusterfs-node="));
        let chosen = state.pods.iter().filter(|pod| {
            let labels = &pod["metadata"]["labels"]["glusterfs-node"];
            label.map_or(labels.is_string(), |label| labels == label)
        });
        let items: Vec<&Value> = chosen.collect();
        (200, json!({ "apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items }))
    }

    async fn exec(&self, mut stream: Stream, head: &str, target: &str) {
        let (path, query) = target.split_once('?').unwrap();
        let name = path.trim_end_matches("/exec").rsplit('/').next().unwrap().to_owned();
        let query = decoded(query);
        let values = |key: &str| query.iter().filter(|(k, _)| k == key).map(|(_, v)| v.clone()).collect::<Vec<_>>();
        let (behaviour, protocol, node) = {
            let mut state = self.state.lock().unwrap();
            let command = values("command");
            state.execs.push(Exec { pod: name.clone(), container: values("container").join(","), command });
            let pod = state.pods.iter().find(|pod| pod["metadata"]["name"] == name.as_str()).unwrap();
            (state.behaviour, state.protocol, pod["spec"]["nodeName"].as_str().unwrap().to_owned())
        };
        let refusal = match behaviour {
            Behaviour::Forbid => {
                Some((403, failure(403, "Forbidden", "pods \"x\" is forbidden: cannot create pods/exec")))
            }
            Behaviour::Break => Some((500, failure(500, "InternalError", "error dialing backend"))),
            Behaviour::Busy => Some((429, failure(429, "TooManyRequests", "too many requests"))),
            Behaviour::GiveUp => Some((504, failure(504, "Timeout", "gateway timeout"))),
            Behaviour::DropRequest => return,
            _ => None,
        };
        if let Some((status, body)) = refusal {
            let _ = send_answer(&mut stream, status, &body).await;
            return;
        }
        assert!(header(head, "sec-websocket-protocol").unwrap().contains(protocol));
        let accept = derive_accept_key(header(head, "sec-websocket-key").unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        // An empty frame for each channel comes first.
        for channel in 0..4u8 {
            let _ = socket.send(Message::binary(vec![channel])).await;
        }
        if behaviour == Behaviour::Stall {
            return tokio::time::sleep(Duration::from_secs(60)).await;
        }
        if behaviour == Behaviour::NoShell {
            let message = "command terminated with exit code 127: exec: \"/bin/bash\": no such file";
            return finish(&mut socket, &exit_status(127, message)).await;
        }
        let [_, _, _, script] = values("command").try_into().unwrap();
        let received = Received::read(&format!("/bin/bash --norc -c '{}'", script.replace('\'', r"'\''")));
        // A node that is lost meanwhile takes the connection with it.
        let Ok(result) = self.sim.runner().run(&node, &received.batch).await else { return };
        if behaviour == Behaviour::DropAfterRun {
            return;
        }
        let printed = received.print(&result);
        if behaviour == Behaviour::Truncate {
            let half = printed.stdout.floor_char_boundary(printed.stdout.len() / 2);
            send(&mut socket, 1, &printed.stdout[..half]).await;
            return;
        }
        let Printed { stdout, stderr, status } = printed;
        send(&mut socket, 1, &stdout).await;
        send(&mut socket, 2, &stderr).await;
        finish(&mut socket, &exit_status(status, "command terminated")).await;
    }
}

async fn send_answer(stream: &mut Stream, status: u16, answer: &Value) -> std::io::Result<()> {
    let text = answer.to_string();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}", text.len());
    stream.write_all(format!("{head}\r\n\r\n{text}").as_bytes()).await?;
    stream.flush().await
}

async fn send(socket: &mut WebSocketStream<Stream>, channel: u8, text: &str) {
    // Frames end anywhere, in the middle of a mark too.
    for chunk in text.as_bytes().chunks(37) {
        let _ = socket.send(Message::binary([&[channel], chunk].concat())).await;
    }
}

async fn finish(socket: &mut WebSocketStream<Stream>, status: &Value) {
    let _ = socket.send(Message::binary([b"\x03", status.to_string().as_bytes()].concat())).await;
    let _ = socket.close(None).await;
    // The client answers, or is gone.
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
}

fn exit_status(code: i32, message: &str) -> Value {
    match code {
        0 => json!({ "metadata": {}, "status": "Success" }),
        code => json!({
            "metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode",
            "details": { "causes": [{ "reason": "ExitCode", "message": code.to_string() }] },
        }),
    }
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

/// The pairs of a query.
fn decoded(query: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            bytes.push(match first {
                b'+' => b' ',
                b'%' => {
                    let hex = std::str::from_utf8(&after[..2]).unwrap();
                    rest = &after[2..];
                    u8::from_str_radix(hex, 16).unwrap()
                }
                other => *other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (plain(key), plain(value))).collect()
}
