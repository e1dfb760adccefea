//! Is a host this machine?

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::time::timeout;

/// How long resolving a name may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(15);
/// Where Linux tells the name of the machine.
const OWN_NAME: &str = "/proc/sys/kernel/hostname";

/// Commands for `host` may run here.
///
/// # Errors
/// Why not, and what to do.
pub(super) async fn check(host: &str) -> Result<(), String> {
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let own = std::fs::read_to_string(OWN_NAME).unwrap_or_default();
    if name.eq_ignore_ascii_case("localhost") || (!name.is_empty() && name.eq_ignore_ascii_case(own.trim())) {
        return Ok(());
    }
    let resolved = match timeout(RESOLVE_LIMIT, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(format!("host name {host} cannot be resolved: {error}")),
        Err(_) => return Err(format!("host name {host} is not resolved within {} s", RESOLVE_LIMIT.as_secs())),
    };
    if resolved.is_empty() {
        return Err(format!("host name {host} has no address"));
    }
    // A name that means several machines means others, too.
    match resolved.iter().find(|address| !is_own(**address)) {
        None => Ok(()),
        Some(other) => Err(format!(
            "{host} ({other}) is not this machine, and the executor local runs commands on this machine only: name the \
             node localhost or {}, or use the executor ssh",
            own.trim()
        )),
    }
}

/// Only an address of this machine can be listened on.
fn is_own(address: IpAddr) -> bool {
    match UdpSocket::bind(SocketAddr::new(address, 0)) {
        Ok(_) => !address.is_unspecified() && !address.is_multicast(),
        // Not a question of whose address it is.
        Err(error) => error.kind() != ErrorKind::AddrNotAvailable && address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses_of_this_machine_are_known() {
        let own = std::fs::read_to_string(OWN_NAME).unwrap();
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.0.0.2", own.trim()] {
            assert_eq!(check(host).await, Ok(()), "{host}");
        }
        if UdpSocket::bind("[::1]:0").is_ok() {
            assert_eq!(check("::1").await, Ok(()));
            assert_eq!(check("[::1]").await, Ok(()));
        }
    }

    #[tokio::test]
    async fn other_machines_are_not_taken_for_this_one() {
        // Addresses of documentation belong to nobody.
        for host in ["192.0.2.7", "2001:db8::7", "0.0.0.0", "224.0.0.1"] {
            let why = check(host).await.unwrap_err();
            assert!(why.contains(host) && why.contains("is not this machine"), "{why}");
        }
        for host in ["", "no-such-host.invalid", "a b"] {
            assert!(check(host).await.is_err(), "{host}");
        }
    }
}
