//! Where the state is kept: the [`Store`] trait, a file and a memory implementation.

mod bolt_file;
mod content;
mod convert;
mod file;
mod held_file;
mod memory;
mod patience;
mod read_only;
mod v10;

use std::fmt;
use std::fs::File;
use std::path::Path;

use heketi_core::inventory::{ChangeSet, Record};

pub use convert::{Conversion, Edit, convert_edited, create, open_or_convert};
pub use file::FileStore;
pub use memory::MemoryStore;
pub use read_only::ReadOnlyFileStore;
pub use v10::{
    DatabaseKind, V10ReadOnlyStore, open_read_only, open_to_look, read_as_v10, read_inventory, read_records,
};

/// Counts the commits of a store. A commit names the revision it builds on, so that a second writer cannot
/// overwrite what it never read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A store that cannot be opened or read. The text names the file and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl StoreError {
    /// Was the file not closed well, and opened for reading only?
    fn needs_repair(&self) -> bool {
        self.0.contains(NOT_CLOSED_WELL)
    }
}

/// Of a file whose last user was killed.
const NOT_CLOSED_WELL: &str = "was not closed well";

/// A commit that did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Another writer committed meanwhile: this one must stop.
    #[error("another heketi wrote to the store (revision {found:?} instead of {expected:?})")]
    Fenced {
        /// The revision the commit built on.
        expected: Revision,
        /// The revision the store has.
        found: Revision,
    },
    /// The store failed; whether the changes are in it is unknown until it is read again.
    #[error("{0}")]
    Failed(String),
}

/// Keeps records. Its calls block; the engine makes them on a thread of their own.
pub trait Store: Send + Sync + fmt::Debug {
    /// All records and the revision they belong to.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read, or another version of heketi wrote a record.
    fn load(&self) -> Result<(Vec<Record>, Revision), StoreError>;

    /// Makes change sets durable, in order and all together, on top of revision `expected`. When it returns,
    /// the changes survive a power cut.
    ///
    /// # Errors
    /// [`CommitError`].
    fn commit(&self, expected: Revision, batch: &[ChangeSet]) -> Result<Revision, CommitError>;

    /// Closes what is open, at the end of the program. Calls after that fail.
    fn close(&self) {}

    /// A compact copy of everything that is durable now, in a file without a name in `directory`, to be read
    /// from its beginning. Commits go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or the copy cannot be written, and of a store that is no file.
    fn backup(&self, directory: &Path) -> Result<File, StoreError> {
        let _ = directory;
        Err(StoreError("this store is no file and cannot be copied as one".into()))
    }
}
