use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};

use super::handlers::Call;
use super::reply::{self, Refusal, Reply};
use super::route::{self, Found, Route};
use super::{ServerOptions, path};
use crate::auth::{AuthError, Role};
use crate::backend::Backend;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers requests.
pub(super) struct Service {
    backend: Arc<dyn Backend>,
    options: ServerOptions,
}

impl Service {
    pub(super) fn new(backend: Arc<dyn Backend>, options: ServerOptions) -> Self {
        Self { backend, options }
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// The answer to one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let id = request_id(&request);
        let mut reply = self.clean_path(request, peer, &id).await;
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
        if method == Method::GET && clean == "/hello" {
            return reply::hello();
        }
        let started = Instant::now();
        let reply = match self.check_and_run(request, &sent, &clean, id).await {
            Ok(reply) => reply,
            Err(refusal) => reply::refuse(refusal),
        };
        let status = reply.status().as_u16();
        let microseconds = started.elapsed().as_micros();
        // A client asks several times a second whether its job is over.
        if status == 200 && clean.starts_with("/queue/") {
            tracing::debug!(target: "heketi::access", request = id, %peer, %method, path = clean, status, microseconds);
        } else {
            tracing::info!(target: "heketi::access", request = id, %peer, %method, path = clean, status, microseconds);
        }
        reply
    }

    async fn check_and_run(
        &self,
        request: Request<Incoming>,
        sent: &str,
        clean: &str,
        id: &str,
    ) -> Result<Reply, Refusal> {
        let role = self.authenticate(&request, sent)?;
        if !route::allows(role, clean) {
            return Err(unauthorized(&AuthError::Role));
        }
        match route::find(request.method(), clean) {
            Found::Route(route, object) => {
                let body = self.read_body(request.into_body()).await?;
                let call = Call { backend: Arc::clone(&self.backend), id: object, body };
                run(route, call, id).await
            }
            Found::ExtraSlash(bare) => Ok(reply::redirect(StatusCode::MOVED_PERMANENTLY, &located(&bare, &request))),
            Found::OtherMethod => Ok(reply::empty(StatusCode::METHOD_NOT_ALLOWED)),
            Found::Nothing => Err(Refusal::new(StatusCode::NOT_FOUND, "Invalid path or request")),
        }
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

/// Runs the handler as its own task: it ends even if the client hangs up, and its panic is an error here.
async fn run(route: &'static Route, call: Call, id: &str) -> Result<Reply, Refusal> {
    match tokio::spawn((route.handler)(call)).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(request = id, %error, "a handler failed; this is a defect of heketi");
            let text = format!("Internal error; the server's log has more under request {id}");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
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

/// The client's `X-Request-Id` if it is harmless in a log, else a new one.
fn request_id(request: &Request<Incoming>) -> String {
    let harmless = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless) {
        Some(text) => text.to_owned(),
        None => format!("{:016x}", getrandom::u64().unwrap_or_default()),
    }
}
