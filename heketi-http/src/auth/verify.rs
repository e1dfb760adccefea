use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use heketi_core::api;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::{Keys, Role, Secret, path_hash};

/// How far a token's `iat` may lie in the future, so that clocks may differ.
pub const DEFAULT_IAT_LEEWAY_SECONDS: u64 = 120;

/// Why a request was not let in. `Display` is the body heketi v10 sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// No `Authorization` header.
    Missing,
    /// The header is not `bearer <token>`.
    Header,
    /// The token is refused; the text says why.
    Token(String),
    /// The token is for another method or path.
    PathHash,
    /// The issuer may not do this.
    Role,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Required authorization token not found"),
            Self::Header => f.write_str("Authorization header format must be Bearer {token}"),
            Self::Token(why) => write!(f, "Invalid JWT token: {why}"),
            Self::PathHash => f.write_str("Invalid qsh claim in token"),
            Self::Role => f.write_str("Administrator access required"),
        }
    }
}

impl std::error::Error for AuthError {}

/// The claims that matter; Go's zero value stands for an absent one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    iss: String,
    exp: i64,
    iat: i64,
    nbf: i64,
    qsh: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    alg: String,
}

/// Checks tokens.
#[derive(Clone, Debug)]
pub struct Authenticator {
    keys: Keys,
    iat_leeway_seconds: u64,
}

impl Authenticator {
    /// Checks with these keys.
    pub fn new(keys: Keys, iat_leeway_seconds: u64) -> Self {
        Self { keys, iat_leeway_seconds }
    }

    /// Who sends this request? `authorization` is the header, `path` the decoded path of the request, `now`
    /// the time in seconds since 1970.
    ///
    /// # Errors
    /// [`AuthError`] for the first check that fails, in heketi v10's order: form, algorithm, issuer, times
    /// and MAC (a wrong MAC is told before a wrong time), path hash.
    pub fn check(&self, authorization: Option<&str>, method: &str, path: &str, now: u64) -> Result<Role, AuthError> {
        let header = authorization.filter(|text| !text.is_empty()).ok_or(AuthError::Missing)?;
        let mut fields = header.split_whitespace();
        let (Some(scheme), Some(token), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(AuthError::Header);
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::Header);
        }
        let (role, qsh) = self.check_token(token, now).map_err(AuthError::Token)?;
        if qsh == path_hash(method, path) { Ok(role) } else { Err(AuthError::PathHash) }
    }

    fn check_token(&self, token: &str, now: u64) -> Result<(Role, String), String> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("token contains an invalid number of segments".to_owned());
        };
        let signed = token.get(..header.len() + 1 + claims.len()).unwrap_or_default();
        let header: Header = decode_part(header)?;
        let claims: Claims = decode_part(claims)?;
        let algorithm = hmac_algorithm(&header.alg)?;
        let (role, key) = self.issuer(&claims.iss)?;
        let times = self.check_times(&claims, now);
        let key = DecodingKey::from_secret(key.expose().as_bytes());
        if !crypto::verify(signature, signed.as_bytes(), &key, algorithm).unwrap_or(false) {
            return Err("signature is invalid (client and server secrets may not match)".to_owned());
        }
        times.map(|()| (role, claims.qsh))
    }

    fn issuer(&self, issuer: &str) -> Result<(Role, &Secret), String> {
        let (role, key) = match issuer {
            "admin" => (Role::Admin, &self.keys.admin),
            "user" => (Role::User, &self.keys.user),
            "" => return Err("Token missing iss claim".to_owned()),
            _ => return Err("Unknown user".to_owned()),
        };
        // Anyone could sign with an empty key.
        if key.is_empty() { Err("Unknown user".to_owned()) } else { Ok((role, key)) }
    }

    fn check_times(&self, claims: &Claims, now: u64) -> Result<(), String> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let leeway = i64::try_from(self.iat_leeway_seconds).unwrap_or(i64::MAX);
        if now > claims.exp {
            return Err(format!("Token is expired by {}", GoDuration(now.saturating_sub(claims.exp))));
        }
        if claims.iat != 0 && now < claims.iat.saturating_sub(leeway) {
            return Err("Token used before issued (client and server clocks may differ)".to_owned());
        }
        if claims.nbf != 0 && now < claims.nbf {
            return Err("token is not valid yet".to_owned());
        }
        Ok(())
    }
}

fn decode_part<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
    api::decode(&bytes).map_err(|error| error.to_string())
}

/// Only MACs: otherwise a token could choose a way to be checked that its sender controls.
fn hmac_algorithm(name: &str) -> Result<Algorithm, String> {
    match name {
        "HS256" => Ok(Algorithm::HS256),
        "HS384" => Ok(Algorithm::HS384),
        "HS512" => Ok(Algorithm::HS512),
        "none" | "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512" | "PS256" | "PS384" | "PS512" => {
            Err(format!("Unexpected signing method: {name}"))
        }
        "" => Err("signing method (alg) is unspecified.".to_owned()),
        _ => Err("signing method (alg) is unavailable.".to_owned()),
    }
}

