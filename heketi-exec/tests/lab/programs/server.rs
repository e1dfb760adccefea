//! The real server and command line inside the lab's network.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::{DISKS, Lab, address, bounded, program, text};

/// No command of heketi takes longer here.
const LIMIT: Duration = Duration::from_secs(300);

/// How soon a restarted server takes up what was left, in seconds.
const CLEAN_START: u64 = 1;

/// A server with its files. Dropping it kills it.
pub struct Server {
    directory: tempfile::TempDir,
    child: Option<Child>,
    /// It knows the hosts only from its file of host keys.
    has_host_keys: bool,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(200).collect();
            eprintln!("the server's last words:");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl Server {
    /// Writes a configuration and starts the server.
    pub fn start(lab: &Lab) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = json!({
            "port": "8080",
            "use_auth": false,
            "glusterfs": {
                "executor": "ssh",
                "sshexec": { "keyfile": lab.key, "user": lab.user, "sudo": true },
                "db": directory.path().join("heketi.db"),
                "loglevel": "debug",
                "start_time_background_cleaner": CLEAN_START,
                "refresh_time_background_cleaner": 5,
                "refresh_time_monitor_gluster_nodes": 15,
            },
        });
        std::fs::write(directory.path().join("heketi.json"), config.to_string()).expect("a writable directory");
        let mut server = Self { directory, child: None, has_host_keys: false };
        server.restart();
        server
    }

    /// Starts the server again on the same files.
    pub fn restart(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log")).expect("a writable directory");
        let config = format!("--config={}", self.path("heketi.json").display());
        let mut command = program("heketi");
        if self.has_host_keys {
            command.env("SSH_KNOWN_HOSTS", self.path("known_hosts"));
        }
        let child = command
            .arg(config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("heketi starts");
        self.child = Some(child);
        let started = Instant::now();
        while self.curl("/hello") != "Hello from Heketi" {
            assert!(started.elapsed() < Duration::from_secs(30), "the server does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts the server again with the host keys that the nodes have now: what an administrator does for a node
    /// that was rebuilt.
    pub fn restart_with_host_keys(&mut self, nodes: std::ops::RangeInclusive<usize>) {
        self.kill();
        let mut scan = Command::new("ssh-keyscan");
        let keys = bounded(scan.args(["-T", "20"]).args(nodes.map(address)), LIMIT);
        std::fs::write(self.path("known_hosts"), &keys.stdout).expect("a writable directory");
        self.has_host_keys = true;
        self.restart();
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child of ours");
            child.wait().expect("a child of ours");
        }
    }

    /// A file beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Everything the server said.
    pub fn log(&self) -> String {
        std::fs::read(self.path("log")).map(|bytes| text(&bytes)).unwrap_or_default()
    }

    /// The body of a GET.
    pub fn curl(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:8080{path}");
        let output = bounded(Command::new("curl").args(["-s", "--max-time", "30", &url]), LIMIT);
        text(&output.stdout)
    }

    /// The body of a GET as JSON.
    pub fn get(&self, path: &str) -> Value {
        let body = self.curl(path);
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// The command line, not started yet.
    pub fn cli_command(&self, arguments: &[&str]) -> Command {
        let mut command = program("heketi-cli");
        command.args(arguments);
        command
    }

    /// Runs the command line.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        bounded(&mut self.cli_command(arguments), LIMIT)
    }

    /// Runs the command line, which must succeed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs the command line, which must fail, and returns what it says.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    }

    /// Loads a topology with these nodes in one cluster, each in a zone of its own, with both disks.
    pub fn load(&self, nodes: std::ops::RangeInclusive<usize>) -> String {
        let node = |n: usize| {
            let name = [address(n)];
            json!({ "node": { "zone": n, "hostnames": { "manage": name, "storage": name } }, "devices": DISKS })
        };
        let topology = json!({ "clusters": [{ "nodes": nodes.map(node).collect::<Vec<_>>() }] });
        let file = self.path("topology.json");
        std::fs::write(&file, topology.to_string()).expect("a writable directory");
        self.ok(&["topology", "load", "--strict", "--json", file.to_str().expect("text")])
    }

    /// All nodes with their devices and bricks.
    pub fn nodes(&self) -> Vec<Value> {
        let clusters = self.get("/clusters");
        let clusters = clusters["clusters"].as_array().cloned().unwrap_or_default();
        let of = |id: &Value| self.get(&format!("/clusters/{}", id.as_str().expect("an id")))["nodes"].clone();
        let ids: Vec<Value> = clusters.iter().flat_map(|id| of(id).as_array().cloned().unwrap_or_default()).collect();
        ids.iter().map(|id| self.get(&format!("/nodes/{}", id.as_str().expect("an id")))).collect()
    }

    /// Ids of all volumes.
    pub fn volumes(&self) -> Vec<String> {
        let list = self.get("/volumes");
        let ids = list["volumes"].as_array().expect("a list").iter();
        ids.map(|id| id.as_str().expect("an id").to_owned()).collect()
    }

    /// Waits until no operation is recorded any more.
    pub fn wait_settled(&self, limit: Duration) {
        let started = Instant::now();
        while self.get("/operations")["total"] != 0 {
            assert!(started.elapsed() < limit, "operations are still pending: {}", self.curl("/operations"));
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Takes the whole topology down again through the command line.
    pub fn unload(&self) {
        let id = |object: &Value| object["id"].as_str().expect("an id").to_owned();
        for node in self.nodes() {
            for device in node["devices"].as_array().expect("a list") {
                let removed = device["state"] == "failed";
                let device = id(device);
                if !removed {
                    self.ok(&["device", "disable", &device]);
                    self.ok(&["device", "remove", &device]);
                }
                self.ok(&["device", "delete", &device]);
            }
            self.ok(&["node", "delete", &id(&node)]);
        }
        let clusters = self.get("/clusters");
        for cluster in clusters["clusters"].as_array().expect("a list") {
            self.ok(&["cluster", "delete", cluster.as_str().expect("an id")]);
        }
    }
}

/// The id in the text of `volume create`.
pub fn volume_id(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("Volume Id: "));
    line.unwrap_or_else(|| panic!("no volume id in {text}")).to_owned()
}
