//! The spellings of a node's management host name.

use std::fmt;
use std::net::Ipv6Addr;

use super::super::known_hosts::entry_name;

/// The longest host name DNS allows.
const NAME_LIMIT: usize = 253;

/// Where an SSH server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets; in lower case.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Address {
    /// Reads `host`, `host:port`, an IPv4 address, an IPv6 address, `[v6]` or `[v6]:port`.
    ///
    /// # Errors
    /// The text that tells what is wrong with it.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?} is not a host name: {why}");
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| bad("`]` is missing"))?;
            if !is_v6(host) {
                return Err(bad("only an IPv6 address stands in brackets"));
            }
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(bad("only `:port` can follow `]`")),
            };
            (host, port)
        } else if is_v6(text) {
            (text, None)
        } else {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            check_name(host).map_err(bad)?;
            (host, port)
        };
        let port = match port {
            None => default_port,
            Some(port) => parse_port(port).ok_or_else(|| bad("the port must be 1 to 65535"))?,
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// The name of this host in a `known_hosts` file and in a [`HostKeyStore`](super::HostKeyStore).
    pub fn known_name(&self) -> String {
        entry_name(&self.host, self.port)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An IPv6 address, perhaps with a zone (`fe80::1%eth0`).
fn is_v6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let zone_ok = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    zone_ok && address.parse::<Ipv6Addr>().is_ok()
}

fn check_name(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        Err("it is empty")
    } else if host.len() > NAME_LIMIT {
        Err("it is too long")
    } else if host.starts_with(['-', '.']) {
        Err("it begins with a dash or a dot")
    } else if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        Err("only letters, digits, `-`, `_` and `.` are allowed")
    } else {
        Ok(())
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok()?;
    (digits && port > 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(String, u16)> {
        let address = Address::parse(text, 22).ok()?;
        Some((address.host, address.port))
    }

    #[test]
    fn all_spellings() {
        for (text, host, port) in [
            ("node1", "node1", 22),
            ("Node1.Example.com", "node1.example.com", 22),
            ("node_1:2222", "node_1", 2222),
            ("10.0.0.1", "10.0.0.1", 22),
            ("10.0.0.1:2200", "10.0.0.1", 2200),
            ("::1", "::1", 22),
            ("FE80::1%eth0", "fe80::1%eth0", 22),
            ("[2001:db8::5]", "2001:db8::5", 22),
            ("[2001:db8::5]:65535", "2001:db8::5", 65535),
        ] {
            assert_eq!(parsed(text), Some((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            " ",
            "a b",
            "node1:",
            "node1:0",
            "node1:65536",
            "node1:+22",
            "node1:ssh",
            "a:1:2",
            "-oProxy",
            ".x",
            "[node1]",
            "[::1",
            "[::1]22",
            "[::1]:",
            "::1%",
            "user@node",
            "node;rm",
            "näme",
            "$(x)",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parsed(&"a".repeat(254)), None);
    }

    #[test]
    fn names_for_known_hosts() {
        assert_eq!(Address::parse("A", 22).unwrap().known_name(), "a");
        assert_eq!(Address::parse("a:23", 22).unwrap().known_name(), "[a]:23");
        assert_eq!(Address::parse("::1", 2222).unwrap().known_name(), "[::1]:2222");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "[a-z0-9:.%\\[\\]-]{1,20}") {
            if let Ok(address) = Address::parse(&text, 22) {
                prop_assert_eq!(Address::parse(&address.to_string(), 1).unwrap(), address);
            }
        }
    }
}
