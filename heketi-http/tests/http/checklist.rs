//! The checklist of conformance with heketi v10 (section 10 of its interface): what is not a test elsewhere.
//!
//! | item | tests |
//! |---|---|
//! | 1, 2, 3, 4, 5 | `conformance` |
//! | 6, 7 | `tokens` |
//! | 8 | `jobs`, [`item_08_a_job_is_told_once`] |
//! | 9, 10, 11, 12, 14, 19 | here |
//! | 13 | `admin`, [`item_13_modes_are_changed_and_forgotten_at_a_restart`], `program::operate` (signal) |
//! | 15 | `service` |
//! | 16 | with the routes and subcommands that write a dump |
//! | 17 | `program::serve`, `program::service`, `program::bad_input` |
//! | 18 | `cli`, `cli_block`, `cli_server`, `cli_topology` |
//! | 20 | `program::container` and the tests of the command line |

use heketi_core::Gib;
use heketi_core::placement::Policy;

use crate::live::{Live, World};

const REPLICATE: &str = r#""durability":{"type":"replicate","replicate":{"replica":3}}"#;

#[tokio::test]
async fn item_08_a_job_is_told_once() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(3).await;
    world.close();
    let job = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
    let path = job.header("location").unwrap().to_owned();
    assert!(path.starts_with("/queue/"), "a path, never a URL: {path}");
    let pending = live.admin("GET", &path, "{}").await;
    assert_eq!((pending.told(), pending.header("x-pending")), ((200, ""), Some("true")));
    assert_eq!(pending.header("content-length"), Some("0"));
    world.open();
    let done = live.ended(&job).await;
    assert_eq!((done.status, done.header("x-pending")), (303, None));
    assert_eq!(live.admin("GET", &path, "").await.told(), (404, "Id not found\n"));
}

