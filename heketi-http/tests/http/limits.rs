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
