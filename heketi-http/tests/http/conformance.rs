//! Routes, layers, bodies and texts as heketi v10's clients know them.

use heketi_core::{Error, ErrorKind};

use crate::server::Server;

const NO_TOKEN: (u16, &str) = (401, "Required authorization token not found\n");
const NO_PATH: (u16, &str) = (404, "Invalid path or request\n");

#[tokio::test]
async fn hello_is_for_everyone() {
    let server = Server::start().await;
    let hello = server.send("GET", "/hello", "", "").await;
    assert_eq!(hello.told(), (200, "Hello from Heketi"));
    assert_eq!(hello.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(hello.header("content-length"), Some("17"));
    assert_eq!(server.send("GET", "/hello/", "", "").await.told(), NO_TOKEN);
    assert_eq!(server.admin("GET", "/hello/", "").await.told(), NO_PATH);
    assert_eq!(server.send("HEAD", "/hello", "", "").await.status, 401);
}

#[tokio::test]
async fn the_token_comes_before_the_path() {
    let server = Server::start().await;
    let unknown = server.send("GET", "/unknown", "", "").await;
    assert_eq!(unknown.told(), NO_TOKEN);
    assert_eq!(unknown.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(unknown.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(unknown.header("server"), None);
    assert!(unknown.header("date").is_some());
    assert_eq!(server.admin("GET", "/unknown", "").await.told(), NO_PATH);
    let form = server.send("GET", "/clusters", "Authorization: basic x\r\n", "").await;
    assert_eq!(form.told(), (400, "Authorization header format must be Bearer {token}\n"));
}

#[tokio::test]
async fn methods_slashes_and_ids() {
    let server = Server::start().await;
    for (method, path) in
        [("PUT", "/clusters"), ("GET", "/nodes"), ("HEAD", "/volumes"), ("OPTIONS", "/volumes"), ("POST", "/queue/0a")]
    {
        let answer = server.admin(method, path, "").await;
        assert_eq!(answer.told(), (405, ""), "{method} {path}");
        assert_eq!(answer.header("allow"), None);
    }
    let slash = server.admin("GET", "/clusters/?x=1", "").await;
    assert_eq!(slash.told(), (301, "<a href=\"/clusters?x=1\">Moved Permanently</a>.\n\n"));
    assert_eq!(slash.header("location"), Some("/clusters?x=1"));
    assert_eq!(slash.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(server.send("GET", "/clusters/", "", "").await.told(), NO_TOKEN);
    let id = server.admin("POST", "/clusters", r#"{"file":true}"#).await.member("id");
    assert_eq!(server.admin("GET", &format!("/clusters/{id}"), "").await.status, 200);
    for unknown in [id.to_uppercase(), "0a".into(), "f".repeat(32)] {
        assert_eq!(server.admin("GET", &format!("/clusters/{unknown}"), "").await.told(), (404, "Id not found\n"));
    }
    for path in ["/clusters/xyz", "/clusters/0a/", "/clusters/0a/unknown", "/clusters/0a%2Fflags"] {
        let answer = server.admin("GET", path, "").await;
        assert!([301, 404, 401, 405].contains(&answer.status), "{path} {answer:?}");
    }
    assert_eq!(server.admin("GET", "/clusters/xyz", "").await.told(), NO_PATH);
}

#[tokio::test]
async fn paths_are_cleaned_before_everything_else() {
    let server = Server::start().await;
    for path in ["//clusters", "/a/../clusters", "/./clusters"] {
        let answer = server.send("GET", path, "", "").await;
        assert_eq!((answer.told(), answer.header("location")), ((301, ""), Some("/clusters")), "{path}");
    }
    // Clients would repeat a POST as GET, so it is served; its token is for the path they sent.
    assert_eq!(server.admin("POST", "//clusters", "{}").await.status, 201);
    assert_eq!(server.admin("GET", "/clusters?limit=x", "").await.status, 200);
    assert_eq!(server.send("GET", "/%zz", "", "").await.status, 400);
}

#[tokio::test]
async fn bodies_are_read_as_go_reads_them() {
    let server = Server::start().await;
    for body in [r#"{"SIZE":1}"#, r#"{"size":1,"unknown":[{}],"name":null}"#, "\n{\"size\":1}\n"] {
        assert_eq!(server.admin("POST", "/volumes", body).await.status, 202, "{body}");
    }
    let unparsable = (422, "request unable to be parsed\n");
    for body in
        ["", "{", r#"{"size":1}x"#, r#"{"size":1.0}"#, r#"{"size":"1"}"#, "[]", r#"{"size":99999999999999999999}"#]
    {
        assert_eq!(server.admin("POST", "/volumes", body).await.told(), unparsable, "{body}");
    }
    let null = server.admin("POST", "/volumes", "null").await;
    assert_eq!(null.told(), (400, "validation failed: size: cannot be blank.\n"));
    assert_eq!(server.admin("GET", "/volumes", "{}").await.status, 200);
    let headers = crate::server::bearer("admin", crate::server::ADMIN_KEY, "POST", "/clusters")
        + "Transfer-Encoding: chunked\r\n";
    let chunked = server.send("POST", "/clusters", &headers, "4\r\n{\"fi\r\n9\r\nle\":true}\r\n0\r\n\r\n").await;
    assert_eq!(chunked.status, 201, "{chunked:?}");
    assert!(chunked.body.contains("\"file\":true"));
}

#[tokio::test]
async fn validation_names_every_field() {
    let server = Server::start().await;
    let body = r#"{"cluster":"zz","zone":-1,"hostnames":{"storage":["x","-y"]}}"#;
    let text = "validation failed: cluster: zz is not a valid UUID; hostnames: (manage: cannot be blank; storage: [x -y] is not a valid storage hostname.); zone: must be no less than 1.\n";
    assert_eq!(server.admin("POST", "/nodes", body).await.told(), (400, text));
    for (path, body, text) in [
        ("/nodes/0a/state", r#"{"state":"x","healcheck":"y"}"#, "healcheck: y is not valid heal info check."),
        ("/nodes/0a/state", r#"{"state":"x"}"#, "state: x is not valid state."),
        (
            "/nodes/0a/tags",
            r#"{"tags":{"":"v"},"change_type":"x"}"#,
            "change_type: must be a valid value; tags: tag names may not be empty.",
        ),
        ("/volumes/0a/expand", "{}", "expand_size: cannot be blank."),
        ("/devices", r#"{"name":"sdb"}"#, "name: must be in a valid format; node: cannot be blank."),
    ] {
        let told = server.admin("POST", path, body).await;
        assert_eq!(told.told(), (400, format!("validation failed: {text}\n").as_str()), "{path} {body}");
    }
    for (body, text) in [
        (r#"{"size":1,"gid":-1}"#, "Bad group id less than zero\n"),
        (r#"{"size":1,"durability":{"type":"disperse"}}"#, "Invalid dispersion combination: 0+0\n"),
        (r#"{"size":1,"durability":{"type":"replicate","replicate":{"replica":-1}}}"#, "Invalid replica value\n"),
    ] {
        assert_eq!(server.admin("POST", "/volumes", body).await.told(), (400, text));
    }
}

#[tokio::test]
async fn answers_have_v10s_form() {
    let server = Server::start().await;
    let created = server.admin("POST", "/clusters", r#"{"file":true,"block":false}"#).await;
    let id = created.member("id");
    let json =
        format!("{{\"id\":\"{id}\",\"nodes\":[],\"volumes\":[],\"block\":false,\"file\":true,\"blockvolumes\":[]}}\n");
    assert_eq!(created.told(), (201, json.as_str()));
    assert_eq!(created.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(
        server.admin("GET", "/clusters", "").await.told(),
        (200, format!("{{\"clusters\":[\"{id}\"]}}\n").as_str())
    );
    let flags = server.admin("POST", &format!("/clusters/{id}/flags"), r#"{"block":true}"#).await;
    assert_eq!((flags.told(), flags.header("content-type")), ((200, ""), Some("application/json; charset=UTF-8")));
    let info = server.admin("GET", &format!("/clusters/{id}"), "").await;
    assert!(info.body.contains(r#""block":true,"file":false"#), "{info:?}");
    assert_eq!(server.admin("DELETE", &format!("/clusters/{id}"), "{}").await.told(), (200, ""));
    assert_eq!(server.admin("DELETE", &format!("/clusters/{id}"), "").await.told(), (404, "Id not found\n"));
    assert_eq!(server.admin("GET", "/volumes", "").await.told(), (200, "{\"volumes\":[]}\n"));
}

#[tokio::test]
async fn errors_of_the_engine_get_the_status_of_their_route() {
    let server = Server::start().await;
    let cluster = server.admin("POST", "/clusters", "{}").await.member("id");
    let volume = server.admin("POST", "/volumes", r#"{"size":1}"#).await;
    let volume = server.ended(&volume).await.header("location").unwrap().to_owned();
    let node = format!(r#"{{"cluster":"{cluster}","zone":1,"hostnames":{{"manage":["a"],"storage":["b"]}}}}"#);
    let error = |kind, text: &str| Error::new(kind, text);
    let no_space = error(ErrorKind::CannotAllocate, "No space").explain(["device d has 1 GiB free".to_owned()]);
    let expand = format!("{volume}/expand");
    let cases: Vec<(&str, &str, &str, Error, u16, &str)> = vec![
        (
            "POST",
            "/volumes",
            r#"{"size":1}"#,
            no_space,
            500,
            "Failed to allocate new volume: No space\ndevice d has 1 GiB free\n",
        ),
        (
            "POST",
            "/volumes",
            r#"{"size":1}"#,
            error(ErrorKind::Invalid, "No clusters configured"),
            400,
            "No clusters configured\n",
        ),
        ("POST", "/volumes", r#"{"size":1}"#, Error::busy(), 429, "Server busy. Retry operation later.\n"),
        (
            "POST",
            &expand,
            r#"{"expand_size":1}"#,
            error(ErrorKind::CannotAllocate, "No space"),
            500,
            "Failed to allocate volume expansion: No space\n",
        ),
        ("POST", &expand, r#"{"expand_size":1}"#, Error::busy(), 429, "Server busy. Retry operation later.\n"),
        (
            "DELETE",
            &volume,
            "",
            Error::conflict(),
            500,
            "Failed to set up volume delete: The target exists, contains other items, or is in use.\n",
        ),
        (
            "DELETE",
            &volume,
            "",
            error(ErrorKind::Conflict, "Cannot delete volume containing the Heketi database"),
            409,
            "Cannot delete volume containing the Heketi database\n",
        ),
        (
            "POST",
            "/nodes",
            &node,
            error(ErrorKind::Conflict, "Hostname a already used by node with id 0a"),
            409,
            "Hostname a already used by node with id 0a\n\n",
        ),
        (
            "POST",
            "/nodes",
            &node,
            error(ErrorKind::Unavailable, "New Node doesn't have glusterd running"),
            400,
            "New Node doesn't have glusterd running\n",
        ),
        ("DELETE", "/devices/0a", "", Error::internal("unused"), 404, "Id not found\n"),
    ];
    for (method, path, body, error, status, text) in cases {
        server.backend.refusals.lock().unwrap().push_back(error);
        let answer = server.admin(method, path, body).await;
        assert_eq!(answer.told(), (status, text), "{method} {path}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
        server.backend.refusals.lock().unwrap().clear();
    }
}
