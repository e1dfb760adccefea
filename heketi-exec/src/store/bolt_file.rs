//! A database file of heketi v10 (BoltDB), held by the lock that v10 takes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use heketi_core::interchange::{V10Database, is_bolt};

use super::StoreError;
use super::patience::{PATIENCE, patiently};

/// How the file is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Others may read.
    Shared,
    /// Nobody else may have it open.
    Exclusive,
}

/// An open, locked BoltDB file.
#[derive(Debug)]
pub(super) struct BoltFile {
    pub path: PathBuf,
    pub file: File,
}

impl BoltFile {
    /// None when there is no file, or it is no BoltDB file.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read, or heketi v10 has it open and does not let go of it in 3 s.
    pub fn open(path: &Path, hold: Hold) -> Result<Option<Self>, StoreError> {
        let failed = |error: io::Error| {
            StoreError(format!("database {} cannot be read: {error}; it was not touched", path.display()))
        };
        let locked = patiently(path, || Self::lock(path, hold), |error| error.kind() == io::ErrorKind::WouldBlock);
        match locked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(StoreError(format!(
                "database {} is in use by another process, such as a running heketi v10, which did not let go of it in \
                 {} s; it was not touched: stop that one first",
                path.display(),
                PATIENCE.as_secs()
            ))),
            other => other.map_err(failed),
        }
    }

    /// `WouldBlock` while another process has it.
    fn lock(path: &Path, hold: Hold) -> io::Result<Option<Self>> {
        if !looks_like_bolt(path) {
            return Ok(None);
        }
        // On NFS only a file that is open for writing can be locked against everyone.
        let opened = OpenOptions::new().read(true).write(hold == Hold::Exclusive).open(path);
        let file = opened.or_else(|_| File::open(path))?;
        let locked = match hold {
            Hold::Shared => file.try_lock_shared(),
            Hold::Exclusive => file.try_lock(),
        };
        match locked {
            Ok(()) if is_at(&file, path) => Ok(Some(Self { path: path.to_path_buf(), file })),
            // Whoever held it has put another file in its place meanwhile.
            Ok(()) | Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`StoreError`] when the file is damaged or truncated, or no version of heketi up to 10 wrote it.
    pub fn read(&self) -> Result<V10Database, StoreError> {
        let failed = |error: &dyn std::fmt::Display| {
            StoreError(format!(
                "heketi v10's database {} cannot be read: {error}; it was not touched: bring back a backup of it",
                self.path.display()
            ))
        };
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
        V10Database::from_bolt(&bytes).map_err(|error| failed(&error))
    }
}

/// Do the first bytes say so? A file that cannot be opened does not: whoever opens it next tells why.
pub(super) fn looks_like_bolt(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = |file: File| file.take(4096).read_to_end(&mut head);
    File::open(path).and_then(read).is_ok() && is_bolt(&head)
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = || -> io::Result<bool> { Ok(identity(&file.metadata()?) == identity(&std::fs::metadata(path)?)) };
    same().unwrap_or(false)
}

pub(super) fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
