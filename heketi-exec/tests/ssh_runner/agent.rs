//! Logins with a real ssh-agent and with keys that have a passphrase.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heketi_core::model::Secret;
use heketi_exec::runner::ssh::SetupError;
use heketi_exec::runner::{CommandRunner, RunErrorKind, SshConfig, SshRunner};
use russh::keys::{HashAlg, PublicKey};

use crate::client::{batch, bounded, runner};
use crate::server::{TestServer, new_key};
use crate::sshd;

const PASSPHRASE: &str = "open sesame";

/// An ssh-agent of this test. It is killed when this is dropped.
struct Agent {
    directory: tempfile::TempDir,
    process: Child,
}

/// Are OpenSSH's client programs there? If not: on a CI machine the test fails, elsewhere it says so.
fn installed() -> bool {
    let there = Command::new("ssh-agent").arg("-k").env_remove("SSH_AGENT_PID").output().is_ok();
    if !there {
        let notice = "ssh-agent is missing: apt-get install openssh-client";
        assert!(std::env::var_os("CI").is_none(), "{notice}");
        eprintln!("NOT TESTED: {notice}");
    }
    there
}

impl Agent {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().unwrap();
        let started = Instant::now();
        while !socket.exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "ssh-agent does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { directory, process }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("agent")
    }

    /// Makes a key with [`PASSPHRASE`]; its public half.
    fn key(&self, name: &str, kind: &[&str]) -> (PathBuf, PublicKey) {
        let file = self.directory.path().join(name);
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-N", PASSPHRASE, "-f"]).arg(&file).args(kind);
        assert!(keygen.status().unwrap().success());
        let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        (file, public.trim().parse().unwrap())
    }

    /// Gives a key to the agent.
    fn add(&self, file: &Path) {
        let mut add = self.ssh_add();
        add.arg("-q").arg(file).env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", self.askpass());
        assert!(add.output().unwrap().status.success());
    }

    fn ssh_add(&self) -> Command {
        let mut add = Command::new("ssh-add");
        add.env("SSH_AUTH_SOCK", self.socket()).stdin(Stdio::null());
        add
    }

    fn askpass(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let file = self.directory.path().join("askpass");
        std::fs::write(&file, format!("#!/bin/sh\necho '{PASSPHRASE}'\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        file
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}

fn sha256(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// What is the same in both keys: the kind and the key, not the comment.
fn same(one: &PublicKey, other: &PublicKey) -> bool {
    one.key_data() == other.key_data()
}

#[tokio::test]
async fn the_key_that_the_host_takes_is_found_in_the_agent() {
    if !installed() {
        return;
    }
    bounded(async {
        let agent = Agent::start();
        let (stranger, other) = agent.key("stranger", &["-t", "ed25519"]);
        for kind in [&["-t", "rsa", "-b", "2048"][..], &["-t", "ecdsa"], &["-t", "ed25519"]] {
            assert!(agent.ssh_add().args(["-q", "-D"]).output().unwrap().status.success());
            let (file, key) = agent.key(&format!("good-{}", kind[1]), kind);
            agent.add(&stranger);
            agent.add(&file);
            let server = TestServer::start(&new_key()).await;
            server.accept_only(std::slice::from_ref(&key));
            let mut config = SshConfig::with_agent(agent.socket());
            runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap();
            assert!(server.logins().len() == 1 && same(&server.logins()[0], &key), "{kind:?}");

            // Only the key that was asked for.
            config.key_file = file.with_extension("pub");
            let chosen = runner(&config);
            assert!(chosen.key_fingerprint().unwrap().starts_with(&sha256(&key)));
            chosen.run(&server.host(), &batch(&["true"])).await.unwrap();
            config.key_file = stranger.with_extension("pub");
            let error = runner(&config).run(&server.host(), &batch(&["true"])).await.unwrap_err();
            assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
            assert!(error.nothing_more_ran);
            let socket = agent.socket().display().to_string();
            for part in ["user heketi", &server.host(), &socket, &sha256(&other), "authorized_keys"] {
                assert!(error.message.contains(part), "{part} is not in: {error}");
            }
            assert!(!error.message.contains(&sha256(&key)), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn too_many_keys_are_not_all_tried() {
    if !installed() {
        return;
    }
    bounded(async {
        let agent = Agent::start();
        for n in 0..7 {
            agent.add(&agent.key(&format!("id-{n}"), &["-t", "ed25519"]).0);
        }
        let server = TestServer::start(&new_key()).await;
        server.accept_only(&[]);
        let runner = runner(&SshConfig::with_agent(agent.socket()));
        let error = runner.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");
        assert!(error.message.contains("2 more were not tried"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_agent_that_cannot_help_is_told_apart() {
    if !installed() {
        return;
    }
    bounded(async {
        let mut agent = Agent::start();
        let server = TestServer::start(&new_key()).await;
        let mut config = SshConfig::with_agent(agent.socket());
        let empty = runner(&config);
        let error = empty.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::BadKeyFile, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("holds no key"), "{error}");
        assert!(error.message.contains("ssh-add"), "{error}");

        let (file, key) = agent.key("absent", &["-t", "ed25519"]);
        config.key_file = file.with_extension("pub");
        let absent = runner(&config);
        let error = absent.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::BadKeyFile, "{error}");
        assert!(error.message.contains(&sha256(&key)) && error.message.contains("absent.pub"), "{error}");

        config.key_file = file;
        let error = SshRunner::new(config.clone()).unwrap_err();
        assert!(matches!(error, SetupError::KeyFileNotPublic(_)), "{error}");

        agent.end();
        let error = empty.run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::BadKeyFile, "{error}");
        assert!(error.nothing_more_ran && error.message.contains("no ssh-agent answers"), "{error}");
        config.key_file = PathBuf::new();
        let error = SshRunner::new(config).unwrap_err();
        assert!(matches!(error, SetupError::AgentUnreachable { .. }), "{error}");
        assert!(error.to_string().contains(agent.socket().to_str().unwrap()), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_key_with_a_passphrase_logs_in() {
    if !installed() {
        return;
    }
    bounded(async {
        let keys = Agent::start();
        for kind in [
            &["-t", "ed25519"][..],
            &["-t", "rsa", "-b", "2048"],
            &["-t", "rsa", "-b", "2048", "-m", "PEM"],
            &["-t", "ecdsa", "-m", "PKCS8"],
        ] {
            let (file, key) = keys.key(&format!("id{}", kind.concat()), kind);
            let server = TestServer::start(&new_key()).await;
            server.accept_only(&[key]);
            let mut config = SshConfig::new(&file);
            let locked = SshRunner::new(config.clone()).unwrap_err();
            assert!(matches!(locked, SetupError::KeyFileEncrypted(_)), "{kind:?}: {locked}");
            config.passphrase = Secret::new(PASSPHRASE);
            let runner = runner(&config);
            runner.run(&server.host(), &batch(&["true"])).await.unwrap();
            let shown = format!("{runner:?} {config:?}");
            assert!(!shown.contains(PASSPHRASE), "{shown}");
        }
    })
    .await;
}

#[test]
fn a_locked_key_of_a_form_that_is_not_read_is_not_called_a_wrong_passphrase() {
    if !installed() {
        return;
    }
    let keys = Agent::start();
    let (file, _) = keys.key("id", &["-t", "ecdsa", "-m", "PEM"]);
    let mut config = SshConfig::new(&file);
    config.passphrase = Secret::new(PASSPHRASE);
    let error = SshRunner::new(config).unwrap_err();
    assert!(matches!(error, SetupError::KeyFileLockedAsOldPem(_)), "{error}");
    assert!(error.to_string().contains("ssh-keygen -p -f"), "{error}");
}

#[tokio::test]
async fn openssh_takes_the_keys_of_an_agent_and_those_with_a_passphrase() {
    if !installed() || !sshd::installed() {
        return;
    }
    bounded(async {
        let server = sshd::OpenSsh::start();
        let agent = Agent::start();
        agent.add(&agent.key("stranger", &["-t", "ed25519"]).0);
        let mut tried = SshConfig::with_agent(agent.socket());
        tried.user.clone_from(&server.user);
        let (file, public) = agent.key("mine", &["-t", "rsa", "-b", "2048"]);
        let error = runner(&tried).run(&server.host(), &batch(&["true"])).await.unwrap_err();
        assert_eq!(error.kind, RunErrorKind::AuthenticationFailed, "{error}");

        agent.add(&file);
        server.accept(&public);
        let mut locked = SshConfig::new(&file);
        locked.user.clone_from(&server.user);
        locked.passphrase = Secret::new(PASSPHRASE);
        for config in [tried, locked] {
            let done = runner(&config).run(&server.host(), &batch(&["echo in"])).await;
            let done = done.unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
            assert_eq!(done.lines[0].stdout, "in\n");
        }
    })
    .await;
}
