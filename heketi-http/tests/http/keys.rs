//! `Idempotency-Key`: a request that may be sent again.

use heketi_core::inventory::HistoryLimits;

use crate::live::{Live, World};
use crate::server::{ADMIN_KEY, Answer, USER_KEY, bearer};

async fn post(live: &Live, path: &str, key: &str, body: &str) -> Answer {
    let headers = format!("{}Idempotency-Key: {key}\r\n", bearer("admin", ADMIN_KEY, "POST", path));
    live.server.send("POST", path, &headers, body).await
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

#[tokio::test]
async fn a_repeated_create_makes_one_volume() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(1).await;
    world.close();
    let body = r#"{"size":1}"#;
    let first = post(&live, "/volumes", "pvc-1", body).await;
    assert!(first.status == 202 && !replayed(&first), "{first:?}");
    let location = first.header("location").unwrap();
    // While it runs, and after it.
    let again = post(&live, "/volumes", "pvc-1", body).await;
    assert_eq!((again.told(), again.header("location"), replayed(&again)), ((202, ""), Some(location), true));
    world.open();
    let volume = live.ended(&first).await.header("location").unwrap().to_owned();
    assert_eq!(live.admin("GET", location, "").await.status, 404, "told once");
    let again = post(&live, "/volumes", "pvc-1", body).await;
    assert_eq!(again.header("location"), Some(location));
    assert_eq!(live.ended(&again).await.header("location"), Some(volume.as_str()), "told once more");
    assert_eq!(live.engine.inventory().volumes().count(), 1);
    // Another key is another request.
    let other = post(&live, "/volumes", "pvc-2", body).await;
    assert_ne!(other.header("location"), Some(location));
    live.ended(&other).await;
    assert_eq!(live.engine.inventory().volumes().count(), 2);
}

