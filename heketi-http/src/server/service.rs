use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::sync::watch;
use tracing::Instrument;

use super::event_stream::EventStreams;
use super::handlers::{Call, Outcome};
use super::idempotency::{self, RunningKeys};
use super::reply::{self, Refusal, Reply};
use super::route::{self, Found, Route};
use super::{ServerOptions, path};
use crate::auth::{AuthError, Role};
use crate::backend::Backend;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers requests.
pub(super) struct Service {
    backend: Arc<dyn Backend>,
    options: ServerOptions,
    keys: RunningKeys,
    streams: EventStreams,
    stopping: watch::Sender<bool>,
}

impl Service {
    pub(super) fn new(backend: Arc<dyn Backend>, options: ServerOptions) -> Self {
        let stopping = watch::Sender::new(false);
        let streams = EventStreams::new(options.max_event_streams, stopping.subscribe());
        Self { backend, options, keys: RunningKeys::default(), streams, stopping }
    }

    /// Ends all streams of events: the service stops.
    pub(super) fn end_streams(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// The answer to one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let id = request_id(&request);
        // Of the highest level: whatever is logged, the id is with it.
        let span = tracing::error_span!("request", %id);
        let counted = self.options.metrics.request();
        let mut reply = self.clean_path(request, peer, &id).instrument(span).await;
        drop(counted);
        if let Ok(value) = HeaderValue::from_str(&id) {
            reply.headers_mut().insert(REQUEST_ID, value);
        }
        reply
    }

    async fn clean_path(&self, request: Request<Incoming>, peer: SocketAddr, id: &str) -> Reply {
        let Some(sent) = path::decode(request.uri().path()) else {
            return reply::refuse(Refusal::new(StatusCode::BAD_REQUEST, "Invalid path or request"));
        };
        let clean = path::clean(&sent);
        let method = request.method().clone();
        // Clients repeat what is not a GET as GET after a redirect, so for them the right path is taken
        // directly: a server URL with a slash at its end works.
        if clean != sent && (method == Method::GET || method == Method::HEAD) {
            return reply::moved(&located(&clean, &request));
        }
        if method == Method::GET
            && let Some(reply) = self.open_to_all(&clean).await
        {
            return reply;
        }
        let started = Instant::now();
        let reply = match self.check_and_run(request, peer, &sent, &clean, id).await {
            Ok(reply) => reply,
            Err(refusal) => reply::refuse(refusal),
        };
        let status = reply.status().as_u16();
        let microseconds = started.elapsed().as_micros();
        self.options.metrics.answered(method_label(&method), route::label(&clean), status, started);
        // A client asks several times a second whether its job is over.
        if status == 200 && clean.starts_with("/queue/") {
            tracing::debug!(target: "heketi::access", %peer, %method, path = clean, status, microseconds);
        } else {
            tracing::info!(target: "heketi::access", %peer, %method, path = clean, status, microseconds);
        }
        reply
    }

    /// What nobody needs a token for.
    async fn open_to_all(&self, path: &str) -> Option<Reply> {
        Some(match path {
            "/hello" => reply::hello(),
            "/healthz" => reply::health(StatusCode::OK, "ok\n"),
            // Why not is for those who read the log.
            "/readyz" if self.backend.trouble().is_some() => {
                reply::health(StatusCode::SERVICE_UNAVAILABLE, "not ready; the server's log has more\n")
            }
            "/readyz" => reply::health(StatusCode::OK, "ok\n"),
            "/metrics" => {
                let observed = self.backend.observe().await;
                reply::metrics(self.options.metrics.text(observed.as_ref().ok()))
            }
            _ => return None,
        })
    }

