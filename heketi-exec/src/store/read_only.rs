use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use heketi_core::inventory::{ChangeSet, Record};
use redb::ReadOnlyDatabase;

use super::content;
use super::patience::patiently;
use super::{CommitError, Revision, Store, StoreError, file};

/// A database file that is read and never written.
///
/// What the engine notes for itself while it runs, such as that an operation was left unfinished, is accepted and
/// forgotten at the end. Whoever opens this must refuse requests that change something.
pub struct ReadOnlyFileStore {
    path: PathBuf,
    database: ReadOnlyDatabase,
    revision: Mutex<Option<Revision>>,
}

impl fmt::Debug for ReadOnlyFileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadOnlyFileStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ReadOnlyFileStore {
    /// Opens a database file that is there. Several processes may do that at the same time, none of them while
    /// another one writes.
    ///
    /// # Errors
    /// [`StoreError`] as of [`super::FileStore::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        file::refuse_bolt(&path)?;
        if !path.exists() {
            let text = "is not there, and opened for reading only it is not created: start once without db_read_only";
            return Err(StoreError(format!("database {} {text}", path.display())));
        }
        let opened = patiently(&path, || ReadOnlyDatabase::open(&path), file::is_in_use);
        let database = opened.map_err(|error| file::open_error(&path, &error))?;
        let store = Self { path, database, revision: Mutex::default() };
        let format = content::number(&store.database, "format").map_err(|error| store.error(&error))?;
        file::check_format(&store.path, format)?;
        Ok(store)
    }

    fn error(&self, error: &dyn fmt::Display) -> StoreError {
        StoreError(format!("database {}: {error}", self.path.display()))
    }
}

impl Store for ReadOnlyFileStore {
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError> {
        content::load(&self.database).map_err(|error| self.error(&error))
    }

    fn commit(&self, expected: Revision, _: &[ChangeSet]) -> Result<Revision, CommitError> {
        let mut last = self.revision.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = last.filter(|found| *found != expected) {
            return Err(CommitError::Fenced { expected, found });
        }
        let next = Revision(expected.0 + 1);
        *last = Some(next);
        Ok(next)
    }

    fn backup(&self, directory: &Path) -> Result<File, StoreError> {
        content::backup(&self.database, directory).map_err(|error| self.error(&error))
    }
}
