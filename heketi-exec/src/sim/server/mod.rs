//! A simulated cluster behind SSH: each node listens on an address of its own and understands what any
//! heketi sends, this one and v10.
//!
//! ```no_run
//! use heketi_exec::sim::{SimCluster, SimDisk, SshServer, SshServerOptions};
//!
//! # async fn serve() -> std::io::Result<()> {
//! let sim = SimCluster::new();
//! sim.add_node("127.0.0.1", "10.0.0.1", [SimDisk::gib("/dev/sdb", 500)]);
//! let nodes = vec![("127.0.0.1".to_owned(), "127.0.0.1:2222".parse().unwrap())];
//! let server = SshServer::start(&sim, nodes, SshServerOptions::default()).await?;
//! // `ssh -p 2222 127.0.0.1 simctl state` shows what is on the nodes.
//! # drop(server);
//! # Ok(())
//! # }
//! ```

mod control;
mod distance;
mod session;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Config, run_stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::SimCluster;
use session::Connection;

/// Who may log in, and how the nodes show themselves.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SshServerOptions {
    /// The nodes' host key. Default: a new one.
    pub host_key: Option<PrivateKey>,
    /// The keys that may log in, as any user. Default: every key. What is behind it is no machine.
    pub authorized_keys: Option<Vec<PublicKey>>,
    /// How far away the nodes are: a message and its answer take this much longer, and so does connecting.
    pub round_trip: Duration,
}

/// A running server for all nodes. Stops when it is dropped.
#[derive(Debug)]
pub struct SshServer {
    nodes: Vec<(String, SocketAddr)>,
    /// Ends with the server, and all connections with it.
    _tasks: Arc<Mutex<JoinSet<()>>>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    sim: SimCluster,
    authorized_keys: Option<Vec<PublicKey>>,
    round_trip: Duration,
}

impl SshServer {
    /// Listens for each node (its management host name in `sim`) on its address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address that cannot be listened on.
    pub async fn start(
        sim: &SimCluster,
        nodes: Vec<(String, SocketAddr)>,
        options: SshServerOptions,
    ) -> io::Result<Self> {
        let key = options.host_key.map_or_else(|| PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519), Ok);
        let config = Arc::new(Config {
            keys: vec![key.map_err(io::Error::other)?],
            auth_rejection_time: Duration::from_millis(100),
            auth_rejection_time_initial: Some(Duration::ZERO),
            // A command may be silent for long.
            inactivity_timeout: None,
            ..Config::default()
        });
        let shared = Arc::new(Shared {
            sim: sim.clone(),
            authorized_keys: options.authorized_keys,
            round_trip: options.round_trip,
        });
        let tasks = Arc::new(Mutex::new(JoinSet::new()));
        let mut bound = Vec::new();
        for (host, address) in nodes {
            let listener = TcpListener::bind(address).await.map_err(|error| {
                io::Error::new(error.kind(), format!("node {host} cannot listen on {address}: {error}"))
            })?;
            bound.push((host.clone(), listener.local_addr()?));
            let node = Node { host, config: config.clone(), shared: shared.clone() };
            spawn(&tasks, node.listen(listener));
        }
        Ok(Self { nodes: bound, _tasks: tasks })
    }

    /// The nodes' management host names and where they listen.
    pub fn nodes(&self) -> &[(String, SocketAddr)] {
        &self.nodes
    }
}

fn spawn(tasks: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    // A panic elsewhere cannot leave the set half changed.
    tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).spawn(task);
}

/// One node's listener.
struct Node {
    host: String,
    config: Arc<Config>,
    shared: Arc<Shared>,
}

impl Node {
    async fn listen(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    // A node that is off takes no connection.
                    Ok((stream, _)) if self.is_up() => _ = connections.spawn(self.serve(stream)),
                    Ok(_) => {}
                    // Too many open files, for example: they get fewer.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    fn is_up(&self) -> bool {
        self.shared.sim.with_node(&self.host, |node| node.up).unwrap_or(false)
    }

    fn serve(&self, stream: TcpStream) -> impl Future<Output = ()> + Send + 'static {
        let (config, connection) = (self.config.clone(), Connection::new(self.host.clone(), self.shared.clone()));
        let round_trip = self.shared.round_trip;
        async move {
            let cut = connection.cut.clone();
            let Ok((stream, _end)) = with_end(stream) else { return };
            let session = async {
                if round_trip.is_zero() {
                    return talk(config, stream, connection).await;
                }
                tokio::time::sleep(round_trip).await;
                let (stream, passing) = distance::far_end(stream, round_trip);
                tokio::join!(talk(config, stream, connection), passing);
            };
            tokio::select! {
                () = session => {}
                () = cut.notified() => {}
            }
        }
    }
}

/// However a client leaves, the node goes on.
async fn talk(config: Arc<Config>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, with: Connection) {
    if let Ok(session) = run_stream(config, stream, with).await {
        let _ = session.await;
    }
}

/// Ends a connection when it is dropped: russh's task goes on by itself.
struct End(std::net::TcpStream);

impl Drop for End {
    fn drop(&mut self) {
        // It may be closed already.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

fn with_end(stream: TcpStream) -> io::Result<(TcpStream, End)> {
    // russh sets it only on sockets it accepts itself.
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let end = End(stream.try_clone()?);
    Ok((TcpStream::from_std(stream)?, end))
}

#[cfg(test)]
mod tests;
