use serde::{Deserialize, Serialize};

use crate::id::HostKeyId;

/// The key by which an SSH server is recognised: accepted at the first contact, or by an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKey {
    /// Follows from `host`.
    pub id: HostKeyId,
    /// The server as a `known_hosts` file spells it (`node1`, `[node1]:2222`).
    pub host: String,
    /// Its public key as OpenSSH writes it (`ssh-ed25519 AAAA…`).
    pub key: String,
}
