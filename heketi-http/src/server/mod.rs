//! The HTTP service: heketi v10's routes, layers and answers over hyper.
//!
//! The layers, from outside: path cleaning, `/hello` and what else needs no token, access log, token, role, admin
//! mode, route, body limits, handler.
//! A handler that may change something runs as its own task: a client that hangs up does not stop what it asked for.
//! A panic ends in an answer.

mod event_stream;
mod handlers;
mod idempotency;
mod mode;
mod openapi;
mod path;
mod reply;
mod route;
mod service;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use crate::auth::Authenticator;
use crate::backend::Backend;
use crate::config::LogLevel;
use crate::logging::LogControl;
use crate::metrics::Metrics;
use crate::tls::ServerTls;
pub use mode::AdminMode;
use service::Service;

/// How the service treats its clients.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Checks tokens; `None` lets everyone do everything.
    pub auth: Option<Authenticator>,
    /// TLS; without it connections are plain.
    pub tls: Option<ServerTls>,
    /// Refuse what would change the state, because the database is open for reading only.
    pub read_only_database: bool,
    /// How much is logged.
    pub log: LogControl,
    /// Measurements; the engine may have a clone.
    pub metrics: Metrics,
    /// What requests are taken; a clone changes it while the service runs.
    pub mode: AdminMode,
    /// Bytes a request's body may have.
    pub max_body: usize,
    /// Bytes a request's head may have.
    pub max_head: usize,
    /// Time for a request's head to arrive; also how long a connection may be idle.
    pub head_timeout: Duration,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
    /// Time in which a client must take something of the answer that waits for it.
    pub write_timeout: Duration,
    /// Streams of events served at a time; more are refused.
    pub max_event_streams: usize,
    /// Connections served at a time; more wait to be accepted.
    pub max_connections: usize,
    /// Time that running requests get when the service stops.
    pub drain: Duration,
}

impl ServerOptions {
    /// The usual limits with this authentication.
    pub fn new(auth: Option<Authenticator>) -> Self {
        Self {
            auth,
            tls: None,
            read_only_database: false,
            log: LogControl::new(LogLevel::default(), |_| {}),
            metrics: Metrics::default(),
            mode: AdminMode::default(),
            max_body: 1024 * 1024,
            max_head: 64 * 1024,
            head_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            max_event_streams: 64,
            max_connections: 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves until `shutdown` is ready, then lets running requests finish within [`ServerOptions::drain`].
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let connections = Connections {
        permits: Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
        graceful: GracefulShutdown::new(),
        service: Arc::new(Service::new(backend, options)),
    };
    tokio::select! {
        () = connections.accept_all(&listener) => {}
        () = shutdown => {}
    }
    drop(listener);
    connections.service.end_streams();
    let drain = connections.service.options().drain;
    if tokio::time::timeout(drain, connections.graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped with requests still running after {} s", drain.as_secs());
    }
    Ok(())
}

struct Connections {
    permits: Arc<Semaphore>,
    graceful: GracefulShutdown,
    service: Arc<Service>,
}

impl Connections {
    /// Never ends; the listener's errors concern single connections or pass.
    async fn accept_all(&self, listener: &TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let (service, watcher) = (Arc::clone(&self.service), self.graceful.watcher());
                    let connection = open_connection(stream, peer, service, watcher);
                    tokio::spawn(holding(permit, connection));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Such as no free file descriptors: others must end first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn holding(_permit: OwnedSemaphorePermit, connection: impl Future<Output = ()>) {
    connection.await;
}

async fn open_connection(stream: TcpStream, peer: SocketAddr, service: Arc<Service>, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let options = service.options();
    let _counted = options.metrics.connection();
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(options.write_timeout));
    let stream = Box::pin(stream);
    let Some(tls) = &options.tls else { return serve_connection(stream, peer, service, watcher).await };
    match tokio::time::timeout(options.head_timeout, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => serve_connection(stream, peer, service, watcher).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS could not be agreed on"),
        Err(_) => tracing::debug!(%peer, "TLS was not agreed on in time"),
    }
}

async fn serve_connection<S>(stream: S, peer: SocketAddr, service: Arc<Service>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let options = service.options();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(options.head_timeout).max_buf_size(options.max_head);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request, peer).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
