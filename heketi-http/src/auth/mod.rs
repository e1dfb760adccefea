//! Who may ask what: the tokens of heketi v10's clients.
//!
//! A token is a JWT for one method and path (claim `qsh`), signed with the key of its issuer. The order of
//! checks, the claims' rules and the texts are heketi v10's; the `jsonwebtoken` crate only computes and
//! compares MACs, in constant time.

mod token;
mod verify;

use std::fmt;

pub use heketi_core::model::Secret;
pub use token::{Issued, TokenLifetime, path_hash, sign};
pub use verify::{AuthError, Authenticator, DEFAULT_IAT_LEEWAY_SECONDS};

/// The keys of the two issuers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Key of issuer `admin`.
    pub admin: Secret,
    /// Key of issuer `user`.
    pub user: Secret,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything.
    Admin,
    /// May list and create volumes.
    User,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::User => "user",
        })
    }
}
