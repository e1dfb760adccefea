//! Which nodes answer: gathered in the background, so that nobody who plans waits for a node.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use heketi_core::id::NodeId;
use heketi_core::model::EntryState;
use heketi_core::operation::{Action, FailureKind, Host, Step, StepFailure, StepOutcome};
use heketi_core::placement::Facts;
use tokio::time::Instant;

use super::failures::Failures;
use super::{Engine, Inner, lock};

/// When nodes are asked whether their glusterd runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorConfig {
    /// How long after the start the first time (`start_time_monitor_gluster_nodes`).
    pub start: Duration,
    /// How long after one round the next (`refresh_time_monitor_gluster_nodes`).
    pub interval: Duration,
    /// A node that has not answered by then is believed down.
    pub probe_timeout: Duration,
}

impl Default for MonitorConfig {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { start: seconds(10), interval: seconds(120), probe_timeout: seconds(30) }
    }
}

/// What was last heard of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeHealth {
    /// Did it answer?
    pub up: bool,
    /// How long ago that was.
    pub age: Duration,
}

/// Nodes asked side by side. Each costs a connection, and one that hangs keeps its place until its time is up.
const AT_ONCE: usize = 64;

/// What was heard longer ago counts no more (core section 4.10).
const KEPT: Duration = Duration::from_secs(2 * 3600);

/// How old facts may be that fade with time.
const FRESH: Duration = Duration::from_secs(5);

/// What is believed of nodes and devices and is not in the state.
#[derive(Debug, Default)]
pub(super) struct Beliefs {
    heard: BTreeMap<NodeId, (bool, Instant)>,
    failures: Failures,
    facts: Option<(Instant, Arc<Facts>)>,
}

impl Beliefs {
    /// Keeps what was heard of a node; true if it is back.
    fn hear(&mut self, node: NodeId, up: bool, now: Instant) -> bool {
        self.facts = None;
        let before = self.heard.insert(node, (up, now));
        up && before.is_some_and(|(was_up, _)| !was_up)
    }

    fn forget_old(&mut self, now: Instant) {
        self.heard.retain(|_, (_, at)| now.duration_since(*at) < KEPT);
    }

    fn note(&mut self, step: &Step, outcome: &StepOutcome, now: Instant) {
        if self.failures.note(step, outcome, now) {
            self.facts = None;
        }
    }

    fn down(&self, now: Instant) -> BTreeSet<NodeId> {
        let current = |at: Instant| now.duration_since(at) < KEPT;
        self.heard.iter().filter(|(_, (up, at))| !up && current(*at)).map(|(node, _)| *node).collect()
    }
}

impl Engine {
    /// What is known about nodes and is not in the state.
    pub fn facts(&self) -> Arc<Facts> {
        let now = Instant::now();
        let mut beliefs = lock(&self.inner.beliefs);
        if let Some((made, facts)) = &beliefs.facts
            && (**facts == Facts::default() || now.duration_since(*made) < FRESH)
        {
            return facts.clone();
        }
        let failures = beliefs.failures.scores(&self.inventory(), now);
        let facts = Arc::new(Facts { down: beliefs.down(now), failures, ..Facts::default() });
        beliefs.facts = Some((now, facts.clone()));
        facts
    }

    /// What was last heard of each node. Nodes of which nothing was heard for two hours are not among them;
    /// they count as up.
    pub fn node_health(&self) -> BTreeMap<NodeId, NodeHealth> {
        let now = Instant::now();
        let mut beliefs = lock(&self.inner.beliefs);
        beliefs.forget_old(now);
        let health = |(up, at): (bool, Instant)| NodeHealth { up, age: now.duration_since(at) };
        beliefs.heard.iter().map(|(node, heard)| (*node, health(*heard))).collect()
    }

    /// The step with nodes that are believed down at the end of its hosts. None is left out: what is believed
    /// may be wrong.
    pub(super) fn likely_hosts_first(&self, step: &Step) -> Step {
        let mut step = step.clone();
        if step.hosts.len() > 1 {
            let facts = self.facts();
            step.hosts.sort_by_key(|host| facts.down.contains(&host.node));
        }
        step
    }

    /// Learns from how a step ended.
    pub(super) fn learn(&self, step: &Step, outcome: &StepOutcome) {
        lock(&self.inner.beliefs).note(step, outcome, Instant::now());
        // Without the monitor nobody would find out that the node is back.
        if self.config().monitor.is_some()
            && let Err(StepFailure { kind: FailureKind::Unreachable, host, .. }) = outcome
            && let Some(host) = step.hosts.iter().find(|asked| asked.manage == *host)
        {
            self.hear(host, false);
        }
    }

    fn hear(&self, host: &Host, up: bool) {
        let (is_back, was_up) = {
            let mut beliefs = lock(&self.inner.beliefs);
            let was_up = beliefs.heard.get(&host.node).is_none_or(|(up, _)| *up);
            (beliefs.hear(host.node, up, Instant::now()), was_up)
        };
        if is_back {
            tracing::info!(host = %host.manage, "node is back");
            self.inner.node_is_back.notify_one();
        } else if !up && was_up {
            tracing::warn!(host = %host.manage, "node does not answer; it gets no new bricks until it does");
        }
    }

    async fn probe_all(&self, limit: Duration) {
        lock(&self.inner.beliefs).forget_old(Instant::now());
        let inventory = self.inventory();
        // One that was removed while it was down still has bricks to destroy once it answers.
        let has_retired = |id: NodeId| inventory.retired_bricks_of_node(id).next().is_some();
        let asked = inventory.nodes().filter(|node| node.state == EntryState::Online || has_retired(node.id));
        stream::iter(asked.map(|node| node.host())).for_each_concurrent(AT_ONCE, |host| self.probe(host, limit)).await;
    }

    async fn probe(&self, host: Host, limit: Duration) {
        let step = Step { hosts: vec![host.clone()], changes_gluster: None, action: Action::CheckGlusterd };
        // A defect of an executor costs the answer of this node and no more.
        let asked = AssertUnwindSafe(self.inner.executor.execute(&step)).catch_unwind();
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(Err(StepFailure { kind: FailureKind::ShutDown, .. }))) => {}
            Ok(Ok(Ok(_))) => self.hear(&host, true),
            Ok(Ok(Err(failure))) => {
                tracing::debug!(host = %host.manage, "no healthy node: {}", failure.text);
                self.hear(&host, false);
            }
            Ok(Err(_)) | Err(_) => self.hear(&host, false),
        }
    }
}

/// Starts the monitor. It ends with the engine.
pub(super) fn spawn(engine: &Engine) {
    let Some(config) = engine.config().monitor else { return };
    let (weak, mut stopping) = (Arc::downgrade(&engine.inner), engine.inner.stopping.subscribe());
    tokio::spawn(async move {
        let mut pause = config.start;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            let Some(inner): Option<Arc<Inner>> = weak.upgrade() else { return };
            let engine = Engine { inner, key: None };
            tokio::select! {
                () = engine.probe_all(config.probe_timeout) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            pause = config.interval.max(Duration::from_millis(1));
        }
    });
}
