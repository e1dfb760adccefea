//! heketi-cli for block volumes, clones, restrictions and evictions, byte for byte.

use std::time::Duration;

use heketi_core::{Error, ErrorKind};

use crate::cli::{Output, cli, failed, ok};
use crate::server::Server;

fn block_text(id: &str, name: &str, size: u64, credentials: [&str; 2]) -> String {
    format!(
        "Name: {name}\nSize: {size}\nUsableSize: {size}\nVolume Id: {id}\nCluster Id: {}\nHosts: [192.0.2.11 192.0.2.12]\nIQN: iqn.2016-12.org.gluster-block:9f0e8d7c\nLUN: 0\nHacount: 2\nUsername: {}\nPassword: {}\nBlock Hosting Volume: {}\n",
        "01".repeat(16),
        credentials[0],
        credentials[1],
        "ba".repeat(16)
    )
}

fn value_of<'t>(output: &'t Output, key: &str) -> &'t str {
    output.1.lines().find_map(|line| line.strip_prefix(key)).unwrap()
}

#[tokio::test]
async fn block_volumes() {
    let server = Server::start().await;
    assert_eq!(cli(&server, &["blockvolume", "create"]).await, failed("Missing volume size"));
    assert_eq!(cli(&server, &["blockvolume", "create", "--size=1", "--ha=-1"]).await, failed("Invalid HA count"));
    let create = ["blockvolume", "create", "--size=3", "--ha=2", "--auth", "--name=bv1", "--clusters=c1,c2", "surplus"];
    let created = cli(&server, &create).await;
    let id = value_of(&created, "Volume Id: ").to_owned();
    assert_eq!(created, ok(&block_text(&id, "bv1", 3, ["b10cb10c", "s3cret"])));
    let log = server.backend.state.lock().unwrap().log.last().cloned().unwrap();
    assert!(log.contains(r#"clusters: ["c1", "c2"], name: "bv1", hacount: 2, auth: true"#), "{log}");
    assert_eq!(cli(&server, &["blockvolume", "info", &id]).await, created);
    let json = cli(&server, &["blockvolume", "info", &id, "--json"]).await.1;
    assert!(json.starts_with(r#"{"size":3,"name":"bv1","hacount":2,"id":""#) && json.ends_with(r#""usablesize":3}"#));
    let line = format!("Id:{id}    Cluster:{}    Name:bv1\n", "01".repeat(16));
    assert_eq!(cli(&server, &["blockvolume", "list"]).await, ok(&line));
    assert_eq!(cli(&server, &["blockvolume", "list", "--json"]).await, ok(&format!(r#"{{"blockvolumes":["{id}"]}}"#)));

    let expanded = ok(&block_text(&id, "bv1", 5, ["b10cb10c", "s3cret"]));
    assert_eq!(cli(&server, &["blockvolume", "expand", "--blockvolume", &id, "--new-size=5"]).await, expanded);
    assert_eq!(cli(&server, &["blockvolume", "expand", &id, "--new-size=5"]).await, expanded);
    assert_eq!(cli(&server, &["blockvolume", "expand"]).await, failed("Missing block volume id"));
    let text = "Missing block volume net new size";
    assert_eq!(cli(&server, &["blockvolume", "expand", &id]).await, failed(text));
    assert_eq!(cli(&server, &["blockvolume", "delete", &id]).await, ok(&format!("Volume {id} deleted\n")));
    assert_eq!(cli(&server, &["blockvolume", "delete", &id]).await, failed("Id not found"));
    for command in ["info", "delete"] {
        assert_eq!(cli(&server, &["blockvolume", command]).await, failed("Volume id missing"));
    }
    let open = cli(&server, &["blockvolume", "create", "--size=1"]).await;
    let id = value_of(&open, "Volume Id: ");
    assert_eq!(open, ok(&block_text(id, &format!("blockvol_{id}"), 1, ["", ""])));
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::CannotAllocate, "No space"));
    let text = "Failed to allocate new block volume: No space";
    assert_eq!(cli(&server, &["blockvolume", "create", "--size=1"]).await, failed(text));
}

#[tokio::test]
async fn clones_restrictions_and_endpoints() {
    let server = Server::start().await;
    let source = cli(&server, &["volume", "create", "--size=10", "--name=v1"]).await;
    let volume = value_of(&source, "Volume Id: ").to_owned();
    let cloned = cli(&server, &["volume", "clone", &volume, "--name=copy"]).await;
    let clone = value_of(&cloned, "Volume Id: ").to_owned();
    assert_ne!(clone, volume);
    assert_eq!(cloned, ok(&source.1.replace(&volume, &clone).replace("v1", "copy")));
    let unnamed = cli(&server, &["volume", "clone", &volume]).await;
    let id = value_of(&unnamed, "Volume Id: ");
    assert_eq!(value_of(&unnamed, "Name: "), format!("vol_{id}"));
    let json = cli(&server, &["--json", "volume", "clone", &volume]).await.1;
    assert!(json.starts_with(r#"{"size":10,"name":"vol_"#) && json.ends_with("]}"), "{json}");
    assert_eq!(cli(&server, &["volume", "clone"]).await, failed("Volume id missing"));
    let text = "Cloning of block hosting volumes is not supported";
    server.backend.refusals.lock().unwrap().push_back(Error::new(ErrorKind::Conflict, text));
    let text = format!("Failed clone volume {volume}: {text}");
    assert_eq!(cli(&server, &["volume", "clone", &volume]).await, failed(&text));

    for (command, restriction) in [("locked", "locked"), ("unlocked", "(none)")] {
        let told = cli(&server, &["volume", "set-block-hosting-restriction", command, &volume]).await;
        let lines = format!("Block: true\nFree Size: 91\nReserved Size: 2\nBlock Hosting Restriction: {restriction}\n");
        assert!(told.0 == 0 && told.1.contains(&lines), "{told:?}");
        let missing = cli(&server, &["volume", "set-block-hosting-restriction", command]).await;
        assert_eq!(missing, failed("Volume id missing"));
    }
    let patch = concat!(
        r#"{"subsets": [{"addresses":[{"ip":"192.0.2.11"}],"ports":[{"port":1}]},"#,
        r#"{"addresses":[{"ip":"192.0.2.12"}],"ports":[{"port":1}]}]}"#
    );
    assert_eq!(cli(&server, &["volume", "endpoint", "patch", &volume]).await, ok(patch));
    assert_eq!(cli(&server, &["volume", "endpoint", "patch"]).await, failed("Volume id missing"));
}

#[tokio::test]
async fn evictions() {
    let server = Server::start().await;
    let brick = "b4".repeat(16);
    assert_eq!(cli(&server, &["brick", "evict", &brick]).await, ok(&format!("Brick {brick} evicted\n")));
    assert_eq!(server.backend.state.lock().unwrap().log, [format!("brick evict {brick} check=true")]);
    assert_eq!(cli(&server, &["brick", "evict"]).await, failed("Brick id missing"));
    assert_eq!(cli(&server, &["brick", "evict", &brick, "x"]).await, failed("Too many arguments provided"));
    assert_eq!(cli(&server, &["brick", "evict", &"0".repeat(32)]).await, failed("Id not found"));
    assert_eq!(cli(&server, &["brick", "evict", "xyz"]).await, failed("Invalid path or request"));
}

#[tokio::test]
async fn a_skipped_heal_check_leaves_ten_seconds_to_cancel() {
    let server = Server::start().await;
    let brick = "b4".repeat(16);
    let line = ["brick", "evict", &brick, "--expert-option-disable-heal-check"];
    let started = std::time::Instant::now();
    let told = cli(&server, &line).await;
    assert!(started.elapsed() >= Duration::from_secs(10));
    let warning = "Skipping the heal check may be dangerous and increase the risk of data loss.\n Press CTRL-C within 10 seconds to cancel this action.\n";
    assert_eq!(told, ok(&format!("{warning}Brick {brick} evicted\n")));
    assert_eq!(server.backend.state.lock().unwrap().log, [format!("brick evict {brick} check=false")]);
}

#[tokio::test]
async fn groups_without_a_command_print_their_help() {
    let server = Server::start().await;
    for group in [
        &["blockvolume"][..],
        &["brick"],
        &["server"],
        &["server", "operations"],
        &["server", "mode"],
        &["volume", "endpoint"],
        &["volume", "set-block-hosting-restriction"],
    ] {
        for words in [group.to_vec(), [group, &["blah"]].concat()] {
            let (status, out, err) = cli(&server, &words).await;
            let usage = format!("Usage: heketi-cli {}", group.join(" "));
            assert!(status == 0 && err.is_empty() && out.contains(&usage), "{words:?} {out} {err}");
        }
    }
}
