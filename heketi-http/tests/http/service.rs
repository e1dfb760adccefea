//! What the service tells about itself: metrics, probes, the level of its log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heketi_core::Error;
use heketi_exec::engine::{Engine, EngineConfig, MonitorConfig};
use heketi_exec::node::NodeOptions;
use heketi_exec::sim::MockExecutor;
use heketi_exec::store::FileStore;
use heketi_http::backend::{Backend, EngineBackend};
use heketi_http::config::LogLevel;
use heketi_http::logging::LogControl;
use heketi_http::metrics::Metrics;

use crate::server::{PATIENCE, Server, options};

/// A sample of the text form: name, labels in the order they have there, value.
type Sample = (String, Vec<(String, String)>, f64);

/// Reads Prometheus' text form 0.0.4, and is strict about it.
fn parse(text: &str) -> (BTreeMap<String, String>, BTreeMap<String, String>, Vec<Sample>) {
    let (mut helps, mut types, mut samples) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(helps.insert(name.to_owned(), help.to_owned()).is_none(), "{name} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            types.insert(name.to_owned(), kind.to_owned());
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
            let labels = labels.strip_suffix('}').unwrap();
            let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                let (key, value) = label.split_once('=').unwrap();
                (key.to_owned(), value.trim_matches('"').to_owned())
            });
            samples.push((name.to_owned(), labels.collect(), value.parse().unwrap()));
        }
    }
    (helps, types, samples)
}

async fn wait_for(engine: &Engine) {
    assert!(engine.wait_idle(PATIENCE).await);
}

