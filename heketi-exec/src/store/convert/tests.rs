use std::collections::BTreeMap;

use heketi_core::inventory::{ChangeSet, Record};

use super::*;
use crate::store::Revision;
use crate::store::v10::{open_read_only, read_as_v10};

const FILES: [&str; 3] = ["heketi-v10-crashed-clone", "heketi-v6x", "heketi-v40"];

fn sample(name: &str) -> Vec<u8> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../heketi-core/tests/data");
    fs::read(data.join(format!("{name}.db"))).unwrap()
}

/// A directory with a database of heketi v10.
fn with(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    fs::write(&path, content).unwrap();
    (directory, path)
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())).collect()
}

/// The records but for what is made at random.
fn state(path: &Path) -> Vec<String> {
    let (records, revision) = FileStore::open(path).unwrap().load().unwrap();
    assert_eq!(revision, Revision(1));
    records.iter().map(|record| format!("{record:?}")).collect()
}

fn converted(path: &Path) -> Vec<String> {
    let (store, conversion) = open_or_convert(path).unwrap();
    assert_eq!(conversion.unwrap().kept, beside(path, "v10"));
    drop(store);
    state(path)
}

#[test]
fn a_file_of_v10_becomes_one_of_ours_and_is_kept() {
    for name in FILES {
        let original = sample(name);
        let (directory, path) = with(&original);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let first = converted(&path);
        let kept = path.with_file_name("heketi.db.v10");
        assert!(fs::read(&kept).unwrap() == original);
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o440);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(files(directory.path()).len(), 2);
        let (store, again) = open_or_convert(&path).unwrap();
        assert!(again.is_none(), "it is converted once");
        drop(store);
        assert_eq!(state(&path), first);
    }
}

/// Runs a conversion that ends at this point as if the process were killed.
fn killed(path: &Path, point: Point) {
    let bolt = BoltFile::open(path, Hold::Exclusive).unwrap().unwrap();
    let mut end = |at| if at == point { Err(StoreError("killed".into())) } else { Ok(()) };
    assert_eq!(convert(&bolt, true, None, &mut end).unwrap_err().0, "killed");
}

#[test]
fn a_conversion_that_ends_anywhere_leaves_the_old_state_or_the_new() {
    let original = sample(FILES[0]);
    let (_directory, whole) = with(&original);
    let wanted = converted(&whole);
    for point in [Point::Written, Point::Kept, Point::Replaced] {
        let (directory, path) = with(&original);
        killed(&path, point);
        if point == Point::Replaced {
            assert_eq!(state(&path), wanted);
        } else {
            assert!(fs::read(&path).unwrap() == original, "heketi v10 could start: {point:?}");
        }
        let (store, _) = open_or_convert(&path).unwrap();
        drop(store);
        assert_eq!(state(&path), wanted, "{point:?}");
        let files = files(directory.path());
        assert_eq!(files.keys().collect::<Vec<_>>(), ["heketi.db", "heketi.db.v10"]);
        assert!(files["heketi.db.v10"] == original);
        let mode = fs::metadata(directory.path().join("heketi.db.v10")).unwrap().mode();
        assert_eq!(mode & 0o222, 0, "{point:?}");
    }
}

#[test]
fn half_a_new_file_is_written_again() {
    let (directory, path) = with(&sample(FILES[1]));
    fs::write(beside(&path, "new"), "what a full disk left").unwrap();
    converted(&path);
    assert_eq!(files(directory.path()).len(), 2);
}

#[test]
fn without_hard_links_a_start_finishes_the_renames() {
    let original = sample(FILES[0]);
    let (directory, path) = with(&original);
    killed(&path, Point::Written);
    fs::rename(&path, beside(&path, "v10")).unwrap();
    let new = fs::read(beside(&path, "new")).unwrap();
    // A new file that is damaged is not taken, and no empty database is made in its place.
    for bad in [Some(&new[..new.len() / 2]), Some(&b"x"[..]), None] {
        match bad {
            Some(bytes) => fs::write(beside(&path, "new"), bytes).unwrap(),
            None => fs::remove_file(beside(&path, "new")).unwrap(),
        }
        let told = open_or_convert(&path).unwrap_err().0;
        assert!(told.contains("heketi.db.v10") && told.contains("bring back a backup"), "{told}");
        assert!(!path.exists());
    }
    fs::write(beside(&path, "new"), new).unwrap();
    let (store, conversion) = open_or_convert(&path).unwrap();
    assert!(conversion.is_none());
    drop(store);
    let files = files(directory.path());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["heketi.db", "heketi.db.v10"]);
    assert!(files["heketi.db.v10"] == original && !state(&path).is_empty());
}

