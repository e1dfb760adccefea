//! The client library against the server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use heketi_core::api::{ClusterCreateRequest, VolumeCreateRequest, VolumeExpandRequest};
use heketi_core::{Error, ErrorKind, Gib};
use heketi_http::auth::Secret;
use heketi_http::client::{Client, ClientError, ClientOptions, Credentials};

use crate::server::{ADMIN_KEY, Server};

pub fn impatient() -> ClientOptions {
    ClientOptions {
        poll_delay: Duration::from_millis(5),
        busy_min_delay: Duration::from_millis(1),
        busy_max_delay: Duration::from_millis(5),
        poll_retries: 1,
        ..ClientOptions::default()
    }
}

fn client(server: &Server) -> Client {
    let credentials = Credentials::new("admin", Secret::new(ADMIN_KEY));
    // A final slash must not matter.
    Client::with_options(&format!("{}/", server.url()), credentials, impatient()).unwrap()
}

#[tokio::test]
async fn jobs_are_followed_to_their_end() {
    let server = Server::start().await;
    server.backend.polls.store(3, Ordering::Relaxed);
    let client = client(&server);
    assert_eq!(client.hello().await.unwrap(), "Hello from Heketi");
    let cluster = client.cluster_create(&ClusterCreateRequest { file: true, block: false }).await.unwrap();
    assert_eq!(client.cluster_list().await.unwrap().clusters, [cluster.id]);
    let request = VolumeCreateRequest { size: 2, ..Default::default() };
    let volume = client.volume_create(&request).await.unwrap();
    assert_eq!(volume.size, Gib(2));
    let volume = client.volume_expand(volume.id, &VolumeExpandRequest { expand_size: 1 }).await.unwrap();
    assert_eq!(volume.size, Gib(3));
    let topology = client.topology().await.unwrap();
    assert_eq!(topology.clusters[0].volumes, std::slice::from_ref(&volume));
    client.volume_delete(volume.id).await.unwrap();
    let gone = client.volume_info(volume.id).await.unwrap_err();
    assert!(gone.is_not_found());
    assert_eq!(gone.to_string(), "Id not found");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = Server::start().await;
    let request = VolumeCreateRequest { size: 2, ..Default::default() };
    let refuse = |times| server.backend.refusals.lock().unwrap().extend((0..times).map(|_| Error::busy()));
    refuse(2);
    assert!(client(&server).volume_create(&request).await.is_ok());
    refuse(7);
    let error = client(&server).volume_create(&request).await.unwrap_err();
    assert_eq!(error, ClientError::Refused { status: 429, text: "Server busy. Retry operation later.".to_owned() });
}

#[tokio::test]
async fn errors_name_the_cause() {
    let server = Server::start().await;
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::CannotAllocate, "No space"));
    let error =
        client(&server).volume_create(&VolumeCreateRequest { size: 2, ..Default::default() }).await.unwrap_err();
    assert_eq!(error.to_string(), "Failed to allocate new volume: No space");
    let stranger = Client::new(&server.url(), Credentials::none()).unwrap();
    assert_eq!(stranger.cluster_list().await.unwrap_err().to_string(), "Required authorization token not found");
    for bad in ["localhost:8080", "ftp://x", "", "http://admin:pw@x"] {
        let error = Client::new(bad, Credentials::none()).unwrap_err();
        assert!(matches!(error, ClientError::Address { .. }), "{bad}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    let nobody = Client::with_options("http://127.0.0.1:1", Credentials::none(), impatient()).unwrap();
    let error = nobody.cluster_list().await.unwrap_err().to_string();
    assert!(error.starts_with("cannot reach the heketi server at http://127.0.0.1:1: "), "{error}");
    assert!(!format!("{:?}", client(&server)).contains(ADMIN_KEY));
}
