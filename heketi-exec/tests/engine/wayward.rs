//! An executor that does not behave, as broken nodes and broken code do not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use heketi_core::operation::{Action, Step, StepOutcome};
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::sim::SimCluster;

/// Runs steps on a simulated cluster, with exceptions.
#[derive(Debug)]
pub struct Wayward {
    under: NodeExecutor,
    /// Steps whose first host is one of these never end.
    hanging: Mutex<BTreeSet<String>>,
    /// The next step whose description holds this text ends in a panic.
    panics_at: Mutex<Option<&'static str>>,
    /// Hosts of steps that could run on several, in the order they would be asked.
    orders: Mutex<Vec<Vec<String>>>,
    /// No probe of glusterd ends.
    pub all_probes_hang: AtomicBool,
    probes: AtomicUsize,
    most_probes: AtomicUsize,
}

/// Counts a probe for as long as it lasts.
struct Probe<'a>(&'a AtomicUsize);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wayward {
    pub fn over(sim: &SimCluster) -> Arc<Self> {
        let options = NodeOptions { poll_interval: Duration::from_millis(1), ..NodeOptions::default() };
        Arc::new(Self {
            under: NodeExecutor::new(Arc::new(sim.runner()), options),
            hanging: Mutex::default(),
            panics_at: Mutex::default(),
            orders: Mutex::default(),
            all_probes_hang: AtomicBool::new(false),
            probes: AtomicUsize::new(0),
            most_probes: AtomicUsize::new(0),
        })
    }

    pub fn set_hanging(&self, host: &str, hangs: bool) {
        let mut hanging = self.hanging.lock().unwrap();
        if hangs {
            hanging.insert(host.to_owned())
        } else {
            hanging.remove(host)
        };
    }

    pub fn panic_at(&self, text: &'static str) {
        *self.panics_at.lock().unwrap() = Some(text);
    }

    pub fn orders(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.orders.lock().unwrap())
    }

    /// The most probes at one time.
    pub fn most_probes(&self) -> usize {
        self.most_probes.load(Ordering::SeqCst)
    }

    fn panics(&self, step: &Step) -> bool {
        let mut at = self.panics_at.lock().unwrap();
        let hit = at.is_some_and(|text| step.action.describe().contains(text));
        if hit {
            *at = None;
        }
        hit
    }
}

#[async_trait]
impl Executor for Wayward {
    async fn execute(&self, step: &Step) -> StepOutcome {
        let hosts: Vec<String> = step.hosts.iter().map(|host| host.manage.clone()).collect();
        assert!(!self.panics(step), "injected panic");
        let hangs = hosts.first().is_some_and(|host| self.hanging.lock().unwrap().contains(host));
        let is_probe = step.action == Action::CheckGlusterd;
        let _counted = is_probe.then(|| {
            let now = self.probes.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_probes.fetch_max(now, Ordering::SeqCst);
            Probe(&self.probes)
        });
        if hangs || (is_probe && self.all_probes_hang.load(Ordering::SeqCst)) {
            std::future::pending::<()>().await;
        }
        if hosts.len() > 1 {
            self.orders.lock().unwrap().push(hosts);
        }
        self.under.execute(step).await
    }
}
