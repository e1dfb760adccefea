//! A real OpenSSH server: on loopback, with keys and a configuration of its own, as the current user.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use russh::keys::PublicKey;

const SSHD: &str = "/usr/sbin/sshd";

/// A running sshd and its files. It is killed when this is dropped.
pub struct OpenSsh {
    address: IpAddr,
    pub port: u16,
    pub user: String,
    directory: tempfile::TempDir,
    server: Child,
}

/// Is sshd there? If not: on a CI machine the test fails, elsewhere it says that nothing was tested.
pub fn installed() -> bool {
    let there = Path::new(SSHD).exists();
    if !there {
        let notice = "OpenSSH's server is missing: apt-get install openssh-server";
        assert!(std::env::var_os("CI").is_none(), "{notice}");
        eprintln!("NOT TESTED: {notice}");
    }
    there
}

impl OpenSsh {
    /// Starts a server that lets the current user in with [`client_key`](Self::client_key)s.
    pub fn start() -> Self {
        Self::start_with(Ipv4Addr::LOCALHOST.into(), "")
    }

    /// The same on this address, with more lines for `sshd_config`.
    pub fn start_with(address: IpAddr, lines: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // What the package's service does before it starts sshd as root.
        let _ = std::fs::create_dir_all("/run/sshd");
        keygen(&directory.path().join("host_key"), &["-t", "ed25519"]);
        // The port may be taken by somebody else before sshd gets it.
        for _ in 0..5 {
            let port = free_port(address);
            if let Some(server) = start_on(SocketAddr::new(address, port), directory.path(), lines) {
                return Self { address, port, user: user(), directory, server };
            }
        }
        panic!("sshd does not start:\n{}", log(directory.path()));
    }

    /// How a runner names this server.
    pub fn host(&self) -> String {
        SocketAddr::new(self.address, self.port).to_string()
    }

    /// Makes a key of this kind that the server accepts.
    pub fn client_key(&self, name: &str, kind: &[&str]) -> PathBuf {
        let file = self.unknown_key(name, kind);
        let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
        self.accept(&public.trim().parse().unwrap());
        file
    }

    /// Lets this key in from now on.
    pub fn accept(&self, key: &PublicKey) {
        let accepted = self.directory.path().join("authorized_keys");
        let known = std::fs::read_to_string(&accepted).unwrap_or_default();
        std::fs::write(accepted, format!("{known}{}\n", key.to_openssh().unwrap())).unwrap();
    }

    /// Makes a key of this kind that the server does not know.
    pub fn unknown_key(&self, name: &str, kind: &[&str]) -> PathBuf {
        let file = self.directory.path().join(name);
        keygen(&file, kind);
        file
    }

    /// A `known_hosts` file with the hashed name of this server.
    pub fn hashed_known_hosts(&self) -> PathBuf {
        let key = std::fs::read_to_string(self.directory.path().join("host_key.pub")).unwrap();
        let file = self.directory.path().join("hashed");
        std::fs::write(&file, format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
        let hashed = Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&file).stderr(Stdio::null()).status();
        assert!(hashed.unwrap().success());
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("|1|"));
        file
    }

    /// How often somebody logged in.
    pub fn logins(&self) -> usize {
        log(self.directory.path()).matches("Accepted publickey").count()
    }

    /// What the server says.
    pub fn log(&self) -> String {
        log(self.directory.path())
    }

    /// A directory that goes with the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for OpenSsh {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn start_on(listen: SocketAddr, directory: &Path, lines: &str) -> Option<Child> {
    let at = directory.display();
    let (address, port) = (listen.ip(), listen.port());
    // Of a setting that is there twice the first one counts.
    let config = format!(
        "{lines}\nListenAddress {address}\nPort {port}\nHostKey {at}/host_key\nPidFile none\n\
         AuthorizedKeysFile {at}/authorized_keys\nStrictModes no\nPermitRootLogin yes\n\
         PasswordAuthentication no\nMaxSessions 5\n"
    );
    let file = directory.join("sshd_config");
    std::fs::write(&file, config).unwrap();
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let mut server = Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        if TcpStream::connect(listen).is_ok() {
            return Some(server);
        }
        if server.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = server.kill();
    let _ = server.wait();
    None
}

fn keygen(file: &Path, kind: &[&str]) {
    let made = Command::new("ssh-keygen").args(["-q", "-N", "", "-f"]).arg(file).args(kind).status();
    assert!(made.unwrap().success());
}

fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn log(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("log")).unwrap_or_default()
}
