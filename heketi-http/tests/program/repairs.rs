//! Damaged databases: named, and repaired after a copy was made.

use std::fs;
use std::path::{Path, PathBuf};

use heketi_core::interchange::V10Database;
use heketi_core::inventory::{Change, ChangeSet, Record};
use heketi_core::model::Volume;
use heketi_exec::store::{FileStore, Store};

use crate::database::{SAMPLES, moved_in};
use crate::support::*;

#[path = "../../../heketi-core/tests/support/v10_file.rs"]
mod v10_file;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Status and output of `heketi db WORDS --dbfile DB`.
fn db(words: &[&str], at: &Path) -> (Option<i32>, String, String) {
    let output = run(&[&["db"], words, &["--dbfile", path(at)]].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// heketi v10's file with a damage in it, which stops a start.
fn damaged(damage: impl FnOnce(&mut V10Database)) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let (directory, config, db) = moved_in(SAMPLES[0]);
    let mut database = V10Database::from_bolt(&fs::read(&db).unwrap()).unwrap();
    damage(&mut database);
    fs::write(&db, v10_file::write(&database, 4096)).unwrap();
    (directory, config, db)
}

/// F19: two nodes were added at the same moment, and are one host.
fn two_records_of_one_host(database: &mut V10Database) {
    const TWIN: &str = "00000000000000000000000000000001";
    let node = database.nodes.values_mut().find(|it| it.devices.len() > 1).unwrap();
    let mut twin = node.clone();
    let moved = node.devices.pop().unwrap();
    (twin.info.id, twin.devices) = (TWIN.into(), vec![moved.clone()]);
    database.clusters.get_mut(&twin.info.cluster).unwrap().info.nodes.insert(0, TWIN.into());
    database.nodes.insert(TWIN.into(), twin);
    database.devices.get_mut(&moved).unwrap().node_id = TWIN.into();
    let bricks = database.bricks.values_mut().filter(|it| it.info.device == moved);
    bricks.for_each(|it| it.info.node = TWIN.into());
}

/// A device was made smaller under its bricks.
fn a_device_smaller_than_its_bricks(database: &mut V10Database) {
    let device = database.devices.values_mut().find(|it| !it.bricks.is_empty()).unwrap();
    device.info.storage.total = 1024;
}

#[test]
fn a_damaged_v10_database_is_refused_until_it_is_repaired() {
    type Damage = fn(&mut V10Database);
    let damages: [(&str, Damage); 2] =
        [("belongs to node", two_records_of_one_host), ("< aggregateBricksSize(", a_device_smaller_than_its_bricks)];
    for (words, damage) in damages {
        let (directory, config, file) = damaged(damage);
        let before = fs::read(&file).unwrap();
        let refused = run(&[&format!("--config={}", config.display())]);
        let told = text(&refused.stderr);
        assert!(!refused.status.success() && told.contains(words) && told.contains("--dry-run"), "{told}");
        let (status, checked, _) = db(&["check"], &file);
        let finding = checked.split(words).nth(1).unwrap();
        assert_eq!(status, Some(1));
        assert!(finding.lines().nth(1).unwrap().starts_with("  Repair: "), "{checked}");
        let (status, planned, _) = db(&["repair", "--dry-run"], &file);
        assert!(status == Some(0) && planned.contains(words) && planned.contains("--apply would"), "{planned}");
        assert!(fs::read(&file).unwrap() == before, "nothing was written");
        let (status, repaired, told) = db(&["repair", "--apply"], &file);
        assert!(status == Some(0) && repaired.contains("Repaired: "), "{repaired}{told}");
        assert!(fs::read(directory.path().join("heketi.db.v10")).unwrap() == before, "it is kept");
        let server = Server::start(&config);
        assert_eq!(server.ok(&["cluster", "list"]).matches("Id:").count(), 2);
        assert!(server.stop());
    }
}

#[test]
fn a_v10_database_is_printed_as_v10_exports_it() {
    let (directory, _, file) = moved_in(SAMPLES[0]);
    let sample = format!("../heketi-core/tests/data/{}.json", SAMPLES[0]);
    let json = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).unwrap();
    let (status, printed, told) = db(&["dump"], &file);
    assert_eq!((status, printed.trim_end()), (Some(0), json.trim_end()), "{told}");
    assert!(!directory.path().join("heketi.db.v10").exists(), "it is not converted");
}

/// A block hosting volume whose sizes do not add up keeps all that it hosts.
#[test]
fn block_volumes_are_not_lost_with_the_sizes_of_their_volume() {
    let (directory, config, file) = moved_in(SAMPLES[0]);
    let server = Server::start(&config);
    let before = server.ok(&["blockvolume", "list"]);
    assert_eq!(before.matches("Id:").count(), 3);
    assert!(server.stop());
    let store = FileStore::open(&file).unwrap();
    let (records, revision) = store.load().unwrap();
    let hosting = records.iter().find_map(|record| match record {
        Record::Volume(volume) if volume.hosting.is_some() => Some(Volume::clone(volume)),
        _ => None,
    });
    let mut hosting = hosting.unwrap();
    hosting.hosting.as_mut().unwrap().free.0 += 1;
    let id = hosting.id.to_string();
    let changes: ChangeSet = [Change::Put(Record::Volume(hosting))].into_iter().collect();
    store.commit(revision, &[changes]).unwrap();
    store.close();
    let broken = fs::read(&file).unwrap();

    let refused = run(&[&format!("--config={}", config.display())]);
    assert!(!refused.status.success() && text(&refused.stderr).contains(&id), "{}", text(&refused.stderr));
    let (status, checked, _) = db(&["check"], &file);
    assert!(status == Some(1) && checked.contains(&id) && checked.contains("keep it with all its block volumes"));
    let (status, planned, _) = db(&["repair", "--dry-run"], &file);
    assert!(status == Some(0) && planned.contains("--apply would"), "{planned}");
    assert!(fs::read(&file).unwrap() == broken);
    let (status, repaired, told) = db(&["repair", "--apply"], &file);
    assert!(status == Some(0) && repaired.contains("Repaired: 1 of 1"), "{repaired}{told}");
    let copies = fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().path());
    let copies: Vec<PathBuf> = copies.filter(|it| path(it).contains(".before-repair.")).collect();
    assert!(copies.len() == 1 && fs::read(&copies[0]).unwrap() == broken, "a copy was made first");
    let server = Server::start(&config);
    assert_eq!(server.ok(&["blockvolume", "list"]), before);
    assert!(server.ok(&["volume", "info", &id]).contains("locked-by-update"));
}
