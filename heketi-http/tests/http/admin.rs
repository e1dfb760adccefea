//! Admin modes: who may still change something, and how the mode changes.

use heketi_core::api::AdminState;
use heketi_http::server::AdminMode;

use crate::server::{Server, options};

const REFUSED: (u16, &str) = (503, "Service disabled for maintenance\n");

#[tokio::test]
async fn the_mode_is_read_and_changed() {
    let server = Server::start().await;
    let told = server.admin("GET", "/admin", "").await;
    assert_eq!(told.told(), (200, "{\"state\":\"normal\"}\n"));
    let set = server.admin("POST", "/admin", r#"{"STATE":"local-client"}"#).await;
    assert_eq!((set.told(), set.header("content-type")), ((204, ""), None));
    assert_eq!(server.admin("GET", "/admin", "").await.told(), (200, "{\"state\":\"local-client\"}\n"));
    // The test is a neighbour of the server.
    assert_eq!(server.admin("POST", "/clusters", "{}").await.status, 201);
    assert_eq!(server.user("GET", "/admin", "").await.told(), (401, "Administrator access required\n"));
}

#[tokio::test]
async fn what_is_no_mode_is_refused() {
    let server = Server::start().await;
    for (body, text) in [
        ("", "request unable to be parsed: unexpected end of JSON input"),
        ("{}", "validation failed: state: cannot be blank."),
        (r#"{"state":"open"}"#, "validation failed: state: must be a valid value."),
    ] {
        assert_eq!(server.admin("POST", "/admin", body).await.told(), (400, format!("{text}\n").as_str()), "{body}");
    }
    let unparsable = server.admin("POST", "/admin", r#"{"state":1}"#).await;
    assert!(unparsable.status == 400 && unparsable.body.starts_with("request unable to be parsed: "), "{unparsable:?}");
    assert_eq!(server.admin("GET", "/admin", "").await.told(), (200, "{\"state\":\"normal\"}\n"));
}

#[tokio::test]
async fn a_read_only_server_answers_reads_and_running_jobs_only() {
    let server = Server::start().await;
    let job = server.admin("POST", "/volumes", r#"{"size":1}"#).await;
    assert_eq!(server.admin("POST", "/admin", r#"{"state":"read-only"}"#).await.status, 204);
    for (method, path, body) in [
        ("POST", "/clusters", "{}"),
        ("POST", "/volumes", r#"{"size":1}"#),
        ("DELETE", "/volumes/0a", ""),
        ("POST", "/operations/pending/cleanup", "{}"),
        // The way back is a signal to the server.
        ("POST", "/admin", r#"{"state":"normal"}"#),
        // Before the path is looked up.
        ("POST", "/unknown", ""),
    ] {
        assert_eq!(server.admin(method, path, body).await.told(), REFUSED, "{method} {path}");
    }
    let end = server.ended(&job).await;
    assert_eq!(end.status, 303);
    assert_eq!(server.admin("GET", end.header("location").unwrap(), "").await.status, 200);
    assert_eq!(server.admin("HEAD", "/volumes", "").await.status, 405);
    assert_eq!(server.send("GET", "/hello", "", "").await.status, 200);
    // After the token and the role.
    assert_eq!(server.send("POST", "/clusters", "", "{}").await.status, 401);
    assert_eq!(server.user("POST", "/clusters", "{}").await.status, 401);
    assert_eq!(server.user("POST", "/volumes", r#"{"size":1}"#).await.told(), REFUSED);
}

#[tokio::test]
async fn the_mode_changes_while_the_service_runs() {
    let mut options = options();
    options.mode = AdminMode::new(AdminState::ReadOnly);
    let mode = options.mode.clone();
    let server = Server::with(options).await;
    assert_eq!(server.admin("GET", "/admin", "").await.told(), (200, "{\"state\":\"read-only\"}\n"));
    assert_eq!(server.admin("POST", "/clusters", "{}").await.told(), REFUSED);
    mode.set(AdminState::Normal);
    assert_eq!(server.admin("GET", "/admin", "").await.told(), (200, "{\"state\":\"normal\"}\n"));
    assert_eq!(server.admin("POST", "/clusters", "{}").await.status, 201);
}
