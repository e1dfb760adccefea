//! Server-sent events (WHATWG HTML, section 9.2).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use heketi_core::api::{self, EventInfo};
use hyper::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::reply::{self, Refusal, Reply};

/// How long nothing is sent at most: both sides notice a dead connection.
const SILENCE: Duration = Duration::from_secs(15);

/// Tells the client how soon to come back after a stream ended, in milliseconds.
const BEGINNING: &str = "retry: 2000\n\n";

/// All streams of events that a service has open. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct EventStreams {
    permits: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl EventStreams {
    /// At most `limit` streams, which end when `stopping` becomes true.
    pub(super) fn new(limit: usize, stopping: watch::Receiver<bool>) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))), stopping }
    }

    /// Answers with a stream.
    pub(super) fn open(&self, events: impl FnOnce() -> BoxStream<'static, Arc<EventInfo>>) -> Result<Reply, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            let text = "Too many event streams are open. Close one, or retry later.";
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, text)
        })?;
        let mut silence = tokio::time::interval_at(Instant::now() + SILENCE, SILENCE);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = self.stopping.clone();
        let stopped = async move {
            // An error means that the service is gone.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let open = Open { events: events(), silence, stopped: stopped.boxed(), _permit: permit };
        let beginning = stream::iter([Bytes::from_static(BEGINNING.as_bytes())]);
        Ok(reply::event_stream(beginning.chain(stream::unfold(Some(open), next)).boxed()))
    }
}

/// One stream.
struct Open {
    events: BoxStream<'static, Arc<EventInfo>>,
    silence: Interval,
    stopped: futures_util::future::BoxFuture<'static, ()>,
    _permit: OwnedSemaphorePermit,
}

async fn next(open: Option<Open>) -> Option<(Bytes, Option<Open>)> {
    let mut open = open?;
    tokio::select! {
        biased;
        () = &mut open.stopped => {
            let stopping = EventInfo { event: "stopping".to_owned(), time: reply::now(), ..EventInfo::default() };
            Some((text(&stopping), None))
        }
        event = open.events.next() => {
            open.silence.reset();
            event.map(|event| (text(&event), Some(open)))
        }
        _ = open.silence.tick() => Some((Bytes::from_static(b":\n\n"), Some(open))),
    }
}

/// An event in its lines. One without an id leaves the client at the event before it.
fn text(event: &EventInfo) -> Bytes {
    let id = if event.id == 0 { String::new() } else { format!("id: {}\n", event.id) };
    Bytes::from(format!("{id}event: {}\ndata: {}\n\n", event.event, api::encode(event)))
}
