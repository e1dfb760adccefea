//! The nodes: asked and compared.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::lab;

/// Address of node `n`, counted from 1.
pub fn address(n: usize) -> String {
    format!("10.77.0.1{n}")
}

/// The spare disks of each node.
pub const DISKS: [&str; 2] = ["/dev/ubdb", "/dev/ubdc"];

/// One of heketi's programs, without heketi's own variables of whoever runs the tests. It ends with the test.
pub fn program(name: &str) -> Command {
    let mut command = lab::bound_to_us(&lab::programs_directory().join(name));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HEKETI_") || name == "SSH_KNOWN_HOSTS") {
        command.env_remove(name);
    }
    command
}

/// The nodes, and how heketi reaches them.
pub struct Lab {
    /// How many nodes it has.
    pub nodes: usize,
    /// Private key that the nodes accept.
    pub key: PathBuf,
    /// User with that key; may use sudo.
    pub user: String,
}

/// Runs a process to its end, at most `limit`.
pub fn bounded(command: &mut Command, limit: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Both pipes are read while the process runs, so that it never waits for a reader.
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes);
            }
            bytes
        })
    };
    let stdout = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let Some(status) = lab::wait(&mut child, limit) else {
        child.kill().expect("a child of ours");
        panic!("{command:?} does not end");
    };
    Output { status, stdout: stdout.join().expect("a reader"), stderr: stderr.join().expect("a reader") }
}

/// What a process said on standard output.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Lab {
    /// The lab that is up.
    pub fn new() -> Self {
        let settings = lab::settings();
        Self { nodes: 3, key: settings["HEKETI_LAB_KEY"].clone().into(), user: settings["HEKETI_LAB_USER"].clone() }
    }

    /// Runs a line on node `n` as root; it may fail.
    pub fn try_on(&self, n: usize, line: &str) -> Result<String, String> {
        let output = bounded(&mut lab::lab(&["ssh", &n.to_string(), line]), Duration::from_secs(180));
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!("{}{}", text(&output.stdout), text(&output.stderr))),
        }
    }

    /// Runs a line on node `n` as root; it must succeed.
    pub fn on(&self, n: usize, line: &str) -> String {
        self.try_on(n, line).unwrap_or_else(|told| panic!("n{n}: {line}: {told}"))
    }

    /// What heketi can have left on node `n`, one line each: logical volumes, mounts, fstab lines, brick
    /// directories, gluster volumes. Empty for a clean node.
    pub fn traces(&self, n: usize) -> Vec<String> {
        let told = self.on(
            n,
            "lvs --noheadings -o vg_name,lv_name | sed 's/^ */lv /'; \
             grep heketi /proc/mounts | sed 's/^/mount /'; sed 's/^/fstab /' /etc/fstab; \
             find /var/lib/heketi/mounts -mindepth 2 -maxdepth 2 2>/dev/null | sed 's/^/directory /'; \
             gluster --mode=script volume list 2>/dev/null | grep -v '^No volumes' | sed 's/^/volume /'; true",
        );
        told.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// Nothing is left of volumes and bricks on any node.
    pub fn assert_no_traces(&self) {
        for n in 1..=self.nodes {
            let traces = self.traces(n);
            assert!(traces.is_empty(), "left over on n{n}:\n{}", traces.join("\n"));
        }
    }
}
