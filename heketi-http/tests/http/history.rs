//! What became of requests, after their clients were told.

use heketi_core::inventory::HistoryLimits;
use serde_json::json;

use crate::live::{Live, World};

#[tokio::test]
async fn an_outcome_is_found_after_it_was_told() {
    let live = Live::with_cluster().await;
    let job = live.admin("POST", "/volumes", r#"{"size":1,"name":"alpha"}"#).await;
    let queue = job.header("location").unwrap().strip_prefix("/queue/").unwrap().to_owned();
    let volume = live.ended(&job).await.header("location").unwrap().to_owned();
    assert_eq!(live.admin("GET", &format!("/queue/{queue}"), "").await.told(), (404, "Id not found\n"));
    let told = live.json("GET", &format!("/operations/{queue}"), "").await;
    assert_eq!((&told["status"], &told["result"], &told["queue"]), (&json!("done"), &json!(volume), &json!(queue)));
    assert_eq!(told["type_name"], "create-volume");
    assert!(told["ended"].as_u64() >= told["started"].as_u64() && told["started"].as_u64() > Some(0), "{told}");
    assert!(told.get("error").is_none());
    // The id of its operation leads to the same.
    let by_operation = live.json("GET", &format!("/operations/{}", told["id"].as_str().unwrap()), "").await;
    assert_eq!(by_operation, told);
    for unknown in ["f".repeat(32), "0a".into()] {
        assert_eq!(live.admin("GET", &format!("/operations/{unknown}"), "").await.told(), (404, "Id not found\n"));
    }
    assert_eq!(live.server.user("GET", "/operations/history", "").await.status, 401);
}

#[tokio::test]
async fn failures_and_what_runs_are_listed_the_newest_first() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(3).await;
    let node = live.engine.inventory().nodes().next().unwrap().id;
    let refused = live.done("POST", &format!("/nodes/{node}/state"), r#"{"state":"failed"}"#).await;
    assert_eq!(refused.status, 500);
    world.close();
    let running = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
    let queue = running.header("location").unwrap().strip_prefix("/queue/").unwrap().to_owned();
    let list = live.json("GET", "/operations/history", "").await;
    let list = list["operations"].as_array().unwrap();
    assert_eq!((&list[0]["queue"], &list[0]["status"]), (&json!(queue), &json!("running")));
    assert!(list[0].get("ended").is_none());
    let failed: Vec<_> = list.iter().filter(|it| it["status"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{list:?}");
    assert_eq!(format!("{}\n", failed[0]["error"].as_str().unwrap()), refused.body);
    // Three nodes and three devices.
    assert_eq!(list.iter().filter(|it| it["status"] == "done").count(), 6);
    let ends: Vec<u64> = list[1..].iter().map(|it| it["ended"].as_u64().unwrap()).collect();
    assert!(ends.is_sorted_by(|a, b| a >= b), "{ends:?}");
    let two = live.json("GET", "/operations/history?limit=2", "").await;
    assert_eq!(two["operations"].as_array().unwrap()[..], list[..2]);
    let bad = live.admin("GET", "/operations/history?limit=x", "").await;
    assert_eq!(bad.told(), (400, "limit: must be a number from 1 to 1000\n"));
    world.open();
    live.ended(&running).await;
}

#[tokio::test]
async fn outcomes_survive_a_restart_told_or_not() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(1).await;
    let untold = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
    let queue = untold.header("location").unwrap().to_owned();
    assert!(live.engine.wait_idle(crate::server::PATIENCE).await);
    let told = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
    let volume = live.ended(&told).await.header("location").unwrap().to_owned();
    let before = live.json("GET", "/operations/history", "").await;
    live.kill().await;
    let live = world.start().await;
    assert_eq!(live.json("GET", "/operations/history", "").await, before);
    assert_eq!(live.admin("GET", &queue, "").await.status, 303, "its client was not told yet");
    let path = format!("/operations/{}", told.header("location").unwrap().strip_prefix("/queue/").unwrap());
    assert_eq!(live.json("GET", &path, "").await["result"], volume.as_str());
}

#[tokio::test]
async fn only_so_much_is_remembered() {
    let mut world = World::new();
    world.config.history = HistoryLimits { entries: 3, ..HistoryLimits::default() };
    let live = world.start().await;
    live.add_cluster(1).await;
    for _ in 0..6 {
        live.volume(r#"{"size":1}"#).await;
    }
    // Some are forgotten a moment after the last answer.
    let agreement = async {
        loop {
            let list = live.json("GET", "/operations/history", "").await;
            let told = list["operations"].as_array().unwrap().len();
            if told == live.engine.inventory().finished_jobs_count() {
                return told;
            }
        }
    };
    let told = tokio::time::timeout(crate::server::PATIENCE, agreement).await;
    let told = told.expect("what is not told is not kept either");
    assert!((1..=3).contains(&told), "{told}");
}