#[test]
fn after_going_back_to_v10_the_user_chooses() {
    let (directory, path) = with(&sample(FILES[0]));
    converted(&path);
    fs::write(&path, sample(FILES[1])).unwrap();
    let before = files(directory.path());
    let told = open_or_convert(&path).unwrap_err().0;
    assert!(told.contains("move") && told.contains("heketi.db.v10 away"), "{told}");
    assert!(files(directory.path()) == before);
    fs::rename(beside(&path, "v10"), beside(&path, "old")).unwrap();
    converted(&path);
}

#[test]
fn what_cannot_be_read_is_not_touched() {
    let original = sample(FILES[0]);
    let mut damaged = original.clone();
    damaged[4096 * 3..4096 * 4].fill(0xff);
    let mut metas = original.clone();
    metas[16..64].fill(0);
    metas[4096 + 16..4096 + 64].fill(0);
    let half = &original[..original.len() / 2];
    for (content, what) in [
        (half, "half"),
        (&original[..4096], "one page"),
        (&original[..100], "100 bytes"),
        (&damaged, "a page of ff"),
        (&metas, "no meta page"),
    ] {
        let (directory, path) = with(content);
        let error = open_or_convert(&path).unwrap_err();
        assert!(error.0.contains("heketi.db"), "{what}: {error}");
        assert!(files(directory.path()) == BTreeMap::from([("heketi.db".into(), content.to_vec())]), "{what}: {error}");
        assert!(open_read_only(&path).is_err() && read_as_v10(&path, true).is_err(), "{what}");
    }
}

#[test]
fn a_running_v10_keeps_its_file() {
    let (directory, path) = with(&sample(FILES[2]));
    let v10 = File::open(&path).unwrap();
    v10.lock().unwrap();
    let before = files(directory.path());
    for told in [
        open_or_convert(&path).map(drop).unwrap_err().0,
        open_read_only(&path).map(drop).unwrap_err().0,
        read_as_v10(&path, true).map(drop).unwrap_err().0,
    ] {
        assert!(told.contains("in use") && told.contains("stop that one"), "{told}");
    }
    assert!(files(directory.path()) == before);
    drop(v10);
    // One that only reads lets others read.
    let reader = File::open(&path).unwrap();
    reader.lock_shared().unwrap();
    assert!(open_read_only(&path).is_ok() && read_as_v10(&path, true).is_ok());
    assert!(open_or_convert(&path).is_err());
}

#[test]
fn a_file_that_is_only_read_is_served_and_not_converted() {
    let original = sample(FILES[0]);
    let (directory, path) = with(&original);
    let store = open_read_only(&path).unwrap();
    let (records, revision) = store.load().unwrap();
    assert!(records.len() > 80, "{}", records.len());
    let next = store.commit(revision, &[ChangeSet::default()]).unwrap();
    assert_eq!(next, Revision(1));
    assert!(open_or_convert(&path).is_err(), "it is held");
    drop(store);
    assert!(files(directory.path()) == BTreeMap::from([("heketi.db".into(), original)]));
}

#[test]
fn a_new_file_never_takes_the_place_of_another() {
    let (directory, path) = with(b"precious");
    let error = create(&path, &Inventory::default()).unwrap_err();
    assert_eq!(error.0, format!("{} file already exists", path.display()));
    assert!(files(directory.path()) == BTreeMap::from([("heketi.db".into(), b"precious".to_vec())]));
    fs::remove_file(&path).unwrap();
    create(&path, &Inventory::default()).unwrap();
    assert_eq!(files(directory.path()).len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let (records, revision) = FileStore::open(&path).unwrap().load().unwrap();
    // Its own name is all it holds.
    assert!(records.iter().all(|record| matches!(record, Record::Origin(_))), "{records:?}");
    assert_eq!(revision, Revision(1));
}
