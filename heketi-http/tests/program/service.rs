//! What operators rely on: TLS, copies, logs, a database that is only read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::*;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/certificates").join(name)
}

/// Tries something until it works.
fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(start.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn check(file: &Path) -> Output {
    run(&["config", "check", file.to_str().unwrap()])
}

#[test]
fn tls_and_a_new_certificate_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (cert, key) = (at.join("cert.pem"), at.join("key.pem"));
    let put = |name: &str| {
        fs::copy(certificate(&format!("{name}.pem")), &cert).unwrap();
        fs::copy(certificate(&format!("{name}.key")), &key).unwrap();
    };
    put("signed");
    let config = mock_config(at);
    let files = [("/enable_tls", json!(true)), ("/cert_file", json!(cert)), ("/key_file", json!(key))];
    configure(&config, &files);
    let server = Server::start(&config);
    let https = server.url.replace("http://127.0.0.1", "https://localhost");
    let trusting = |name: &str| {
        let file = certificate(name).display().to_string();
        server.cli(&["-s", &https, "-C", &file, "cluster", "list"]).status.success()
    };
    assert!(trusting("authority.pem") && !trusting("self-signed.pem"));
    put("self-signed");
    server.signal("HUP");
    eventually("the new certificate", || trusting("self-signed.pem").then_some(()));
    assert!(!trusting("authority.pem"));
    assert!(server.stop());

    fs::write(&key, "whatever this is").unwrap();
    let refused = run(&[&format!("--config={}", config.display())]);
    let told = text(&refused.stderr);
    assert!(
        refused.status.code() == Some(1) && told.contains("ERROR: HTTP Server error: ") && told.contains("key.pem")
    );
    assert!(!told.contains("whatever"), "{told}");
}

/// The whole answer to `GET /backup/db`.
fn download(server: &Server) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"GET /backup/db HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_copy_of_the_database_is_the_database_of_another_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    server.ok(&["volume", "create", "--size=10"]);
    let before = server.ok(&["topology", "info"]);
    let answer = download(&server);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let (head, copy) = answer.split_at(end);
    let head = text(head).to_ascii_lowercase();
    for line in [
        "http/1.1 200 ok",
        "content-type: application/octet-stream",
        "content-disposition: attachment; filename=\"heketi.db\"",
        &format!("content-length: {}", copy.len()),
    ] {
        assert!(head.lines().any(|found| found == line), "{line}: {head}");
    }
    let left: BTreeSet<_> =
        fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left, ["heketi.db", "heketi.json", "topology.json"].map(str::to_owned).into());

    // The first one runs on.
    let other = tempfile::tempdir().unwrap();
    let config = mock_config(other.path());
    fs::write(other.path().join("heketi.db"), copy).unwrap();
    let second = Server::start(&config);
    assert_eq!(second.ok(&["topology", "info"]), before);
    second.ok(&["cluster", "create"]);
    assert_eq!(server.ok(&["topology", "info"]), before);
}

