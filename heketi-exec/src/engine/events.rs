//! Tells those who watch what became durable, in order, without ever waiting for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use heketi_core::api::EventInfo;
use heketi_core::events::events;
use heketi_core::inventory::{ChangeSet, Inventory};
use tokio::sync::broadcast::{self, error::RecvError};

use super::writer::now;
use super::{Engine, lock};

/// Events that are remembered for those who come back.
const REMEMBERED: usize = 4096;

/// Events that may wait for one reader.
const WAITING: usize = 1024;

pub(super) struct EventLog {
    past: Mutex<Past>,
    live: broadcast::Sender<Arc<EventInfo>>,
}

struct Past {
    /// The id of the last event.
    last: u64,
    /// The id of the last event that is not remembered.
    forgotten: u64,
    events: VecDeque<Arc<EventInfo>>,
}

impl Default for EventLog {
    fn default() -> Self {
        // Microseconds: ids go on rising after a restart, and every JSON reader can hold them.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let start = u64::try_from(start).unwrap_or(0);
        let past = Past { last: start, forgotten: start, events: VecDeque::new() };
        Self { past: Mutex::new(past), live: broadcast::Sender::new(WAITING) }
    }
}

impl EventLog {
    /// Tells what a durable change of the state means.
    pub fn changed(&self, before: &Inventory, changes: &ChangeSet, after: &Inventory) {
        self.tell(events(before, changes, after));
    }

    /// Tells that events are missing here, because nobody knows what a failed commit changed.
    pub fn gap(&self) {
        self.tell(vec![named("missed", 0)]);
    }

    fn tell(&self, events: Vec<EventInfo>) {
        if events.is_empty() {
            return;
        }
        let time = now();
        let mut past = lock(&self.past);
        for event in events {
            past.last += 1;
            let event = Arc::new(EventInfo { id: past.last, time, ..event });
            if past.events.len() == REMEMBERED
                && let Some(old) = past.events.pop_front()
            {
                past.forgotten = old.id;
            }
            past.events.push_back(event.clone());
            // An error means that nobody watches. Sent under the lock: who subscribes gets each event once.
            let _ = self.live.send(event);
        }
    }

    fn watch(&self, since: Option<u64>) -> BoxStream<'static, Arc<EventInfo>> {
        let past = lock(&self.past);
        let live = self.live.subscribe();
        let mut first = vec![Arc::new(EventInfo { time: now(), ..named("connected", past.last) })];
        if let Some(since) = since {
            if (past.forgotten..=past.last).contains(&since) {
                let missed = past.events.iter().filter(|event| event.id > since).cloned();
                // The stream begins where the reader left off.
                first = vec![Arc::new(EventInfo { time: now(), ..named("connected", since) })];
                first.extend(missed);
            } else {
                first.push(Arc::new(EventInfo { time: now(), ..named("missed", past.last) }));
            }
        }
        drop(past);
        let live = stream::unfold(Some(live), async |live| {
            let mut live = live?;
            match live.recv().await {
                Ok(event) => Some((event, Some(live))),
                Err(RecvError::Closed) => None,
                // What it has not read is remembered for a while: it may come back for that.
                Err(RecvError::Lagged(_)) => Some((Arc::new(EventInfo { time: now(), ..named("too_slow", 0) }), None)),
            }
        });
        stream::iter(first).chain(live).boxed()
    }
}

fn named(event: &str, id: u64) -> EventInfo {
    EventInfo { id, event: event.to_owned(), ..EventInfo::default() }
}

impl Engine {
    /// What happens from now on, or after the event `since`: what became durable, in order. The first event is
    /// `connected`; `missed` follows if events after `since` are not remembered any more. A reader that does not keep
    /// up is told `too_slow`, and the stream ends. The id of those that have none of their own is 0.
    pub fn events(&self, since: Option<u64>) -> BoxStream<'static, Arc<EventInfo>> {
        let mut stopping = self.inner.stopping.subscribe();
        let stopped = async move {
            // An error means that the engine is gone.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        self.all_events(since).take_until(stopped.boxed()).boxed()
    }

    /// The same while the engine stops too: the stream ends with the engine itself.
    pub fn all_events(&self, since: Option<u64>) -> BoxStream<'static, Arc<EventInfo>> {
        self.inner.events.watch(since)
    }
}
