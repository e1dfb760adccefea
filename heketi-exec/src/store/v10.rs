//! Databases that are looked at as heketi v10 would, whoever wrote them; and v10's own, served without converting.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use heketi_core::interchange::{Converted, V10Database};
use heketi_core::inventory::{ChangeSet, Inventory, Record};

use super::bolt_file::{BoltFile, Hold, looks_like_bolt};
use super::{CommitError, FileStore, MemoryStore, ReadOnlyFileStore, Revision, Store, StoreError};
use crate::random::RandomIds;

/// What a database file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// The BoltDB file of heketi 4 to 10.
    Bolt,
    /// The JSON that heketi's `db export` writes.
    Json,
    /// One of ours.
    Ours,
}

impl DatabaseKind {
    /// What the file at this path looks like; ours where nothing says otherwise.
    pub fn of(path: &Path) -> Self {
        use std::io::Read;
        let mut head = Vec::new();
        let read = |file: fs::File| file.take(512).read_to_end(&mut head);
        if looks_like_bolt(path) {
            Self::Bolt
        } else if fs::File::open(path).and_then(read).is_ok() && head.trim_ascii_start().starts_with(b"{") {
            Self::Json
        } else {
            Self::Ours
        }
    }
}

/// Reads a database file of any kind in heketi v10's form. Changes nothing, and does not bring an old version up to
/// the last. Pending operations that v10 does not know are left out if `force` is set.
///
/// # Errors
/// [`StoreError`] when there is no such file, it is in use or damaged, or it holds pending operations that v10 does
/// not know.
pub fn read_as_v10(path: &Path, force: bool) -> Result<(V10Database, DatabaseKind), StoreError> {
    let kind = DatabaseKind::of(path);
    let database = match kind {
        DatabaseKind::Bolt => bolt(path)?,
        DatabaseKind::Json => {
            let failed = |error: &dyn std::fmt::Display| StoreError(format!("{}: {error}", path.display()));
            V10Database::from_json(&fs::read(path).map_err(|error| failed(&error))?).map_err(|error| failed(&error))?
        }
        DatabaseKind::Ours => {
            let inventory = read_inventory(path)?;
            let written = V10Database::from_inventory(&inventory, &mut RandomIds::default(), force);
            written.map_err(|error| StoreError(format!("database {}: {error}", path.display())))?
        }
    };
    Ok((database, kind))
}

fn bolt(path: &Path) -> Result<V10Database, StoreError> {
    match BoltFile::open(path, Hold::Shared)? {
        Some(file) => file.read(),
        None => Err(StoreError(format!("database {} was replaced while it was opened: try again", path.display()))),
    }
}

/// The state in one of our database files, which nobody else may have open.
///
/// # Errors
/// [`StoreError`] when there is no such file, it is in use, or its records contradict each other.
pub fn read_inventory(path: &Path) -> Result<Inventory, StoreError> {
    Inventory::from_records(read_records(path)?).map_err(|error| {
        StoreError(format!(
            "the records of database {} contradict each other: {error}; `heketi db repair` leaves out what does not fit",
            path.display()
        ))
    })
}

/// The records in one of our database files, whether they fit together or not.
///
/// # Errors
/// [`StoreError`] when there is no such file or it is in use.
pub fn read_records(path: &Path) -> Result<Vec<Record>, StoreError> {
    if !path.exists() {
        return Err(StoreError(format!("database {} does not exist", path.display())));
    }
    let (records, _) = match ReadOnlyFileStore::open(path) {
        Ok(store) => store.load()?,
        // One that was not closed well is repaired when it is opened to be written.
        Err(error) if error.needs_repair() => FileStore::open(path)?.load()?,
        Err(error) => return Err(error),
    };
    Ok(records)
}

/// A database that is read and never written, whichever heketi wrote it. A file of heketi 4 to 10 is not converted.
///
/// # Errors
/// [`StoreError`] as of [`ReadOnlyFileStore::open`].
pub fn open_read_only(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    match BoltFile::open(path, Hold::Shared)? {
        Some(file) => Ok(Arc::new(V10ReadOnlyStore::new(file)?)),
        None => Ok(Arc::new(ReadOnlyFileStore::open(path)?)),
    }
}

/// As [`open_read_only`], for one look: a database of ours that was not closed well is repaired.
///
/// # Errors
/// As of [`open_read_only`].
pub fn open_to_look(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    match open_read_only(path) {
        Err(error) if error.needs_repair() => drop(FileStore::open(path)?),
        other => return other,
    }
    open_read_only(path)
}

/// The file of heketi 4 to 10, converted in memory. No heketi v10 can write it meanwhile. What the engine notes for
/// itself is forgotten at the end; whoever opens this must refuse requests that change something.
#[derive(Debug)]
pub struct V10ReadOnlyStore {
    /// Holds the lock.
    _file: BoltFile,
    memory: MemoryStore,
}

impl V10ReadOnlyStore {
    fn new(file: BoltFile) -> Result<Self, StoreError> {
        let mut database = file.read()?;
        database.upgrade(&mut RandomIds::default());
        let converted = database.to_inventory();
        let Converted { inventory, .. } = converted
            .map_err(|error| StoreError(format!("database {} cannot be converted: {error}", file.path.display())))?;
        Ok(Self { memory: MemoryStore::with(inventory.records()), _file: file })
    }
}

impl Store for V10ReadOnlyStore {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        self.memory.load()
    }

    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError> {
        self.memory.commit(expected, batch)
    }
}
