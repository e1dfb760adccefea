use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use heketi_core::api::AdminState;
use hyper::{Method, StatusCode};

use super::reply::Refusal;

/// What requests a service takes now. Clones share it; it is not kept over a restart.
#[derive(Clone, Debug, Default)]
pub struct AdminMode(Arc<AtomicU8>);

impl AdminMode {
    /// The mode a service starts in.
    pub fn new(state: AdminState) -> Self {
        let mode = Self::default();
        mode.store(state);
        mode
    }

    /// The mode now.
    pub fn get(&self) -> AdminState {
        match self.0.load(Ordering::SeqCst) {
            1 => AdminState::LocalClient,
            2 => AdminState::ReadOnly,
            _ => AdminState::Normal,
        }
    }

    /// Counts from the next request on; running ones are not concerned.
    pub fn set(&self, state: AdminState) {
        self.store(state);
        tracing::info!("admin mode is {state}");
    }

    fn store(&self, state: AdminState) {
        let number = match state {
            AdminState::Normal => 0,
            AdminState::LocalClient => 1,
            AdminState::ReadOnly => 2,
        };
        self.0.store(number, Ordering::SeqCst);
    }

    /// Refuses what the mode does not allow. The address is that of the TCP peer: a proxy on this host makes
    /// everybody local.
    pub(super) fn check(&self, method: &Method, peer: IpAddr) -> Result<(), Refusal> {
        let allowed = method == Method::GET
            || method == Method::HEAD
            || match self.get() {
                AdminState::Normal => true,
                AdminState::LocalClient => peer.to_canonical().is_loopback(),
                AdminState::ReadOnly => false,
            };
        match allowed {
            true => Ok(()),
            false => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Service disabled for maintenance")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_tell_readers_neighbours_and_strangers_apart() {
        let allows = |state, method: &Method, peer: &str| {
            AdminMode::new(state).check(method, peer.parse().unwrap()).map_err(|refusal| refusal.status.as_u16())
        };
        for state in [AdminState::Normal, AdminState::LocalClient, AdminState::ReadOnly] {
            assert_eq!(AdminMode::new(state).get(), state);
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(allows(state, &method, "192.0.2.1"), Ok(()));
            }
        }
        for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
            assert_eq!(allows(AdminState::Normal, &method, "192.0.2.1"), Ok(()));
            for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(allows(AdminState::LocalClient, &method, local), Ok(()), "{local}");
                assert_eq!(allows(AdminState::ReadOnly, &method, local), Err(503), "{local}");
            }
            for remote in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
                assert_eq!(allows(AdminState::LocalClient, &method, remote), Err(503), "{remote}");
            }
        }
    }
}
