//! Pending operations as operators see them.

use heketi_core::api::{OperationChange, OperationDetails, OperationInfo};
use heketi_core::id::{OperationId, SeededIds};

use crate::server::Server;

/// A stale operation and one that runs; returns their ids.
pub fn with_operations(server: &Server) -> (String, String) {
    let mut ids = SeededIds::new(9);
    let mut state = server.backend.state.lock().unwrap();
    let mut add = |type_name: &str, status: &str, sub_status: &str| {
        let id = OperationId::new(&mut ids);
        let info =
            OperationInfo { id, type_name: type_name.into(), status: status.into(), sub_status: sub_status.into() };
        let change = |id: &str, text: &str| OperationChange { id: id.repeat(32), description: text.into() };
        let changes = vec![change("b", "Add brick"), change("7", "Add volume")];
        state.operations.insert(id, OperationDetails { info, changes, progress: None });
        id.to_string()
    };
    (add("create-volume", "stale", ""), add("delete-volume", "", "in-flight"))
}

#[tokio::test]
async fn operations_are_counted_listed_and_shown() {
    let server = Server::start().await;
    let counts = server.admin("GET", "/operations", "").await;
    assert_eq!(counts.told(), (200, "{\"total\":3,\"in_flight\":1,\"stale\":1,\"failed\":1,\"new\":1}\n"));
    assert_eq!(server.admin("GET", "/operations/pending", "").await.told(), (200, "{\"pendingoperations\":[]}\n"));
    let (stale, running) = with_operations(&server);
    let list = server.admin("GET", "/operations/pending", "").await;
    for item in [
        format!(r#"{{"id":"{stale}","type_name":"create-volume","status":"stale","sub_status":""}}"#),
        format!(r#"{{"id":"{running}","type_name":"delete-volume","status":"","sub_status":"in-flight"}}"#),
    ] {
        assert!(list.status == 200 && list.body.contains(&item), "{list:?}");
    }
    let details = server.admin("GET", &format!("/operations/pending/{stale}"), "").await;
    let json = format!(
        r#"{{"id":"{stale}","type_name":"create-volume","status":"stale","sub_status":"","changes":[{{"id":"{}","description":"Add brick"}},{{"id":"{}","description":"Add volume"}}]}}"#,
        "b".repeat(32),
        "7".repeat(32)
    );
    assert_eq!(details.told(), (200, format!("{json}\n").as_str()));
}

#[tokio::test]
async fn an_unknown_operation_is_named() {
    let server = Server::start().await;
    let unknown = "f".repeat(32);
    for id in [unknown.as_str(), "0a", "ABC"] {
        let answer = server.admin("GET", &format!("/operations/pending/{id}"), "").await;
        assert_eq!(answer.told(), (404, format!("Id not found: {id}\n").as_str()));
    }
    assert_eq!(server.admin("GET", "/operations/pending/xyz", "").await.told(), (404, "Invalid path or request\n"));
    assert_eq!(server.admin("GET", "/operations/pending/cleanup", "").await.told(), (405, ""));
}

#[tokio::test]
async fn operations_are_cleaned_up_on_demand() {
    let server = Server::start().await;
    let (stale, _) = with_operations(&server);
    let named = format!(r#"{{"operations":["{stale}","{}"]}}"#, "F".repeat(32));
    let unknown = "f".repeat(32);
    for (body, log) in [("{}", "clean up []".to_owned()), (&named, format!("clean up [{stale}, {unknown}]"))] {
        let job = server.admin("POST", "/operations/pending/cleanup", body).await;
        assert_eq!(job.told(), (202, ""));
        assert_eq!(server.ended(&job).await.told(), (204, ""));
        assert_eq!(server.backend.state.lock().unwrap().log.last(), Some(&log));
    }
    let many = vec![format!("\"{stale}\""); 33].join(",");
    for (operations, text) in
        [("\"zz\"", "zz is not a valid UUID"), (many.as_str(), "too many ids specified (33), up to 32 supported")]
    {
        let body = format!(r#"{{"operations":[{operations}]}}"#);
        let told = server.admin("POST", "/operations/pending/cleanup", &body).await;
        assert_eq!(told.told(), (400, format!("validation failed: operations: {text}.\n").as_str()));
    }
    let unparsable = server.admin("POST", "/operations/pending/cleanup", "").await;
    assert_eq!(unparsable.told(), (422, "request unable to be parsed\n"));
}
