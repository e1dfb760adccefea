//! The suite every executor must pass, on real nodes: over SSH, and with the local executor on one of the nodes.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::{Batch, BatchResult, CommandRunner, LocalRunner, RunError, SshRunner};
use heketi_exec::testkit::{Subject, TestNode, conform};

use super::{DISK, block_on, runner, ssh_runner};
use crate::lab::{lab, scenario, settings};
use crate::nodes::{address, root};

/// Set in the process that runs on n1 itself.
const ON_NODE: &str = "HEKETI_LAB_ON_NODE";
/// What that process needs on n1.
const PROGRAM: &str = "/home/storage/conform";
const KEY: &str = "/home/storage/id";

fn must_conform(runner: Arc<dyn CommandRunner>) {
    block_on(async {
        let nodes = [1, 2, 3].map(|node| TestNode::new(&address(node), &address(node), DISK));
        let executor = NodeExecutor::new(runner, NodeOptions::default());
        let passed = conform(&Subject::new(Arc::new(executor), nodes)).await;
        println!("{:?}", passed.expect("the executor keeps its promises"));
    });
}

#[test]
#[ignore = "needs the lab"]
fn every_executor_must_pass_this() {
    scenario(|| must_conform(runner()));
}

/// n1 does its own commands without SSH, those of the others go over SSH.
#[derive(Debug)]
struct FirstIsHere {
    here: LocalRunner,
    others: Arc<SshRunner>,
}

#[async_trait]
impl CommandRunner for FirstIsHere {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        match host == address(1) {
            true => self.here.run(host, batch).await,
            false => self.others.run(host, batch).await,
        }
    }
}

#[test]
#[ignore = "needs the lab"]
fn the_local_executor_passes_it_too() {
    if std::env::var_os(ON_NODE).is_some() {
        let others = ssh_runner(KEY, "storage");
        return must_conform(Arc::new(FirstIsHere { here: LocalRunner::new(true), others }));
    }
    scenario(|| {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let program = directory.path().join("conform");
        // Debug information is most of it.
        let this = format!("/proc/{}/exe", std::process::id());
        let stripped = Command::new("strip").arg("-o").arg(&program).arg(this).status();
        assert!(stripped.expect("strip comes with gcc").success());
        send(&program, PROGRAM, "755");
        send(settings()["HEKETI_LAB_KEY"].as_ref(), KEY, "600");
        let test = "node_layer::conformance::the_local_executor_passes_it_too";
        let setting = format!("{ON_NODE}=1");
        let mut there = lab(&["ssh", "storage@1", "env", &setting, "timeout", "1700", PROGRAM, test]);
        let passed = there.args(["--exact", "--ignored", "--nocapture"]).status().expect("lab.sh runs");
        root(1, &format!("rm -f {PROGRAM} {KEY}"));
        assert!(passed.success(), "the suite failed on n1; see above");
    });
}

/// Puts a file on n1, for its user `storage`.
fn send(file: &Path, name: &str, mode: &str) {
    let script = format!("'cat >{name} && chmod {mode} {name}'");
    let mut command = lab(&["ssh", "storage@1", "bash", "-c", &script]);
    let file = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(command.stdin(file).status().expect("lab.sh runs").success(), "{name} does not reach n1");
}
