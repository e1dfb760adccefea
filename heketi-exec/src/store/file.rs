use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use heketi_core::interchange::name_database;
use heketi_core::inventory::{Change, ChangeSet, Inventory, Record, encode_key, encode_record};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableError};

use super::bolt_file::looks_like_bolt;
use super::content::{self, FORMAT, NUMBERS, RECORDS};
use super::held_file::HeldFile;
use super::patience::{PATIENCE, patiently};
use super::{CommitError, NOT_CLOSED_WELL, Revision, Store, StoreError};
use crate::random::RandomIds;

/// One file on disk (redb). It is locked while it is open, has no companion files, and may be copied while no
/// heketi runs. It is written only when there is something to store: opening and closing leave it as it is.
pub struct FileStore {
    path: PathBuf,
    file: HeldFile,
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
    /// [`StoreError`] that names the file: another process has it open and does not let go of it in 3 s, its
    /// directory is missing or not writable, it is no heketi database, or another version of heketi wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        refuse_bolt(&path)?;
        let (file, database) =
            patiently(&path, || open(&path), is_in_use).map_err(|error| open_error(&path, &error))?;
        let failed = |error: redb::Error| StoreError(format!("database {}: {error}", path.display()));
        if !is_prepared(&database).map_err(failed)? {
            file.release().map_err(|error| failed(error.into()))?;
            prepare(&database).map_err(failed)?;
        }
        check_format(&path, content::number(&database, "format").map_err(failed)?)?;
        Ok(Self { path, file, database: RwLock::new(Some(database)) })
    }

    /// Makes a whole state durable in a new database.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub(super) fn fill(&self, inventory: &Inventory) -> Result<(), StoreError> {
        self.with(|database| fill(database, inventory).map_err(|error| self.error(&error)))
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

/// The database in this file. A repair of one that was not closed well is written.
fn open(path: &Path) -> Result<(HeldFile, Database), DatabaseError> {
    let file = HeldFile::open(path)?;
    let (repaired, unwritten) = (file.clone(), Arc::new(Mutex::new(None)));
    let failure = unwritten.clone();
    let mut builder = Database::builder();
    builder.set_repair_callback(move |session| {
        if let Err(error) = repaired.release() {
            session.abort();
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    });
    let opened = builder.create_with_backend(file.clone());
    match unwritten.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(StorageError::from(error).into()),
        None => Ok((file, opened?)),
    }
}

pub(super) fn is_in_use(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::DatabaseAlreadyOpen)
}

/// Are the tables there? They are made in one transaction.
fn is_prepared(database: &Database) -> Result<bool, redb::Error> {
    match database.begin_read()?.open_table(NUMBERS) {
        Ok(numbers) => Ok(numbers.get("format")?.is_some()),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn prepare(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let name = Record::Origin(name_database(&mut RandomIds::default()));
        let mut records = transaction.open_table(RECORDS)?;
        records.insert(encode_key(name.key()).as_slice(), encode_record(&name).as_slice())?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        numbers.insert("format", FORMAT)?;
        numbers.insert("revision", 0)?;
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

fn fill(database: &Database, inventory: &Inventory) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for (key, record) in inventory.encoded() {
            records.insert(key.as_slice(), record.as_slice())?;
        }
        transaction.open_table(NUMBERS)?.insert("revision", 1)?;
    }
    transaction.commit()?;
    Ok(())
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
        let written = self.with(|database| {
            self.file.release().map_err(|error| self.error(&error))?;
            write(database, expected, batch).map_err(|error| self.error(&error))
        });
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
            let seconds = PATIENCE.as_secs();
            format!(
                "database {name} is in use by another heketi, which did not let go of it in {seconds} s: stop that one, \
                 or configure another glusterfs.db"
            )
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
mod tests;
