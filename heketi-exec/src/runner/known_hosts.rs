//! OpenSSH's `known_hosts` form: reading it, finding a host's keys, and the names hosts have in it.
//!
//! Understood: plain and hashed names, `[host]:port`, the wildcards `*` and `?`, negation with `!`, and
//! `@revoked`. Lines with `@cert-authority` and lines that cannot be read are skipped.

use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{HashAlg, PublicKey};

/// The port of a host without one.
pub const DEFAULT_PORT: u16 = 22;

/// The lines of one or more `known_hosts` files.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

/// The keys known for one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownKeys {
    /// The host may show any of these.
    pub trusted: Vec<PublicKey>,
    /// Keys known for the name without its port: good when they match, no proof of a change when not.
    pub fallback: Vec<PublicKey>,
    /// The host must never show one of these.
    pub revoked: Vec<PublicKey>,
}

/// What the known keys say of the key a host shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is one of the known keys.
    Trusted,
    /// No key of this host is known.
    Unknown,
    /// Other keys are known: these, as `SHA256:… (algorithm)`.
    Changed(Vec<String>),
    /// The key is marked as revoked.
    Revoked,
}

impl KnownHosts {
    /// Reads the text of a file and adds its lines.
    pub fn add(&mut self, text: &str) {
        self.entries.extend(
            text.lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .filter_map(|line| single_spaced(line).parse().ok()),
        );
    }

    /// The keys known for `host` (as a client names it, without brackets) on `port`.
    pub fn keys(&self, host: &str, port: u16) -> KnownKeys {
        let name = entry_name(host, port);
        let bare = host.to_ascii_lowercase();
        let mut known = KnownKeys::default();
        for entry in &self.entries {
            let key = entry.public_key().clone();
            let named = matches(entry.host_patterns(), &name);
            let fallback = port != DEFAULT_PORT && matches(entry.host_patterns(), &bare);
            match entry.marker() {
                None if named => known.trusted.push(key),
                None if fallback => known.fallback.push(key),
                Some(Marker::Revoked) if named || fallback => known.revoked.push(key),
                _ => {}
            }
        }
        known
    }
}

impl KnownKeys {
    /// Judges the key a host shows.
    pub fn judge(&self, shown: &PublicKey) -> Verdict {
        let has = |keys: &[PublicKey]| keys.iter().any(|key| key.key_data() == shown.key_data());
        if has(&self.revoked) {
            Verdict::Revoked
        } else if has(&self.trusted) || has(&self.fallback) {
            Verdict::Trusted
        } else if self.trusted.is_empty() {
            Verdict::Unknown
        } else {
            Verdict::Changed(self.trusted.iter().map(fingerprint).collect())
        }
    }
}

/// The name of a host in a `known_hosts` file: `host`, or `[host]:port` for another port than 22.
pub fn entry_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == DEFAULT_PORT { host } else { format!("[{host}]:{port}") }
}

/// A key as users compare it: `SHA256:… (ssh-ed25519)`.
pub fn fingerprint(key: &PublicKey) -> String {
    format!("{} ({})", key.fingerprint(HashAlg::Sha256), key.algorithm())
}

/// Fields may be set apart by several blanks or tabs; the parser of a line wants one blank.
fn single_spaced(line: &str) -> String {
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            ring::hmac::verify(&key, name.as_bytes(), hash).is_ok()
        }
        HostPatterns::Patterns(patterns) => {
            let mut found = false;
            for pattern in patterns {
                match pattern.strip_prefix('!') {
                    Some(pattern) if glob(pattern, name) => return false,
                    Some(_) => {}
                    None => found |= glob(pattern, name),
                }
            }
            found
        }
    }
}

/// Does `name` (lower case) match a pattern with `*` and `?`? In time proportional to the product of the
/// lengths, whatever the pattern.
fn glob(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a later part does not match: after the last `*`, one byte further in the name.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (p, n) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn key(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    fn judge(file: &str, host: &str, port: u16, shown: &str) -> Verdict {
        let mut hosts = KnownHosts::default();
        hosts.add(file);
        hosts.keys(host, port).judge(&key(shown))
    }

    #[test]
    fn plain_names_and_lists() {
        let file = format!("# comment\n\nnode1,10.0.0.1\t{A} me@here\nbroken line\n");
        assert_eq!(judge(&file, "node1", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "NODE1", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "10.0.0.1", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "node2", 22, A), Verdict::Unknown);
        let Verdict::Changed(old) = judge(&file, "node1", 22, B) else {
            panic!("another key must be a change");
        };
        assert_eq!(old, [fingerprint(&key(A))]);
        assert!(old[0].starts_with("SHA256:"));
    }

    #[test]
    fn several_keys_of_a_host_are_all_good() {
        let file = format!("node1 {A}\nnode1 {B}\n");
        assert_eq!(judge(&file, "node1", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "node1", 22, B), Verdict::Trusted);
    }

    #[test]
    fn other_ports_have_names_of_their_own() {
        let file = format!("[node1]:2222 {A}\n");
        assert_eq!(judge(&file, "node1", 2222, A), Verdict::Trusted);
        assert_eq!(judge(&file, "node1", 22, A), Verdict::Unknown);
        assert_eq!(judge(&file, "node1", 2223, A), Verdict::Unknown);
        let bare = format!("node1 {A}\n");
        assert_eq!(judge(&bare, "node1", 2222, A), Verdict::Trusted);
        assert_eq!(judge(&bare, "node1", 2222, B), Verdict::Unknown);
        let v6 = format!("[fe80::1]:2222 {A}\n::1 {B}\n");
        assert_eq!(judge(&v6, "fe80::1", 2222, A), Verdict::Trusted);
        assert_eq!(judge(&v6, "::1", 22, B), Verdict::Trusted);
    }

    #[test]
    fn wildcards_and_negation() {
        let file = format!("*.example.com,!bad.example.com,node? {A}\n");
        assert_eq!(judge(&file, "a.example.com", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "bad.example.com", 22, A), Verdict::Unknown);
        assert_eq!(judge(&file, "node7", 22, A), Verdict::Trusted);
        assert_eq!(judge(&file, "node77", 22, A), Verdict::Unknown);
    }

    #[test]
    fn hashed_names() {
        let file = format!("|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak= {B}\n");
        assert_eq!(judge(&file, "example.com", 22, B), Verdict::Trusted);
        assert_eq!(judge(&file, "example.org", 22, B), Verdict::Unknown);
    }

    #[test]
    fn a_revoked_key_is_never_good() {
        let file = format!("node1 {A}\n@revoked * {A}\n@cert-authority * {B}\n");
        assert_eq!(judge(&file, "node1", 22, A), Verdict::Revoked);
        assert_eq!(judge(&file, "node1", 2222, A), Verdict::Revoked);
        assert_eq!(judge(&file, "node2", 22, B), Verdict::Unknown);
    }

    /// The obvious way, exponential for some patterns.
    fn slow_glob(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => slow_glob(rest, name) || (!name.is_empty() && slow_glob(pattern, &name[1..])),
            (Some((p, rest)), Some((n, more))) => (*p == b'?' || p == n) && slow_glob(rest, more),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn glob_is_what_it_should_be(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(glob(&pattern, &name), slow_glob(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn any_text_is_taken(text in "\\PC{0,200}") {
            let mut hosts = KnownHosts::default();
            hosts.add(&text);
            hosts.keys("node1", 22);
        }
    }
}
