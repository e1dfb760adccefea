//! The routes of the database.

use heketi_core::Error;

use crate::server::Server;

/// An object of these members, indented by four spaces as heketi v10 writes it.
fn object(members: impl Iterator<Item = String>) -> String {
    let members: Vec<String> = members.map(|member| member.replace('\n', "\n    ")).collect();
    format!("{{\n    {}\n}}", members.join(",\n    "))
}

#[tokio::test]
async fn an_empty_database_is_dumped_checked_and_examined() {
    let server = Server::start().await;
    let entries = ["cluster", "volume", "brick", "node", "device", "blockvolume", "dbattribute"]
        .map(|kind| format!("{kind}entries"));
    let entries = entries.iter().map(String::as_str).chain(["pendingoperations"]);
    let dump = object(entries.map(|name| format!("\"{name}\": {{}}")));
    assert_eq!(server.admin("GET", "/db/dump", "").await.told(), (200, format!("{dump}\n").as_str()));
    let nothing = r#"{"total": 0,"pending": 0,"ok": 0,"notok": 0,"inconsistencies": null}"#;
    let nothing = object(nothing.trim_matches(['{', '}']).split(',').map(str::to_owned));
    let kinds =
        ["clusters", "volumes", "bricks", "nodes", "devices", "blockvolumes", "dbattributes", "pendingoperations"];
    let kinds = kinds.iter().map(|kind| format!("\"{kind}\": {nothing}"));
    let check = object(kinds.chain(["\"totalinconsistencies\": 0".to_owned()]));
    assert_eq!(server.admin("GET", "/db/check", "").await.told(), (200, format!("{check}\n").as_str()));
    let parts = [format!("\"heketidb\": {dump}"), "\"report\": []".to_owned(), "\"clusters\": []".to_owned()];
    let examined = server.admin("GET", "/internal/state/examine/gluster", "").await;
    assert_eq!(examined.told(), (200, format!("{}\n", object(parts.into_iter())).as_str()));
    for path in ["/db/dump", "/db/check", "/internal/state/examine/gluster"] {
        assert_eq!(server.user("GET", path, "").await.status, 401, "{path}");
        assert_eq!(server.admin("POST", path, "").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn a_dump_that_fails_is_told_in_v10s_words() {
    let server = Server::start().await;
    server.backend.refusals.lock().unwrap().push_back(Error::internal("the disk is on fire"));
    let told = server.admin("GET", "/db/dump", "").await;
    assert_eq!(told.told(), (500, "Could not construct dump from DB: the disk is on fire\n"));
}