#[tokio::test]
async fn metrics_have_v10s_names_labels_and_units() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path().join("heketi.db")).unwrap();
    let metrics = Metrics::default();
    let tick = Duration::from_millis(20);
    let config = EngineConfig {
        meter: Some(Arc::new(metrics.clone())),
        monitor: Some(MonitorConfig { start: tick, interval: tick, probe_timeout: PATIENCE }),
        ..EngineConfig::default()
    };
    let executor = Arc::new(MockExecutor::new(NodeOptions::default(), 500));
    let engine = Engine::open(Arc::new(store), executor, config).await.unwrap();
    let backend = EngineBackend::new(engine.clone());
    let cluster = engine.cluster_create(true, true).await.unwrap();
    let node =
        format!(r#"{{"cluster":"{cluster}","zone":1,"hostnames":{{"manage":["gfs-a"],"storage":["192.0.2.1"]}}}}"#);
    backend.node_add(heketi_core::api::decode(node.as_bytes()).unwrap()).await.unwrap();
    wait_for(&engine).await;
    let node = engine.inventory().nodes().next().unwrap().id;
    let device = format!(r#"{{"node":"{node}","name":"/dev/sdb"}}"#);
    backend.device_add(heketi_core::api::decode(device.as_bytes()).unwrap()).await.unwrap();
    wait_for(&engine).await;
    let volume: heketi_core::api::VolumeCreateRequest =
        heketi_core::api::decode(br#"{"size":10,"durability":{"type":"none"}}"#).unwrap();
    backend.volume_create(volume.check().unwrap()).await.unwrap();
    wait_for(&engine).await;
    let asked = async {
        while engine.node_health().is_empty() {
            tokio::time::sleep(tick).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the node was asked");

    let observed = backend.observe().await.unwrap();
    let (helps, types, samples) = parse(&metrics.text(Some(&observed)));
    let of = |name: &str| samples.iter().find(|sample| sample.0 == name).unwrap_or_else(|| panic!("no {name}"));
    let device = engine.inventory().devices().next().unwrap().as_ref().clone();
    let free = engine.inventory().free(&device).0;
    let place = ["cluster", "device", "hostname", "id", "pv_uuid", "storage_hostname"].as_slice();
    let host = ["cluster", "hostname", "storage_hostname"].as_slice();
    for (name, labels, help, value) in [
        ("heketi_up", &[][..], "Is heketi running?", 1),
        ("heketi_cluster_count", &[], "Number of clusters", 1),
        ("heketi_volumes_count", &["cluster"], "Number of volumes on cluster", 1),
        ("heketi_block_volumes_count", &["cluster"], "Number of block volumes on cluster", 0),
        ("heketi_nodes_count", &["cluster"], "Number of nodes on cluster", 1),
        ("heketi_device_count", host, "Number of devices on host", 1),
        ("heketi_device_brick_count", place, "Number of bricks on device", 1),
        ("heketi_device_size", place, "Total size of the device", device.total.0),
        ("heketi_device_size_bytes", place, "Total size of the device in bytes", device.total.0 * 1024),
        ("heketi_device_free", place, "Amount of Free space available on the device", free),
        ("heketi_device_free_bytes", place, "Amount of Free space available on the device in bytes", free * 1024),
        ("heketi_device_used", place, "Amount of space used on the device", device.total.0 - free),
        (
            "heketi_device_used_bytes",
            place,
            "Amount of space used on the device in bytes",
            (device.total.0 - free) * 1024,
        ),
        ("heketi_operations_total_count", &[], "Total Number of Operations", 0),
        ("heketi_operations_inFlight_count", &[], "Number of in flight Operations", 0),
        ("heketi_operations_new_count", &[], "Number of New Operations", 0),
        ("heketi_operations_stale_count", &[], "Number of Stale Operations", 0),
        ("heketi_operations_failed_count", &[], "Number of Failed Operations", 0),
    ] {
        let (_, found, number) = of(name);
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!((keys.as_slice(), *number), (labels, value as f64), "{name}");
        assert_eq!((helps[name].as_str(), types[name].as_str()), (help, "gauge"), "{name}");
    }
    assert!(free > 0 && free < device.total.0);
    let labels: BTreeMap<_, _> = of("heketi_device_size").1.iter().cloned().collect();
    let wanted = [("device", "/dev/sdb"), ("hostname", "gfs-a"), ("storage_hostname", "192.0.2.1")];
    assert!(wanted.iter().all(|(key, value)| labels[*key] == *value), "{labels:?}");
    assert_eq!((labels["id"].as_str(), labels["cluster"].as_str()), (&*device.id.to_string(), &*cluster.to_string()));

    // Our own.
    assert_eq!(of("heketi_node_up").2, 1.0);
    assert!(of("heketi_store_commit_duration_seconds_count").2 >= 4.0);
    assert_eq!(types["heketi_store_commit_duration_seconds"], "histogram");
    let operations: BTreeSet<(&str, &str)> = samples
        .iter()
        .filter(|sample| sample.0 == "heketi_operation_duration_seconds_count")
        .map(|(_, labels, _)| (labels[0].1.as_str(), labels[1].1.as_str()))
        .collect();
    assert!(operations.contains(&("create-volume", "done")), "{operations:?}");
    let queue = samples.iter().filter(|sample| sample.0 == "heketi_queue_length").map(|sample| sample.2).sum::<f64>();
    assert_eq!(queue, 3.0);
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        assert!(of(name).2 >= 0.0);
    }
    let now = crate::server::now() as f64;
    let started = of("process_start_time_seconds").2;
    assert!(started <= now + 60.0 && started > now - 86400.0, "{started} {now}");
}

#[tokio::test]
async fn metrics_need_no_token_and_count_requests() {
    let server = Server::start().await;
    server.admin("GET", "/clusters", "").await;
    server.admin("GET", "/clusters/0a", "").await;
    server.send("BREW", "/coffee", "", "").await;
    let answer = server.send("GET", "/metrics", "", "").await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
    let (_, types, samples) = parse(&answer.body);
    let requests: BTreeSet<String> = samples
        .iter()
        .filter(|sample| sample.0 == "heketi_http_request_duration_seconds_count")
        .map(|(_, labels, count)| {
            let values: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
            format!("{} {count}", values.join(" "))
        })
        .collect();
    let wanted = ["GET /clusters 200 1", "GET /clusters/{id} 404 1", "other other 401 1"];
    assert_eq!(requests, wanted.map(str::to_owned).into());
    assert_eq!(types["heketi_http_request_duration_seconds"], "histogram");
    let in_flight = samples.iter().find(|sample| sample.0 == "heketi_http_requests_in_flight").unwrap();
    assert_eq!(in_flight.2, 1.0, "the one that asks");
}

#[tokio::test]
async fn probes_need_no_token() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.send("GET", path, "", "").await.told(), (200, "ok\n"), "{path}");
        assert_eq!(server.send("POST", path, "", "").await.status, 401, "{path}");
    }
    server.backend.refusals.lock().unwrap().push_back(Error::internal("the store of /var/lib failed"));
    assert_eq!(server.send("GET", "/healthz", "", "").await.status, 200);
    let told = server.send("GET", "/readyz", "", "").await;
    assert_eq!(told.told(), (503, "not ready; the server's log has more\n"));
}