#[tokio::test]
async fn item_09_snapshot_factors_are_echoed() {
    let live = Live::with_cluster().await;
    for (snapshot, echo) in [
        (r#"{"enable":true,"factor":1}"#, r#""snapshot":{"enable":true,"factor":1}"#),
        (r#"{"enable":true,"factor":1.2}"#, r#""snapshot":{"enable":true,"factor":1.2}"#),
        (r#"{"enable":false,"factor":3}"#, r#""snapshot":{"enable":false,"factor":1}"#),
    ] {
        let volume = live.volume(&format!(r#"{{"size":1,"snapshot":{snapshot}}}"#)).await;
        let info = live.admin("GET", &volume, "").await;
        assert!(info.body.contains(echo), "{info:?}");
    }
    for snapshot in [r#"{"enable":true}"#, r#"{"enable":true,"factor":0.5}"#, r#"{"enable":true,"factor":101}"#] {
        let refused = live.admin("POST", "/volumes", &format!(r#"{{"size":1,"snapshot":{snapshot}}}"#)).await;
        assert_eq!(refused.told(), (400, "Invalid snapshot factor\n"), "{snapshot}");
    }
}

#[tokio::test]
async fn item_10_defaults_of_a_volume() {
    let live = Live::with_cluster().await;
    let volume = live.volume(r#"{"size":1}"#).await;
    let id = volume.strip_prefix("/volumes/").unwrap();
    let info = live.admin("GET", &volume, "").await.body;
    assert!(info.starts_with(&format!(r#"{{"size":1,"name":"vol_{id}","durability":{{"type":"none","#)), "{info}");
    assert_eq!(info.matches(r#""device":""#).count(), 2, "one brick, and the mount: {info}");
    let volume = live.volume(r#"{"size":1,"durability":{"type":"replicate"}}"#).await;
    let info = live.admin("GET", &volume, "").await.body;
    assert!(info.contains(r#""durability":{"type":"replicate","replicate":{"replica":2},"disperse":{}}"#), "{info}");
}

#[tokio::test]
async fn item_11_what_cannot_be_placed_or_deleted_is_told_with_v10s_texts() {
    let live = World::with_policy(Policy { max_bricks: 6, brick_max: Gib(400).kib(), ..Policy::default() });
    let live = live.start().await;
    assert_eq!(live.admin("POST", "/volumes", r#"{"size":1}"#).await.told(), (400, "No clusters configured\n"));
    let cluster = live.add_cluster(3).await;
    let first = |answer: &crate::server::Answer| answer.body.lines().next().unwrap_or_default().to_owned();
    let refused = async |body: &str| {
        let answer = live.admin("POST", "/volumes", body).await;
        (answer.status, first(&answer))
    };
    let alpha = live.volume(&format!(r#"{{"size":10,"name":"alpha",{REPLICATE}}}"#)).await;
    let unknown = "f".repeat(32);
    for (body, status, text) in [
        (
            r#"{"size":1,"name":"alpha"}"#.to_owned(),
            500,
            "Failed to allocate new volume: Volume name 'alpha' already in use".to_owned(),
        ),
        (format!(r#"{{"size":500,{REPLICATE}}}"#), 500, "Failed to allocate new volume: No space".into()),
        (format!(r#"{{"size":9000,{REPLICATE}}}"#), 500, "Failed to allocate new volume: No space".into()),
        (format!(r#"{{"size":1,"clusters":["{unknown}"]}}"#), 400, format!("Cluster id {unknown} not found")),
        (r#"{"size":1,"clusters":[""]}"#.into(), 400, "Cluster id  not found".into()),
        (
            r#"{"size":3,"durability":{"type":"disperse","disperse":{"data":4,"redundancy":2}}}"#.into(),
            400,
            "Requested volume size (3 GB) is smaller than the minimum supported volume size (4194304)".into(),
        ),
        (r#"{"size":1,"gid":2147483647}"#.into(), 400, "Bad group id equal or greater than 2**32".into()),
    ] {
        assert_eq!(refused(&body).await, (status, text), "{body}");
    }
    let expand = live.admin("POST", &format!("{alpha}/expand"), r#"{"expand_size":5000}"#).await;
    let text = "Failed to allocate volume expansion: Maximum number of bricks reached.";
    assert_eq!((expand.status, first(&expand).as_str()), (500, text));
    // A cluster that takes no such volume, and one without nodes.
    live.admin("POST", &format!("/clusters/{cluster}/flags"), r#"{"block":true}"#).await;
    let no_type = "Cluster does not support requested volume type";
    assert_eq!(refused(r#"{"size":1}"#).await, (500, format!("Failed to allocate new volume: {no_type}")));
    live.admin("POST", &format!("/clusters/{cluster}/flags"), "{}").await;
    let none = "Cluster has disabled all volume types";
    assert_eq!(refused(r#"{"size":1}"#).await, (500, format!("Failed to allocate new volume: {none}")));
    live.admin("POST", &format!("/clusters/{cluster}/flags"), r#"{"file":true,"block":true}"#).await;
    let bare = live.admin("POST", "/clusters", r#"{"file":true}"#).await.member("id");
    assert_eq!(
        refused(&format!(r#"{{"size":1,"clusters":["{bare}"]}}"#)).await,
        (500, "Failed to allocate new volume: No nodes in cluster".into())
    );
    let several = live
        .admin("POST", "/volumes", &format!(r#"{{"size":900,"clusters":["{cluster}","{bare}"],{REPLICATE}}}"#))
        .await;
    let lines = format!(
        "Failed to allocate new volume: Unable to create volume on any cluster:\nCluster {cluster}: No space\nCluster {bare}: No nodes in cluster\n"
    );
    assert!(several.status == 500 && several.body.starts_with(&lines), "{several:?}");

    // What must stay.
    let database = live.volume(r#"{"size":2,"name":"heketidbstorage"}"#).await;
    let hosting = live.volume(&format!(r#"{{"size":20,"block":true,{REPLICATE}}}"#)).await;
    let block = live.done("POST", "/blockvolumes", r#"{"size":3}"#).await;
    assert_eq!(block.status, 303, "{block:?}");
    for (path, text) in [
        (&database, "Cannot delete volume containing the Heketi database\n"),
        (&hosting, "Cannot delete a block hosting volume containing block volumes\n"),
    ] {
        assert_eq!(live.admin("DELETE", path, "").await.told(), (409, text));
    }
    let conflict = live.admin("DELETE", &format!("/clusters/{cluster}"), "").await;
    let text = format!("Unable to delete cluster [{cluster}] because it contains volumes and/or nodes\n");
    assert_eq!(conflict.told(), (409, text.as_str()));
}

#[tokio::test]
async fn item_12_the_ninth_create_at_once_is_told_to_come_again() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(3).await;
    world.close();
    let mut jobs = Vec::new();
    for _ in 0..8 {
        let job = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
        assert_eq!(job.status, 202, "{job:?}");
        jobs.push(job);
    }
    let ninth = live.admin("POST", "/volumes", r#"{"size":1}"#).await;
    assert_eq!(ninth.told(), (429, "Server busy. Retry operation later.\n"));
    assert_eq!(ninth.header("retry-after"), Some("2"));
    let counts = live.admin("GET", "/operations", "").await;
    assert_eq!(counts.told(), (200, "{\"total\":8,\"in_flight\":8,\"stale\":0,\"failed\":0,\"new\":8}\n"));
    world.open();
    for job in &jobs {
        assert_eq!(live.ended(job).await.status, 303);
    }
    live.volume(r#"{"size":1}"#).await;
    assert_eq!(live.json("GET", "/volumes", "").await["volumes"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn item_13_modes_are_changed_and_forgotten_at_a_restart() {
    let world = World::new();
    let live = world.start().await;
    assert_eq!(live.admin("POST", "/admin", r#"{"state":"read-only"}"#).await.status, 204);
    let locked = (503, "Service disabled for maintenance\n");
    assert_eq!(live.admin("POST", "/admin", r#"{"state":"normal"}"#).await.told(), locked);
    assert_eq!(live.admin("POST", "/clusters", "{}").await.told(), locked);
    live.kill().await;
    let live = world.start().await;
    assert_eq!(live.admin("GET", "/admin", "").await.told(), (200, "{\"state\":\"normal\"}\n"));
}

/// Unlike in v10 the client finds its job again, and learns in the end what became of it.
#[tokio::test]
async fn item_14_a_killed_server_leaves_a_stale_operation_that_is_hidden_and_cleaned() {
    let world = World::new();
    let live = world.start().await;
    live.add_cluster(3).await;
    world.close();
    let job = live.admin("POST", "/volumes", &format!(r#"{{"size":1,"name":"late",{REPLICATE}}}"#)).await;
    let queue = job.header("location").unwrap().to_owned();
    live.kill().await;
    world.open();
    let live = world.start().await;
    let list = live.json("GET", "/operations/pending", "").await;
    let operation = &list["pendingoperations"][0];
    assert_eq!((&operation["type_name"], &operation["status"]), (&"create-volume".into(), &"stale".into()));
    let counts = live.admin("GET", "/operations", "").await;
    assert_eq!(counts.told(), (200, "{\"total\":1,\"in_flight\":0,\"stale\":1,\"failed\":0,\"new\":0}\n"));
    assert_eq!(live.admin("GET", "/volumes", "").await.told(), (200, "{\"volumes\":[]}\n"));
    assert_eq!(live.admin("GET", &queue, "").await.header("x-pending"), Some("true"));
    // As the background cleaner does after 60 s.
    let cleaned = live.done("POST", "/operations/pending/cleanup", "{}").await;
    assert_eq!(cleaned.told(), (204, ""));
    assert_eq!(live.admin("GET", "/operations/pending", "").await.told(), (200, "{\"pendingoperations\":[]}\n"));
    let told = live.admin("GET", &queue, "").await;
    assert_eq!(told.told(), (500, "the operation was interrupted and undone\n"));
    let device = live.engine.inventory().devices().next().unwrap().clone();
    assert_eq!(live.engine.inventory().free(&device), device.total, "its space is free again");
    live.volume(&format!(r#"{{"size":1,"name":"late",{REPLICATE}}}"#)).await;
}

#[tokio::test]
async fn item_11_bricks_have_a_smallest_size() {
    let live = World::with_policy(Policy { brick_min: Gib(100).kib(), ..Policy::default() }).start().await;
    live.add_cluster(3).await;
    let volume = live.volume(&format!(r#"{{"size":300,{REPLICATE}}}"#)).await;
    let expand = live.admin("POST", &format!("{volume}/expand"), r#"{"expand_size":210}"#).await;
    let text = "Failed to allocate volume expansion: Minimum brick size limit reached.  Out of space.\n";
    assert!(expand.status == 500 && expand.body.starts_with(text), "{expand:?}");
}

/// What the in-tree provisioner of Kubernetes asks for, with the fields its client always sends.
#[tokio::test]
async fn item_19_a_claim_of_kubernetes_is_provisioned_grown_and_deleted() {
    let live = Live::with_cluster().await;
    let cluster = live.engine.inventory().clusters().next().unwrap().id;
    let body = format!(
        r#"{{"size":2,"clusters":["{cluster}"],"name":"","durability":{{"type":"replicate","replicate":{{"replica":3}},"disperse":{{}}}},"gid":2000,"glustervolumeoptions":["nfs.disable on"," performance.cache-size 1GB"],"snapshot":{{"enable":true,"factor":1}}}}"#
    );
    let path = live.volume(&body).await;
    let volume = live.json("GET", &path, "").await;
    assert_eq!(volume["name"], format!("vol_{}", volume["id"].as_str().unwrap()).as_str());
    assert_eq!(
        (&volume["size"], &volume["gid"], &volume["cluster"]),
        (&2.into(), &2000.into(), &cluster.to_string().into())
    );
    let nodes = live.json("GET", &format!("/clusters/{cluster}"), "").await["nodes"].clone();
    for node in nodes.as_array().unwrap() {
        let node = live.json("GET", &format!("/nodes/{}", node.as_str().unwrap()), "").await;
        assert_eq!(node["hostnames"]["storage"].as_array().unwrap().len(), 1, "an address of the Endpoints");
    }
    let grown = live.done("POST", &format!("{path}/expand"), r#"{"expand_size":3}"#).await;
    assert_eq!(grown.header("location"), Some(path.as_str()));
    assert_eq!(live.json("GET", &path, "").await["size"], 5);
    assert_eq!(live.done("DELETE", &path, "").await.told(), (204, ""));
    assert_eq!(live.admin("DELETE", &path, "").await.told(), (404, "Id not found\n"));
}

/// What v10's Python client sends: `{}` with every request, its own token for every poll, redirects followed by itself.
#[tokio::test]
async fn item_19_a_python_client_works_with_every_kind_of_object() {
    let live = Live::with_cluster().await;
    let cluster = live.json("GET", "/clusters", "{}").await["clusters"][0].as_str().unwrap().to_owned();
    let info = live.json("GET", &format!("/clusters/{cluster}"), "{}").await;
    let node = info["nodes"][0].as_str().unwrap().to_owned();
    let device =
        live.json("GET", &format!("/nodes/{node}"), "{}").await["devices"][0]["id"].as_str().unwrap().to_owned();
    for state in [r#"{"state":"offline"}"#, r#"{"state":"online"}"#] {
        for path in [format!("/nodes/{node}/state"), format!("/devices/{device}/state")] {
            assert_eq!(live.done("POST", &path, state).await.told(), (204, ""), "{path}");
        }
    }
    assert_eq!(live.done("GET", &format!("/devices/{device}/resync"), "{}").await.told(), (204, ""));
    let tags = r#"{"change_type":"set","tags":{"drive":"ssd"}}"#;
    for path in [format!("/nodes/{node}/tags"), format!("/devices/{device}/tags")] {
        assert_eq!(live.admin("POST", &path, tags).await.told(), (200, "{\"drive\":\"ssd\"}\n"));
    }
    let volume = live.volume(&format!(r#"{{"size":4,{REPLICATE}}}"#)).await;
    let clone = live.done("POST", &format!("{volume}/clone"), "{}").await.header("location").unwrap().to_owned();
    assert_ne!(clone, volume);
    let hosting = live.volume(&format!(r#"{{"size":10,"block":true,{REPLICATE}}}"#)).await;
    let block =
        live.done("POST", "/blockvolumes", r#"{"size":2,"hacount":2}"#).await.header("location").unwrap().to_owned();
    let info = live.json("GET", &block, "{}").await;
    assert_eq!((&info["blockvolume"]["lun"], info["blockvolume"]["hosts"].as_array().unwrap().len()), (&0.into(), 2));
    let grown = live.done("POST", &format!("{block}/expand"), r#"{"new_size":3}"#).await;
    assert_eq!(grown.header("location"), Some(block.as_str()));
    for path in [&block, &hosting, &clone, &volume] {
        assert_eq!(live.done("DELETE", path, "{}").await.told(), (204, ""), "{path}");
    }
    assert_eq!(live.done("POST", &format!("/devices/{device}/state"), r#"{"state":"offline"}"#).await.status, 204);
    assert_eq!(live.done("POST", &format!("/devices/{device}/state"), r#"{"state":"failed"}"#).await.status, 204);
    assert_eq!(live.done("DELETE", &format!("/devices/{device}"), "{}").await.told(), (204, ""));
    assert_eq!(live.done("DELETE", &format!("/nodes/{node}"), "{}").await.told(), (204, ""));
}

/// The routes of section 1.4 behind authentication, with the status each answers about an object that is not there, or
/// an empty body.
const ROUTES: [(&str, &str, u16); 42] = [
    ("GET", "/queue/0a", 404),
    ("POST", "/clusters", 422),
    ("GET", "/clusters", 200),
    ("GET", "/clusters/0a", 404),
    ("DELETE", "/clusters/0a", 404),
    ("POST", "/clusters/0a/flags", 422),
    ("POST", "/nodes", 422),
    ("GET", "/nodes/0a", 404),
    ("DELETE", "/nodes/0a", 404),
    ("POST", "/nodes/0a/state", 422),
    ("POST", "/nodes/0a/tags", 422),
    ("POST", "/devices", 422),
    ("GET", "/devices/0a", 404),
    ("DELETE", "/devices/0a", 404),
    ("POST", "/devices/0a/state", 422),
    ("GET", "/devices/0a/resync", 404),
    ("POST", "/devices/0a/tags", 422),
    ("POST", "/volumes", 422),
    ("GET", "/volumes", 200),
    ("GET", "/volumes/0a", 404),
    ("DELETE", "/volumes/0a", 404),
    ("POST", "/volumes/0a/expand", 422),
    ("POST", "/volumes/0a/clone", 422),
    ("POST", "/volumes/0a/block-restriction", 422),
    ("POST", "/blockvolumes", 422),
    ("GET", "/blockvolumes", 200),
    ("GET", "/blockvolumes/0a", 404),
    ("DELETE", "/blockvolumes/0a", 404),
    ("POST", "/blockvolumes/0a/expand", 422),
    ("POST", "/bricks/to-evict/0a", 404),
    ("GET", "/operations", 200),
    ("GET", "/operations/pending", 200),
    ("GET", "/operations/pending/0a", 404),
    ("POST", "/operations/pending/cleanup", 422),
    ("GET", "/db/dump", 200),
    ("GET", "/db/check", 200),
    ("GET", "/internal/state/examine/gluster", 200),
    ("GET", "/backup/db", 500),
    ("GET", "/internal/logging", 200),
    ("POST", "/internal/logging", 400),
    ("GET", "/admin", 200),
    ("POST", "/admin", 400),
];

#[tokio::test]
async fn every_route_of_v10_has_its_method_role_and_failures() {
    let live = World::new().start().await;
    for (method, path, status) in ROUTES {
        // The store of this server is no file that could be copied.
        let told = live.admin(method, path, "").await;
        assert_eq!(told.status, status, "{method} {path} {told:?}");
        let slash = live.admin(method, &format!("{path}/"), "").await;
        assert_eq!((slash.status, slash.header("location")), (301, Some(path)), "{method} {path}/");
        assert_eq!(live.server.send(method, path, "", "").await.status, 401, "{method} {path} without a token");
        let user = live.server.user(method, path, "").await;
        let allowed = path == "/volumes";
        assert_eq!(user.status == 401, !allowed, "{method} {path} as user: {user:?}");
        for other in ["PUT", "PATCH", "HEAD", "OPTIONS"] {
            let refused = live.admin(other, path, "").await;
            assert_eq!((refused.told(), refused.header("allow")), ((405, ""), None), "{other} {path}");
        }
        if status >= 400 {
            assert_eq!(told.header("content-type"), Some("text/plain; charset=utf-8"), "{method} {path}");
            assert!(told.body.ends_with('\n'), "{told:?}");
        } else {
            assert_eq!(told.header("content-type"), Some("application/json; charset=UTF-8"), "{method} {path}");
        }
    }
}
