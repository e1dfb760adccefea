//! Clones, arbiter volumes and block volumes from the command line, with heketi v10's texts.

use crate::support::*;

#[test]
fn a_volume_is_cloned_and_the_clone_is_a_volume_like_others() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let source = value_of(&server.ok(&["volume", "create", "--size=10", "--name=source"]), "Volume Id");
    let cloned = server.ok(&["volume", "clone", &source, "--name=copy"]);
    let clone = value_of(&cloned, "Volume Id");
    assert_eq!(server.ok(&["volume", "info", &clone]), cloned);
    assert_eq!((value_of(&cloned, "Name"), value_of(&cloned, "Size")), ("copy".to_owned(), "10".to_owned()));
    let bricks = |volume: &str| server.json(&["volume", "info", volume])["bricks"].as_array().unwrap().clone();
    let (old, new) = (bricks(&source), bricks(&clone));
    assert_eq!((old.len(), new.len()), (3, 3));
    assert!(new.iter().all(|brick| brick["volume"] == clone.as_str() && !old.contains(brick)));

    let refused = server.refused(&["volume", "clone", &source, "--name=copy"]);
    assert_eq!(refused, format!("Failed clone volume {source}: Volume name 'copy' already in use"));
    assert_eq!(server.refused(&["volume", "clone", &"f".repeat(32)]), "Id not found");
    let hosting = value_of(&server.ok(&["volume", "create", "--size=10", "--block"]), "Volume Id");
    let refused = server.refused(&["volume", "clone", &hosting]);
    assert_eq!(refused, format!("Failed clone volume {hosting}: Cloning of block hosting volumes is not supported"));

    // The source goes first, then what was made of it.
    for volume in [&source, &clone] {
        assert_eq!(server.ok(&["volume", "delete", volume]), format!("Volume {volume} deleted\n"));
    }
    assert_eq!(server.refused(&["volume", "info", &clone]), "Id not found");
    assert_eq!(server.ok(&["audit", "--nodes"]), "No problems found\n");
}

#[test]
fn an_arbiter_volume_has_one_small_brick_a_set() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let option = "--gluster-volume-options=user.heketi.arbiter true";
    let volume = value_of(&server.ok(&["volume", "create", "--size=64", option]), "Volume Id");
    let info = server.json(&["volume", "info", &volume]);
    let mut sizes: Vec<u64> =
        info["bricks"].as_array().unwrap().iter().map(|it| it["size"].as_u64().unwrap()).collect();
    sizes.sort();
    // 64 KiB for each average file of 64 KiB of data (core section 2.5).
    assert_eq!(sizes, [1 << 20, 64 << 20, 64 << 20]);
    let refused = server.refused(&["volume", "create", "--size=64", "--replica=2", option]);
    assert!(refused.starts_with("Option user.heketi.arbiter needs durability replicate 3"), "{refused}");
}

#[test]
fn block_volumes_get_a_hosting_volume_and_tell_the_password_to_their_user_only() {
    let directory = tempfile::tempdir().unwrap();
    let (config, log) = (mock_config(directory.path()), directory.path().join("log"));
    configure(
        &config,
        &[
            ("/glusterfs/loglevel", "debug".into()),
            ("/glusterfs/auto_create_block_hosting_volume", true.into()),
            ("/glusterfs/block_hosting_volume_size", 100.into()),
        ],
    );
    let server = Server::start_logging(&config, &log);
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let created = server.ok(&["blockvolume", "create", "--size=5", "--auth", "--ha=2", "--name=b1"]);
    let (id, hosting) = (value_of(&created, "Volume Id"), value_of(&created, "Block Hosting Volume"));
    let target = [value_of(&created, "Hacount"), value_of(&created, "Username"), value_of(&created, "Password")];
    assert_eq!(target, ["2", "heketi-user", "secret"]);
    assert_eq!(value_of(&created, "Hosts").split(' ').count(), 2, "{created}");
    assert_eq!(server.ok(&["blockvolume", "info", &id]), created);
    assert!(server.ok(&["blockvolume", "list"]).starts_with(&format!("Id:{id} ")));
    let space = || {
        let info = server.ok(&["volume", "info", &hosting]);
        ["Size", "Free Size", "Reserved Size", "Block Volumes"].map(|key| value_of(&info, key))
    };
    assert_eq!(space(), ["100", "93", "2", &format!("[{id}]")]);
    assert!(server.ok(&["volume", "list"]).contains(" [block]"));

    let expanded = server.ok(&["blockvolume", "expand", &id, "--new-size=7"]);
    assert_eq!([value_of(&expanded, "Size"), value_of(&expanded, "UsableSize")], ["7", "7"]);
    assert_eq!(space()[1], "91");
    for (size, text) in [
        (7, "Requested new-size 7 is same as current block volume size 7, nothing to be done."),
        (6, "Requested new-size 6 is less than current block volume size 7, shrinking is not allowed."),
        (99, "No space"),
    ] {
        let refused = server.refused(&["blockvolume", "expand", &id, &format!("--new-size={size}")]);
        assert_eq!(refused, format!("Failed to allocate block volume expansion: {text}"));
    }

    let restrict = |to: &str| server.ok(&["volume", "set-block-hosting-restriction", to, &hosting]);
    assert_eq!(value_of(&restrict("locked"), "Block Hosting Restriction"), "locked");
    assert_eq!(value_of(&restrict("unlocked"), "Block Hosting Restriction"), "(none)");
    let file = value_of(&server.ok(&["volume", "create", "--size=1"]), "Volume Id");
    let refused = server.refused(&["volume", "set-block-hosting-restriction", "locked", &file]);
    assert!(refused.starts_with("Failed to set block restriction: "), "{refused}");

    let refused = server.refused(&["volume", "delete", &hosting]);
    assert_eq!(refused, "Cannot delete a block hosting volume containing block volumes");
    assert_eq!(server.ok(&["blockvolume", "delete", &id]), format!("Volume {id} deleted\n"));
    assert_eq!(server.refused(&["blockvolume", "info", &id]), "Id not found");
    assert_eq!(space(), ["100", "98", "2", "[]"]);
    let refused = server.refused(&["blockvolume", "create", "--size=99"]);
    let text = "Failed to allocate new block volume: The size configured for automatic creation of block hosting \
                volumes (100) is too small to host the requested block volume of size 99. The available size on this \
                block hosting volume, minus overhead, is 98. Please create a sufficiently large block hosting volume \
                manually.";
    assert!(refused.starts_with(text), "{refused}");
    assert!(server.stop());
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("gluster-block create"), "commands are logged");
    assert!(!logged.contains("secret"), "the password is not");
}

#[test]
fn without_the_configuration_no_hosting_volume_comes() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&mock_config(directory.path()));
    server.ok(&["topology", "load", "--json", topology(directory.path()).to_str().unwrap()]);
    let refused = server.refused(&["blockvolume", "create", "--size=5"]);
    let text = "Block Hosting Volume Creation is disabled. Create a Block hosting volume and try again.";
    assert!(refused.starts_with(&format!("Failed to allocate new block volume: {text}")), "{refused}");
    server.ok(&["volume", "create", "--size=10", "--block"]);
    assert_eq!(value_of(&server.ok(&["blockvolume", "create", "--size=5"]), "Password"), "");
}
