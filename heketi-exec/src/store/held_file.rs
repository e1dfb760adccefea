//! The file below redb, which writes to a file whenever it opens and closes it. What it writes by itself is held
//! back until there is something to store: a start that changes nothing leaves the file as it was.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// Something that the file is asked to do.
#[derive(Debug)]
enum Act {
    Write(u64, Vec<u8>),
    SetLength(u64),
    Sync,
}

/// A database file; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct HeldFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    /// What is held back, in order; `None` once it goes to the file at once.
    held: RwLock<Option<VecDeque<Act>>>,
}

impl HeldFile {
    /// Opens the file, or creates it where there is none. In an empty one nothing is held back.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(redb::StorageError::from)?;
        let is_empty = file.metadata().map_err(redb::StorageError::from)?.len() == 0;
        let held = RwLock::new(if is_empty { None } else { Some(VecDeque::new()) });
        Ok(Self(Arc::new(Inner { file: FileBackend::new(file)?, held })))
    }

    /// Does what was held back, in the order in which it was asked for, and holds nothing back from now on.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub fn release(&self) -> io::Result<()> {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        // What fails stays, with all that comes after it, for the next try.
        while let Some(act) = held.as_ref().and_then(VecDeque::front) {
            match act {
                Act::Write(at, bytes) => self.0.file.write(*at, bytes)?,
                Act::SetLength(length) => self.0.file.set_len(*length)?,
                Act::Sync => self.0.file.sync_data()?,
            }
            held.as_mut().and_then(VecDeque::pop_front);
        }
        *held = None;
        Ok(())
    }

    /// Holds the act back, or does it.
    fn act(&self, act: impl FnOnce() -> Act, now: impl FnOnce(&FileBackend) -> io::Result<()>) -> io::Result<()> {
        // Whoever released it meanwhile is done with that: the order stays.
        if self.0.held.read().unwrap_or_else(PoisonError::into_inner).is_some()
            && let Some(held) = self.0.held.write().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            held.push_back(act());
            return Ok(());
        }
        now(&self.0.file)
    }
}

impl StorageBackend for HeldFile {
    fn len(&self) -> io::Result<u64> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut length = self.0.file.len()?;
        for act in held.iter().flatten() {
            match act {
                Act::SetLength(to) => length = *to,
                Act::Write(at, bytes) => length = length.max(at + bytes.len() as u64),
                Act::Sync => {}
            }
        }
        Ok(length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        let Some(acts) = held.as_ref().filter(|acts| !acts.is_empty()) else {
            return self.0.file.read(offset, out);
        };
        let in_file = usize::try_from(self.0.file.len()?.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (begun, beyond) = out.split_at_mut(in_file);
        self.0.file.read(offset, begun)?;
        beyond.fill(0);
        for act in acts {
            match act {
                Act::Write(at, bytes) => overlay(offset, out, *at, bytes),
                // What it grows by later is zeros.
                Act::SetLength(length) => {
                    let kept = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
                    out[kept..].fill(0);
                }
                Act::Sync => {}
            }
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.act(|| Act::SetLength(length), |file| file.set_len(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.act(|| Act::Sync, FileBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.act(|| Act::Write(offset, data.to_vec()), |file| file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}

/// Puts what was written at `at` over what was read at `offset`, where the two meet.
fn overlay(offset: u64, out: &mut [u8], at: u64, written: &[u8]) {
    let (from, to) = (at.max(offset), (at + written.len() as u64).min(offset + out.len() as u64));
    if from < to {
        let length = (to - from) as usize;
        let (here, there) = ((from - offset) as usize, (from - at) as usize);
        out[here..here + length].copy_from_slice(&written[there..there + length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read is the same as in a file where nothing is held back, and so is the file after the release.
    #[test]
    fn what_is_held_back_is_read_as_if_it_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let start: Vec<u8> = (0..100).collect();
        let path = |name: &str| directory.path().join(name);
        let (held, plain) = (path("held"), path("plain"));
        std::fs::write(&held, &start).unwrap();
        std::fs::write(&plain, &start).unwrap();
        let file = HeldFile::open(&held).unwrap();
        let twin = HeldFile::open(&plain).unwrap();
        twin.release().unwrap();
        let acts: [&dyn Fn(&HeldFile); 7] = [
            &|it| it.write(90, &[1; 10]).unwrap(),
            &|it| it.set_len(95).unwrap(),
            &|it| it.set_len(120).unwrap(),
            &|it| it.write(118, &[2; 2]).unwrap(),
            &|it| it.write(0, &[3; 40]).unwrap(),
            &|it| it.sync_data().unwrap(),
            &|it| it.write(30, &[4; 5]).unwrap(),
        ];
        for act in acts {
            act(&file);
            act(&twin);
            assert_eq!(file.len().unwrap(), twin.len().unwrap());
            let length = twin.len().unwrap();
            for offset in 0..length {
                for end in [offset + 1, (offset + 7).min(length), length] {
                    let read = |it: &HeldFile| {
                        let mut bytes = vec![0xff; (end - offset) as usize];
                        it.read(offset, &mut bytes).unwrap();
                        bytes
                    };
                    assert_eq!(read(&file), read(&twin), "{offset}..{end}");
                }
            }
            assert_eq!(std::fs::read(&held).unwrap(), start, "the file is as it was");
        }
        file.release().unwrap();
        assert_eq!(std::fs::read(&held).unwrap(), std::fs::read(&plain).unwrap());
        file.write(0, &[5]).unwrap();
        assert_eq!(std::fs::read(&held).unwrap()[0], 5);
    }
}
