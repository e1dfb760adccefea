//! How long a start on a file of heketi v10 takes: read, brought up to date, checked, converted, stored and loaded.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use heketi_benches::is_smoke_run;
use heketi_core::interchange::V10Database;
use heketi_core::inventory::Inventory;
use heketi_exec::store::{Store, open_or_convert, read_as_v10};
use serde_json::{Map, Value, json};

#[path = "../../heketi-core/tests/support/v10_file.rs"]
#[allow(clippy::type_complexity)] // one value of the writer is used
mod v10_file;

/// The most that a start on a file of [`BRICKS`] bricks may take.
const GOAL: Duration = Duration::from_secs(3);
const BRICKS: u64 = 100_002;

/// Bricks of a device, and devices of a node.
const PER_DEVICE: u64 = 25;
const PER_NODE: u64 = 10;

/// Page size of heketi v10's files on most machines.
const PAGE: usize = 4096;

fn id(kind: u64, number: u64) -> String {
    format!("{kind:016x}{number:016x}")
}

/// A cluster whose volumes have three copies, each on another node.
fn database(bricks: u64) -> V10Database {
    const POOL: u64 = 1024 * 1024;
    const METADATA: u64 = 8192;
    let devices = bricks.div_ceil(PER_DEVICE).next_multiple_of(PER_NODE * 3);
    let nodes = devices / PER_NODE;
    let cluster = id(1, 1);
    // Brick by brick over the nodes: the three of a volume lie side by side.
    let device_of = |brick: u64| (brick % nodes) * PER_NODE + (brick / nodes) % PER_NODE;
    let mut of_device: Vec<Vec<String>> = vec![Vec::new(); usize::try_from(devices).expect("a small number")];
    let mut brick_entries = Map::new();
    for number in 0..bricks {
        let (brick, device) = (id(5, number), device_of(number));
        of_device[usize::try_from(device).expect("a small number")].push(brick.clone());
        let info = json!({
            "id": brick, "device": id(3, device), "node": id(2, device / PER_NODE), "volume": id(4, number / 3),
            "size": POOL, "path": format!("/var/lib/heketi/mounts/vg_{}/brick_{brick}/brick", id(3, device)),
        });
        let entry = json!({ "Info": info, "TpSize": POOL, "PoolMetadataSize": METADATA, "Pending": { "Id": "" },
            "LvmThinPool": format!("tp_{brick}"), "LvmLv": "", "SubType": 1 });
        brick_entries.insert(brick, entry);
    }
    let mut device_entries = Map::new();
    for (number, bricks) in (0..).zip(of_device) {
        let used = (POOL + METADATA) * bricks.len() as u64;
        let total = 100 * (POOL + METADATA);
        let info = json!({ "id": id(3, number), "name": format!("/dev/disk/by-id/disk-{number}"),
            "storage": { "total": total, "free": total - used, "used": used } });
        let entry = json!({ "State": "online", "Info": info, "Bricks": bricks, "NodeId": id(2, number / PER_NODE),
            "ExtentSize": 4096 });
        device_entries.insert(id(3, number), entry);
    }
    let hosts: Vec<String> = (0..nodes).map(|node| format!("192.0.{}.{}", node / 250, node % 250)).collect();
    let mut node_entries = Map::new();
    for number in 0..nodes {
        let disks: Vec<String> = (0..PER_NODE).map(|disk| id(3, number * PER_NODE + disk)).collect();
        let names = json!({ "manage": [format!("node-{number}")], "storage": [hosts[usize::try_from(number).expect("small")]] });
        let info = json!({ "id": id(2, number), "cluster": cluster, "zone": number % 3 + 1, "hostnames": names });
        node_entries.insert(id(2, number), json!({ "State": "online", "Info": info, "Devices": disks }));
    }
    let mut volume_entries = Map::new();
    for number in 0..bricks / 3 {
        let (volume, bricks) = (id(4, number), [0, 1, 2].map(|brick| id(5, number * 3 + brick)));
        // v10 writes all hosts of the cluster into every volume; here the three of its bricks.
        let its: Vec<&String> =
            (0..3).map(|brick| &hosts[usize::try_from((number * 3 + brick) % nodes).expect("small")]).collect();
        let mount = json!({ "glusterfs": { "hosts": its, "device": format!("{}:vol_{volume}", its[0]),
            "options": { "backup-volfile-servers": format!("{},{}", its[1], its[2]) } } });
        let info = json!({ "id": volume, "name": format!("vol_{volume}"), "size": 1, "cluster": cluster,
            "durability": { "type": "replicate", "replicate": { "replica": 3 }, "disperse": {} },
            "snapshot": { "enable": false, "factor": 1 }, "mount": mount, "blockinfo": {} });
        let entry =
            json!({ "Info": info, "Bricks": bricks, "GlusterVolumeOptions": ["", ""], "Pending": { "Id": "" } });
        volume_entries.insert(volume, entry);
    }
    let keys = |entries: &Map<String, Value>| entries.keys().cloned().collect::<Vec<_>>();
    let info = json!({ "id": cluster, "nodes": keys(&node_entries), "volumes": keys(&volume_entries),
        "blockvolumes": [], "file": true, "block": true });
    let attributes: Map<String, Value> = [
        ("DB_CLUSTER_HAS_FILE_BLOCK_FLAG", "yes"),
        ("DB_BRICK_HAS_SUBTYPE_FIELD", "yes"),
        ("DB_HAS_PENDING_OPS_BUCKET", "yes"),
        ("DB_DEVICE_HAS_ID_META", "yes"),
        ("DB_GENERATION_ID", "57d18b207e254a9892b2293c77c02622"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), json!({ "Key": key, "Value": value })))
    .collect();
    let whole = json!({
        "clusterentries": { &cluster: { "Info": info } }, "nodeentries": node_entries,
        "deviceentries": device_entries, "brickentries": brick_entries, "volumeentries": volume_entries,
        "blockvolumeentries": {}, "dbattributeentries": attributes, "pendingoperations": {},
    });
    let mut database: V10Database = serde_json::from_value(whole).expect("v10's form");
    for (number, node) in database.nodes.values().enumerate() {
        let id = node.info.id.clone();
        database.registrations.insert(format!("MANAGEnode-{number}"), id.clone());
        database.registrations.insert(format!("STORAGE{}", hosts[number]), id);
    }
    database
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = run();
    let took = start.elapsed();
    println!("| {what} | {:.2} s |", took.as_secs_f64());
    (done, took)
}

