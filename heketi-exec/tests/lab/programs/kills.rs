//! The server is killed at random moments; after a restart everything is fully done or fully undone.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::harness::{Lab, address};
use super::server::Server;

/// How often the server is killed, unless `HEKETI_LAB_KILLS` says otherwise.
const KILLS: usize = 6;

/// How long recovery may take.
const RECOVERY: Duration = Duration::from_secs(120);

/// What is killed, in turn.
const KINDS: [&str; 3] = ["create", "expand", "delete"];

/// A small generator of moments that can be repeated.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let given = std::env::var("HEKETI_LAB_SEED").ok().and_then(|text| text.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
        let seed = given.unwrap_or_else(clock);
        println!("HEKETI_LAB_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub fn at_random_moments(lab: &Lab) {
    let given = std::env::var("HEKETI_LAB_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: usize = given.unwrap_or(KILLS);
    let mut server = Server::start(lab);
    server.load(1..=3);
    let mut moments = Moments::new();
    // Moments are spread over the time each operation takes on this machine.
    let times = KINDS.map(|kind| {
        let started = Instant::now();
        server.ok(&arguments(kind, server.volumes().first()));
        started.elapsed()
    });
    println!("undisturbed: {KINDS:?} {times:.1?}");
    for kill in 0..kills {
        let (kind, time) = (KINDS[kill % KINDS.len()], times[kill % KINDS.len()]);
        prepare(&server, kind);
        let after = time.mul_f64(moments.below(1000) as f64 / 1000.0);
        let mut client = server
            .cli_command(&arguments(kind, server.volumes().first()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("heketi-cli starts");
        std::thread::sleep(after);
        server.kill();
        client.kill().expect("a child of ours");
        client.wait().expect("a child of ours");
        let started = Instant::now();
        server.restart();
        server.wait_settled(RECOVERY);
        let recovered = started.elapsed();
        let found = assert_consistent(lab, &server);
        println!("kill {}: {kind} after {after:.1?}, settled in {recovered:.0?}: {found}", kill + 1);
    }
    for id in server.volumes() {
        server.ok(&["volume", "delete", &id]);
    }
    lab.assert_no_traces();
    server.unload();
}

/// The command of one kind.
fn arguments<'a>(kind: &'a str, volume: Option<&'a String>) -> Vec<&'a str> {
    let id = || volume.expect("a volume").as_str();
    match kind {
        "create" => vec!["volume", "create", "--size=1"],
        "expand" => vec!["volume", "expand", "--expand-size=1", "--volume", id()],
        _ => vec!["volume", "delete", id()],
    }
}

/// A create needs room, the others a volume.
fn prepare(server: &Server, kind: &str) {
    let volumes = server.volumes();
    match kind {
        "create" => volumes.iter().for_each(|id| drop(server.ok(&["volume", "delete", id]))),
        _ if volumes.is_empty() => drop(server.ok(&["volume", "create", "--size=1"])),
        _ => {}
    }
}

/// What the server knows is what the nodes have.
fn assert_consistent(lab: &Lab, server: &Server) -> String {
    let volumes: Vec<Value> = server.volumes().iter().map(|id| server.get(&format!("/volumes/{id}"))).collect();
    let names: BTreeSet<String> = volumes.iter().map(|volume| string(&volume["name"])).collect();
    for node in server.nodes() {
        let host = string(&node["hostnames"]["manage"][0]);
        let n = (1..=lab.nodes).find(|n| address(*n) == host).expect("a node of the lab");
        let devices = node["devices"].as_array().expect("a list");
        let bricks = devices.iter().flat_map(|device| device["bricks"].as_array().cloned().unwrap_or_default());
        let wanted: BTreeSet<String> = bricks.map(|brick| format!("brick_{}", string(&brick["id"]))).collect();
        let traces = lab.traces(n);
        let found = |kind: &str| -> BTreeSet<String> {
            let lines = traces.iter().filter_map(|line| line.strip_prefix(kind));
            lines.filter_map(|line| Some(format!("brick_{}", line.split_once("brick_")?.1.get(..32)?))).collect()
        };
        for kind in ["lv ", "mount ", "fstab ", "directory "] {
            assert_eq!(found(kind), wanted, "{kind}on n{n}:\n{}", traces.join("\n"));
        }
        let pools = traces.iter().filter(|line| line.starts_with("lv ") && line.contains(" tp_")).count();
        assert_eq!(pools, wanted.len(), "thin pools on n{n}:\n{}", traces.join("\n"));
        let listed = traces.iter().filter_map(|line| line.strip_prefix("volume ")).map(str::to_owned);
        assert_eq!(listed.collect::<BTreeSet<_>>(), names, "volumes on n{n}");
    }
    for volume in &volumes {
        let info = lab.on(1, &format!("gluster volume info {}", string(&volume["name"])));
        assert!(info.contains("Status: Started"), "{info}");
        let bricks = volume["bricks"].as_array().expect("a list");
        assert!(info.contains(&format!("= {}\n", bricks.len())), "{info}");
        assert!(bricks.iter().all(|brick| info.contains(&string(&brick["path"]))), "{info}");
        assert_eq!(bricks.len() as u64, 3 * volume["size"].as_u64().expect("a number"));
    }
    volumes.first().map_or("no volume".to_owned(), |volume| format!("a volume of {} GiB", volume["size"]))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