#[test]
fn a_database_can_be_opened_for_reading_only() {
    let directory = tempfile::tempdir().unwrap();
    let config = mock_config(directory.path());
    let server = Server::start(&config);
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let before = server.ok(&["topology", "info"]);
    assert!(server.stop());
    let file = directory.path().join("heketi.db");
    let bytes = fs::read(&file).unwrap();
    configure(&config, &[("/glusterfs/db_read_only", true.into())]);
    let server = Server::start(&config);
    assert_eq!(server.ok(&["topology", "info"]), before);
    assert_eq!(server.refused(&["volume", "create", "--size=1"]), "database is in read-only mode");
    assert_eq!(server.refused(&["cluster", "create"]), "database is in read-only mode");
    assert!(download(&server).starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(server.stop());
    assert!(fs::read(&file).unwrap() == bytes, "not a byte has changed");
}

#[test]
fn the_id_of_a_request_is_with_every_command_it_caused() {
    let directory = tempfile::tempdir().unwrap();
    let (config, log) = (mock_config(directory.path()), directory.path().join("log"));
    configure(&config, &[("/glusterfs/loglevel", "debug".into()), ("/log_format", "json".into())]);
    let server = Server::start_logging(&config, &log);
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let body = r#"{"size":1,"durability":{"type":"replicate","replicate":{"replica":3}}}"#;
    let request = format!(
        "POST /volumes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: trace-me\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("x-request-id: trace-me\r\n"), "{answer}");
    let (_, head, _) = server.ended((202, answer.to_ascii_lowercase(), String::new()));
    server.ok(&["volume", "delete", location(&head).trim_start_matches("/volumes/")]);
    let device = server.json(&["topology", "info"])["clusters"][0]["nodes"][0]["devices"][0]["id"].clone();
    for action in ["resync", "disable", "remove", "delete"] {
        server.ok(&["device", action, device.as_str().unwrap()]);
    }
    assert!(server.stop());

    let lines: Vec<Value> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("WARNING: "))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let ran: Vec<&Value> = lines.iter().filter(|line| line["fields"]["message"] == "ran").collect();
    let of = |id: &str| ran.iter().filter(|line| line["span"]["id"] == id).count();
    let ours: Vec<&&Value> = ran.iter().filter(|line| line["span"]["id"] == "trace-me").collect();
    let hosts: BTreeSet<&str> = ours.iter().map(|line| line["fields"]["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["n1", "n2", "n3"].into());
    assert!(ours.len() >= 15, "{} of {}", ours.len(), ran.len());
    assert!(ours.iter().all(|line| line["fields"]["duration"].is_string() && line["fields"]["status"].is_string()));
    let creates = |line: &&Value| line["fields"]["command"].as_str().unwrap().contains("volume create ");
    assert_eq!(ran.iter().filter(|line| creates(line)).count(), 1);
    assert_eq!(ours.iter().filter(|line| creates(line)).count(), 1);
    assert_eq!(of("another"), 0);
    assert!(ran.iter().all(|line| line["span"]["id"].is_string()), "every command was asked for by a request");
    let access = lines.iter().find(|line| line["fields"]["path"] == "/volumes" && line["span"]["id"] == "trace-me");
    assert_eq!(access.unwrap()["fields"]["status"], 202);

    let commands: BTreeSet<&str> = ran.iter().map(|line| line["fields"]["command"].as_str().unwrap()).collect();
    the_sudoers_list_has(&commands);
}

/// Every command that ran is one a line of the packaged list allows, as sudo matches it.
fn the_sudoers_list_has(commands: &BTreeSet<&str>) {
    let list = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/sudoers")).unwrap();
    let allowed: Vec<&str> = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/usr/bin/timeout -k 10 [0-9]* "))
        .map(|line| line.trim_end_matches(['\\', ' ', ',']))
        .collect();
    assert!(allowed.len() > 15, "{allowed:?}");
    for command in commands {
        let fits = |pattern: &&str| match pattern.strip_suffix('*') {
            Some(start) => command.starts_with(start),
            None => command == pattern,
        };
        assert!(allowed.iter().any(fits), "{command} is not in the list");
    }
}

#[test]
fn what_a_configuration_means_is_printed_without_its_keys() {
    let directory = tempfile::tempdir().unwrap();
    let file = mock_config(directory.path());
    let keys = json!({ "admin": { "key": "tell nobody" }, "user": { "key": "nor this" } });
    configure(&file, &[("/jwt", keys), ("/glusterfs/allocator", "simple".into()), ("/prot", "1".into())]);
    let good = check(&file);
    assert!(good.status.success(), "{good:?}");
    let (out, err) = (text(&good.stdout), text(&good.stderr));
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["jwt"]["admin"]["key"], "********");
    assert_eq!(shown["glusterfs"]["brick_max_size_gb"], 4096);
    assert!(!out.contains("nobody") && !err.contains("nobody"), "{out}{err}");
    for warning in ["glusterfs.allocator is obsolete", "unknown key prot", "use_auth is false but there are keys"] {
        assert!(err.contains(&format!("WARNING: {warning}")), "{warning}: {err}");
    }
    // What is printed is a configuration again.
    let again = directory.path().join("again.json");
    fs::write(&again, &out).unwrap();
    let second: Value = serde_json::from_slice(&check(&again).stdout).unwrap();
    assert_eq!(second, shown);

    configure(&file, &[("/glusterfs/executor", "kubernetes".into())]);
    assert!(check(&file).status.success(), "a check connects nowhere");
    configure(&file, &[("/glusterfs/brick_max_size_gb", "x".into())]);
    assert_eq!(check(&file).status.code(), Some(1));
    assert!(!directory.path().join("heketi.db").exists(), "a check makes no database");
}

/// With heketi v10's spelling: numbers in quotes, placeholders, comments, obsolete keys (interface section 3.1).
#[test]
fn v10s_sample_configuration_starts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("heketi.json");
    let sample = json!({
        "_port_comment": "x", "port": "0", "_enable_tls_comment": "x", "enable_tls": false, "cert_file": "", "key_file": "",
        "_use_auth": "x", "use_auth": false,
        "_jwt": "x", "jwt": {
            "_admin": "x", "admin": { "_key_had_comment": "x", "key": "My Secret" },
            "_user": "x", "user": { "key": "My Secret" }
        },
        "_backup_db_to_kube_secret": "x", "backup_db_to_kube_secret": false, "_profiling": "x", "profiling": false,
        "_glusterfs_comment": "x", "glusterfs": {
            "_executor_comment": ["x", "y"], "executor": "mock",
            "_sshexec_comment": "x", "sshexec": {
                "keyfile": "path/to/private_key", "user": "sshuser", "port": "Optional: ssh port.  Default is 22",
                "fstab": "Optional: Specify fstab file on node.  Default is /etc/fstab",
                "pv_data_alignment": "Optional: Specify PV data alignment size. Default is 256K",
                "vg_physicalextentsize": "Optional: Specify VG physical extent size. Default is 4MB",
                "lv_chunksize": "Optional: Specify LV chunksize. Default is 256K",
                "backup_lvm_metadata": false, "_debug_umount_failures": "x", "debug_umount_failures": true,
                "xfs_sw": "Optional: Specify number of data disks in the underlying RAID device.",
                "xfs_su": "Optional: Specify a stripe unit or RAID chunk size.",
                "gluster_cli_timeout": "Optional: Timeout, in seconds, passed to the gluster cli invocations"
            },
            "_kubeexec_comment": "x", "kubeexec": {
                "host": "https://kubernetes.host:8443", "cert": "/path/to/crt.file", "insecure": false,
                "user": "kubernetes username", "password": "password for kubernetes user",
                "namespace": "OpenShift project or Kubernetes namespace", "fstab": "Optional: Specify fstab file on node."
            },
            "_db_comment": "x", "db": directory.path().join("heketi.db"),
            "_loglevel_comment": ["x"], "loglevel": "debug", "zone_checking": "none",
            "brick_max_size_gb": 1024, "brick_min_size_gb": 1, "max_bricks_per_volume": 33,
            "_auto_create_block_hosting_volume": "x", "auto_create_block_hosting_volume": true,
            "block_hosting_volume_size": 500, "block_hosting_volume_options": "group gluster-block",
            "pre_request_volume_options": "", "post_request_volume_options": ""
        }
    });
    fs::write(&file, sample.to_string()).unwrap();
    let log = directory.path().join("log");
    let server = Server::start_logging(&file, &log);
    assert_eq!(server.request("GET", "/hello", "").2, "Hello from Heketi");
    assert_eq!(server.request("GET", "/clusters", "").0, 401, "its keys count");
    let as_admin = server.cli(&["--user=admin", "--secret=My Secret", "cluster", "list"]);
    assert!(as_admin.status.success(), "{as_admin:?}");
    assert!(server.stop());
    let log = fs::read_to_string(&log).unwrap();
    for key in ["kubeexec.host", "kubeexec.password", "sshexec.xfs_sw", "use_auth is false"] {
        assert!(log.contains(key), "{key}: {log}");
    }
    assert!(!log.contains("My Secret"), "{log}");
}
