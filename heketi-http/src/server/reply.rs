//! Answers in heketi v10's form.

use std::fs::File;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use heketi_core::api;
use heketi_core::id::QueueId;
use heketi_core::{Error, ErrorKind, Timestamp};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::io::AsyncReadExt;

/// The body of an answer: known at once, or read as it is sent.
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub(super) type Reply = Response<ReplyBody>;

fn whole(body: impl Into<Bytes>) -> ReplyBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HELLO: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
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
    let mut reply = Reply::new(whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

fn with_body(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(whole(body));
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

/// What probes read.
pub(super) fn health(status: StatusCode, text: &'static str) -> Reply {
    with_body(status, TEXT, text)
}

/// The text of `/metrics`.
pub(super) fn metrics(text: String) -> Reply {
    with_body(StatusCode::OK, METRICS, text)
}

/// How much of a file is read before it is sent.
const CHUNK: usize = 64 * 1024;

/// A file under a name to save it as, read while it is sent.
pub(super) fn file(file: File, name: &str) -> io::Result<Reply> {
    let length = file.metadata()?.len();
    let chunks = stream::try_unfold(tokio::fs::File::from_std(file), async |mut file| {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let read = file.read_buf(&mut chunk).await?;
        Ok((read > 0).then(|| (Frame::data(chunk.freeze()), file)))
    });
    let mut reply = Reply::new(StreamBody::new(chunks).boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(reply)
}

/// Server-sent events, each chunk as soon as it is there.
pub(super) fn event_stream(chunks: BoxStream<'static, Bytes>) -> Reply {
    let mut reply = Reply::new(StreamBody::new(chunks.map(|chunk| Ok(Frame::data(chunk)))).boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// The clock, in seconds since 1970.
pub(super) fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// 200 or another status with JSON that is there as text.
pub(super) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    with_body(status, JSON, text)
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

/// The same to a GET, with the page Go adds.
pub(super) fn accepted_get(job: QueueId) -> Reply {
    redirect(StatusCode::ACCEPTED, &format!("/queue/{job}"))
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
