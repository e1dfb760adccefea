//! heketi-cli: texts, errors and exit status, byte for byte.

use heketi_core::api::{BlockInfo, DurabilityInfo, SnapshotInfo, VolumeInfo};
use heketi_core::id::VolumeId;
use heketi_core::model::Durability;
use heketi_core::{Error, ErrorKind};
use heketi_http::cli::run_with;

use crate::client::impatient;
use crate::server::{ADMIN_KEY, PATIENCE, Server};
use crate::state::brick;

/// Exit status, stdout, stderr.
pub type Output = (u8, String, String);

/// Runs a command line against this server as administrator.
pub async fn cli(server: &Server, arguments: &[&str]) -> Output {
    let url = server.url();
    let mut line = vec!["heketi-cli", "-s", &url, "--user", "admin", "--secret", ADMIN_KEY];
    line.extend(arguments);
    bare(&line).await
}

/// Runs a command line as it is.
pub async fn bare(line: &[&str]) -> Output {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let run = run_with(line.iter().copied(), impatient(), &mut out, &mut err);
    let status = tokio::time::timeout(PATIENCE, run).await.expect("the command ends");
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

pub fn ok(text: &str) -> Output {
    (0, text.to_owned(), String::new())
}

pub fn failed(text: &str) -> Output {
    (255, String::new(), format!("Error: {text}\n"))
}

/// The id at the end of the first line.
fn id(output: &Output) -> String {
    output.1.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap().to_owned()
}

#[tokio::test]
async fn clusters() {
    let server = Server::start().await;
    let created = cli(&server, &["cluster", "create"]).await;
    let first = id(&created);
    assert_eq!(created, ok(&format!("Cluster id: {first}\n")));
    let second = id(&cli(&server, &["cluster", "create", "--file=false"]).await);
    let third = id(&cli(&server, &["cluster", "create", "--block=false", "--file"]).await);
    let fourth = id(&cli(&server, &["cluster", "create", "--file=false", "--block=0"]).await);
    let mut lines = [(first.clone(), "[file][block]"), (second, "[block]"), (third, "[file]"), (fourth.clone(), "[]")];
    lines.sort();
    let lines: String = lines.iter().map(|(id, flags)| format!("Id:{id} {flags}\n")).collect();
    assert_eq!(cli(&server, &["cluster", "list"]).await, ok(&format!("Clusters:\n{lines}")));
    let info = format!("Cluster id: {first}\nNodes:\n\nVolumes:\n\nBlock: true\n\nFile: true\n");
    assert_eq!(cli(&server, &["cluster", "info", &first, "surplus"]).await, ok(&info));
    let json = format!(r#"{{"id":"{first}","nodes":[],"volumes":[],"block":true,"file":true,"blockvolumes":[]}}"#);
    for line in [
        ["--json", "cluster", "info", &first],
        ["cluster", "--json", "info", &first],
        ["cluster", "info", &first, "--json"],
    ] {
        assert_eq!(cli(&server, &line).await, ok(&json));
    }
    assert_eq!(cli(&server, &["cluster", "setflags", "--file=true", &fourth]).await, ok(""));
    let flags = cli(&server, &["cluster", "info", &fourth]).await.1;
    assert!(flags.ends_with("Block: false\n\nFile: true\n"), "{flags}");
    let text = "At least one of --file or --block must be specified.";
    assert_eq!(cli(&server, &["cluster", "setflags", &fourth]).await, failed(text));
    let deleted = cli(&server, &["cluster", "delete", &first]).await;
    assert_eq!(deleted, ok(&format!("Cluster {first} deleted\n")));
    assert_eq!(cli(&server, &["cluster", "delete", &first]).await, failed("Id not found"));
    assert_eq!(cli(&server, &["cluster", "info"]).await, failed("Cluster id missing"));
    assert_eq!(cli(&server, &["cluster", "info", "xyz"]).await, failed("Invalid path or request"));
}

#[tokio::test]
async fn nodes_and_devices() {
    let server = Server::start().await;
    let cluster = id(&cli(&server, &["cluster", "create"]).await);
    let cluster_flag = format!("--cluster={cluster}");
    let add = [
        "node",
        "add",
        "--zone=1",
        &cluster_flag,
        "--management-host-name=gfs-a.example",
        "--storage-host-name",
        "192.0.2.11",
    ];
    let (status, text, _) = cli(&server, &add).await;
    let node = text.lines().nth(1).and_then(|line| line.strip_prefix("Node Id: ")).unwrap().to_owned();
    let head = format!(
        "Node Id: {node}\nState: online\nCluster Id: {cluster}\nZone: 1\nManagement Hostname: gfs-a.example\nStorage Hostname: 192.0.2.11\n"
    );
    assert_eq!((status, text), (0, format!("Node information:\n{head}")));
    for (without, error) in [(2, "Missing zone"), (4, "Missing management hostname"), (3, "Missing cluster id")] {
        let line: Vec<_> = add.iter().enumerate().filter(|(n, _)| *n != without).map(|(_, word)| *word).collect();
        assert_eq!(cli(&server, &line).await, failed(error));
    }
    assert_eq!(cli(&server, &["node", "list"]).await, ok(&format!("Id:{node}\tCluster:{cluster}\n")));

    let name = ["device", "add", "--name=/dev/sdb", "--node", &node];
    assert_eq!(cli(&server, &name).await, ok("Device added successfully\n"));
    assert_eq!(cli(&server, &name[..3]).await, failed("Missing node id"));
    assert_eq!(cli(&server, &["device", "add", "--node", &node]).await, failed("Missing device name"));
    assert_eq!(cli(&server, &["node", "settags", &node, "rack:r7", "a:b:c"]).await, ok(""));
    let device = server.backend.state.lock().unwrap().devices.keys().next().copied().unwrap();
    {
        let mut state = server.backend.state.lock().unwrap();
        let info = &mut state.devices.get_mut(&device).unwrap().1;
        info.storage.free = heketi_core::Kib(513_748_992);
        info.storage.used = heketi_core::Kib(10_539_008);
        info.paths = vec!["/dev/sdb".into(), "/dev/disk/by-id/x1".into()];
        info.pv_uuid = "Q3rT5y".into();
        info.bricks = vec![brick(0xb4, VolumeId::from_bytes([7; 16]))];
    }
    let devices = format!(
        "Devices:\nId:{device}   Name:/dev/sdb            State:online    Size (GiB):500     Used (GiB):10      Free (GiB):489     Bricks:1       \n"
    );
    assert_eq!(
        cli(&server, &["node", "info", &node]).await,
        ok(&format!("{head}Tags:\n  a: b:c\n  rack: r7\n{devices}"))
    );
    let device = device.to_string();
    assert_eq!(cli(&server, &["device", "settags", &device, "drive:ssd", "--exact"]).await, ok(""));
    let text = format!(
        "Device Id: {device}\nState: online\nSize (GiB): 500\nUsed (GiB): 10\nFree (GiB): 489\nCreate Path: /dev/sdb\nPhysical Volume UUID: Q3rT5y\nKnown Paths: /dev/sdb /dev/disk/by-id/x1\nTags:\n  drive: ssd\nBricks:\nId:{}   Size (GiB):10      Path: /bricks/180\n",
        "b4".repeat(16)
    );
    assert_eq!(cli(&server, &["device", "info", &device]).await, ok(&text));

    for (kind, object) in [("node", &node), ("device", &device)] {
        let title = if kind == "node" { "Node" } else { "Device" };
        for (command, state) in
            [("disable", "offline"), ("enable", "online"), ("disable", "offline"), ("remove", "removed")]
        {
            let told = cli(&server, &[kind, command, object]).await;
            assert_eq!(told, ok(&format!("{title} {object} is now {state}\n")));
        }
        assert!(cli(&server, &[kind, "info", object]).await.1.contains("State: removed\n"));
        assert_eq!(cli(&server, &[kind, "settags"]).await, failed("id required"));
        assert_eq!(cli(&server, &[kind, "settags", object]).await, failed("at least one tag:value pair expected"));
        let text = "expected colon (:) between tag name and value, got: foo";
        assert_eq!(cli(&server, &[kind, "settags", object, "foo"]).await, failed(text));
        assert_eq!(cli(&server, &[kind, "rmtags", object]).await, failed("at least one tag expected"));
        let text = "--all may not be combined with named tags";
        assert_eq!(cli(&server, &[kind, "deltags", "--all", object, "x"]).await, failed(text));
        assert_eq!(cli(&server, &[kind, "removetags", object, "--all"]).await, ok(""));
        assert!(!cli(&server, &[kind, "info", object]).await.1.contains("Tags"));
        assert_eq!(cli(&server, &[kind, "remove"]).await, failed(&format!("{title} id missing")));
    }
    assert_eq!(cli(&server, &["device", "enable"]).await, failed("device id missing"));
    assert_eq!(cli(&server, &["device", "delete", &device]).await, ok(&format!("Device {device} deleted\n")));
    assert_eq!(cli(&server, &["node", "delete", &node]).await, ok(&format!("Node {node} deleted\n")));
}

fn volume_text(id: &str, cluster: &str, name: &str, size: u64, end: &str) -> String {
    format!(
        "Name: {name}\nSize: {size}\nVolume Id: {id}\nCluster Id: {cluster}\nMount: 192.0.2.11:{name}\nMount Options: backup-volfile-servers=192.0.2.12\nBlock: false\nFree Size: 0\nReserved Size: 0\nBlock Hosting Restriction: (none)\nBlock Volumes: []\n{end}"
    )
}

fn only_volume(server: &Server) -> VolumeInfo {
    server.backend.state.lock().unwrap().volumes.values().next().cloned().unwrap()
}

#[tokio::test]
async fn volumes() {
    let server = Server::start().await;
    let cluster = id(&cli(&server, &["cluster", "create"]).await);
    assert_eq!(cli(&server, &["volume", "create"]).await, failed("Missing volume size"));
    let created =
        cli(&server, &["volume", "create", "--size=10", "--name", "v1", "--gluster-volume-options=a b, c d"]).await;
    let volume = only_volume(&server).id.to_string();
    let end = "Durability Type: replicate\nDistribute Count: 1\nReplica Count: 3\n";
    assert_eq!(created, ok(&volume_text(&volume, &cluster, "v1", 10, end)));
    assert_eq!(only_volume(&server).glustervolumeoptions, ["a b", " c d"]);
    assert_eq!(cli(&server, &["volume", "info", &volume]).await, ok(&volume_text(&volume, &cluster, "v1", 10, end)));
    let expanded = cli(&server, &["volume", "expand", "--volume", &volume, "--expand-size=5"]).await;
    assert_eq!(expanded, ok(&volume_text(&volume, &cluster, "v1", 15, end)));
    assert_eq!(cli(&server, &["volume", "expand", &volume]).await, failed("Missing volume amount to expand"));
    assert_eq!(cli(&server, &["volume", "expand", "--expand-size=5"]).await, failed("Missing volume id"));
    let line = format!("Id:{volume}    Cluster:{cluster}    Name:v1\n");
    assert_eq!(cli(&server, &["volume", "list"]).await, ok(&line));
    assert_eq!(cli(&server, &["volume", "list", "--json"]).await, ok(&format!(r#"{{"volumes":["{volume}"]}}"#)));
    let json = cli(&server, &["volume", "info", &volume, "--json"]).await.1;
    assert!(json.starts_with(r#"{"size":15,"name":"v1","durability":"#) && json.ends_with("]}"), "{json}");
    assert_eq!(cli(&server, &["volume", "delete", &volume]).await, ok(&format!("Volume {volume} deleted\n")));
    assert_eq!(cli(&server, &["volume", "delete", &volume]).await, failed("Id not found"));
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::CannotAllocate, "No space"));
    assert_eq!(
        cli(&server, &["volume", "create", "--size=1"]).await,
        failed("Failed to allocate new volume: No space")
    );
    let text = "validation failed: size: must be no less than 1.";
    assert_eq!(cli(&server, &["volume", "create", "--size=-1"]).await, failed(text));
}

#[tokio::test]
async fn volume_variations() {
    let server = Server::start().await;
    let cluster = id(&cli(&server, &["cluster", "create"]).await);
    cli(&server, &["volume", "create", "--size=10", "--name=v", "--durability=none", "--snapshot-factor=1.5"]).await;
    let volume = only_volume(&server).id;
    let text = async |change: &dyn Fn(&mut VolumeInfo)| {
        change(server.backend.state.lock().unwrap().volumes.get_mut(&volume).unwrap());
        cli(&server, &["volume", "info", &volume.to_string()]).await.1
    };
    let ends = |text: String, end: &str| assert_eq!(text, volume_text(&volume.to_string(), &cluster, "v", 10, end));
    ends(text(&|_| {}).await, "Durability Type: none\nDistribute Count: 1\nSnapshot Factor: 1.50\n\n");
    let disperse = |volume: &mut VolumeInfo| {
        volume.snapshot = SnapshotInfo { enable: false, factor: 1.0 };
        volume.durability = DurabilityInfo::from(Durability::Disperse { data: 4, redundancy: 2 });
        volume.bricks = (0..12).map(|n| brick(n, volume.id)).collect();
    };
    ends(
        text(&disperse).await,
        "Durability Type: disperse\nDistribute Count: 2\nDisperse Data Count: 4\nDisperse Redundancy Count: 2\n",
    );
    // A server of heketi v10 reports 0 where it uses its default.
    let zero =
        |volume: &mut VolumeInfo| volume.durability = DurabilityInfo { kind: "replicate".into(), ..Default::default() };
    ends(text(&zero).await, "Durability Type: replicate\nDistribute Count: 12\nReplica Count: 0\n");
    let hosting = |volume: &mut VolumeInfo| {
        volume.block = true;
        let blockvolume = vec!["a".into(), "b".into()];
        volume.blockinfo = BlockInfo { freesize: 91, reservedsize: 2, blockvolume, restriction: "locked".into() };
    };
    let told = text(&hosting).await;
    assert!(
        told.contains(
            "Block: true\nFree Size: 91\nReserved Size: 2\nBlock Hosting Restriction: locked\nBlock Volumes: [a b]\n"
        ),
        "{told}"
    );
    assert!(cli(&server, &["volume", "list"]).await.1.ends_with("Name:v [block]\n"));
}

#[tokio::test]
async fn persistent_volumes() {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pv.json").display().to_string();
    let create = ["volume", "create", "--size=10", "--name=v", "--gid=2001"];
    let no_endpoint = cli(&server, &[&create[..], &["--persistent-volume"]].concat()).await;
    let text =
        "--persistent-volume-endpoint must be provided when using --persistent-volume\nError: Missing endpoint\n";
    assert_eq!(no_endpoint, (255, String::new(), text.to_owned()));
    assert!(server.backend.state.lock().unwrap().volumes.is_empty());

    let shown =
        cli(&server, &[&create[..], &["--persistent-volume", "--persistent-volume-endpoint=my-endpoints"]].concat())
            .await;
    let short = only_volume(&server).id.to_string()[..8].to_owned();
    let expected = include_str!("persistent_volume.json").replace("7e57ab1e", &short);
    assert_eq!(shown, ok(&expected));
    let volume = only_volume(&server).id.to_string();
    cli(&server, &["volume", "delete", &volume]).await;
    assert_eq!(cli(&server, &[&create[..], &["--persistent-volume-file", &file]].concat()).await, ok(""));
    let short = only_volume(&server).id.to_string()[..8].to_owned();
    let expected = include_str!("persistent_volume.json")
        .replace("7e57ab1e", &short)
        .replace("my-endpoints", "TYPE ENDPOINT HERE");
    assert_eq!(std::fs::read_to_string(&file).unwrap() + "\n", expected);
}

#[tokio::test]
async fn usage() {
    let server = Server::start().await;
    let version = format!("heketi-cli v{}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(bare(&["heketi-cli", "--version"]).await, ok(&version));
    assert_eq!(bare(&["heketi-cli", "-v"]).await, ok(&version));
    let unknown = "unknown command \"blah\" for \"heketi-cli\"\nRun 'heketi-cli --help' for usage.";
    assert_eq!(bare(&["heketi-cli", "blah"]).await, failed(unknown));
    for (line, text) in [
        (&["--foo"][..], "unknown flag: --foo"),
        (&["cluster", "list", "--foo=bar"], "unknown flag: --foo"),
        (&["cluster", "list", "-x"], "unknown shorthand flag: 'x' in -x"),
        (&["volume", "create", "--name"], "flag needs an argument: --name"),
        (
            &["volume", "create", "--size=x"],
            "invalid argument \"x\" for \"--size\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            &["cluster", "create", "--file=maybe"],
            "invalid argument \"maybe\" for \"--file\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            &["cluster", "list", "-I=x"],
            "invalid argument \"x\" for \"-I, --insecure-tls\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
        (&["topology", "load"], "Missing configuration file"),
    ] {
        assert_eq!(cli(&server, line).await, failed(text), "{line:?}");
    }
    let (status, out, err) = bare(&["heketi-cli"]).await;
    assert!(status == 0 && out.is_empty() && err.contains("Usage: heketi-cli"), "{err}");
    for line in [&["heketi-cli", "volume"][..], &["heketi-cli", "volume", "blah"], &["heketi-cli", "volume", "--help"]]
    {
        let (status, out, err) = bare(line).await;
        assert!(status == 0 && err.is_empty() && out.contains("Usage: heketi-cli volume"), "{line:?} {out} {err}");
    }
    let (status, _, err) = bare(&["heketi-cli", "-s", "http://127.0.0.1:1", "cluster", "list"]).await;
    assert_eq!(status, 255);
    assert!(err.starts_with("Error: cannot reach the heketi server at http://127.0.0.1:1: "), "{err}");
    assert!(err.ends_with("(set it with --server or HEKETI_CLI_SERVER)\n"), "{err}");
    let (status, _, err) = bare(&["heketi-cli", "-s", &server.url(), "cluster", "list"]).await;
    assert_eq!((status, err.as_str()), (255, "Error: Invalid JWT token: Token missing iss claim\n"));
}

#[test]
fn the_program_takes_its_settings_from_the_environment() {
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_heketi-cli"))
            .args(arguments)
            .env("HEKETI_CLI_SERVER", "http://127.0.0.1:1")
            .env("HEKETI_CLI_USER", "admin")
            .env("HEKETI_CLI_KEY", "do not show")
            .output()
            .unwrap()
    };
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(!String::from_utf8_lossy(&help.stdout).contains("do not show"));
    let list = run(&["cluster", "list"]);
    assert_eq!(list.status.code(), Some(255));
    let err = String::from_utf8_lossy(&list.stderr);
    assert!(list.stdout.is_empty() && err.contains("http://127.0.0.1:1") && !err.contains("do not show"), "{err}");
}
