//! Where the state is kept: the [`Store`] trait, a file and a memory implementation.

mod file;
mod memory;

use std::fmt;

use heketi_core::inventory::{ChangeSet, Record};

pub use file::FileStore;
pub use memory::MemoryStore;

/// Counts the commits of a store. A commit names the revision it builds on, so that a second writer cannot
/// overwrite what it never read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A store that cannot be opened or read. The text names the file and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

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
}
