//! Starts the programs and ends them again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// No wait of a test is longer.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The server's program without heketi's variables of whoever runs the tests.
pub fn heketi(arguments: &[&str]) -> Command {
    program(env!("CARGO_BIN_EXE_heketi"), arguments)
}

fn program(path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEKETI_") || name == "SSH_KNOWN_HOSTS") {
        command.env_remove(name);
    }
    // No cluster of whoever runs the tests.
    command.env("KUBECONFIG", "/nonexistent").env_remove("KUBERNETES_SERVICE_HOST");
    command
}

/// Runs the server's program to its end.
pub fn run(arguments: &[&str]) -> Output {
    finish(heketi(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("heketi starts"))
}

/// Waits for the end of a process and takes its output.
pub fn finish(mut child: Child) -> Output {
    // A pipe that nobody reads would stop it.
    fn reader(pipe: Option<impl Read + Send + 'static>) -> impl FnOnce() -> Vec<u8> {
        let thread = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.map(|mut pipe| pipe.read_to_end(&mut bytes)).transpose().expect("a pipe");
            bytes
        });
        || thread.join().expect("a pipe")
    }
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().expect("a child of ours");
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Output { status, stdout: stdout(), stderr: stderr() }
}

/// The output as one text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server on a free port of loopback.
pub struct Server {
    child: Child,
    /// Its address as the command line wants it.
    pub url: String,
}

impl Server {
    /// Starts the server and waits until it listens.
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, Stdio::inherit(), None)
    }

    /// The same, and it finds programs in this directory first.
    pub fn start_finding(config: &Path, programs: &Path) -> Self {
        Self::start_with(config, Stdio::inherit(), Some(programs))
    }

    /// The same, and what it logs goes to this file.
    pub fn start_logging(config: &Path, log: &Path) -> Self {
        Self::start_with(config, std::fs::File::create(log).expect("a writable directory").into(), None)
    }

    fn start_with(config: &Path, log: Stdio, programs: Option<&Path>) -> Self {
        let argument = format!("--config={}", config.display());
        let mut command = heketi(&[&argument]);
        if let Some(programs) = programs {
            command.env("PATH", first_in_path(programs));
        }
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("heketi starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let port = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).expect("text") > 0, "the server ended before it listened");
            if let Some(port) = line.trim().strip_prefix("Listening on port ") {
                break port.trim_end_matches(" with TLS enabled").to_owned();
            }
        };
        // Keeps the pipe from breaking when the server says good-bye.
        std::thread::spawn(move || lines.read_to_string(&mut String::new()));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// Runs the command line against it.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = program(env!("CARGO_BIN_EXE_heketi-cli"), &["-s", &self.url]);
        let child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        finish(child.expect("heketi-cli starts"))
    }

    /// Runs the command line, which must succeed, and returns what it prints.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs the command line, which must fail, and returns the error it tells.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert_eq!(output.status.code(), Some(255), "{arguments:?}: {}", text(&output.stdout));
        let told = text(&output.stderr);
        told.strip_prefix("Error: ").unwrap_or_else(|| panic!("{arguments:?}: {told}")).trim_end().to_owned()
    }

    /// Runs the command line and returns the JSON it prints.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let printed = self.ok(&[&["--json"], arguments].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {printed}"))
    }

    /// Sends a request and returns status, head and body of the answer, as they come over the wire.
    pub fn request(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).expect("the server listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, head.to_ascii_lowercase(), body.to_owned())
    }

    /// The last answer about the job of a request that was accepted.
    pub fn ended(&self, (status, head, body): (u16, String, String)) -> (u16, String, String) {
        assert_eq!(status, 202, "{body}");
        let queue = location(&head);
        assert!(queue.starts_with("/queue/"), "{queue}");
        let start = Instant::now();
        loop {
            let answer = self.request("GET", &queue, "");
            if answer.0 != 200 {
                return answer;
            }
            assert!(answer.1.contains("\r\nx-pending: true"), "{}", answer.1);
            assert!(start.elapsed() < LIMIT, "the job does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let (signal, pid) = (format!("-{name}"), self.child.id().to_string());
        assert!(Command::new("kill").args([signal, pid]).status().expect("kill exists").success());
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status.success();
            }
            assert!(start.elapsed() < LIMIT, "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the server has died by itself, by a signal.
    pub fn died(mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return assert_eq!(status.code(), None, "{status}");
            }
            assert!(start.elapsed() < LIMIT, "the server lives on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Is the address taken?
    pub fn listens(&self) -> bool {
        TcpStream::connect(self.url.trim_start_matches("http://")).is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already over after `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// PATH with a directory before all others.
pub fn first_in_path(directory: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(directories).expect("directories without colons")
}

/// Writes a configuration for simulated nodes, with a database beside it.
pub fn mock_config(directory: &Path) -> PathBuf {
    let file = directory.join("heketi.json");
    let db = directory.join("heketi.db");
    let config = serde_json::json!({
        "port": "0", "use_auth": false,
        "glusterfs": { "executor": "mock", "db": db, "loglevel": "error" },
    });
    std::fs::write(&file, config.to_string()).expect("a writable directory");
    file
}

/// Changes keys of a configuration, named as in `/glusterfs/loglevel`.
pub fn configure(file: &Path, values: &[(&str, serde_json::Value)]) {
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for (key, value) in values {
        let (section, key) = key.rsplit_once('/').expect("a path");
        config.pointer_mut(section).expect("a section")[key] = value.clone();
    }
    std::fs::write(file, config.to_string()).unwrap();
}

/// The path a head of an answer leads to.
pub fn location(head: &str) -> String {
    let line = head.lines().find_map(|line| line.strip_prefix("location: "));
    line.unwrap_or_else(|| panic!("no location in {head}")).to_owned()
}

/// The first value of a key in what heketi-cli prints.
pub fn value_of(printed: &str, key: &str) -> String {
    let line = printed.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {key} in {printed}")).to_owned()
}

/// Writes a topology of three nodes in three zones.
pub fn topology(directory: &Path) -> PathBuf {
    topology_of(directory, 3, &["/dev/sdb", "/dev/sdc"])
}

/// Writes a topology of nodes in zones of their own.
pub fn topology_of(directory: &Path, nodes: u32, devices: &[&str]) -> PathBuf {
    let node = |n: u32| {
        serde_json::json!({
            "node": { "zone": n, "hostnames": { "manage": [format!("n{n}")], "storage": [format!("192.0.2.{n}")] } },
            "devices": devices,
        })
    };
    let file = directory.join("topology.json");
    let nodes: Vec<serde_json::Value> = (1..=nodes).map(node).collect();
    let topology = serde_json::json!({ "clusters": [{ "nodes": nodes }] });
    std::fs::write(&file, topology.to_string()).expect("a writable directory");
    file
}
