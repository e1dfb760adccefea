//! The program `heketi-node-sim`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heketi_exec::runner::{CommandRunner, RunErrorKind, SshConfig};

use crate::client::{batch, bounded, runner, settings};

const PROGRAM: &str = env!("CARGO_BIN_EXE_heketi-node-sim");
const NODES: [&str; 2] = ["127.77.0.1", "127.77.0.2"];

/// Two nodes with a disk each. Ended by [`Program::stop`], or when it is dropped.
struct Program {
    child: Child,
}

impl Program {
    /// Starts it and waits until the nodes listen.
    fn start(directory: &Path, port: u16) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg(directory).args(["--nodes=2", "--disks=1", "--port", &port.to_string()]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("2 nodes listen on 127.77.0.1:"), "{line}");
        Self { child }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Over already after `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_simulator_keeps_its_nodes_over_a_restart() {
    bounded(async {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("nodes");
        let port = TcpListener::bind((NODES[0], 0)).unwrap().local_addr().unwrap().port();
        let program = Program::start(&directory, port);
        let mut config = SshConfig::new(directory.join("id_ed25519"));
        config.port = port;
        let made = batch(&["/usr/sbin/lvm pvcreate -qq /dev/sdb", "/usr/sbin/lvm vgcreate -qq vg_kept /dev/sdb"]);
        let done = runner(&config).run(NODES[1], &made).await.unwrap();
        assert!(done.failure().is_none(), "{done:?}");

        let (_other, mut foreign) = settings();
        foreign.port = port;
        let refused = runner(&foreign).run(NODES[1], &made).await.unwrap_err();
        assert_eq!(refused.kind, RunErrorKind::AuthenticationFailed, "{refused}");
        program.stop();

        let printed = Command::new(PROGRAM).arg("--print").arg(&directory).output().unwrap();
        assert!(String::from_utf8_lossy(&printed.stdout).contains("vg_kept"), "{printed:?}");
        let program = Program::start(&directory, port);
        let look = batch(&["/usr/sbin/lvm vgdisplay -c vg_kept"]);
        let runner = runner(&config);
        assert!(runner.run(NODES[1], &look).await.unwrap().failure().is_none());
        assert!(runner.run(NODES[0], &look).await.unwrap().failure().is_some(), "the other node has none");
        let topology = std::fs::read_to_string(directory.join("topology.json")).unwrap();
        assert!(NODES.iter().all(|node| topology.contains(node)), "{topology}");
        program.stop();
    })
    .await;
}
