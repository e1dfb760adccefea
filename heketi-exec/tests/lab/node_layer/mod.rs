//! Every action of [`NodeExecutor`] over [`SshRunner`], as an ordinary user with sudo.

mod brick_removal;
mod bricks;
mod conformance;
mod devices;
mod reach;
mod settle;
mod volumes;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use heketi_core::id::{ClusterId, NodeId};
use heketi_core::model::BrickFormat;
use heketi_core::operation::{
    Action, BrickSpec, DeviceReport, GlusterBrick, Host, Observation, Step, StepFailure, StepOutcome,
};
use heketi_core::units::Kib;
use heketi_exec::executor::Executor;
use heketi_exec::node::{NodeExecutor, NodeOptions};
use heketi_exec::runner::{Batch, BatchResult, CommandRunner, RunError, RunErrorKind, SshConfig, SshRunner};

use super::lab;
use super::nodes::{NODES, address};

/// No step of these tests takes longer on a busy machine.
const STEP_LIMIT: Duration = Duration::from_secs(240);

/// Runs a test's future; on one thread, so that nothing runs on after it.
fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future);
}

/// A runner as the server makes it.
fn runner() -> Arc<SshRunner> {
    let settings = lab::settings();
    ssh_runner(&settings["HEKETI_LAB_KEY"], &settings["HEKETI_LAB_USER"])
}

fn ssh_runner(key: &str, user: &str) -> Arc<SshRunner> {
    let mut config = SshConfig::new(key);
    config.user = user.into();
    config.sudo = true;
    Arc::new(SshRunner::new(config).expect("the lab's key is good"))
}

fn executor() -> Nodes {
    Nodes(NodeExecutor::new(runner(), NodeOptions::default()))
}

/// The nodes of the lab behind an executor.
struct Nodes(NodeExecutor);

impl Nodes {
    /// An executor whose connection breaks after so many lines.
    fn cut_after(lines: usize) -> Self {
        let cut = Cut { inner: runner(), left: AtomicUsize::new(lines) };
        Self(NodeExecutor::new(Arc::new(cut), NodeOptions::default()))
    }

    /// Runs an action on one node and prints how long it took.
    async fn run(&self, node: usize, action: Action) -> StepOutcome {
        let what = action.describe();
        let changes_gluster = Some(ClusterId::from_bytes([1; 16]));
        let step = Step { hosts: vec![host(node)], changes_gluster, action };
        let start = Instant::now();
        let outcome = tokio::time::timeout(STEP_LIMIT, self.0.execute(&step)).await;
        println!("  n{node}: {what}: {:.1} s", start.elapsed().as_secs_f64());
        outcome.unwrap_or_else(|_| panic!("n{node}: {what}: takes too long"))
    }

    async fn ok(&self, node: usize, action: Action) -> Observation {
        let what = action.describe();
        self.run(node, action).await.unwrap_or_else(|failure| panic!("n{node}: {what}: {failure:?}"))
    }

    async fn fails(&self, node: usize, action: Action) -> StepFailure {
        let what = action.describe();
        match self.run(node, action).await {
            Ok(seen) => panic!("n{node}: {what}: should fail: {seen:?}"),
            Err(failure) => failure,
        }
    }

    async fn set_up(&self, node: usize, device: &str, volume_group: &str) -> DeviceReport {
        let (device, volume_group) = (device.to_owned(), volume_group.to_owned());
        match self.ok(node, Action::SetUpDevice { device, volume_group, wipe: false }).await {
            Observation::Device(report) => report,
            other => panic!("{other:?}"),
        }
    }

    async fn tear_down(&self, node: usize, device: &str, volume_group: &str) -> StepOutcome {
        let (device, volume_group) = (device.to_owned(), volume_group.to_owned());
        self.run(node, Action::TearDownDevice { device, pv_uuid: None, volume_group, bare_too: false }).await
    }

    /// Makes the volume group `vg_lab` of the first disk of all nodes.
    async fn set_up_all(&self) {
        tokio::join!(self.set_up(1, DISK, GROUP), self.set_up(2, DISK, GROUP), self.set_up(3, DISK, GROUP));
    }

    async fn tear_down_all(&self) {
        let down = async |node| self.tear_down(node, DISK, GROUP).await.expect("it is empty");
        tokio::join!(down(1), down(2), down(3));
    }

    async fn create(&self, node: usize, brick: &BrickSpec) {
        self.ok(node, Action::CreateBrick { brick: brick.clone(), redo: false }).await;
    }

    /// Destroys a brick, which must succeed; is its thin pool gone?
    async fn destroy(&self, node: usize, brick: &BrickSpec) -> bool {
        match self.ok(node, Action::DestroyBrick { brick: brick.clone() }).await {
            Observation::BrickDestroyed { pool_removed } => pool_removed,
            other => panic!("{other:?}"),
        }
    }

    async fn create_on_all(&self, brick: &BrickSpec) {
        tokio::join!(self.create(1, brick), self.create(2, brick), self.create(3, brick));
    }

    async fn destroy_on_all(&self, brick: &BrickSpec) {
        let gone = tokio::join!(self.destroy(1, brick), self.destroy(2, brick), self.destroy(3, brick));
        assert_eq!(gone, (true, true, true));
    }
}

const DISK: &str = "/dev/ubdb";
const GROUP: &str = "vg_1ab00000000000000000000000000000";

fn host(node: usize) -> Host {
    let number = u8::try_from(node).expect("a digit");
    Host { node: NodeId::from_bytes([number; 16]), manage: address(node), storage: address(node) }
}

/// A brick of 512 MiB in [`GROUP`]; `number` makes its names.
fn brick(number: u8) -> BrickSpec {
    let id = format!("{number:032x}");
    BrickSpec {
        volume_group: GROUP.into(),
        thin_pool: format!("tp_{id}"),
        logical_volume: format!("brick_{id}"),
        mount_point: format!("/var/lib/heketi/mounts/{GROUP}/brick_{id}"),
        size: Kib(512 * 1024),
        pool_size: Kib(512 * 1024),
        metadata_size: Kib(4096),
        gid: 0,
        format: BrickFormat::Normal,
    }
}

/// The same brick on each node as one set for gluster.
fn set(brick: &BrickSpec) -> Vec<GlusterBrick> {
    NODES.iter().map(|node| GlusterBrick { host: address(*node), path: brick.brick_directory() }).collect()
}

/// Loses the connection after a number of lines: those ran, of the next nothing is known.
#[derive(Debug)]
struct Cut {
    inner: Arc<SshRunner>,
    left: AtomicUsize,
}

#[async_trait]
impl CommandRunner for Cut {
    async fn run(&self, host: &str, batch: &Batch) -> Result<BatchResult, RunError> {
        let left = self.left.load(Ordering::SeqCst);
        let whole = batch.lines.len() <= left;
        let lines: Vec<_> = batch.lines.iter().take(left).cloned().collect();
        self.left.fetch_sub(lines.len(), Ordering::SeqCst);
        let finished = self.inner.run(host, &Batch { lines }).await?;
        if whole || finished.failure().is_some() {
            return Ok(finished);
        }
        Err(RunError {
            host: host.into(),
            kind: RunErrorKind::Disconnected,
            message: "cut".into(),
            finished,
            nothing_more_ran: false,
        })
    }
}
