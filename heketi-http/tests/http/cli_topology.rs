//! heketi-cli topology: load and info.

use heketi_core::{Error, Kib};

use crate::backend::{BROKEN_DEVICE, BROKEN_HOST};
use crate::cli::{Output, bare, cli};
use crate::server::Server;
use crate::state::brick;

struct File {
    directory: tempfile::TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("topology.json"), text).unwrap();
        Self { directory }
    }

    fn flag(&self) -> String {
        format!("--json={}", self.directory.path().join("topology.json").display())
    }
}

fn node(host: &str, devices: &str) -> String {
    format!(
        r#"{{"node":{{"zone":1,"hostnames":{{"manage":["{host}"],"storage":["{host}-data"]}}}},"devices":[{devices}]}}"#
    )
}

fn clusters(clusters: &[&[String]]) -> String {
    let list: Vec<_> = clusters.iter().map(|nodes| format!(r#"{{"nodes":[{}]}}"#, nodes.join(","))).collect();
    format!(r#"{{"clusters":[{}]}}"#, list.join(","))
}

async fn load(server: &Server, text: &str) -> Output {
    cli(server, &["topology", "load", &File::new(text).flag()]).await
}

fn ids<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn everything_is_made_once() {
    let server = Server::start().await;
    let object = r#"{"name":"/dev/sdc","tags":{"drive":"ssd"},"destroydata":true}"#;
    let text = clusters(&[&[node("a", &format!(r#""/dev/sdb",{object}"#)), node("b", "")]]);
    let first = load(&server, &text).await;
    let (cluster, nodes) = {
        let state = server.backend.state.lock().unwrap();
        (ids(state.clusters.keys())[0].clone(), {
            let mut nodes: Vec<_> =
                state.nodes.values().map(|node| (node.hostnames.manage[0].clone(), node.id.to_string())).collect();
            nodes.sort();
            nodes
        })
    };
    let expected = format!(
        "Creating cluster ... ID: {cluster}\n\tAllowing file volumes on cluster.\n\tAllowing block volumes on cluster.\n\tCreating node a ... ID: {}\n\t\tAdding device /dev/sdb ... OK\n\t\tAdding device /dev/sdc ... OK\n\tCreating node b ... ID: {}\n",
        nodes[0].1, nodes[1].1
    );
    assert_eq!(first, (0, expected, String::new()));
    let again = format!(
        "\tFound node a on cluster {cluster}\n\t\tFound device /dev/sdb\n\t\tFound device /dev/sdc\n\tFound node b on cluster {cluster}\n"
    );
    assert_eq!(load(&server, &text).await, (0, again, String::new()));
    // A new node listed before the known ones joins their cluster.
    let text = clusters(&[&[node("c", r#""/dev/sdb""#), node("a", "")]]);
    let (status, out, _) = load(&server, &text).await;
    assert!(status == 0 && out.starts_with("\tCreating node c ... ID: ") && out.contains("Adding device"), "{out}");
    assert_eq!(server.backend.state.lock().unwrap().clusters.len(), 1);
}

#[tokio::test]
async fn failures_are_told_and_do_not_end_it() {
    let server = Server::start().await;
    let devices = format!(r#""{BROKEN_DEVICE}","/dev/sdb""#);
    let text = clusters(&[&[node(BROKEN_HOST, r#""/dev/sdb""#), node("a", &devices)]]);
    let (status, out, err) = load(&server, &text).await;
    assert!(
        out.contains(
            "\tCreating node broken.example ... Unable to create node: peer probe: failed: no route to host\n"
        ),
        "{out}"
    );
    assert!(
        out.contains(
            "\t\tAdding device /dev/broken ... Unable to add device: Can't open /dev/broken exclusively.\nMounted?\n"
        ),
        "{out}"
    );
    assert!(out.ends_with("\t\tAdding device /dev/sdb ... OK\n"), "{out}");
    let text = "2 of 4 new nodes and devices could not be added; correct what is told above and load the file again\n";
    assert_eq!((status, err.as_str()), (0, text), "as in heketi v10");
    // A cluster without any node does not stay.
    let server = Server::start().await;
    let file = File::new(&clusters(&[&[node(BROKEN_HOST, "")]]));
    let (status, _, err) = cli(&server, &["topology", "load", "--strict", &file.flag()]).await;
    assert_eq!(status, 255, "where that is asked for");
    assert!(err.starts_with("Error: 1 of 1 new nodes and devices could not be added"), "{err}");
    assert!(server.backend.state.lock().unwrap().clusters.is_empty());
    // Items without nodes make nothing.
    assert_eq!(load(&server, r#"{"clusters":[{},{"nodes":[]}]} trailing"#).await, (0, String::new(), String::new()));
}

#[tokio::test]
async fn mistakes_are_found_before_anything_is_changed() {
    let server = Server::start().await;
    let twice = r#""/dev/sdb","/dev/sdb""#;
    for (text, error) in [
        (
            clusters(&[&[node("a", "")], &[node("a", "")]]),
            "host a is listed for two nodes, a and a; nothing was changed: remove one of them",
        ),
        (
            clusters(&[&[node("a", twice)]]),
            "device /dev/sdb is listed twice for node a; nothing was changed: remove one of them",
        ),
        (
            clusters(&[&[r#"{"node":{"hostnames":{"storage":["b"]}}}"#.to_owned()]]),
            "node 1 of the file has no name in hostnames.manage; nothing was changed: write one",
        ),
    ] {
        assert_eq!(load(&server, &text).await, (255, String::new(), format!("Error: {error}\n")));
    }
    assert!(server.backend.state.lock().unwrap().clusters.is_empty());
    let (status, _, err) = cli(&server, &["topology", "load", "-j", "/nonexistent"]).await;
    assert!(status == 255 && err.starts_with("Error: Unable to open config file /nonexistent: "), "{err}");
    let (status, _, err) = load(&server, "[").await;
    assert!(status == 255 && err.starts_with("Error: Unable to parse config file "), "{err}");
    let file = File::new(&clusters(&[&[node("a", "")]]));
    let (status, _, err) = bare(&["heketi-cli", "-s", "http://127.0.0.1:1", "topology", "load", &file.flag()]).await;
    assert!(
        status == 255
            && err.starts_with(
                "Error: Unable to get topology information: cannot reach the heketi server at http://127.0.0.1:1"
            ),
        "{err}"
    );
    server.backend.refusals.lock().unwrap().push_back(Error::internal("disk full"));
    let failed = cli(&server, &["topology", "load", &file.flag()]).await;
    assert_eq!(failed, (255, "Creating cluster ... \n".to_owned(), "Error: disk full\n".to_owned()));
}

#[tokio::test]
async fn everything_is_shown() {
    let server = Server::start().await;
    assert_eq!(cli(&server, &["topology", "info"]).await, (0, "\n".to_owned(), String::new()));
    assert_eq!(
        cli(&server, &["topology", "info", "--json"]).await,
        (0, r#"{"clusters":[]}"#.to_owned(), String::new())
    );
    load(&server, &clusters(&[&[node("a", r#"{"name":"/dev/sdb","tags":{"drive":"ssd"}}"#)]])).await;
    cli(&server, &["volume", "create", "--size=10", "--name=v1", "--replica=2", "--snapshot-factor=1.5"]).await;
    let (cluster, node, device, volume) = {
        let mut state = server.backend.state.lock().unwrap();
        let device = *state.devices.keys().next().unwrap();
        let volume = *state.volumes.keys().next().unwrap();
        let mut held = brick(0xb4, volume);
        held.device = device;
        let info = &mut state.devices.get_mut(&device).unwrap().1;
        info.paths = vec!["/dev/sdb".into(), "/dev/disk/by-id/x1".into()];
        info.storage.used = Kib(15 * 1024 * 1024);
        info.storage.free = Kib(485 * 1024 * 1024);
        info.bricks = vec![held.clone()];
        state.volumes.get_mut(&volume).unwrap().bricks = vec![held];
        (ids(state.clusters.keys())[0].clone(), ids(state.nodes.keys())[0].clone(), device, volume)
    };
    cli(&server, &["node", "settags", &node, "rack:r7"]).await;
    let expected = include_str!("topology_info.txt")
        .replace("CLUSTER", &cluster)
        .replace("NODE", &node)
        .replace("DEVICE", &device.to_string())
        .replace("VOLUME", &volume.to_string());
    assert_eq!(cli(&server, &["topology", "info"]).await.1, expected);

    cli(&server, &["node", "rmtags", &node, "--all"]).await;
    cli(&server, &["device", "rmtags", &device.to_string(), "--all"]).await;
    {
        let mut state = server.backend.state.lock().unwrap();
        state.devices.get_mut(&device).unwrap().1.paths.clear();
        let volume = state.volumes.get_mut(&volume).unwrap();
        volume.snapshot.enable = false;
        volume.durability = heketi_core::model::Durability::Disperse { data: 4, redundancy: 2 }.into();
    }
    let bare = cli(&server, &["topology", "info"]).await.1;
    for part in [
        "\tDurability Type: disperse\n\tDisperse Data: 4\n\tDisperse Redundancy: 2\n\tSnapshot: Disabled\n\n\t\tBricks:\n",
        "\tStorage Hostnames: a-data\n\tDevices:\n",
        "Free (GiB):485     \n\t\t\tKnown Paths: /dev/sdb\n\n\t\t\tBricks:\n",
    ] {
        assert!(bare.contains(part), "{part}\n--\n{bare}");
    }
    let json = cli(&server, &["topology", "info", "--json"]).await.1;
    assert!(json.starts_with(r#"{"clusters":[{"volumes":[{"size":10,"#), "{json}");
    assert!(json.ends_with(&format!(r#""id":"{cluster}","block":true,"file":true}}]}}"#)), "{json}");
}
