//! Requests that may be sent again: `Idempotency-Key` on any POST.
//!
//! What a request records, it records together with its key. The same request sent again is answered from that record
//! and not done again; one that was refused before it recorded anything is not remembered.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use heketi_core::id::RequestKeyId;
use heketi_core::inventory::{KeyedOutcome, KeyedRequest};
use heketi_exec::engine::RequestKey;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::handlers::{Call, Outcome};
use super::reply::{self, Refusal, Reply};
use super::route::Route;
use crate::auth::Role;
use crate::backend::Backend;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

/// Characters a key may have.
const LONGEST: usize = 255;

/// Answers that are larger are not remembered; those of changes are far smaller.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Keys of requests that run now.
#[derive(Debug, Default)]
pub(super) struct RunningKeys(Mutex<HashMap<RequestKeyId, Weak<tokio::sync::Mutex<()>>>>);

impl RunningKeys {
    /// Waits until no other request with this key runs.
    pub(super) async fn turn(&self, id: RequestKeyId) -> OwnedMutexGuard<()> {
        let turns = {
            let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match running.get(&id).and_then(Weak::upgrade) {
                Some(turns) => turns,
                None => {
                    running.retain(|_, turns| turns.strong_count() > 0);
                    let turns = Arc::default();
                    running.insert(id, Arc::downgrade(&turns));
                    turns
                }
            }
        };
        turns.lock_owned().await
    }
}

/// The key of a request, if it has one. It counts for this role, method and path.
pub(super) fn key(
    headers: &HeaderMap,
    role: Role,
    method: &Method,
    path: &str,
) -> Result<Option<RequestKeyId>, Refusal> {
    if method != Method::POST {
        return Ok(None);
    }
    let mut sent = headers.get_all(KEY).iter();
    let (Some(key), more) = (sent.next(), sent.next()) else { return Ok(None) };
    let key = key.as_bytes();
    if more.is_some() || !(1..=LONGEST).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        let text = format!("Idempotency-Key must be one header of 1 to {LONGEST} visible ASCII characters");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    let mut scope = Sha256::new();
    // None of the parts before the last holds a blank.
    scope.update(format!("{role:?} {method} {path} "));
    scope.update(key);
    let (mut id, digest) = ([0; 16], scope.finalize());
    id.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    Ok(Some(RequestKeyId::from_bytes(id)))
}

/// Runs a request with a key, unless it was run before. `turn` is held until it is over.
pub(super) async fn run(route: &'static Route, call: Call, id: RequestKeyId, turn: OwnedMutexGuard<()>) -> Outcome {
    let body = Sha256::digest(&call.body).iter().map(|byte| format!("{byte:02x}")).collect();
    let (key, backend) = (RequestKey { id, body }, Arc::clone(&call.backend));
    if let Some(known) = backend.keyed_request(id)
        && let Some(told) = replay(backend.as_ref(), &known, &key).await
    {
        return told;
    }
    let Some(keyed) = backend.keyed(key.clone()) else {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "this server remembers no Idempotency-Key"));
    };
    let done = AssertUnwindSafe((route.handler)(Call { backend: keyed, ..call })).catch_unwind().await;
    let told = match done {
        Ok(Ok(reply)) if route.answers_a_change() => remember(backend.as_ref(), &key, reply).await,
        Ok(Ok(reply)) => Ok(reply),
        refused => {
            // It may have recorded something before it failed: that goes on, and is told.
            let known = backend.keyed_request(id).filter(|known| known.outcome != KeyedOutcome::Changed);
            match (known, refused) {
                (Some(known), _) => match replay(backend.as_ref(), &known, &key).await {
                    Some(told) => told,
                    None => Err(defect()),
                },
                (None, Ok(refused)) => refused,
                (None, Err(_)) => Err(defect()),
            }
        }
    };
    drop(turn);
    told
}

fn defect() -> Refusal {
    tracing::error!("a handler failed; this is a defect of heketi");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error; the server's log has more")
}

/// The first answer again; none where the change is to be made again, because its answer is not known.
async fn replay(backend: &dyn Backend, known: &KeyedRequest, key: &RequestKey) -> Option<Outcome> {
    if known.body != key.body {
        let text = "Idempotency-Key was sent before with another body; send a new key with a new request";
        return Some(Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text)));
    }
    let reply = match &known.outcome {
        KeyedOutcome::Changed => return None,
        KeyedOutcome::Job(job) => {
            // Whoever asks again may have lost the answer to its last poll, too.
            if let Err(error) = backend.tell_again(*job).await {
                return Some(Err(error.into()));
            }
            reply::accepted(*job)
        }
        KeyedOutcome::Cluster(id) => match backend.cluster_info(*id).await {
            Ok(cluster) => reply::json(StatusCode::CREATED, &cluster),
            Err(error) => return Some(Err(error.into())),
        },
        KeyedOutcome::Answer { status, body } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
            match status {
                StatusCode::NO_CONTENT => reply::empty(status),
                _ => reply::json_text(status, body.clone()),
            }
        }
    };
    Some(Ok(marked(reply)))
}

fn marked(mut reply: Reply) -> Reply {
    let (name, value) = REPLAYED;
    reply.headers_mut().insert(name, value);
    reply
}

/// Records an answer that is not recorded with the change: that of a change which is over at once.
async fn remember(backend: &dyn Backend, key: &RequestKey, reply: Reply) -> Outcome {
    if matches!(reply.status(), StatusCode::ACCEPTED | StatusCode::CREATED) {
        return Ok(reply);
    }
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map_err(|_| defect())?.to_bytes();
    let text = std::str::from_utf8(&body).ok().filter(|text| text.len() <= LARGEST_ANSWER);
    if let Some(text) = text
        && let Err(error) = backend.remember_answer(key, head.status.as_u16(), text.to_owned()).await
    {
        // The change itself is recorded, and may be made again.
        tracing::warn!(%error, "the answer to a request with an Idempotency-Key is not remembered");
    }
    Ok(Reply::from_parts(head, whole(body)))
}

fn whole(body: Bytes) -> reply::ReplyBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}
