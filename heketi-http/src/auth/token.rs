use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Secret;

/// The claim that ties a token to one request: lowercase hexadecimal SHA-256 of `METHOD&path`.
pub fn path_hash(method: &str, path: &str) -> String {
    let digest = Sha256::digest(format!("{method}&{path}"));
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How long a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLifetime(pub Duration);

impl Default for TokenLifetime {
    /// Five minutes, as heketi v10's Go client: clocks may differ, and a token fits one request only.
    fn default() -> Self {
        Self(Duration::from_secs(300))
    }
}

/// What a token is issued for.
#[derive(Clone, Copy, Debug)]
pub struct Issued<'a> {
    /// `admin` or `user`.
    pub issuer: &'a str,
    /// HTTP method, upper case.
    pub method: &'a str,
    /// Path of the request, without host and query.
    pub path: &'a str,
    /// Seconds since 1970.
    pub now: u64,
    /// How long it is valid.
    pub lifetime: TokenLifetime,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: u64,
    exp: u64,
    qsh: String,
}

/// A token for one request; `None` when the key cannot be used.
pub fn sign(key: &Secret, issued: &Issued<'_>) -> Option<String> {
    let claims = Claims {
        iss: issued.issuer,
        iat: issued.now,
        exp: issued.now.saturating_add(issued.lifetime.0.as_secs()),
        qsh: path_hash(issued.method, issued.path),
    };
    let claims = serde_json::to_vec(&claims).ok()?;
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(key.expose().as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).ok()?;
    Some(format!("{message}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::path_hash;

    #[test]
    fn the_path_hash_is_v10s() {
        // Computed with sha256sum.
        let hash = "c162acc9024272120bacfff7709c932cc252337d0a30fa15b025010066662bea";
        assert_eq!(path_hash("GET", "/volumes"), hash);
        assert_ne!(path_hash("get", "/volumes"), path_hash("GET", "/volumes"));
    }
}
