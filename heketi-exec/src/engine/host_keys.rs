//! Accepted host keys live in the store, beside everything else that must survive.

use std::fmt;
use std::sync::{OnceLock, Weak};

use async_trait::async_trait;
use heketi_core::id::HostKeyId;
use heketi_core::inventory::ChangeSet;
use heketi_core::model::HostKey;

use super::{Engine, Inner};
use crate::runner::ssh::HostKeyStore;

/// Keeps accepted host keys in the store of an engine. Runners are made before the engine that uses them, so
/// the engine is named later; until then no host key is known and no connection is made.
#[derive(Default)]
pub struct EngineHostKeys {
    engine: OnceLock<Weak<Inner>>,
}

impl fmt::Debug for EngineHostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHostKeys").finish_non_exhaustive()
    }
}

impl EngineHostKeys {
    /// Keeps the keys in the store of this engine; the first call counts.
    pub fn keep_in(&self, engine: &Engine) {
        let _ = self.engine.set(std::sync::Arc::downgrade(&engine.inner));
    }

    fn engine(&self) -> Result<Engine, String> {
        let inner = self.engine.get().and_then(Weak::upgrade);
        inner.map(|inner| Engine { inner, key: None }).ok_or_else(|| "heketi is starting or stopping".to_owned())
    }
}

#[async_trait]
impl HostKeyStore for EngineHostKeys {
    async fn get(&self, host: &str) -> Result<Option<String>, String> {
        let inventory = self.engine()?.durable_inventory();
        Ok(inventory.host_key(HostKeyId::of(host)).map(|known| known.key.clone()))
    }

    async fn put(&self, host: &str, key: &str) -> Result<(), String> {
        let known = HostKey { id: HostKeyId::of(host), host: host.to_owned(), key: key.to_owned() };
        let mut changes = ChangeSet::default();
        changes.put_host_key(known);
        self.engine()?.change_durably(|_| Ok(((), changes))).await.map_err(|error| error.to_string())
    }

    fn how_to_forget(&self, host: &str) -> String {
        format!("set SSH_KNOWN_HOSTS to a known_hosts file that holds the new key of {host}, and restart heketi")
    }
}