#[tokio::test]
async fn a_key_counts_after_a_restart() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(1).await;
    let cluster = post(&live, "/clusters", "k", r#"{"file":true}"#).await;
    world.close();
    let volume = post(&live, "/volumes", "k", r#"{"size":1}"#).await;
    live.kill().await;
    world.open();
    let live = world.start().await;
    let again = post(&live, "/volumes", "k", r#"{"size":1}"#).await;
    assert_eq!((again.status, again.header("location")), (202, volume.header("location")));
    let again = post(&live, "/clusters", "k", r#"{"file":true}"#).await;
    assert_eq!((again.told(), replayed(&again)), (cluster.told(), true));
    assert_eq!(live.engine.inventory().clusters().count(), 2);
    assert_eq!(live.engine.inventory().operations().count(), 1);
}

#[tokio::test]
async fn many_at_once_do_the_work_once() {
    let live = Live::with_cluster().await;
    let sent = (0..12).map(|_| post(&live, "/volumes", "same", r#"{"size":1}"#));
    let answers = futures_util::future::join_all(sent).await;
    let first = answers[0].header("location").unwrap();
    assert!(answers.iter().all(|it| it.status == 202 && it.header("location") == Some(first)), "{answers:?}");
    assert_eq!(answers.iter().filter(|it| !replayed(it)).count(), 1);
    live.ended(&answers[0]).await;
    assert_eq!(live.engine.inventory().volumes().count(), 1);
}

#[tokio::test]
async fn changes_that_are_over_at_once_are_answered_again_and_not_made_again() {
    let live = Live::with_cluster().await;
    let node = live.engine.inventory().nodes().next().unwrap().id;
    let path = format!("/nodes/{node}/tags");
    let set = r#"{"change_type":"set","tags":{"rack":"r1"}}"#;
    let first = post(&live, &path, "t1", set).await;
    assert_eq!(first.told(), (200, "{\"rack\":\"r1\"}\n"));
    live.admin("POST", &path, r#"{"change_type":"set","tags":{"rack":"r2"}}"#).await;
    let again = post(&live, &path, "t1", set).await;
    assert_eq!((again.told(), replayed(&again)), (first.told(), true));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_eq!(live.engine.inventory().node(node).unwrap().tags["rack"], "r2");
    // What is not in the state, too.
    let mode = post(&live, "/admin", "m", r#"{"state":"local-client"}"#).await;
    assert_eq!(mode.told(), (204, ""));
    live.admin("POST", "/admin", r#"{"state":"normal"}"#).await;
    let again = post(&live, "/admin", "m", r#"{"state":"local-client"}"#).await;
    assert_eq!((again.told(), replayed(&again)), ((204, ""), true));
    assert_eq!(live.admin("GET", "/admin", "").await.body, "{\"state\":\"normal\"}\n");
    let flags = format!("/clusters/{}/flags", live.engine.inventory().clusters().next().unwrap().id);
    let first = post(&live, &flags, "f", r#"{"file":true}"#).await;
    let again = post(&live, &flags, "f", r#"{"file":true}"#).await;
    assert_eq!((again.told(), again.header("content-type")), (first.told(), first.header("content-type")));
    assert!(replayed(&again));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let live = Live::with_cluster().await;
    let first = post(&live, "/volumes", "k", r#"{"size":1}"#).await;
    live.ended(&first).await;
    let text = "Idempotency-Key was sent before with another body; send a new key with a new request\n";
    assert_eq!(post(&live, "/volumes", "k", r#"{"size":2}"#).await.told(), (422, text));
    assert_eq!(live.engine.inventory().volumes().count(), 1);
    // The key is the sender's own, for one path.
    let headers = format!("{}Idempotency-Key: k\r\n", bearer("user", USER_KEY, "POST", "/volumes"));
    let user = live.server.send("POST", "/volumes", &headers, r#"{"size":2}"#).await;
    assert!(user.status == 202 && !replayed(&user), "{user:?}");
    assert_eq!(post(&live, "/clusters", "k", "{}").await.status, 201);
}

#[tokio::test]
async fn what_was_refused_or_changed_nothing_is_not_remembered() {
    let live = World::new().start().await;
    let refused = post(&live, "/volumes", "k", r#"{"size":1}"#).await;
    assert_eq!(refused.told(), (400, "No clusters configured\n"));
    live.add_cluster(1).await;
    let taken = post(&live, "/volumes", "k", r#"{"size":1}"#).await;
    assert!(taken.status == 202 && !replayed(&taken), "{taken:?}");
    live.ended(&taken).await;
    for size in [1, 2] {
        let explained = post(&live, "/placement/explain", "e", &format!(r#"{{"size":{size}}}"#)).await;
        assert!(explained.status == 200 && !replayed(&explained), "{explained:?}");
    }
    let before = live.engine.inventory().keyed_requests_count();
    assert_eq!(before, 1);
}

#[tokio::test]
async fn keys_have_a_form_and_a_number() {
    let mut world = World::new();
    world.config.history = HistoryLimits { entries: 4, ..HistoryLimits::default() };
    let live = world.start().await;
    let text = "Idempotency-Key must be one header of 1 to 255 visible ASCII characters\n";
    for key in ["", "a b", "é", &"k".repeat(256), "a\r\nIdempotency-Key: b"] {
        assert_eq!(post(&live, "/clusters", key, "{}").await.told(), (400, text), "{key}");
    }
    assert_eq!(live.engine.inventory().clusters().count(), 0, "bad input changes nothing");
    for n in 0..9 {
        assert_eq!(post(&live, "/clusters", &format!("{}-{n}", "k".repeat(250)), "{}").await.status, 201);
    }
    assert_eq!(live.engine.inventory().keyed_requests_count(), 4);
    // Elsewhere the header has no meaning.
    let headers = format!("{}Idempotency-Key: a b\r\n", bearer("admin", ADMIN_KEY, "GET", "/clusters"));
    assert_eq!(live.server.send("GET", "/clusters", &headers, "").await.status, 200);
}

#[tokio::test]
async fn every_kind_of_job_keeps_its_key() {
    let live = Live::with_cluster().await;
    let replicate = r#""durability":{"type":"replicate","replicate":{"replica":3}}"#;
    let volume = live.volume(&format!(r#"{{"size":2,{replicate}}}"#)).await;
    let hosting = live.volume(&format!(r#"{{"size":20,"block":true,{replicate}}}"#)).await;
    let inventory = live.engine.inventory();
    let (cluster, node) = (inventory.clusters().next().unwrap().id, inventory.nodes().next().unwrap().id);
    let device = inventory.devices().next().unwrap().id;
    let new_node =
        format!(r#"{{"cluster":"{cluster}","zone":4,"hostnames":{{"manage":["extra"],"storage":["192.0.2.99"]}}}}"#);
    for (path, body) in [
        ("/nodes".to_owned(), new_node),
        ("/devices".into(), format!(r#"{{"node":"{node}","name":"/dev/sdc"}}"#)),
        (format!("{volume}/expand"), r#"{"expand_size":1}"#.into()),
        (format!("{volume}/clone"), "{}".into()),
        (format!("{hosting}/block-restriction"), r#"{"restriction":"locked"}"#.into()),
        (format!("{hosting}/block-restriction"), r#"{"restriction":""}"#.into()),
        ("/blockvolumes".into(), r#"{"size":2}"#.into()),
        (format!("/devices/{device}/state"), r#"{"state":"offline"}"#.into()),
        (format!("/devices/{device}/state"), r#"{"state":"online"}"#.into()),
        // The verdict of this one is its job's.
        (format!("/nodes/{node}/state"), r#"{"state":"failed"}"#.into()),
        ("/operations/pending/cleanup".into(), "{}".into()),
    ] {
        let key = format!("{path}{}", body.len());
        let first = post(&live, &path, &key, &body).await;
        assert_eq!(first.status, 202, "{path} {first:?}");
        let end = live.ended(&first).await;
        let again = post(&live, &path, &key, &body).await;
        assert_eq!((again.header("location"), replayed(&again)), (first.header("location"), true), "{path}");
        let end_again = live.ended(&again).await;
        assert_eq!((end_again.told(), end_again.header("location")), (end.told(), end.header("location")), "{path}");
    }
}
