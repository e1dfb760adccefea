//! Starts the programs and ends them again.

use std::io::{BufRead, BufReader, Read};
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
    command
}

/// Runs the server's program to its end.
pub fn run(arguments: &[&str]) -> Output {
    finish(heketi(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("heketi starts"))
}

/// Waits for the end of a process and takes its output, which must be small.
pub fn finish(mut child: Child) -> Output {
    let start = Instant::now();
    while child.try_wait().expect("a child of ours").is_none() {
        if start.elapsed() > LIMIT {
            child.kill().expect("a child of ours");
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("a child of ours")
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
        let argument = format!("--config={}", config.display());
        let mut child = heketi(&[&argument]).stdout(Stdio::piped()).spawn().expect("heketi starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let port = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).expect("text") > 0, "the server ended before it listened");
            if let Some(port) = line.trim().strip_prefix("Listening on port ") {
                break port.to_owned();
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

    /// Sends SIGTERM and waits for the end.
    pub fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill exists").success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status.success();
            }
            assert!(start.elapsed() < LIMIT, "the server does not stop");
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

/// Writes a topology of three nodes in three zones.
pub fn topology(directory: &Path) -> PathBuf {
    let node = |n: u32| {
        serde_json::json!({
            "node": { "zone": n, "hostnames": { "manage": [format!("n{n}")], "storage": [format!("192.0.2.{n}")] } },
            "devices": ["/dev/sdb", "/dev/sdc"],
        })
    };
    let file = directory.join("topology.json");
    let topology = serde_json::json!({ "clusters": [{ "nodes": [node(1), node(2), node(3)] }] });
    std::fs::write(&file, topology.to_string()).expect("a writable directory");
    file
}
