//! The suite that every executor must pass, over bash on this machine. Its programs are stand-ins: whatever `timeout`
//! is to start goes to a simulated node.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use heketi_exec::runner::{Batch, BatchResult, CommandLine, CommandRunner, LineStatus, LocalRunner, RunError};
use heketi_exec::runner::{RunErrorKind, inject};
use heketi_exec::sim::SimCluster;
use heketi_exec::testkit::conform;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{batch, bounded};
use crate::conformance::{PARTS, simulated, subject};

/// In the place of `timeout`: hands its words to the port of the node, and does what comes back.
const STAND_IN: &str = r#"#!/bin/bash
shift 3
exec 3<>"/dev/tcp/127.0.0.1/$NODE_PORT"
line=
quote=\'\\\'\'
for word; do
  case $word in
    "" | *[!a-zA-Z0-9_./:=,@%+-]*) word="'${word//\'/$quote}'" ;;
  esac
  line+=" $word"
done
printf '%s\0' "$line" >&3
read -r status length <&3
head -c "$length" <&3
cat <&3 >&2
exit "$status"
"#;

/// Answers the stand-ins of one node.
async fn serve(sim: SimCluster, node: String, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // One whose caller is gone needs no answer.
        let _ = answer(&sim, &node, stream).await;
    }
}

async fn answer(sim: &SimCluster, node: &str, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    stream.read_until(0, &mut line).await?;
    line.pop();
    let line = String::from_utf8(line).unwrap();
    let batch = Batch::one(CommandLine::new(line.trim_start(), Duration::from_secs(60)));
    let Ok(done) = sim.runner().run(node, &batch).await else { return Ok(()) };
    let done = &done.lines[0];
    let status = match done.status {
        LineStatus::Exited(status) => status,
        LineStatus::TimedOut => 124,
    };
    let text = format!("{status} {}\n{}{}", done.stdout.len(), done.stdout, done.stderr);
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// A shell that finds the stand-in first, and knows the port of its node.
fn shell(directory: &Path, node: usize, port: u16) -> std::path::PathBuf {
    let file = directory.join(format!("bash-{node}"));
    let path = directory.display();
    write(&file, &format!("#!/bin/bash\nexport NODE_PORT={port} PATH='{path}':$PATH\nexec /bin/bash \"$@\"\n"));
    file
}

fn write(file: &Path, script: &str) {
    std::fs::write(file, script).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// One local runner for each address of loopback: three nodes on one machine.
#[derive(Debug)]
struct ByHost([LocalRunner; 3]);

#[async_trait]
impl CommandRunner for ByHost {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let node = HOSTS.iter().position(|known| *known == host).unwrap_or(0);
        self.0[node].run(host, batch).await
    }
}

const HOSTS: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

#[tokio::test]
async fn the_suite_of_every_executor() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("timeout"), STAND_IN);
        let sim = simulated();
        let before = sim.snapshot();
        let mut runners = Vec::new();
        for node in 1..=3 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut runner = LocalRunner::new(false);
            runner.shell = shell(directory.path(), node, listener.local_addr().unwrap().port());
            runners.push(runner);
            tokio::spawn(serve(sim.clone(), format!("n{node}"), listener));
        }
        let runner = ByHost(runners.try_into().unwrap());
        let passed = conform(&subject(Arc::new(runner), HOSTS.map(String::from))).await.unwrap();
        assert_eq!(passed, PARTS);
        assert_eq!(sim.leftovers(&before), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn another_machine_gets_no_command_of_this_one() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        let made = directory.path().join("made");
        let lines = batch(&[&format!("touch {}", made.display())]);
        let runner = LocalRunner::new(false);
        for host in ["192.0.2.9", "no-such-host.invalid"] {
            let error = runner.run(host, &lines).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::BadHost, "{error}");
            assert!(error.nothing_more_ran && error.message.contains(host), "{error}");
            assert!(!made.exists());
        }
        runner.run("localhost", &lines).await.unwrap();
        assert!(made.exists());
    })
    .await;
}

#[tokio::test]
async fn faults_can_be_injected() {
    let hooks = serde_json::json!({ "command_injection": { "commands": [
        { "Cmd": "^touch ", "Reaction": { "Err": "no more disks" } },
    ] } });
    let config = inject::InjectConfig::from_value(&hooks).unwrap();
    let runner = inject::InjectRunner::new(Arc::new(LocalRunner::new(false)), config);
    let done = runner.run("localhost", &batch(&["echo a", "touch /no/such/file", "echo b"])).await.unwrap();
    assert_eq!(done.lines.len(), 2);
    assert_eq!(done.lines[1].stderr, "no more disks");
}

#[tokio::test]
async fn sudo_is_put_before_each_line_and_its_refusal_named() {
    bounded(async {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("sudo"), "#!/bin/bash\necho 'sudo: a password is required' >&2\nexit 1\n");
        let mut runner = LocalRunner::new(true);
        runner.shell = shell(directory.path(), 1, 1);
        let error = runner.run("localhost", &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::SudoRefused, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("NOPASSWD"), "{error}");
        let told = runner.check(&["env"]).await.unwrap_err().to_string();
        assert!(told.contains("sudo"), "{told}");
        write(&directory.path().join("sudo"), "#!/bin/bash\necho \"$*\" >&2; shift; exec \"$@\"\n");
        let done = runner.run("localhost", &batch(&["echo hi"])).await.unwrap();
        assert_eq!(
            (done.lines[0].stdout.as_str(), done.lines[0].stderr.as_str()),
            ("hi\n", "-n timeout -k 10 10 echo hi\n")
        );
    })
    .await;
}
