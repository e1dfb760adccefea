//! Block volumes, clones, restrictions and evictions: routes, bodies and texts.

use heketi_core::{Error, ErrorKind};

use crate::server::Server;

const NOT_FOUND: (u16, &str) = (404, "Id not found\n");
const BUSY: (u16, &str) = (429, "Server busy. Retry operation later.\n");

/// Creates a volume and returns its path.
async fn volume(server: &Server) -> String {
    let job = server.admin("POST", "/volumes", r#"{"size":1,"name":"source"}"#).await;
    server.ended(&job).await.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_block_volume_goes_through_its_life() {
    let server = Server::start().await;
    assert_eq!(server.admin("GET", "/blockvolumes", "").await.told(), (200, "{\"blockvolumes\":[]}\n"));
    let body = r#"{"size":3,"name":"bv1","hacount":2,"auth":true,"clusters":["x"]}"#;
    let job = server.admin("POST", "/blockvolumes", body).await;
    assert_eq!(job.told(), (202, ""));
    let end = server.ended(&job).await;
    assert_eq!(end.status, 303);
    let path = end.header("location").unwrap().to_owned();
    let id = path.strip_prefix("/blockvolumes/").unwrap();
    let json = format!(
        r#"{{"size":3,"name":"bv1","hacount":2,"id":"{id}","blockvolume":{{"hosts":["192.0.2.11","192.0.2.12"],"iqn":"iqn.2016-12.org.gluster-block:9f0e8d7c","lun":0,"username":"b10cb10c","password":"s3cret"}},"cluster":"{}","blockhostingvolume":"{}","usablesize":3}}"#,
        "01".repeat(16),
        "ba".repeat(16)
    );
    assert_eq!(server.admin("GET", &path, "").await.told(), (200, format!("{json}\n").as_str()));
    let list = format!("{{\"blockvolumes\":[\"{id}\"]}}\n");
    assert_eq!(server.admin("GET", "/blockvolumes", "").await.told(), (200, list.as_str()));
    let job = server.admin("POST", &format!("{path}/expand"), r#"{"new_size":5}"#).await;
    assert_eq!(server.ended(&job).await.header("location"), Some(path.as_str()));
    assert!(server.admin("GET", &path, "").await.body.starts_with(r#"{"size":5,"#));
    let job = server.admin("DELETE", &path, "{}").await;
    assert_eq!(server.ended(&job).await.told(), (204, ""));
    assert_eq!(server.admin("GET", &path, "").await.told(), NOT_FOUND);
    assert_eq!(server.admin("DELETE", &path, "").await.told(), NOT_FOUND);
    assert_eq!(server.admin("POST", &format!("{path}/expand"), r#"{"new_size":5}"#).await.told(), NOT_FOUND);
    assert_eq!(server.user("GET", "/blockvolumes", "").await.status, 401);
    assert_eq!(server.admin("PUT", "/blockvolumes", "").await.told(), (405, ""));
}

#[tokio::test]
async fn volumes_are_cloned_and_restricted() {
    let server = Server::start().await;
    let source = volume(&server).await;
    for (body, name) in [(r#"{"name":"copy"}"#, Some("copy")), ("{}", None)] {
        let job = server.admin("POST", &format!("{source}/clone"), body).await;
        let clone = server.ended(&job).await.header("location").unwrap().to_owned();
        assert_ne!(clone, source);
        let name = name.map_or_else(|| format!("vol_{}", &clone[9..]), str::to_owned);
        assert_eq!(server.admin("GET", &clone, "").await.member("name"), name);
        assert_eq!(server.admin("GET", &source, "").await.status, 200, "the source stays readable");
    }
    let restrict = format!("{source}/block-restriction");
    for (restriction, blockinfo) in [
        ("locked", r#""block":true,"#),
        ("locked", r#""blockinfo":{"freesize":91,"reservedsize":2,"restriction":"locked"}"#),
        ("", r#""blockinfo":{"freesize":91,"reservedsize":2}"#),
    ] {
        let job = server.admin("POST", &restrict, &format!(r#"{{"restriction":"{restriction}"}}"#)).await;
        assert_eq!(server.ended(&job).await.header("location"), Some(source.as_str()));
        let info = server.admin("GET", &source, "").await.body;
        assert!(info.contains(blockinfo), "{info}");
    }
    for path in ["/volumes/0a/clone", "/volumes/0a/block-restriction"] {
        assert_eq!(server.admin("POST", path, "{}").await.told(), NOT_FOUND, "{path}");
        assert_eq!(server.admin("POST", path, "").await.told(), (422, "request unable to be parsed\n"), "{path}");
    }
}

#[tokio::test]
async fn bricks_are_evicted() {
    let server = Server::start().await;
    let brick = format!("/bricks/to-evict/{}", "b4".repeat(16));
    for (body, check) in
        [("", true), ("{}", true), (r#"{"healcheck":"enable"}"#, true), (r#"{"healcheck":"disable"}"#, false)]
    {
        let job = server.admin("POST", &brick, body).await;
        assert_eq!(server.ended(&job).await.told(), (204, ""), "{body}");
        let log = server.backend.state.lock().unwrap().log.last().cloned();
        assert_eq!(log, Some(format!("brick evict {} check={check}", "b4".repeat(16))), "{body}");
    }
    assert_eq!(server.admin("POST", "/bricks/to-evict/0a", "").await.told(), NOT_FOUND);
    assert_eq!(server.admin("POST", &brick, "x").await.told(), (422, "request unable to be parsed\n"));
    assert_eq!(server.admin("GET", &brick, "").await.told(), (405, ""));
}

#[tokio::test]
async fn fields_are_validated() {
    let server = Server::start().await;
    for (path, body, text) in [
        ("/blockvolumes", "{}", "size: cannot be blank."),
        (
            "/blockvolumes",
            r#"{"size":-1,"name":"a.b","hacount":-1}"#,
            "hacount: must be no less than 1; name: must be in a valid format; size: must be no less than 1.",
        ),
        ("/blockvolumes/0a/expand", "{}", "new_size: cannot be blank."),
        ("/blockvolumes/0a/expand", r#"{"new_size":-1}"#, "new_size: must be no less than 1."),
        ("/volumes/0a/clone", r#"{"name":"a b"}"#, "name: must be in a valid format."),
        (
            "/volumes/0a/block-restriction",
            r#"{"restriction":"locked-by-update"}"#,
            "restriction: must be a valid value.",
        ),
        ("/bricks/to-evict/0a", r#"{"healcheck":"no"}"#, "healcheck: no is not valid heal info check."),
        ("/devices/0a/state", r#"{"state":"failed","healcheck":"no"}"#, "healcheck: no is not valid heal info check."),
    ] {
        let told = server.admin("POST", path, body).await;
        assert_eq!(told.told(), (400, format!("validation failed: {text}\n").as_str()), "{path} {body}");
    }
    for path in ["/blockvolumes", "/blockvolumes/0a/expand"] {
        assert_eq!(server.admin("POST", path, "").await.told(), (422, "request unable to be parsed\n"));
    }
}

#[tokio::test]
async fn errors_of_the_engine_get_the_prefix_of_their_route() {
    let server = Server::start().await;
    let volume = volume(&server).await;
    let id = volume.strip_prefix("/volumes/").unwrap();
    let job = server.admin("POST", "/blockvolumes", r#"{"size":6}"#).await;
    let block = server.ended(&job).await.header("location").unwrap().to_owned();
    let brick = format!("/bricks/to-evict/{}", "b4".repeat(16));
    let (clone, restrict, expand) =
        (format!("{volume}/clone"), format!("{volume}/block-restriction"), format!("{block}/expand"));
    let create = r#"{"size":1}"#;
    let grow = r#"{"new_size":6}"#;
    let in_use = "The target exists, contains other items, or is in use.";
    let conflict = |text: &str| Error::new(ErrorKind::Conflict, text);
    let disabled = "Block Hosting Volume Creation is disabled. Create a Block hosting volume and try again.";
    let same = "Requested new-size 6 is same as current block volume size 6, nothing to be done.";
    let hosting = "Cloning of block hosting volumes is not supported";
    let not_hosting = "Block restrictions can only be set on block hosting volumes";
    let pending = "Can not evict brick b: brick is pending";
    let no_space = || Error::new(ErrorKind::CannotAllocate, "No space");
    let cases: Vec<(&str, &str, &str, Error, u16, String)> = vec![
        ("POST", "/blockvolumes", create, no_space(), 500, "Failed to allocate new block volume: No space".into()),
        (
            "POST",
            "/blockvolumes",
            create,
            conflict(disabled),
            500,
            format!("Failed to allocate new block volume: {disabled}"),
        ),
        (
            "POST",
            "/blockvolumes",
            create,
            Error::new(ErrorKind::Invalid, "Cluster id x not found"),
            400,
            "Cluster id x not found".into(),
        ),
        ("POST", &expand, grow, no_space(), 500, "Failed to allocate block volume expansion: No space".into()),
        ("POST", &expand, grow, conflict(same), 500, format!("Failed to allocate block volume expansion: {same}")),
        ("POST", &expand, grow, Error::conflict(), 500, format!("Failed to allocate block volume expansion: {in_use}")),
        ("DELETE", &block, "", Error::conflict(), 500, format!("Failed to set up block volume delete: {in_use}")),
        ("POST", &clone, "{}", conflict(hosting), 500, format!("Failed clone volume {id}: {hosting}")),
        (
            "POST",
            &restrict,
            "{}",
            conflict(not_hosting),
            500,
            format!("Failed to set block restriction: {not_hosting}"),
        ),
        ("POST", &brick, "", conflict(pending), 500, format!("Failed to set up brick eviction: {pending}")),
    ];
    let busy =
        [("POST", "/blockvolumes", create), ("POST", &expand, grow), ("DELETE", &block, ""), ("POST", &clone, "{}")];
    let more = [("POST", restrict.as_str(), "{}"), ("POST", &brick, "")];
    for (method, path, body) in busy.into_iter().chain(more) {
        server.backend.refusals.lock().unwrap().push_back(Error::busy());
        assert_eq!(server.admin(method, path, body).await.told(), BUSY, "{method} {path}");
    }
    for (method, path, body, error, status, text) in cases {
        server.backend.refusals.lock().unwrap().push_back(error);
        let answer = server.admin(method, path, body).await;
        assert_eq!(answer.told(), (status, format!("{text}\n").as_str()), "{method} {path}");
    }
}
