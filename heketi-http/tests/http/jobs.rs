//! Jobs: accepted, polled, done.

use crate::server::Server;

#[tokio::test]
async fn a_volume_goes_through_its_life() {
    let server = Server::start().await;
    let body = r#"{"size":2,"durability":{"type":"replicate"},"snapshot":{"enable":true,"factor":1}}"#;
    let job = server.admin("POST", "/volumes", body).await;
    assert_eq!((job.told(), job.header("content-type"), job.header("content-length")), ((202, ""), None, Some("0")));
    let path = job.header("location").unwrap().to_owned();
    assert!(path.starts_with("/queue/") && path.len() == 7 + 32, "{path}");

    let pending = server.admin("GET", &path, "").await;
    assert_eq!((pending.told(), pending.header("x-pending")), ((200, ""), Some("true")));
    let done = server.admin("GET", &path, "").await;
    assert_eq!((done.status, done.header("x-pending")), (303, None));
    let volume = done.header("location").unwrap().to_owned();
    assert_eq!(done.body, format!("<a href=\"{volume}\">See Other</a>.\n\n"));
    assert_eq!(server.admin("GET", &path, "").await.told(), (404, "Id not found\n"));

    let info = server.admin("GET", &volume, "").await;
    assert!(
        info.body.contains(r#""durability":{"type":"replicate","replicate":{"replica":2},"disperse":{}}"#),
        "{info:?}"
    );
    assert!(info.body.contains(r#""snapshot":{"enable":true,"factor":1},"#), "{info:?}");
    let id = volume.strip_prefix("/volumes/").unwrap();
    assert!(info.body.starts_with(&format!(r#"{{"size":2,"name":"vol_{id}","#)), "{info:?}");

    let expanded = server.admin("POST", &format!("{volume}/expand"), r#"{"expand_size":3}"#).await;
    assert_eq!(server.ended(&expanded).await.header("location"), Some(volume.as_str()));
    assert!(server.admin("GET", &volume, "").await.body.starts_with(r#"{"size":5,"#));
    let deleted = server.admin("DELETE", &volume, "{}").await;
    let end = server.ended(&deleted).await;
    assert_eq!((end.told(), end.header("content-type")), ((204, ""), None));
    assert_eq!(server.admin("GET", &volume, "").await.told(), (404, "Id not found\n"));
}

#[tokio::test]
async fn nodes_and_devices_go_through_their_life() {
    let server = Server::start().await;
    let cluster = server.admin("POST", "/clusters", r#"{"file":true}"#).await.member("id");
    let body = format!(
        r#"{{"zone":1,"cluster":"{cluster}","hostnames":{{"manage":["a"],"storage":["192.0.2.1"]}},"tags":{{"rack":"r7"}}}}"#
    );
    let job = server.admin("POST", "/nodes", &body).await;
    let node = server.ended(&job).await.header("location").unwrap().to_owned();
    let id = node.strip_prefix("/nodes/").unwrap();
    let job = server.admin("POST", "/devices", &format!(r#"{{"name":"/dev/sdb","node":"{id}"}}"#)).await;
    assert_eq!(server.ended(&job).await.told(), (204, ""));
    let info = server.admin("GET", &node, "").await;
    assert!(
        info.body.contains(r#""tags":{"rack":"r7"},"#)
            && info.body.contains(r#""state":"online","devices":[{"name":"/dev/sdb","storage""#),
        "{info:?}"
    );
    let tags = server
        .admin("POST", &format!("{node}/tags"), r#"{"change_type":"update","tags":{"arbiter":"disabled"}}"#)
        .await;
    assert_eq!(tags.told(), (200, "{\"arbiter\":\"disabled\",\"rack\":\"r7\"}\n"));
    let job = server.admin("POST", &format!("{node}/state"), r#"{"state":"offline"}"#).await;
    assert_eq!(server.ended(&job).await.status, 204);

    let device = server.backend.state.lock().unwrap().devices.keys().next().copied().unwrap();
    let device = format!("/devices/{device}");
    assert!(server.admin("GET", &device, "").await.body.starts_with(r#"{"name":"/dev/sdb","#));
    assert_eq!(server.admin("DELETE", &device, "x").await.told(), (422, "request unable to be parsed\n"));
    let job = server.admin("DELETE", &device, r#"{"forceforget":true}"#).await;
    assert_eq!(server.ended(&job).await.status, 204);
    assert_eq!(server.backend.state.lock().unwrap().log.last().unwrap(), "device delete forceforget=true");
    let missing =
        server.admin("POST", "/devices", &format!(r#"{{"name":"/dev/sdb","node":"{}"}}"#, "0".repeat(32))).await;
    assert_eq!(missing.told(), (404, "Node id does not exist\n"));
}

#[tokio::test]
async fn a_failed_job_tells_why() {
    let server = Server::start().await;
    let cluster = server.admin("POST", "/clusters", "{}").await.member("id");
    let body = format!(
        r#"{{"zone":1,"cluster":"{cluster}","hostnames":{{"manage":["{}"],"storage":["b"]}}}}"#,
        crate::backend::BROKEN_HOST
    );
    let job = server.admin("POST", "/nodes", &body).await;
    let end = server.ended(&job).await;
    assert_eq!(end.told(), (500, "peer probe: failed: no route to host\n"));
    assert_eq!(end.header("content-type"), Some("text/plain; charset=utf-8"));
}