/// Whole seconds as Go prints a duration: `1h2m3s`.
struct GoDuration(i64);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{seconds}s"),
            (0, _) => write!(f, "{minutes}m{seconds}s"),
            _ => write!(f, "{hours}h{minutes}m{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_769_853_600;

    fn authenticator() -> Authenticator {
        let keys = Keys { admin: Secret::new("admin key"), user: Secret::new("user key") };
        Authenticator::new(keys, DEFAULT_IAT_LEEWAY_SECONDS)
    }

    fn token_with(header: &str, claims: &str, key: &str, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    fn token(claims: &str, key: &str) -> String {
        token_with(r#"{"alg":"HS256","typ":"JWT"}"#, claims, key, Algorithm::HS256)
    }

    fn told(token: &str) -> Result<Role, String> {
        let header = format!("bearer {token}");
        authenticator().check(Some(&header), "GET", "/volumes", NOW).map_err(|error| error.to_string())
    }

    fn claims(more: &str) -> String {
        format!(r#"{{"iss":"admin","qsh":"{}"{more}}}"#, path_hash("GET", "/volumes"))
    }

    #[test]
    fn headers_have_two_fields() {
        let check = |header: Option<&str>| authenticator().check(header, "GET", "/volumes", NOW);
        assert_eq!(check(None), Err(AuthError::Missing));
        assert_eq!(check(Some("")), Err(AuthError::Missing));
        for header in ["bearer", "basic x", "bearer a b", " ", "a.b.c"] {
            assert_eq!(check(Some(header)), Err(AuthError::Header), "{header}");
        }
        let token = token(&claims(&format!(r#","exp":{NOW}"#)), "admin key");
        assert_eq!(check(Some(&format!("  BeArEr \t {token} "))), Ok(Role::Admin));
    }

    #[test]
    fn times_are_v10s() {
        for (more, problem) in [
            (format!(r#","exp":{NOW}"#), None),
            (format!(r#","exp":{}"#, NOW - 1), Some("Token is expired by 1s")),
            (format!(r#","exp":{}"#, NOW - 3723), Some("Token is expired by 1h2m3s")),
            (format!(r#","exp":{}"#, NOW - 120), Some("Token is expired by 2m0s")),
            (String::new(), Some("Token is expired by 491626h0m0s")),
            (format!(r#","exp":{NOW},"iat":{}"#, NOW + 120), None),
            (
                format!(r#","exp":{NOW},"iat":{}"#, NOW + 121),
                Some("Token used before issued (client and server clocks may differ)"),
            ),
            (format!(r#","exp":{NOW},"nbf":{}"#, NOW + 1), Some("token is not valid yet")),
            (format!(r#","exp":{NOW},"nbf":{NOW}"#), None),
        ] {
            let expected = problem.map_or(Ok(Role::Admin), |text| Err(format!("Invalid JWT token: {text}")));
            assert_eq!(told(&token(&claims(&more), "admin key")), expected, "{more}");
        }
        assert!(told(&token(&claims(r#","exp":1769853600.5"#), "admin key")).is_err());
    }

    #[test]
    fn a_wrong_mac_is_told_before_a_wrong_time() {
        let text = "Invalid JWT token: signature is invalid (client and server secrets may not match)";
        for (more, key) in
            [(format!(r#","exp":{NOW}"#), "user key"), (r#","exp":1"#.to_owned(), "x"), (r#","exp":1"#.to_owned(), "")]
        {
            assert_eq!(told(&token(&claims(&more), key)), Err(text.to_owned()));
        }
        let cut = token(&claims(&format!(r#","exp":{NOW}"#)), "admin key");
        assert_eq!(told(&cut[..cut.len() - 2]), Err(text.to_owned()));
    }

    #[test]
    fn algorithms_are_macs_only() {
        let body = claims(&format!(r#","exp":{NOW}"#));
        for (header, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
            let token = token_with(&format!(r#"{{"alg":"{header}"}}"#), &body, "admin key", algorithm);
            assert_eq!(told(&token), Ok(Role::Admin));
        }
        for (header, text) in [
            (r#"{"alg":"none"}"#, "Unexpected signing method: none"),
            (r#"{"alg":"RS256"}"#, "Unexpected signing method: RS256"),
            (r#"{"alg":"x"}"#, "signing method (alg) is unavailable."),
            (r#"{}"#, "signing method (alg) is unspecified."),
        ] {
            let token = token_with(header, &body, "admin key", Algorithm::HS256);
            assert_eq!(told(&token), Err(format!("Invalid JWT token: {text}")));
        }
        for bad in ["x", "a.b", "a.b.c.d", ""] {
            let Err(error) = told(bad) else { panic!("{bad}") };
            assert!(!error.is_empty());
        }
        assert_eq!(told("a.b"), Err("Invalid JWT token: token contains an invalid number of segments".to_owned()));
    }

    #[test]
    fn issuers_are_admin_and_user() {
        for (body, key, expected) in [
            (r#"{"iss":"root"}"#, "admin key", "Invalid JWT token: Unknown user"),
            (r#"{}"#, "admin key", "Invalid JWT token: Token missing iss claim"),
            (&format!(r#"{{"iss":"user","exp":{NOW}}}"#), "user key", "Invalid qsh claim in token"),
        ] {
            assert_eq!(told(&token(body, key)), Err(expected.to_owned()));
        }
        let no_user = Authenticator::new(Keys { admin: Secret::new("k"), user: Secret::default() }, 0);
        let body = format!(r#"{{"iss":"user","exp":{NOW},"qsh":"{}"}}"#, path_hash("GET", "/volumes"));
        let header = format!("bearer {}", token(&body, ""));
        assert!(no_user.check(Some(&header), "GET", "/volumes", NOW).is_err());
    }

    #[test]
    fn the_path_hash_ties_a_token_to_one_request() {
        let token = token(&claims(&format!(r#","exp":{NOW}"#)), "admin key");
        let header = format!("bearer {token}");
        for (method, path) in [("POST", "/volumes"), ("GET", "/volumes/"), ("get", "/volumes"), ("GET", "/clusters")] {
            assert_eq!(authenticator().check(Some(&header), method, path, NOW), Err(AuthError::PathHash));
        }
    }

    #[test]
    fn secrets_do_not_show() {
        assert!(!format!("{:?}", authenticator()).contains("admin key"));
    }
}
