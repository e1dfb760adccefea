//! The audit and its repairs, and replacements of nodes and devices.

use heketi_core::api::FindingInfo;
use heketi_core::{Error, ErrorKind};

use crate::server::Server;

/// One finding that heketi can repair, and one that it cannot.
pub fn with_findings(server: &Server) {
    let finding = |id: &str, severity: &str, text: &str, repair: &str| FindingInfo {
        id: id.repeat(16),
        severity: severity.into(),
        objects: vec!["brick 1".into()],
        automatic: severity == "error",
        text: text.into(),
        repair: repair.into(),
    };
    server.backend.state.lock().unwrap().findings = vec![
        finding("a", "error", "Brick 1 unknown device 2", "remove the brick's record"),
        finding("b", "warning", "Device 3 has no extent size", "resync the device"),
    ];
}

#[tokio::test]
async fn findings_are_told() {
    let server = Server::start().await;
    assert_eq!(server.admin("GET", "/audit", "").await.told(), (200, "{\"nodes\":false,\"findings\":[]}\n"));
    with_findings(&server);
    let a = "a".repeat(16);
    for (path, nodes) in [("/audit?nodes=true", true), ("/audit?nodes=false", false), ("/audit?x&nodes", true)] {
        let audit = server.admin("GET", path, "").await;
        let start = format!(
            r#"{{"nodes":{nodes},"findings":[{{"id":"{a}","severity":"error","objects":["brick 1"],"text":"Brick 1 unknown device 2","repair":"remove the brick's record","automatic":true}},"#
        );
        assert!(audit.status == 200 && audit.body.starts_with(&start), "{path} {audit:?}");
    }
    assert_eq!(server.user("GET", "/audit", "").await.status, 401);
}

#[tokio::test]
async fn repairs_are_planned_before_they_are_made() {
    let server = Server::start().await;
    with_findings(&server);
    let (a, b) = ("a".repeat(16), "b".repeat(16));
    let one = format!(r#"{{"finding":"{a}","text":"Brick 1 unknown device 2","steps":["remove the brick's record"]}}"#);
    let other = format!(r#"{{"finding":"{b}","text":"Device 3 has no extent size","steps":[]}}"#);
    for (body, repairs) in [
        ("{}".to_owned(), format!("{one},{other}")),
        (format!(r#"{{"findings":["{a}"]}}"#), one.clone()),
        (format!(r#"{{"apply":false,"findings":["{b}"]}}"#), other.clone()),
    ] {
        let plan = server.admin("POST", "/audit/repair", &body).await;
        assert_eq!(plan.told(), (200, format!("{{\"repairs\":[{repairs}]}}\n").as_str()), "{body}");
    }
    assert!(server.backend.state.lock().unwrap().log.is_empty());
    let job = server.admin("POST", "/audit/repair", &format!(r#"{{"apply":true,"findings":["{a}"]}}"#)).await;
    assert_eq!(job.told(), (202, ""));
    assert_eq!(server.ended(&job).await.told(), (204, ""));
    assert_eq!(server.backend.state.lock().unwrap().log, [format!("repair [\"{a}\"]")]);
    let bad = server.admin("POST", "/audit/repair", r#"{"findings":["x"]}"#).await;
    assert_eq!(bad.told(), (400, "validation failed: findings: x is not the id of a finding.\n"));
    assert_eq!(server.admin("POST", "/audit/repair", "").await.told(), (422, "request unable to be parsed\n"));
}

/// A cluster with a node and a device; returns their paths.
pub async fn with_device(server: &Server) -> (String, String) {
    let cluster = server.admin("POST", "/clusters", "{}").await.member("id");
    let body = format!(r#"{{"zone":1,"cluster":"{cluster}","hostnames":{{"manage":["a"],"storage":["b"]}}}}"#);
    let job = server.admin("POST", "/nodes", &body).await;
    let node = server.ended(&job).await.header("location").unwrap().to_owned();
    let id = node.strip_prefix("/nodes/").unwrap();
    let job = server.admin("POST", "/devices", &format!(r#"{{"name":"/dev/sdb","node":"{id}"}}"#)).await;
    server.ended(&job).await;
    let device = server.backend.state.lock().unwrap().devices.keys().next().copied().unwrap();
    (node, format!("/devices/{device}"))
}

#[tokio::test]
async fn nodes_and_devices_are_replaced_and_resynced() {
    let server = Server::start().await;
    let (node, device) = with_device(&server).await;
    for (method, path, body) in [
        ("POST", format!("{node}/replace"), ""),
        ("POST", format!("{device}/replace"), ""),
        ("POST", format!("{device}/replace"), r#"{"name":"/dev/sdc"}"#),
        ("GET", format!("{device}/resync"), ""),
    ] {
        let job = server.admin(method, &path, body).await;
        assert_eq!(job.status, 202, "{method} {path}");
        assert_eq!(server.ended(&job).await.told(), (204, ""), "{method} {path}");
    }
    let (node_id, device_id) = (&node[7..], &device[9..]);
    let log = server.backend.state.lock().unwrap().log.clone();
    let expected = [
        format!("node replace {node_id}"),
        format!("device replace {device_id} \"\""),
        format!("device replace {device_id} \"/dev/sdc\""),
        format!("device resync {device_id}"),
    ];
    assert_eq!(log, expected);
    for path in ["/nodes/0a/replace", "/devices/0a/replace"] {
        assert_eq!(server.admin("POST", path, "").await.told(), (404, "Id not found\n"));
    }
    assert_eq!(server.admin("GET", "/devices/0a/resync", "").await.told(), (404, "Id not found\n"));
    assert_eq!(server.admin("POST", &format!("{device}/resync"), "").await.told(), (405, ""));
    let bad = server.admin("POST", &format!("{device}/replace"), r#"{"name":"sdc"}"#).await;
    assert_eq!(bad.told(), (400, "validation failed: name: must be in a valid format.\n"));
    let text = "node a still answers";
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::Conflict, text));
    let refused = server.admin("POST", &format!("{node}/replace"), "").await;
    assert_eq!(refused.told(), (409, "node a still answers\n"));
}

#[tokio::test]
async fn a_resync_is_accepted_with_a_page_as_every_get() {
    let server = Server::start().await;
    let (_, device) = with_device(&server).await;
    let job = server.admin("GET", &format!("{device}/resync"), "").await;
    let queue = job.header("location").unwrap().to_owned();
    assert!(queue.starts_with("/queue/"), "{queue}");
    assert_eq!(job.told(), (202, format!("<a href=\"{queue}\">Accepted</a>.\n\n").as_str()));
    assert_eq!(job.header("content-type"), Some("text/html; charset=utf-8"));
}
