//! What `/metrics` tells: heketi v10's gauges, made from the state when they are asked for, and our own
//! measurements.

mod process;
mod state;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use heketi_exec::engine::{Ended, Meter};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use state::Observed;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: String,
    outcome: String,
}

/// Measurements since the start. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
    requests_in_flight: Gauge,
    connections: Gauge,
    operations: Family<OperationLabels, Histogram>,
    commits: Histogram,
    /// 0 while no copy was made.
    secret_backup_bytes: AtomicU64,
    secret_backup_failing: AtomicU64,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = |bounds: &'static [f64]| Histogram::new(bounds.iter().copied());
        let requests: Family<RequestLabels, Histogram> = Family::new_with_constructor(request_times);
        let operations: Family<OperationLabels, Histogram> = Family::new_with_constructor(operation_times);
        let commits = seconds(&[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]);
        let (requests_in_flight, connections) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::default();
        registry.register("heketi_http_request_duration_seconds", "Time to answer a request", requests.clone());
        registry.register("heketi_http_requests_in_flight", "Requests being answered", requests_in_flight.clone());
        registry.register("heketi_http_connections", "Connections that are open", connections.clone());
        registry.register("heketi_operation_duration_seconds", "Time an operation ran", operations.clone());
        registry.register("heketi_store_commit_duration_seconds", "Time to make changes durable", commits.clone());
        Self(Arc::new(Inner {
            registry,
            requests,
            requests_in_flight,
            connections,
            operations,
            commits,
            secret_backup_bytes: AtomicU64::new(0),
            secret_backup_failing: AtomicU64::new(0),
        }))
    }
}

fn request_times() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0])
}

fn operation_times() -> Histogram {
    Histogram::new([0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0])
}

/// Something that is counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn connection(&self) -> Counted {
        Counted::new(&self.0.connections)
    }

    pub(crate) fn request(&self) -> Counted {
        Counted::new(&self.0.requests_in_flight)
    }

    /// `method` and `route` are of a bounded set: what a client makes up would fill the memory.
    pub(crate) fn answered(&self, method: &'static str, route: &'static str, status: u16, started: Instant) {
        let labels = RequestLabels { method, route, status };
        self.0.requests.get_or_create(&labels).observe(started.elapsed().as_secs_f64());
    }

    /// A copy for a Kubernetes secret was made; was it stored?
    pub(crate) fn secret_backup(&self, bytes: usize, stored: bool) {
        self.0.secret_backup_bytes.store(bytes as u64, Ordering::Relaxed);
        self.0.secret_backup_failing.store(u64::from(!stored), Ordering::Relaxed);
    }

    /// The whole text. Without a state only `heketi_up 0` and our own measurements are in it.
    pub fn text(&self, observed: Option<&Observed>) -> String {
        let mut registry = Registry::default();
        state::register(&mut registry, observed);
        process::register(&mut registry);
        let bytes = self.0.secret_backup_bytes.load(Ordering::Relaxed);
        if bytes > 0 {
            let gauge = |value: u64| {
                let gauge: Gauge = Gauge::default();
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
                gauge
            };
            let failing = self.0.secret_backup_failing.load(Ordering::Relaxed);
            let help = "Size of the copy of the database for the Kubernetes secret";
            registry.register("heketi_kube_secret_backup_bytes", help, gauge(bytes));
            let help = "Is the Kubernetes secret without the newest copy of the database?";
            registry.register("heketi_kube_secret_backup_failing", help, gauge(failing));
        }
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &registry);
        let _ = encode(&mut text, &self.0.registry);
        prometheus(&text)
    }
}

/// From the OpenMetrics text to Prometheus' own of version 0.0.4: no mark of the end, and heketi v10's help texts,
/// to which the encoder adds a full stop.
fn prometheus(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let help = line.strip_prefix("# HELP ").and_then(|_| line.strip_suffix('.'));
        lines.push_str(help.unwrap_or(line));
        lines.push('\n');
    }
    lines
}

impl Meter for Metrics {
    fn committed(&self, took: Duration) {
        self.0.commits.observe(took.as_secs_f64());
    }

    fn operation_ended(&self, kind: &str, ended: Ended, took: Duration) {
        let labels = OperationLabels { operation: kind.to_owned(), outcome: ended.to_string() };
        self.0.operations.get_or_create(&labels).observe(took.as_secs_f64());
    }
}
