//! What is done without a server, and the crashed clone that heketi v10 could never clean.

use std::path::Path;

use serde_json::Value;

use crate::database::{SAMPLES, moved_in};
use crate::support::*;

/// The operation that a crash in the middle of a clone left, and its cluster.
const OPERATION: &str = "1f90c48148e93f765df72aafab265f4c";
const CLUSTER: &str = "e87f5e079eb34dbd5f64852341a8fb3d";

fn offline(words: &[&str], config: &Path) -> (Option<i32>, String, String) {
    let output = run(&[&["offline"], words, &["--config", config.to_str().unwrap()]].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Nothing is left of the clone, and what it was made of can be used again.
fn is_clean(server: &Server) {
    assert_eq!(server.ok(&["server", "operations", "list"]), "");
    let source = "aef926aa9ff8a4830a6e651b585e09cc";
    assert!(server.ok(&["volume", "list"]).contains(source), "the source is not hidden any more");
    // v10 refused every volume in this cluster with "Id not found".
    server.ok(&["volume", "create", "--size=10", &format!("--clusters={CLUSTER}")]);
    server.ok(&["volume", "delete", source]);
    let (_, _, checked) = server.request("GET", "/db/check", "");
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["totalinconsistencies"], 0, "{checked}");
    assert_eq!(server.ok(&["audit"]), "No problems found\n");
}

#[test]
fn the_crashed_clone_is_cleaned_offline() {
    let (_directory, config, _) = moved_in(SAMPLES[0]);
    let (status, out, err) = offline(&["cleanup-operations"], &config);
    assert_eq!((status, out.as_str()), (Some(0), "OFFLINE COMMAND: Clean All Pending Operations\n"), "{err}");
    assert!(err.contains("Starting clean now...\n") && err.contains("was converted"), "{err}");
    let server = Server::start(&config);
    is_clean(&server);
}

#[test]
fn the_crashed_clone_is_cleaned_by_the_server() {
    let (_directory, config, _) = moved_in(SAMPLES[0]);
    let server = Server::start(&config);
    let list = server.ok(&["server", "operations", "list"]);
    assert_eq!(list, format!("Id:{OPERATION}  Type:clone-volume  Status:stale \n"));
    server.ok(&["server", "operations", "cleanup"]);
    is_clean(&server);
}

#[test]
fn state_and_nodes_are_shown_side_by_side() {
    let (_directory, config, db) = moved_in(SAMPLES[0]);
    let before = std::fs::read(&db).unwrap();
    let (status, out, err) = offline(&["state", "examine", "gluster"], &config);
    assert_eq!(status, Some(0), "{out}{err}");
    let head = "OFFLINE COMMAND: Examine state of Gluster\nStarting examiner now...\nEXAMINER_OUTPUT_STARTS\n";
    let answer = out.strip_prefix(head).and_then(|rest| rest.strip_suffix("\nEXAMINER_OUTPUT_ENDS\n")).unwrap();
    let offline: Value = serde_json::from_str(answer).unwrap();
    assert!(std::fs::read(&db).unwrap() == before, "it is only looked at");
    let server = Server::start(&config);
    server.ok(&["server", "operations", "cleanup"]);
    let (status, _, online) = server.request("GET", "/internal/state/examine/gluster", "");
    let online: Value = serde_json::from_str(&online).unwrap();
    assert_eq!(status, 200);
    assert_eq!(online["report"][0], "OnDemand Examiner invoked while 0 ops are in flight");
    // The clone that v10 left behind is recorded, and gluster has none.
    for (examined, agreeing) in [(offline, 1), (online, 2)] {
        let clusters = examined["clusters"].as_array().unwrap();
        assert_eq!(clusters.len(), 2);
        let nodes: Vec<&Value> = clusters.iter().flat_map(|it| it["NodesData"].as_array().unwrap()).collect();
        assert_eq!(nodes.len(), examined["heketidb"]["nodeentries"].as_object().unwrap().len());
        let devices = |node: &Value| node["LVMPVInfo"]["report"][0]["pv"].as_array().unwrap().len();
        let devices: usize = nodes.iter().map(|node| devices(node)).sum();
        assert_eq!(devices, examined["heketidb"]["deviceentries"].as_object().unwrap().len());
        for (info, kind) in [("LVMVGInfo", "vg"), ("LVMLVInfo", "lv")] {
            assert!(nodes.iter().all(|node| node[info]["report"][0][kind].is_array()), "{info}");
        }
        let mounts = nodes.iter().flat_map(|node| node["BricksMountStatus"]["Statuses"].as_array().unwrap());
        assert!(mounts.clone().count() >= 15 && mounts.clone().all(|it| it["Mounted"] == true && it["Type"] == "xfs"));
        let volume = &nodes[0]["VolumeInfo"]["Volumes"]["VolumeList"][0];
        assert!(volume["VolumeName"].is_string() && volume["Bricks"]["BrickList"][0]["Name"].is_string(), "{volume}");
        let blocks: Vec<&Value> =
            nodes.iter().flat_map(|it| it["BlockVolumeNames"].as_array().into_iter().flatten()).collect();
        assert!(blocks.iter().any(|it| it.as_str().unwrap().starts_with("vol_437c4bdabb4750c818a6f30eae421f03/")));
        let report = examined["report"].as_array().unwrap();
        let matches = |it: &&Value| it.as_str().unwrap() == "heketi volume list matches with volume list of all nodes";
        assert_eq!(report.iter().filter(matches).count(), agreeing, "{report:?}");
    }
}

#[test]
fn commands_without_a_configuration_or_with_a_wrong_one_say_so() {
    for words in [&["cleanup-operations"][..], &["state", "examine", "gluster"], &["update-dbvol"]] {
        let output = run(&[&["offline"], words].concat());
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(1), "Configuration file is required\n")
        );
        let (status, _, told) = offline(words, Path::new("/nonexistent.json"));
        assert!(status == Some(1) && told.contains("Unable to open config file /nonexistent.json"), "{told}");
    }
}

#[test]
fn options_of_the_volume_of_the_database_are_set() {
    let directory = tempfile::tempdir().unwrap();
    let config = mock_config(directory.path());
    let server = Server::start(&config);
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    server.ok(&["volume", "create", "--size=2", "--name=heketidbstorage"]);
    assert!(server.stop());
    let (status, out, err) = offline(&["update-dbvol"], &config);
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "OFFLINE COMMAND: update dbvol\n", ""));
    let (status, _, err) = offline(&["update-dbvol", "--force-volume-name", "nope"], &config);
    assert_eq!((status, err.as_str()), (Some(1), "Error updating db volume: Volume nope not found\n"));
}
