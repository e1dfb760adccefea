//! Tokens and roles.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heketi_http::auth::path_hash;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use crate::server::{ADMIN_KEY, Answer, Server, now};

fn token(claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(ADMIN_KEY.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

async fn list_with(server: &Server, claims: &str) -> Answer {
    let header = format!("Authorization: Bearer {}\r\n", token(claims));
    server.send("GET", "/clusters", &header, "").await
}

fn claims(exp: Option<u64>, more: &str) -> String {
    let exp = exp.map_or_else(String::new, |exp| format!(r#","exp":{exp}"#));
    format!(r#"{{"iss":"admin","qsh":"{}"{exp}{more}}}"#, path_hash("GET", "/clusters"))
}

#[tokio::test]
async fn times_are_checked() {
    let server = Server::start().await;
    // One second of room, as v10's Python client gives: the clock may tick between here and there.
    assert_eq!(list_with(&server, &claims(Some(now() + 1), "")).await.status, 200);
    let expired = list_with(&server, &claims(Some(now() - 5), "")).await;
    assert_eq!(expired.status, 401);
    assert!(expired.body.starts_with("Invalid JWT token: Token is expired by "), "{expired:?}");
    let forever = list_with(&server, &claims(None, "")).await;
    assert!(
        forever.status == 401 && forever.body.starts_with("Invalid JWT token: Token is expired by "),
        "{forever:?}"
    );
    let far = Some(now() + 1000);
    assert_eq!(list_with(&server, &claims(far, &format!(r#","iat":{}"#, now() + 100))).await.status, 200);
    let early = list_with(&server, &claims(far, &format!(r#","iat":{}"#, now() + 130))).await;
    assert_eq!(
        early.told(),
        (401, "Invalid JWT token: Token used before issued (client and server clocks may differ)\n")
    );
}

#[tokio::test]
async fn a_token_is_for_one_method_and_path() {
    let server = Server::start().await;
    for (method, path, status) in
        [("GET", "/clusters", 200), ("get", "/clusters", 401), ("GET", "/clusters?x=1", 401), ("GET", "/nodes", 401)]
    {
        let claims = format!(r#"{{"iss":"admin","exp":{},"qsh":"{}"}}"#, now() + 60, path_hash(method, path));
        let answer = list_with(&server, &claims).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(status == 200 || answer.body == "Invalid qsh claim in token\n");
    }
    let header = format!("Authorization: bearer {}\r\n", token(&claims(Some(now() + 60), "")));
    assert_eq!(server.send("GET", "/clusters?x=1", &header, "").await.status, 200);
    let wrong = server.send("GET", "/clusters", &crate::server::bearer("admin", "wrong", "GET", "/clusters"), "").await;
    let text = "Invalid JWT token: signature is invalid (client and server secrets may not match)\n";
    assert_eq!(wrong.told(), (401, text));
}

#[tokio::test]
async fn a_user_lists_and_creates_volumes_only() {
    let server = Server::start().await;
    assert_eq!(server.user("GET", "/volumes", "").await.status, 200);
    let job = server.user("POST", "/volumes", r#"{"size":1}"#).await;
    assert_eq!(job.status, 202);
    let queue = job.header("location").unwrap();
    for (method, path) in [
        ("GET", queue),
        ("GET", "/volumes/0a"),
        ("GET", "/volumes/"),
        ("DELETE", "/volumes/0a"),
        ("GET", "/clusters"),
        ("POST", "/clusters"),
        ("GET", "/unknown"),
    ] {
        let answer = server.user(method, path, "{}").await;
        assert_eq!(answer.told(), (401, "Administrator access required\n"), "{method} {path}");
    }
    assert_eq!(server.user("DELETE", "/volumes", "").await.status, 405);
}

#[tokio::test]
async fn without_authentication_headers_are_ignored() {
    let mut options = crate::server::options();
    options.auth = None;
    let server = Server::with(options).await;
    for header in ["", "Authorization: nonsense\r\n", "Authorization: bearer a.b.c\r\n"] {
        assert_eq!(server.send("GET", "/clusters", header, "").await.status, 200);
    }
}
