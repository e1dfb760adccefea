//! Answers in heketi v10's form.

use bytes::Bytes;
use heketi_core::api;
use heketi_core::id::QueueId;
use heketi_core::{Error, ErrorKind};
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// An answer.
pub(super) type Reply = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HELLO: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const NO_SNIFF: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
const PENDING: (HeaderName, HeaderValue) = (HeaderName::from_static("x-pending"), HeaderValue::from_static("true"));

/// Why a request is refused: a status and a text.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// An error of the engine with the status of its kind.
    pub(super) fn of(error: &Error) -> Self {
        Self::new(status_of(error.kind()), error.to_string())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}

/// The status of a kind of error where a route has no rule of its own.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        // Unavailable: a node that is to be added does not answer, which v10 calls a bad request.
        ErrorKind::Invalid | ErrorKind::Unavailable => StatusCode::BAD_REQUEST,
        ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::NotServing => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer without content.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Full::default());
    *reply.status_mut() = status;
    reply
}

fn with_body(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// A value as JSON and a newline.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Reply {
    with_body(status, JSON, api::encode(value) + "\n")
}

/// 200 that claims to be JSON and is empty, as v10 answers where it has nothing to tell.
pub(super) fn empty_json() -> Reply {
    with_body(StatusCode::OK, JSON, Bytes::new())
}

/// `/hello`: its body has no newline, scripts compare it literally.
pub(super) fn hello() -> Reply {
    with_body(StatusCode::OK, HELLO, "Hello from Heketi")
}

/// An error text and a newline.
pub(super) fn refuse(refusal: Refusal) -> Reply {
    let mut reply = with_body(refusal.status, TEXT, refusal.text + "\n");
    let (name, value) = NO_SNIFF;
    reply.headers_mut().insert(name, value);
    if refusal.status == StatusCode::TOO_MANY_REQUESTS {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    reply
}

/// A job was accepted; its path, never a URL: clients prepend their own base and sign exactly this text.
pub(super) fn accepted(job: QueueId) -> Reply {
    let mut reply = empty(StatusCode::ACCEPTED);
    insert_location(&mut reply, &format!("/queue/{job}"));
    reply
}

/// A job that still runs. The header is never sent with another value: some clients only test for it.
pub(super) fn pending() -> Reply {
    let mut reply = empty(StatusCode::OK);
    let (name, value) = PENDING;
    reply.headers_mut().insert(name, value);
    reply
}

/// An answer to GET that leads elsewhere, with the page Go adds.
pub(super) fn redirect(status: StatusCode, location: &str) -> Reply {
    let reason = status.canonical_reason().unwrap_or_default();
    let shown = location.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;");
    let mut reply = with_body(status, HTML, format!("<a href=\"{shown}\">{reason}</a>.\n\n"));
    insert_location(&mut reply, location);
    reply
}

/// The answer to a path that is not clean: like Go's router, without a page.
pub(super) fn moved(location: &str) -> Reply {
    let mut reply = empty(StatusCode::MOVED_PERMANENTLY);
    insert_location(&mut reply, location);
    reply
}

fn insert_location(reply: &mut Reply, location: &str) {
    if let Ok(value) = HeaderValue::from_str(location) {
        reply.headers_mut().insert(LOCATION, value);
    }
}