#[tokio::test]
async fn the_log_level_is_read_and_changed() {
    let applied: Arc<Mutex<Vec<LogLevel>>> = Arc::default();
    let mut options = options();
    let seen = applied.clone();
    options.log = LogControl::new(LogLevel::Info, move |level| seen.lock().unwrap().push(level));
    let server = Server::with(options).await;
    let level = |name: &str| format!("{{\"loglevel\":{{\"glusterfs\":\"{name}\"}}}}");
    let get = async || server.admin("GET", "/internal/logging", "").await.body;
    assert_eq!(get().await, level("info") + "\n");
    let path = "/internal/logging";
    let set = server.admin("POST", path, r#"{"loglevel":{"glusterfs":"debug","other":"x"}}"#).await;
    assert_eq!(set.told(), (200, (level("debug") + "\n").as_str()));
    for (body, status, text) in [
        (level(""), 200, level("debug")),
        (level("loud"), 422, "invalid log level: loud".to_owned()),
        (r#"{"loglevel":{"other":"x"}}"#.to_owned(), 422, "Only \"glusterfs\" logger may be modified".to_owned()),
        ("{}".to_owned(), 422, "Only \"glusterfs\" logger may be modified".to_owned()),
        (String::new(), 400, "request unable to be parsed: unexpected end of JSON input".to_owned()),
    ] {
        assert_eq!(server.admin("POST", path, &body).await.told(), (status, (text + "\n").as_str()), "{body}");
    }
    assert_eq!(get().await, level("debug") + "\n");
    assert_eq!(*applied.lock().unwrap(), [LogLevel::Debug]);
    assert_eq!(server.user("GET", path, "").await.status, 401);
}

#[tokio::test]
async fn the_command_line_knows_the_log_level() {
    let server = Server::start().await;
    let run = async |words: &[&str]| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let url = server.url();
        let usual = ["heketi-cli", "-s", &url, "--user=admin", "--secret", crate::server::ADMIN_KEY, "loglevel"];
        heketi_http::cli::run(usual.into_iter().chain(words.iter().copied()), &mut out, &mut err).await;
        String::from_utf8([out, err].concat()).unwrap()
    };
    assert_eq!(run(&["get"]).await, "info\n");
    assert_eq!(run(&["set", "warning"]).await, "Server log level updated\n");
    assert_eq!(run(&["get"]).await, "warning\n");
    assert_eq!(run(&["set"]).await, "Error: missing log-level argument\n");
    assert_eq!(run(&["set", "a", "b"]).await, "Error: too many arguments\n");
    assert_eq!(run(&["set", "loud"]).await, "Error: invalid log level: loud\n");
}

#[tokio::test]
async fn a_database_that_is_open_for_reading_takes_no_change() {
    let mut options = options();
    options.read_only_database = true;
    let server = Server::with(options).await;
    let refused = (503, "database is in read-only mode\n");
    for (method, path) in [
        ("POST", "/clusters"),
        ("DELETE", "/nodes/0a"),
        ("POST", "/volumes"),
        ("GET", "/devices/0a/resync"),
        ("POST", "/operations/pending/cleanup"),
    ] {
        assert_eq!(server.admin(method, path, "{}").await.told(), refused, "{method} {path}");
    }
    assert_eq!(server.admin("GET", "/clusters", "").await.status, 200);
    assert_eq!(server.admin("POST", "/admin", r#"{"state":"read-only"}"#).await.status, 204, "it is no record");
}