    /// A server that opened its database for reading only changes nothing.
    fn check_database(&self, method: &Method, path: &str) -> Result<(), Refusal> {
        if self.options.read_only_database && route::changes(method, path) {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "database is in read-only mode"));
        }
        Ok(())
    }

    async fn check_and_run(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        sent: &str,
        clean: &str,
        id: &str,
    ) -> Result<Reply, Refusal> {
        let role = self.authenticate(&request, sent)?;
        if !route::allows(role, clean) {
            return Err(unauthorized(&AuthError::Role));
        }
        if clean != route::EXPLAIN {
            self.options.mode.check(request.method(), peer.ip())?;
        }
        match route::find(request.method(), clean) {
            Found::Route(route, object) => {
                self.check_database(request.method(), clean)?;
                let key = idempotency::key(request.headers(), role, request.method(), clean)?;
                let call = self.call(request, object).await?;
                let Some(key) = key else { return run(route, (route.handler)(call), id).await };
                let turn = self.keys.turn(key).await;
                run(route, idempotency::run(route, call, key, turn).boxed(), id).await
            }
            Found::ExtraSlash(bare) => Ok(reply::redirect(StatusCode::MOVED_PERMANENTLY, &located(&bare, &request))),
            Found::OtherMethod => Ok(reply::empty(StatusCode::METHOD_NOT_ALLOWED)),
            Found::Nothing => Err(Refusal::new(StatusCode::NOT_FOUND, "Invalid path or request")),
        }
    }

    /// What a handler gets.
    async fn call(&self, request: Request<Incoming>, object: String) -> Result<Call, Refusal> {
        let last_event = request.headers().get(LAST_EVENT_ID);
        Ok(Call {
            backend: Arc::clone(&self.backend),
            id: object,
            query: request.uri().query().unwrap_or_default().to_owned(),
            last_event_id: last_event.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            mode: self.options.mode.clone(),
            log: self.options.log.clone(),
            streams: self.streams.clone(),
            body: self.read_body(request.into_body()).await?,
        })
    }

    /// The token's path hash is of the path as the client sent it.
    fn authenticate(&self, request: &Request<Incoming>, sent: &str) -> Result<Role, Refusal> {
        let Some(authenticator) = &self.options.auth else { return Ok(Role::Admin) };
        let header = match request.headers().get(AUTHORIZATION) {
            Some(value) => Some(value.to_str().map_err(|_| unauthorized(&AuthError::Header))?),
            None => None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        authenticator.check(header, request.method().as_str(), sent, now).map_err(|error| {
            tracing::debug!(%error, "request refused");
            unauthorized(&error)
        })
    }

    async fn read_body(&self, body: Incoming) -> Result<Bytes, Refusal> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let limit = self.options.max_body;
        let too_large =
            || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("request body is larger than {limit} bytes"));
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let read = tokio::time::timeout(self.options.body_timeout, Limited::new(body, limit).collect()).await;
        match read {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Refusal::new(StatusCode::BAD_REQUEST, "request body could not be read")),
            Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "request body did not arrive in time")),
        }
    }
}

/// Runs the handler; its panic is an error here. One that may change something is its own task: it ends even if the
/// client hangs up.
async fn run(route: &'static Route, handler: BoxFuture<'static, Outcome>, id: &str) -> Outcome {
    let ended = match route.only_reads() {
        true => AssertUnwindSafe(handler).catch_unwind().await.map_err(|_| "it panicked".to_owned()),
        false => tokio::spawn(handler.in_current_span()).await.map_err(|error| error.to_string()),
    };
    match ended {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a handler failed; this is a defect of heketi");
            let text = format!("Internal error; the server's log has more under request {id}");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
    }
}

/// The method for metrics; a client may make up its own.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

fn unauthorized(error: &AuthError) -> Refusal {
    let status = match error {
        AuthError::Header => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNAUTHORIZED,
    };
    Refusal::new(status, error.to_string())
}

fn located(path: &str, request: &Request<Incoming>) -> String {
    match request.uri().query() {
        Some(query) => format!("{}?{query}", path::encode(path)),
        None => path::encode(path),
    }
}

/// Different for every request, and between servers: counted from a random beginning.
fn fresh_number() -> u64 {
    static FIRST: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let first = *FIRST.get_or_init(|| getrandom::u64().unwrap_or_default());
    first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The client's `X-Request-Id` if it is harmless in a log, else a new one.
fn request_id(request: &Request<Incoming>) -> String {
    let harmless = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless) {
        Some(text) => text.to_owned(),
        None => format!("{:016x}", fresh_number()),
    }
}
