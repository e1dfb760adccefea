use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use heketi_core::inventory::{Change, ChangeSet, Record, encode_key, encode_record};
use redb::{Database, DatabaseError, ReadableTable, StorageError};

use super::bolt_file::looks_like_bolt;
use super::content::{self, FORMAT, NUMBERS, RECORDS};
use super::{CommitError, NOT_CLOSED_WELL, Revision, Store, StoreError};

/// One file on disk (redb). It is locked while it is open, has no companion files, and may be copied while no
/// heketi runs.
pub struct FileStore {
    path: PathBuf,
    /// `None` once it is closed.
    database: RwLock<Option<Database>>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl FileStore {
    /// Opens the database file, or creates it where there is none.
    ///
    /// # Errors
    /// [`StoreError`] that names the file: another process has it open, its directory is missing or not
    /// writable, it is no heketi database, or another version of heketi wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        refuse_bolt(&path)?;
        let database = Database::create(&path).map_err(|error| open_error(&path, &error))?;
        let failed = |error: redb::Error| StoreError(format!("database {}: {error}", path.display()));
        prepare(&database).map_err(failed)?;
        check_format(&path, content::number(&database, "format").map_err(failed)?)?;
        Ok(Self { path, database: RwLock::new(Some(database)) })
    }

    /// Does something with the database, unless it is closed.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        act(database.as_ref().ok_or_else(|| self.error(&"it is closed: heketi is stopping"))?)
    }

    fn error(&self, error: &dyn fmt::Display) -> StoreError {
        StoreError(format!("database {}: {error}", self.path.display()))
    }
}

fn prepare(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        transaction.open_table(RECORDS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        if numbers.get("format")?.is_none() {
            numbers.insert("format", FORMAT)?;
            numbers.insert("revision", 0)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn write(
    database: &Database,
    expected: Revision,
    batch: &[ChangeSet],
) -> Result<Result<Revision, Revision>, redb::Error> {
    let transaction = database.begin_write()?;
    let next = Revision(expected.0 + 1);
    {
        let mut numbers = transaction.open_table(NUMBERS)?;
        let found = Revision(numbers.get("revision")?.map_or(0, |value| value.value()));
        if found != expected {
            return Ok(Err(found));
        }
        numbers.insert("revision", next.0)?;
        let mut records = transaction.open_table(RECORDS)?;
        for change in batch.iter().flat_map(ChangeSet::iter) {
            match change {
                Change::Put(record) => {
                    records.insert(encode_key(record.key()).as_slice(), encode_record(record).as_slice())?;
                }
                Change::Delete(key) => {
                    records.remove(encode_key(*key).as_slice())?;
                }
            }
        }
    }
    transaction.commit()?;
    Ok(Ok(next))
}

impl Store for FileStore {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.with(|database| content::load(database).map_err(|error| self.error(&error)))
    }

    fn backup(&self, directory: &Path) -> Result<File, StoreError> {
        self.with(|database| content::backup(database, directory).map_err(|error| self.error(&error)))
    }

    fn close(&self) {
        // What is dropped here closes the file in a state that needs no repair.
        drop(self.database.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        let written = self.with(|database| write(database, expected, batch).map_err(|error| self.error(&error)));
        match written {
            Ok(Ok(revision)) => Ok(revision),
            Ok(Err(found)) => Err(CommitError::Fenced { expected, found }),
            Err(error) => Err(CommitError::Failed(error.0)),
        }
    }
}

pub(super) fn check_format(path: &Path, format: u64) -> Result<(), StoreError> {
    if format == FORMAT {
        return Ok(());
    }
    Err(StoreError(format!(
        "database {} has format {format}, this heketi knows format {FORMAT}: start the heketi that wrote it",
        path.display()
    )))
}

pub(super) fn refuse_bolt(path: &Path) -> Result<(), StoreError> {
    if looks_like_bolt(path) {
        return Err(StoreError(format!(
            "database {} is one of heketi v10 (BoltDB) and was not touched: a server that is started on it converts it",
            path.display()
        )));
    }
    Ok(())
}

pub(super) fn open_error(path: &Path, error: &DatabaseError) -> StoreError {
    let name = path.display();
    StoreError(match error {
        DatabaseError::DatabaseAlreadyOpen => {
            format!("database {name} is in use by another heketi: stop that one, or configure another glusterfs.db")
        }
        DatabaseError::RepairAborted => format!(
            "database {name} {NOT_CLOSED_WELL}, and opened for reading only it is not repaired: start once without \
             db_read_only"
        ),
        DatabaseError::Storage(StorageError::Io(io)) => match io.kind() {
            std::io::ErrorKind::NotFound => {
                format!("database {name} cannot be created: its directory does not exist; create it")
            }
            std::io::ErrorKind::PermissionDenied => {
                format!("database {name} cannot be opened: permission denied; let the user heketi runs as write there")
            }
            std::io::ErrorKind::InvalidData => {
                format!("{name} is not a heketi database ({io}): configure another glusterfs.db, or restore a backup")
            }
            _ => format!("database {name} cannot be opened: {io}"),
        },
        other => format!("database {name} cannot be opened: {other}"),
    })
}

#[cfg(test)]
mod tests {
    use heketi_core::id::ClusterId;
    use heketi_core::model::Cluster;

    use super::*;

    fn put(byte: u8) -> ChangeSet {
        let mut changes = ChangeSet::default();
        changes.put_cluster(Cluster { id: ClusterId::from_bytes([byte; 16]), file: true, block: false });
        changes
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
        assert_eq!((records.len(), found), (2, revision));
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
        assert_eq!((records.len(), found), (2, revision));
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
}
