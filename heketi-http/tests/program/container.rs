//! The entry script of the container image, with the real programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::*;

struct Container {
    script: Child,
    port: String,
}

impl Container {
    fn start(path: &Path, more: &[(&str, &str)]) -> Self {
        let programs = Path::new(env!("CARGO_BIN_EXE_heketi")).parent().unwrap().display().to_string();
        let search = format!("{programs}:{}", std::env::var("PATH").unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/heketi-start.sh");
        let mut script = Command::new("sh")
            .arg(script)
            .env("PATH", search)
            .env("HEKETI_PATH", path.join("data"))
            .env("HEKETI_CONFIG_FILE", path.join("heketi.json"))
            .env("BACKUPDB_PATH", path.join("backup"))
            .env("TMP_PATH", path)
            .env("HEKETI_DB_PATH", path.join("data/heketi.db"))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(script.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut lines = lines.filter_map(|line| line.strip_prefix("Listening on port ").map(str::to_owned));
        let port = lines.next().expect("the server starts");
        Self { script, port }
    }

    /// Runs the command line against it.
    fn ok(&self, arguments: &[&str]) -> String {
        let server = format!("http://127.0.0.1:{}", self.port);
        let output = Command::new(env!("CARGO_BIN_EXE_heketi-cli")).args(["-s", &server]).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The signal reaches the server: the script has become it.
    fn stop(mut self) {
        let pid = self.script.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let start = std::time::Instant::now();
        while self.script.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LIMIT, "the server does not stop");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(self.script.wait().unwrap().success());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn a_container_restores_a_backup_when_it_has_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    mock_config(at);
    // Without a backup it begins with nothing, and keeps what it has.
    let first = Container::start(at, &[]);
    let cluster = value_of(&first.ok(&["cluster", "create"]), "Cluster id");
    first.stop();
    fs::create_dir(at.join("backup")).unwrap();
    let data = at.join("data/heketi.db");
    let packed = fs::File::create(at.join("backup/heketi.db.gz")).unwrap();
    assert!(Command::new("gzip").arg("-c").arg(&data).stdout(packed).status().unwrap().success());

    let second = Container::start(at, &[]);
    second.ok(&["cluster", "delete", &cluster]);
    second.stop();
    let third = Container::start(at, &[]);
    assert!(!third.ok(&["cluster", "list"]).contains(&cluster), "a database that is there stays");
    third.stop();

    fs::remove_file(&data).unwrap();
    let fourth = Container::start(at, &[]);
    assert!(fourth.ok(&["cluster", "list"]).contains(&cluster), "the backup is back");
    fourth.stop();
}

/// Names of what is kept in the archive.
fn archived(at: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(at.join("data/archive")) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_container_keeps_copies_of_good_databases_and_moves_in_from_v10() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    mock_config(at);
    fs::create_dir(at.join("data")).unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../heketi-core/tests/data/heketi-v6x.db");
    let data = at.join("data/heketi.db");
    fs::copy(&sample, &data).unwrap();
    let few = [("HEKETI_DB_ARCHIVE_COUNT", "2"), ("HEKETI_TRY_UPDATE_DB_VOL", "yes")];
    let first = Container::start(at, &few);
    assert_eq!(first.ok(&["cluster", "list"]).matches("Id:").count(), 1);
    first.stop();
    // v10's own database was good, and is kept.
    let [copy, sum] = archived(at).try_into().unwrap();
    assert_eq!(sum, format!("{copy}.sha256"));
    let unpacked = Command::new("gunzip").arg("-c").arg(at.join("data/archive").join(&copy)).output().unwrap();
    assert!(unpacked.stdout == fs::read(&sample).unwrap());

    // The converted one is another. A start that changes nothing makes no further copy.
    let many = [("HEKETI_DB_ARCHIVE_COUNT", "5"), few[1]];
    for _ in 0..3 {
        Container::start(at, &many).stop();
    }
    assert_eq!(archived(at).len(), 4, "{:?}", archived(at));
    // No more than asked for are kept.
    let changed = Container::start(at, &many);
    changed.ok(&["cluster", "create"]);
    changed.stop();
    let before = archived(at);
    Container::start(at, &few).stop();
    assert_eq!(archived(at).len(), 4, "{:?}", archived(at));
    assert_ne!(archived(at), before, "the oldest went");
    // What cannot be read is not kept, and nothing is restored over it.
    let good = fs::read(&data).unwrap();
    fs::write(&data, "no database").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/heketi-start.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_heketi")).parent().unwrap().display().to_string();
    let output = Command::new("sh")
        .arg(script)
        .env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap()))
        .env("HEKETI_PATH", at.join("data"))
        .env("HEKETI_CONFIG_FILE", at.join("heketi.json"))
        .env("HEKETI_DB_PATH", &data)
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert!(!output.status.success() && told.contains("cannot be read, no copy of it is kept: "), "{told}");
    assert_eq!((archived(at).len(), fs::read(&data).unwrap()), (4, b"no database".to_vec()));
    fs::write(&data, good).unwrap();
}

#[test]
fn a_container_loads_a_topology_into_an_empty_database_once() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    mock_config(at);
    let topology = topology(at);
    // A port must be known beforehand to poll it; one that was free a moment ago nearly always still is.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let variables = [("HEKETI_TOPOLOGY_FILE", topology.to_str().unwrap()), ("HEKETI_HTTP_PORT", &port)];
    let container = Container::start(at, &variables);
    let start = std::time::Instant::now();
    while container.ok(&["topology", "info"]).matches("/dev/sdc").count() < 3 {
        assert!(start.elapsed() < LIMIT, "the topology is not loaded");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    container.stop();
    let again = Container::start(at, &variables);
    assert_eq!(again.ok(&["cluster", "list"]).matches("Id:").count(), 1);
    again.stop();
}
