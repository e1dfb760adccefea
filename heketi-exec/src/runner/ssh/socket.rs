//! The TCP connection below SSH, and its certain end.

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use super::super::RunErrorKind;
use super::address::Address;
use super::dial::DialError;

/// How long a connection that is let go may take to say goodbye.
const LINGER: Duration = Duration::from_secs(1);

/// Cuts the connection when dropped.
///
/// russh's task reads on for ever if the host falls silent during the handshake or while it is written to,
/// also when nobody holds the session any more.
pub(super) struct Cut(Option<std::net::TcpStream>);

impl Drop for Cut {
    fn drop(&mut self) {
        let Some(stream) = self.0.take() else { return };
        let cut = move || {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                sleep(LINGER).await;
                cut();
            })),
            Err(_) => cut(),
        }
    }
}

/// Tries the addresses of the host in order, each for its share of the time that is left.
pub(super) async fn connect(
    address: &Address,
    deadline: Instant,
    limit: Duration,
) -> Result<(TcpStream, Cut), DialError> {
    let resolved = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let targets: Vec<SocketAddr> = resolved
        .map_err(|error| {
            let message = format!("host name {} cannot be resolved: {error}", address.host);
            DialError::new(RunErrorKind::BadHost, message)
        })?
        .collect();
    let mut failure = DialError::new(RunErrorKind::BadHost, format!("host name {} has no address", address.host));
    for (index, target) in targets.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(targets.len() - index).unwrap_or(u32::MAX);
        match timeout_at(Instant::now() + share, open(*target)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failure = connect_error(address, &error, limit),
            Err(_) => failure = no_answer(address, limit),
        }
    }
    Err(failure)
}

async fn open(target: SocketAddr) -> std::io::Result<(TcpStream, Cut)> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // russh sets nodelay only on sockets it opens itself.
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    let stream = socket.connect(target).await?.into_std()?;
    let cut = Cut(Some(stream.try_clone()?));
    Ok((TcpStream::from_std(stream)?, cut))
}

fn connect_error(address: &Address, error: &std::io::Error, limit: Duration) -> DialError {
    let refused = |why: String| DialError::new(RunErrorKind::Refused, why);
    match error.kind() {
        ErrorKind::ConnectionRefused => refused(format!(
            "{address} refused the connection: no SSH server listens there; start sshd or correct the port"
        )),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            refused(format!("there is no route to {address}: {error}"))
        }
        ErrorKind::TimedOut => no_answer(address, limit),
        _ => refused(format!("cannot connect to {address}: {error}")),
    }
}

pub(super) fn no_answer(address: &Address, limit: Duration) -> DialError {
    DialError::new(
        RunErrorKind::Unreachable,
        format!(
            "{address} did not answer within {} s: check that the host is up and no firewall is in between",
            limit.as_secs_f64()
        ),
    )
}
