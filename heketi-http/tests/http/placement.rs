//! Room: where a volume would go, and how large one could be.

use heketi_core::placement::Policy;
use serde_json::{Value, json};

use crate::live::{Live, World};

const REPLICATE: &str = r#""durability":{"type":"replicate","replicate":{"replica":3}}"#;

async fn explain(live: &Live, body: &str) -> Value {
    live.json("POST", "/placement/explain", body).await
}

#[tokio::test]
async fn a_volume_goes_where_it_was_said_to_go() {
    let live = Live::with_cluster().await;
    live.volume(&format!(r#"{{"size":30,{REPLICATE}}}"#)).await;
    let body = r#"{"size":560,"durability":{"type":"replicate","replicate":{"replica":2}},"snapshot":{"enable":true,"factor":1.2}}"#;
    let before: Vec<_> = live.engine.inventory().records().collect();
    let told = explain(&live, body).await;
    assert_eq!(live.engine.inventory().records().collect::<Vec<_>>(), before, "nothing changes");
    assert!(told["fits"] == true && told.get("error").is_none(), "{told}");
    let volume = live.volume(body).await;
    let info = live.json("GET", &volume, "").await;
    let mut went: Vec<(Value, Value)> = info["bricks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|brick| (brick["device"].clone(), brick["size"].clone()))
        .collect();
    let sets = told["sets"].as_array().unwrap();
    let bricks: Vec<&Value> = sets.iter().flat_map(|set| set["bricks"].as_array().unwrap()).collect();
    assert!(sets.len() > 1 && bricks.len() == 2 * sets.len(), "{told}");
    let mut said: Vec<(Value, Value)> =
        bricks.iter().map(|brick| (brick["device"].clone(), brick["size"].clone())).collect();
    let key = |(device, size): &(Value, Value)| (device.to_string(), size.to_string());
    went.sort_by_key(key);
    said.sort_by_key(key);
    assert_eq!(said, went);
    assert_eq!(told["cluster"], info["cluster"]);
    for brick in bricks {
        assert_eq!(brick["size"], told["brick_size"]);
        assert!(brick["pool_size"].as_u64() > brick["size"].as_u64() && brick["metadata_size"].as_u64() > Some(0));
        assert!(brick["reason"].as_str().unwrap().contains("stays free"), "{brick}");
    }
}

#[tokio::test]
async fn each_device_tells_why_it_gets_no_brick() {
    let live = Live::with_cluster().await;
    let inventory = live.engine.inventory();
    let nodes: Vec<_> = inventory.nodes().map(|node| node.id).collect();
    let device = inventory.devices_of_node(nodes[1]).next().unwrap();
    assert_eq!(live.done("POST", &format!("/nodes/{}/state", nodes[0]), r#"{"state":"offline"}"#).await.status, 204);
    assert_eq!(live.done("POST", &format!("/devices/{device}/state"), r#"{"state":"offline"}"#).await.status, 204);
    let told = explain(&live, &format!(r#"{{"size":10,{REPLICATE}}}"#)).await;
    assert_eq!((&told["fits"], &told["error"]), (&json!(false), &json!("No space")));
    assert!(told.get("cluster").is_none() && told.get("sets").is_none(), "{told}");
    let cluster = &told["clusters"][0];
    let reason = "No space: the bricks of a set go to 3 nodes; nodes with a device that takes one: 1";
    assert_eq!((&cluster["fits"], &cluster["reason"]), (&json!(false), &json!(reason)));
    assert!(cluster.get("largest_size").is_none(), "{cluster}");
    let refusal = |node: usize| {
        let devices = cluster["devices"].as_array().unwrap();
        let found = devices.iter().find(|device| device["node"] == nodes[node].to_string().as_str()).unwrap();
        found["refusal"].as_str().map(str::to_owned)
    };
    assert_eq!(
        (refusal(0).as_deref(), refusal(1).as_deref(), refusal(2)),
        (Some("node is offline"), Some("device is offline"), None)
    );
    // What needs one device only still fits.
    let told = explain(&live, r#"{"size":10}"#).await;
    assert_eq!((&told["fits"], told["clusters"][0]["devices"].as_array().unwrap().len()), (&json!(true), 3));
    let told = explain(&live, r#"{"size":600}"#).await;
    let device =
        told["clusters"][0]["devices"].as_array().unwrap().iter().find(|it| it["node"] == nodes[2].to_string());
    assert!(device.unwrap()["refusal"].is_null(), "several small bricks fit: {told}");
    let largest = told["clusters"][0]["largest_size"].as_u64().unwrap();
    assert!((400..500).contains(&largest), "{told}");
}

#[tokio::test]
async fn clusters_are_told_in_the_order_they_are_tried() {
    let live = Live::with_cluster().await;
    let first = live.engine.inventory().clusters().next().unwrap().id.to_string();
    live.volume(&format!(r#"{{"size":300,{REPLICATE}}}"#)).await;
    let roomy = live.add_cluster(3).await;
    let bare = live.admin("POST", "/clusters", r#"{"file":true}"#).await.member("id");
    let blocks = live.admin("POST", "/clusters", r#"{"block":true}"#).await.member("id");
    let told = explain(&live, &format!(r#"{{"size":10,{REPLICATE}}}"#)).await;
    let ids: Vec<&str> = told["clusters"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(told["cluster"], roomy.as_str());
    let place = |id: &str| ids.iter().position(|it| *it == id).unwrap();
    assert!(place(&roomy) < place(&first) && place(&blocks) == 3, "{ids:?}");
    let reason = |id: &str| told["clusters"][place(id)]["reason"].clone();
    assert_eq!(reason(&bare), "No nodes in cluster");
    assert_eq!(reason(&blocks), "Cluster does not support requested volume type");
    // Those the request names, in its order.
    let named = explain(&live, &format!(r#"{{"size":10,"clusters":["{bare}","{first}"],{REPLICATE}}}"#)).await;
    assert_eq!((&named["cluster"], &named["clusters"][0]["id"]), (&json!(first), &json!(bare)));
}

#[tokio::test]
async fn bad_requests_are_refused_as_those_for_volumes() {
    let live = World::new().start().await;
    for body in [
        "",
        "{",
        r#"{"size":1.0}"#,
        "{}",
        r#"{"size":-1}"#,
        r#"{"size":1,"name":"a b"}"#,
        r#"{"size":1,"gid":-1}"#,
        r#"{"size":1}"#,
        r#"{"size":1,"durability":{"type":"disperse"}}"#,
    ] {
        let (volume, explained) =
            (live.admin("POST", "/volumes", body).await, live.admin("POST", "/placement/explain", body).await);
        assert!(volume.status >= 400, "{body}");
        assert_eq!(explained.told(), volume.told(), "{body}");
    }
    live.add_cluster(1).await;
    let unknown = format!(r#"{{"size":1,"clusters":["{}"]}}"#, "f".repeat(32));
    assert_eq!(live.admin("POST", "/placement/explain", &unknown).await.status, 400);
    assert_eq!(live.server.user("POST", "/placement/explain", r#"{"size":1}"#).await.status, 401);
    // It changes nothing, so it is answered while nothing may change.
    assert_eq!(live.admin("POST", "/admin", r#"{"state":"read-only"}"#).await.status, 204);
    assert_eq!(live.admin("POST", "/placement/explain", r#"{"size":1}"#).await.status, 200);
    assert_eq!(live.admin("POST", "/placement/explain/", r#"{"size":1}"#).await.status, 503);
}

#[tokio::test]
async fn capacity_is_what_can_be_created_and_no_more() {
    let live = Live::with_cluster().await;
    live.volume(&format!(r#"{{"size":30,{REPLICATE}}}"#)).await;
    let told = live.json("GET", "/capacity", "").await;
    let cluster = &told["clusters"][0];
    assert_eq!((&cluster["nodes"], &cluster["devices"], &cluster["usable_devices"]), (&json!(3), &json!(3), &json!(3)));
    let storage = &cluster["storage"];
    assert_eq!(storage["total"].as_u64(), Some(storage["free"].as_u64().unwrap() + storage["used"].as_u64().unwrap()));
    assert_eq!(storage["total"], 3 * 500 * 1024 * 1024_u64);
    let largest = cluster["largest"].as_array().unwrap();
    assert_eq!(largest.len(), 8);
    for entry in largest {
        let size = entry["size"].as_u64().unwrap();
        let arbiter = match entry["arbiter"] == true {
            true => r#","glustervolumeoptions":["user.heketi.arbiter true"]"#,
            false => "",
        };
        let body = |size: u64| format!(r#"{{"size":{size},"durability":{}{arbiter}}}"#, entry["durability"]);
        if size == 0 {
            assert!(entry["reason"].as_str().unwrap().starts_with("a set needs "), "{entry}");
        } else {
            assert!(entry.get("reason").is_none());
            assert_eq!(explain(&live, &body(size)).await["fits"], true, "{entry}");
        }
        let more = explain(&live, &body(size.max(16) + 1)).await;
        assert_eq!(more["fits"], false, "{entry}");
    }
    let sizes: Vec<u64> = largest.iter().map(|entry| entry["size"].as_u64().unwrap()).collect();
    assert!(sizes[0] > sizes[1] && sizes[3] > sizes[2] && sizes[5..] == [0, 0, 0], "{sizes:?}");
    // Room for snapshots costs room.
    let snapshots = live.json("GET", "/capacity?factor=2", "").await;
    assert!(snapshots["clusters"][0]["largest"][2]["size"].as_u64() < Some(sizes[2]), "{snapshots}");
}

#[tokio::test]
async fn capacity_tells_why_there_is_none() {
    let live = World::with_policy(Policy { max_volumes: Some(1), ..Policy::default() }).start().await;
    assert_eq!(live.admin("GET", "/capacity", "").await.told(), (200, "{\"clusters\":[]}\n"));
    let cluster = live.add_cluster(1).await;
    let reason = async |path: &str| live.json("GET", path, "").await["clusters"][0]["largest"][0]["reason"].clone();
    let path = format!("/capacity?cluster={cluster}");
    assert!(reason(&path).await.is_null());
    live.volume(r#"{"size":1}"#).await;
    assert_eq!(reason(&path).await, "Cluster has 1 volumes and limit is 1");
    let bare = live.admin("POST", "/clusters", r#"{"file":true}"#).await.member("id");
    assert_eq!(reason(&format!("/capacity?cluster={bare}")).await, "No nodes in cluster");
    let none = live.admin("POST", "/clusters", "{}").await.member("id");
    assert_eq!(reason(&format!("/capacity?cluster={none}")).await, "Cluster has disabled all volume types");
    for (query, status, text) in [
        (format!("cluster={}", "f".repeat(32)), 404, "Id not found\n"),
        ("cluster=x".into(), 404, "Id not found\n"),
        ("factor=0.5".into(), 400, "factor: must be a number from 1 to 100\n"),
        ("factor=NaN".into(), 400, "factor: must be a number from 1 to 100\n"),
    ] {
        assert_eq!(live.admin("GET", &format!("/capacity?{query}"), "").await.told(), (status, text), "{query}");
    }
}
