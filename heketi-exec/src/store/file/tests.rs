use heketi_core::id::ClusterId;
use heketi_core::model::Cluster;
use redb::ReadOnlyDatabase;

use super::*;

fn put(byte: u8) -> ChangeSet {
    let mut changes = ChangeSet::default();
    changes.put_cluster(Cluster { id: ClusterId::from_bytes([byte; 16]), file: true, block: false });
    changes
}

/// How many clusters there are. A new database holds its own name besides.
fn clusters(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record, Record::Cluster(_))).count()
}

#[test]
fn commits_survive_reopening_and_are_fenced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let store = FileStore::open(&path).unwrap();
    let revision = store.commit(Revision(0), &[put(1), put(2)]).unwrap();
    assert_eq!(
        store.commit(Revision(0), &[put(3)]),
        Err(CommitError::Fenced { expected: Revision(0), found: revision })
    );
    drop(store);
    let (records, found) = FileStore::open(&path).unwrap().load().unwrap();
    assert_eq!((clusters(&records), found), (2, revision));
}

#[test]
fn a_file_that_is_only_read_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let store = FileStore::open(&path).unwrap();
    let first = store.commit(Revision(0), &[put(1), put(2)]).unwrap();
    store.close();
    let written = std::fs::read(&path).unwrap();
    let store = FileStore::open(&path).unwrap();
    assert_eq!(store.load().unwrap().1, first);
    store.backup(directory.path()).unwrap();
    store.close();
    assert!(std::fs::read(&path).unwrap() == written, "it was written to");
    // A program that ended without closing it has not written either.
    std::mem::forget(FileStore::open(&path).unwrap());
    assert!(std::fs::read(&path).unwrap() == written, "it was written to");

    let store = FileStore::open(path_of_copy(&path)).unwrap();
    let second = store.commit(first, &[put(3)]).unwrap();
    store.close();
    let (records, found) = FileStore::open(path_of_copy(&path)).unwrap().load().unwrap();
    assert_eq!((clusters(&records), found), (3, second));
}

/// One that nobody has locked.
fn path_of_copy(path: &Path) -> PathBuf {
    let copy = path.with_extension("copy");
    if !copy.exists() {
        std::fs::copy(path, &copy).unwrap();
    }
    copy
}

#[test]
fn a_file_that_was_not_closed_well_is_repaired_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let store = FileStore::open(&path).unwrap();
    let revision = store.commit(Revision(0), &[put(1), put(2)]).unwrap();
    let crashed = path_of_copy(&path);
    assert!(ReadOnlyDatabase::open(&crashed).is_err(), "it is in need of repair");
    let repaired = FileStore::open(&crashed).unwrap();
    assert_eq!(repaired.load().unwrap().1, revision);
    repaired.close();
    ReadOnlyDatabase::open(&crashed).unwrap();
}

#[test]
fn a_copy_is_a_database_of_that_moment() {
    let directory = tempfile::tempdir().unwrap();
    let store = FileStore::open(directory.path().join("heketi.db")).unwrap();
    let revision = store.commit(Revision(0), &[put(1), put(2)]).unwrap();
    let mut copy = store.backup(directory.path()).unwrap();
    store.commit(revision, &[put(3)]).unwrap();
    let path = directory.path().join("copy.db");
    std::io::copy(&mut copy, &mut File::create(&path).unwrap()).unwrap();
    let copied = FileStore::open(&path).unwrap();
    let (records, found) = copied.load().unwrap();
    assert_eq!((clusters(&records), found), (2, revision));
    copied.commit(found, &[put(4)]).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn a_second_process_is_told_who_has_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let _first = FileStore::open(&path).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert!(error.0.contains("in use by another heketi"), "{error}");
}

#[test]
fn files_that_are_no_database_are_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heketi.db");
    let mut bolt = vec![0; 4096];
    bolt[16..20].copy_from_slice(&0xED0C_DAED_u32.to_le_bytes());
    for (content, word) in [(bolt, "heketi v10"), (vec![b'x'; 4096], "not a heketi database")] {
        std::fs::write(&path, &content).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(error.0.contains(word), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    let error = FileStore::open(directory.path().join("missing/heketi.db")).unwrap_err();
    assert!(error.0.contains("create it"), "{error}");
}
