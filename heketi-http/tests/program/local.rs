//! A server whose only node is the machine it runs on.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::*;

/// Programs that the machine of a test may lack.
const STAND_INS: [&str; 15] = [
    "gluster",
    "lsblk",
    "mkfs.xfs",
    "wipefs",
    "lvm-of-test",
    "awk",
    "find",
    "flock",
    "grep",
    "mount",
    "pgrep",
    "sed",
    "systemctl",
    "umount",
    "sudo",
];

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A directory with programs that succeed, but those of `without`.
fn programs(without: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in STAND_INS.iter().filter(|name| !without.contains(name)) {
        script(&directory.path().join(name), "exit 0");
    }
    directory
}

fn script(file: &Path, text: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn config(directory: &Path, localexec: Value) -> PathBuf {
    let file = directory.join("heketi.json");
    let mut settings = json!({ "lvm_wrapper": "lvm-of-test" });
    settings.as_object_mut().unwrap().extend(localexec.as_object().unwrap().clone());
    let config = json!({
        "port": "0", "use_auth": false,
        "glusterfs": {
            "executor": "local", "db": directory.join("heketi.db"), "loglevel": "error", "localexec": settings,
        },
    });
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

/// Starts the server, which must refuse, and returns what it says.
fn refused(config: &Path, programs: &Path, user: Option<u32>) -> String {
    let mut command = heketi(&[&format!("--config={}", config.display())]);
    command.env("PATH", first_in_path(programs)).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(user) = user {
        command.uid(user);
    }
    let output = finish(command.spawn().unwrap());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

#[test]
fn it_starts_and_takes_only_this_machine_for_a_node() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), programs(&[]));
    // The stand-in for sudo makes a root of everybody.
    let config = config(directory.path(), json!({ "sudo": !is_root() }));
    let server = Server::start_finding(&config, programs.path());
    let cluster = server.json(&["cluster", "create"])["id"].as_str().unwrap().to_owned();
    let (cluster, storage) = (format!("--cluster={cluster}"), "--storage-host-name=192.0.2.9");
    let add = ["node", "add", "--zone=1", &cluster, "--management-host-name=192.0.2.9", storage];
    let told = server.refused(&add);
    assert!(told.contains("192.0.2.9") && told.contains("is not this machine"), "{told}");
    server.stop();
}

#[test]
fn without_programs_it_does_not_start() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), programs(&["gluster", "lvm-of-test"]));
    let told = refused(&config(directory.path(), json!({ "sudo": !is_root() })), programs.path(), None);
    assert!(told.contains("this machine lacks") && told.contains("lvm-of-test"), "{told}");
    assert!(!directory.path().join("heketi.db").exists(), "nothing was created");
}

#[test]
fn without_rights_it_does_not_start() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), programs(&[]));
    script(&programs.path().join("sudo"), "echo 'sudo: a password is required' >&2; exit 1");
    let told = refused(&config(directory.path(), json!({ "sudo": true })), programs.path(), None);
    assert!(told.contains("sudo refused") && told.contains("NOPASSWD"), "{told}");

    let plain = config(directory.path(), json!({}));
    if is_root() {
        let readable = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        readable(directory.path());
        readable(programs.path());
        let binary = Path::new(env!("CARGO_BIN_EXE_heketi"));
        let reachable = binary.ancestors().all(|part| std::fs::metadata(part).unwrap().mode() & 0o001 != 0);
        if !reachable {
            eprintln!("NOT TESTED: another user cannot reach {}", binary.display());
            return;
        }
    }
    let told = refused(&plain, programs.path(), is_root().then_some(65534));
    assert!(told.contains("needs root") && told.contains("glusterfs.localexec.sudo is false"), "{told}");
}
