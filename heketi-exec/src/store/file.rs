use std::fmt;
use std::path::{Path, PathBuf};

use heketi_core::inventory::{Change, ChangeSet, Record, decode_key, decode_record, encode_key, encode_record};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use super::{CommitError, Revision, Store, StoreError};

const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// The layout of tables and keys this program reads and writes.
const FORMAT: u64 = 1;

/// The first bytes of a BoltDB page 0: heketi v10 kept its database in that format.
const BOLT_MAGIC: [u8; 4] = 0xED0C_DAED_u32.to_le_bytes();

/// Key and value of a record.
type Stored = (Vec<u8>, Vec<u8>);

/// One file on disk (redb). It is locked while it is open, has no companion files, and may be copied while no
/// heketi runs.
pub struct FileStore {
    path: PathBuf,
    database: Database,
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
        let store = Self { path, database };
        store.prepare().map_err(|error| store.error(&error))?;
        let format = store.number("format").map_err(|error| store.error(&error))?;
        if format != FORMAT {
            return Err(StoreError(format!(
                "database {} has format {format}, this heketi knows format {FORMAT}: start the heketi that wrote it",
                store.path.display()
            )));
        }
        Ok(store)
    }

    fn prepare(&self) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
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

    fn number(&self, name: &str) -> Result<u64, redb::Error> {
        let transaction = self.database.begin_read()?;
        let value = transaction.open_table(NUMBERS)?.get(name)?.map(|value| value.value());
        Ok(value.unwrap_or(0))
    }

    fn error(&self, error: &dyn fmt::Display) -> StoreError {
        StoreError(format!("database {}: {error}", self.path.display()))
    }

    fn write(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Result<Revision, Revision>, redb::Error> {
        let transaction = self.database.begin_write()?;
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

    fn read(&self) -> Result<(Vec<Stored>, Revision), redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut records = Vec::new();
        for entry in transaction.open_table(RECORDS)?.iter()? {
            let (key, value) = entry?;
            records.push((key.value().to_vec(), value.value().to_vec()));
        }
        let revision = transaction.open_table(NUMBERS)?.get("revision")?.map_or(0, |value| value.value());
        Ok((records, Revision(revision)))
    }
}

impl Store for FileStore {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        let (stored, revision) = self.read().map_err(|error| self.error(&error))?;
        let records = stored
            .into_iter()
            .map(|(key, value)| decode_record(decode_key(&key)?, &value))
            .collect::<Result<Vec<Record>, _>>()
            .map_err(|error| self.error(&error))?;
        Ok((records, revision))
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        match self.write(expected, batch) {
            Ok(Ok(revision)) => Ok(revision),
            Ok(Err(found)) => Err(CommitError::Fenced { expected, found }),
            Err(error) => Err(CommitError::Failed(self.error(&error).0)),
        }
    }
}

fn refuse_bolt(path: &Path) -> Result<(), StoreError> {
    use std::io::Read;
    let mut head = [0; 20];
    let is_bolt = std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut head))
        .is_ok_and(|()| head[16..20] == BOLT_MAGIC);
    if is_bolt {
        return Err(StoreError(format!(
            "database {} was written by heketi v10 (BoltDB), which this version cannot read; it was not touched: \
             configure another path as glusterfs.db",
            path.display()
        )));
    }
    Ok(())
}

fn open_error(path: &Path, error: &DatabaseError) -> StoreError {
    let name = path.display();
    StoreError(match error {
        DatabaseError::DatabaseAlreadyOpen => {
            format!("database {name} is in use by another heketi: stop that one, or configure another glusterfs.db")
        }
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
        bolt[16..20].copy_from_slice(&BOLT_MAGIC);
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
