//! Server-sent events.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::live::{Live, World};
use crate::server::{ADMIN_KEY, PATIENCE, Server, bearer, options};

struct Stream {
    lines: BufReader<TcpStream>,
    /// The `id:` that came with an event.
    last_id: Option<u64>,
}

impl Stream {
    async fn open<B>(server: &Server<B>, last_event: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let token = bearer("admin", ADMIN_KEY, "GET", "/events");
        let last = last_event.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /events HTTP/1.1\r\nHost: x\r\n{token}{last}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self { lines: BufReader::new(stream), last_id: None };
        assert_eq!(stream.line().await.as_deref(), Some("HTTP/1.1 200 OK"));
        stream
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.lines.read_line(&mut line)).await.expect("a line in time");
        (read.unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        self.last_id = None;
        let mut name = String::new();
        loop {
            let line = self.line().await?;
            if let Some(id) = line.strip_prefix("id: ") {
                self.last_id = Some(id.parse().unwrap());
            } else if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).unwrap();
                assert_eq!(event["event"], name.as_str());
                assert_eq!(event["id"], self.last_id.unwrap_or(0));
                return Some(event);
            }
        }
    }

    /// Reads to the first event of this name; returns the names on the way, and that event.
    async fn until(&mut self, name: &str) -> (Vec<String>, Value) {
        let mut passed = Vec::new();
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("no {name} after {passed:?}"));
            passed.push(event["event"].as_str().unwrap().to_owned());
            if event["event"] == name {
                return (passed, event);
            }
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_in_order() {
    let live = Live::with_cluster().await;
    let mut stream = Stream::open(&live.server, None).await;
    let connected = stream.next().await.unwrap();
    assert_eq!(connected["event"], "connected");
    let volume = live.volume(r#"{"size":10,"name":"alpha"}"#).await;
    let (passed, created) = stream.until("volume.created").await;
    assert_eq!(passed[0], "operation.started", "{passed:?}");
    assert_eq!((&created["object"]["type"], &created["object"]["name"]), (&"volume".into(), &"alpha".into()));
    assert_eq!(format!("/volumes/{}", created["object"]["id"].as_str().unwrap()), volume);
    assert!(passed.contains(&"device.changed".to_owned()), "its space: {passed:?}");
    assert_eq!(passed.iter().filter(|name| *name == "operation.done").count(), 1, "{passed:?}");
    let mut last = connected["id"].as_u64().unwrap();
    live.done("DELETE", &volume, "").await;
    let mut seen = Vec::new();
    loop {
        let event = stream.next().await.unwrap();
        assert!(event["id"].as_u64().unwrap() > last, "ids rise");
        last = event["id"].as_u64().unwrap();
        seen.push(event["event"].as_str().unwrap().to_owned());
        if event["event"] == "operation.done" {
            assert_eq!(event["operation"]["type_name"], "delete-volume");
            break;
        }
    }
    assert!(seen[0] == "operation.started" && seen.contains(&"volume.deleted".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn failures_and_the_topology_are_told() {
    let world = World::new();
    let live = world.start().await;
    let mut stream = Stream::open(&live.server, None).await;
    let cluster = live.add_cluster(1).await;
    let (_, created) = stream.until("cluster.created").await;
    assert_eq!(created["object"]["id"], cluster.as_str());
    let (_, node) = stream.until("node.created").await;
    assert_eq!((&node["object"]["cluster"], &node["object"]["state"]), (&cluster.as_str().into(), &"online".into()));
    let (_, device) = stream.until("device.created").await;
    assert_eq!((&device["object"]["node"], &device["object"]["name"]), (&node["object"]["id"], &"/dev/sdb".into()));
    let path = format!("/devices/{}/state", device["object"]["id"].as_str().unwrap());
    live.done("POST", &path, r#"{"state":"offline"}"#).await;
    let (_, changed) = stream.until("device.changed").await;
    assert_eq!(changed["object"]["state"], "offline");
    let body = format!(r#"{{"node":"{}","name":"/dev/sdb"}}"#, node["object"]["id"].as_str().unwrap());
    let again = live.admin("POST", "/devices", &body).await;
    if again.status == 202 {
        let refused = live.ended(&again).await;
        let (_, failed) = stream.until("operation.failed").await;
        assert_eq!(format!("{}\n", failed["operation"]["error"].as_str().unwrap()), refused.body);
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_it_missed() {
    let live = World::new().start().await;
    let mut stream = Stream::open(&live.server, None).await;
    let last = stream.next().await.unwrap()["id"].to_string();
    drop(stream);
    let names = async |last: &str| {
        let mut stream = Stream::open(&live.server, Some(last)).await;
        let first = stream.next().await.unwrap();
        let second = stream.next().await.unwrap();
        (first, second)
    };
    let cluster = live.admin("POST", "/clusters", "{}").await.member("id");
    let (connected, created) = names(&last).await;
    assert_eq!(connected["id"].to_string(), last);
    assert_eq!((&created["event"], &created["object"]["id"]), (&"cluster.created".into(), &cluster.as_str().into()));
    // An id of another life of the server, or of nothing.
    for unknown in ["17", "99999999999999999", "x", ""] {
        let (connected, missed) = names(unknown).await;
        assert_eq!((&connected["event"], &missed["event"]), (&"connected".into(), &"missed".into()), "{unknown}");
        assert_eq!(missed["id"], created["id"], "from here on nothing is missing");
    }
}

/// Whether a failed commit took effect is not known: whoever watches is told to look for itself.
#[tokio::test]
async fn a_failed_commit_leaves_a_gap_that_is_told() {
    let live = World::new().start().await;
    let mut stream = Stream::open(&live.server, None).await;
    stream.next().await.unwrap();
    live.break_store(true);
    let refused = live.admin("POST", "/clusters", "{}").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    live.break_store(false);
    let missed = stream.next().await.unwrap();
    assert_eq!(missed["event"], "missed", "what is not on disk is not told");
    let cluster = live.admin("POST", "/clusters", "{}").await.member("id");
    assert_eq!(stream.next().await.unwrap()["object"]["id"], cluster.as_str());
}

#[tokio::test]
async fn ids_rise_over_a_restart() {
    let world = World::new();
    let live = world.start().await;
    live.admin("POST", "/clusters", "{}").await;
    let before = Stream::open(&live.server, None).await.next().await.unwrap()["id"].as_u64().unwrap();
    live.kill().await;
    let live = world.start().await;
    let mut stream = Stream::open(&live.server, Some(&before.to_string())).await;
    assert!(stream.next().await.unwrap()["id"].as_u64().unwrap() > before);
    assert_eq!(stream.next().await.unwrap()["event"], "missed");
}

#[tokio::test]
async fn a_slow_reader_is_told_and_dropped_and_holds_nobody_up() {
    use futures_util::StreamExt;
    let live = World::new().start().await;
    let cluster = live.engine.cluster_create(true, true).await.unwrap();
    let mut slow = live.engine.events(None);
    for n in 0..1500 {
        live.engine.cluster_flags(cluster, n % 2 == 0, true).await.unwrap();
    }
    // The last event may still be on its way to those who watch.
    let mut names = Vec::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, slow.next()).await.expect("the stream ends") {
        names.push((event.event.clone(), event.id));
    }
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!((names[0].0.as_str(), names[1].0.as_str(), names[1].1), ("connected", "too_slow", 0));
    // It comes back with the id it saw last, and gets everything.
    let mut again = live.engine.events(Some(names[0].1)).take(1400);
    let mut ids = Vec::new();
    while let Some(event) = again.next().await {
        assert_ne!(event.event, "missed");
        ids.push(event.id);
    }
    assert_eq!(ids, (ids[0]..ids[0] + 1400).collect::<Vec<_>>());
}

#[tokio::test]
async fn streams_are_limited_and_end_with_the_service() {
    let mut options = options();
    options.max_event_streams = 1;
    options.drain = Duration::from_secs(60);
    let world = World::new();
    let live = world.start_with(options).await;
    let mut stream = Stream::open(&live.server, None).await;
    stream.next().await.unwrap();
    let second = live.admin("GET", "/events", "").await;
    assert_eq!(second.told(), (429, "Too many event streams are open. Close one, or retry later.\n"));
    assert_eq!(live.server.user("GET", "/events", "").await.status, 401);
    let mut server = live.server;
    server.stop();
    assert_eq!(stream.next().await.unwrap()["event"], "stopping");
    assert!(stream.next().await.is_none(), "the stream ends");
    server.stopped().await;
}
