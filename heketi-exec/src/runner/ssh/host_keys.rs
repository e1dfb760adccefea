//! Where accepted host keys are kept, and the decision on the key a host shows.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::super::known_hosts::KnownHosts;

/// Keeps the host keys that were accepted.
///
/// Hosts are named as in a `known_hosts` file (`node1`, `[node1]:2222`), keys as OpenSSH writes public keys
/// (`ssh-ed25519 AAAA…`).
#[async_trait]
pub trait HostKeyStore: Send + Sync + fmt::Debug {
    /// The key kept for `host`.
    ///
    /// # Errors
    /// What went wrong, as text. No connection is made then.
    async fn get(&self, host: &str) -> Result<Option<String>, String>;

    /// Keeps `key` for `host`, instead of any other. It must be durable on return.
    ///
    /// # Errors
    /// What went wrong, as text. No connection is made then.
    async fn put(&self, host: &str, key: &str) -> Result<(), String>;

    /// What the user can do to have another key of `host` accepted, as the end of a sentence.
    fn how_to_forget(&self, host: &str) -> String;
}

/// Accepted keys in memory: they are forgotten when the process ends.
#[derive(Debug, Default)]
pub struct MemoryHostKeys {
    keys: Mutex<BTreeMap<String, String>>,
}

#[async_trait]
impl HostKeyStore for MemoryHostKeys {
    async fn get(&self, host: &str) -> Result<Option<String>, String> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.get(host).cloned())
    }

    async fn put(&self, host: &str, key: &str) -> Result<(), String> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(host.to_owned(), key.to_owned());
        Ok(())
    }

    fn how_to_forget(&self, _: &str) -> String {
        "restart heketi".to_owned()
    }
}

/// Accepted keys in a file in OpenSSH's `known_hosts` form. Each change replaces the file as a whole, so
/// that a crash leaves the old or the new one. One process at a time may write it.
#[derive(Debug)]
pub struct FileHostKeys {
    file: PathBuf,
    writing: Mutex<()>,
}

impl FileHostKeys {
    /// Keys in `file`, which is made with the first key.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), writing: Mutex::new(()) }
    }

    fn read(&self) -> Result<String, String> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(format!("cannot read {}: {error}", self.file.display())),
        }
    }
}

#[async_trait]
impl HostKeyStore for FileHostKeys {
    async fn get(&self, host: &str) -> Result<Option<String>, String> {
        let text = self.read()?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(name, _)| *name == host)
            .map(|(_, key)| key.to_owned()))
    }

    async fn put(&self, host: &str, key: &str) -> Result<(), String> {
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for line in self.read()?.lines() {
            if line.split_once(' ').is_none_or(|(name, _)| name != host) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push_str(&format!("{host} {key}\n"));
        replace(&self.file, text.as_bytes()).map_err(|error| format!("cannot write {}: {error}", self.file.display()))
    }

    fn how_to_forget(&self, host: &str) -> String {
        format!("run `ssh-keygen -R '{host}' -f {}`", self.file.display())
    }
}

/// Replaces a file so that its old or its new content survives a crash.
fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut writer = std::fs::File::create(&new)?;
    writer.write_all(content)?;
    writer.sync_all()?;
    std::fs::rename(&new, file)?;
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::File::open(parent)?.sync_all()
}

/// Reads `known_hosts` files. The first that cannot be read is named with the reason.
pub(super) fn read_known_hosts(files: &[PathBuf]) -> Result<KnownHosts, (PathBuf, std::io::Error)> {
    let mut known = KnownHosts::default();
    for file in files {
        match std::fs::read(file) {
            Ok(bytes) => known.add(&String::from_utf8_lossy(&bytes)),
            Err(error) => return Err((file.clone(), error)),
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_stores_keep_and_replace() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let stores: [Box<dyn HostKeyStore>; 2] =
            [Box::new(MemoryHostKeys::default()), Box::new(FileHostKeys::new(&file))];
        for store in stores {
            assert_eq!(store.get("node1").await, Ok(None));
            store.put("node1", "ssh-ed25519 AAAA").await.unwrap();
            store.put("[node1]:2222", "ssh-ed25519 BBBB").await.unwrap();
            store.put("node1", "ssh-ed25519 CCCC").await.unwrap();
            assert_eq!(store.get("node1").await, Ok(Some("ssh-ed25519 CCCC".to_owned())));
            assert_eq!(store.get("[node1]:2222").await, Ok(Some("ssh-ed25519 BBBB".to_owned())));
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "[node1]:2222 ssh-ed25519 BBBB\nnode1 ssh-ed25519 CCCC\n");
        let again = FileHostKeys::new(&file);
        assert_eq!(again.get("node1").await, Ok(Some("ssh-ed25519 CCCC".to_owned())));
        assert!(again.how_to_forget("node1").contains("ssh-keygen -R 'node1'"));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_an_error() {
        let store = FileHostKeys::new("/proc/nowhere/known_hosts");
        let error = store.put("node1", "ssh-ed25519 AAAA").await.unwrap_err();
        assert!(error.contains("/proc/nowhere"), "{error}");
    }
}
