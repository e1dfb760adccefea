//! What the server does not put up with, and how it stops.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{ADMIN_KEY, PATIENCE, Server, bearer, options};

#[tokio::test]
async fn a_body_is_at_most_a_mebibyte() {
    let server = Server::start().await;
    let text = (413, "request body is larger than 1048576 bytes\n");
    let name = "x".repeat(1024 * 1024);
    assert_eq!(server.admin("POST", "/volumes", &format!(r#"{{"name":"{name}"}}"#)).await.told(), text);
    let headers = bearer("admin", ADMIN_KEY, "POST", "/volumes") + "Transfer-Encoding: chunked\r\n";
    let chunk = format!("100000\r\n{name}\r\n5\r\nabcde\r\n0\r\n\r\n");
    assert_eq!(server.send("POST", "/volumes", &headers, &chunk).await.told(), text);
    let fits = format!(r#"{{"name":"{}"}}"#, "x".repeat(1000 * 1000));
    assert_eq!(server.admin("POST", "/volumes", &fits).await.status, 400);
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let mut options = options();
    options.head_timeout = Duration::from_millis(200);
    options.body_timeout = Duration::from_millis(200);
    let server = Server::with(options).await;
    let silent = server.raw(b"GET /hello HT").await;
    assert!([0, 408].contains(&silent.status), "{silent:?}");
    let head = format!(
        "POST /volumes HTTP/1.1\r\nHost: x\r\n{}Content-Length: 9\r\n\r\n{{",
        bearer("admin", ADMIN_KEY, "POST", "/volumes")
    );
    let slow = server.raw(head.as_bytes()).await;
    assert_eq!(slow.told(), (408, "request body did not arrive in time\n"));
}

#[tokio::test]
async fn a_panic_ends_in_an_answer_without_a_stack() {
    let server = Server::start().await;
    let path = format!("/clusters/{}", "dead".repeat(8));
    let answer =
        server.send("GET", &path, &(bearer("admin", ADMIN_KEY, "GET", &path) + "X-Request-Id: abc\r\n"), "").await;
    assert_eq!(answer.told(), (500, "Internal error; the server's log has more under request abc\n"));
    assert_eq!(server.admin("GET", "/clusters", "").await.status, 200);
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let server = Server::start().await;
    let answer = server.send("GET", "/hello", "X-Request-Id: from-the-client-1\r\n", "").await;
    assert_eq!(answer.header("x-request-id"), Some("from-the-client-1"));
    let long = format!("X-Request-Id: {}\r\n", "x".repeat(65));
    for header in ["", "X-Request-Id: a b\r\n", &long] {
        let answer = server.send("GET", "/clusters", header, "").await;
        assert_eq!(answer.header("x-request-id").map(str::len), Some(16), "{header}");
    }
}

#[tokio::test]
async fn a_stopping_server_ends_what_it_began() {
    let mut server = Server::start().await;
    *server.backend.delay.lock().unwrap() = Duration::from_millis(400);
    // An idle connection must not hold the server up.
    let idle = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let request =
        format!("GET /clusters HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer("admin", ADMIN_KEY, "GET", "/clusters"));
    busy.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.address;
    server.stop();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, busy.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"clusters\":[]}\n"), "{answer}");
    server.stopped().await;
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_request() {
    let server = Server::start().await;
    let request = format!(
        "POST /clusters HTTP/1.1\r\nHost: x\r\n{}Content-Length: 2\r\n\r\n{{}}",
        bearer("admin", ADMIN_KEY, "POST", "/clusters")
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    let created = async {
        while server.backend.state.lock().unwrap().clusters.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, created).await.expect("the cluster is made");
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_cut_off() {
    let mut options = options();
    options.write_timeout = Duration::from_millis(200);
    let server = Server::with(options).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // Requests are sent until no more answers fit between the two; nothing is ever read.
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(64);
    let cut_off = async { while stream.write_all(&request).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, cut_off).await.expect("the connection ends");
    assert_eq!(server.send("GET", "/hello", "", "").await.status, 200);
}

#[tokio::test]
async fn connections_have_a_limit_and_wait_for_their_turn() {
    let mut options = options();
    options.max_connections = 2;
    options.head_timeout = Duration::from_millis(400);
    let server = Server::with(options).await;
    let idle = [TcpStream::connect(server.address).await.unwrap(), TcpStream::connect(server.address).await.unwrap()];
    // Answered when an idle one is cut off.
    assert_eq!(server.send("GET", "/hello", "", "").await.status, 200);
    drop(idle);
}

#[tokio::test]
async fn heads_have_a_limit() {
    let server = Server::start().await;
    let many = (0..200).map(|n| format!("X-{n}: x\r\n")).collect::<String>();
    assert_eq!(server.send("GET", "/hello", &many, "").await.status, 431);
    // The rest is not read, so the answer may be lost on the way.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _ = stream.write_all(format!("GET /hello HTTP/1.1\r\nX: {}", "x".repeat(1024 * 1024)).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&answer));
    let fits = format!("X-Long: {}\r\n", "x".repeat(40 * 1024));
    assert_eq!(server.send("GET", "/hello", &fits, "").await.status, 200);
    assert_eq!(server.raw(b"\x16\x03\x01\x02\x00 no http\r\n\r\n").await.status, 400);
    // A body that a GET has no use for.
    assert_eq!(server.admin("GET", "/clusters", "{}").await.status, 200);
}