/// Starts on a file as a server does, and prints how many bricks there are and how many milliseconds it took.
fn open(path: &Path) {
    let start = Instant::now();
    let (store, conversion) = open_or_convert(path).expect("it converts");
    if let Some(done) = conversion {
        assert_eq!((done.damages.len(), done.findings.len()), (0, 0), "{:?}", done.damages.first());
    }
    let inventory = Inventory::from_records(store.load().expect("records").0).expect("a state");
    let took = start.elapsed();
    println!("{} {}", inventory.bricks().count(), took.as_millis());
}

/// [`open`] in a process of its own: a server starts with an empty memory, not with one in pieces.
fn start(what: &str, path: &Path) -> (u64, Duration) {
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this).arg(OPEN).arg(path).stderr(Stdio::inherit()).output().expect("it runs");
    let told = String::from_utf8(output.stdout).expect("text");
    let mut numbers = told.split_whitespace().map(|number| number.parse::<u64>().expect("a number"));
    let (bricks, took) = numbers.next().zip(numbers.next()).expect("two numbers");
    println!("| {what} | {:.2} s |", took as f64 / 1000.0);
    (bricks, Duration::from_millis(took))
}

/// The argument of the process that [`start`] runs.
const OPEN: &str = "--open";

fn main() {
    let mut arguments = std::env::args_os();
    if arguments.any(|argument| argument == OPEN) {
        return open(Path::new(&arguments.next().expect("a path")));
    }
    let smoke = is_smoke_run();
    let bricks = if smoke { 3000 } else { BRICKS };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("heketi.db");
    let bytes = v10_file::write(&database(bricks), PAGE);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    println!("A file of heketi v10 with {bricks} bricks, {} MiB; load of the machine {load}:\n", bytes.len() >> 20);
    println!("| what | time |\n|---|--:|");
    std::fs::write(&path, bytes).expect("written");
    let (_, _) = timed("read and decoded", || read_as_v10(&path, true).expect("it reads"));
    let (mut database, _) = read_as_v10(&path, true).expect("it reads");
    timed("  brought up to date", || database.upgrade(&mut heketi_exec::RandomIds::default()));
    timed("  checked", || assert!(database.check().is_empty()));
    let (converted, _) = timed("  converted", || database.to_inventory_unchecked().expect("it converts"));
    timed("  audited", || assert!(heketi_core::audit::check(&converted.inventory).is_empty()));
    let new = directory.path().join("new.db");
    timed("  stored", || heketi_exec::store::create(&new, &converted.inventory).expect("stored"));
    let (found, took) = start("first start: converted and loaded", &path);
    assert_eq!(found, bricks);
    start("second start: loaded", &path);
    println!("\nThe goal for {BRICKS} bricks: {} s.", GOAL.as_secs());
    assert!(smoke || took <= GOAL, "the first start took {took:?}");
}
