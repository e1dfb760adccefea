//! What is tested, and how a broken promise is told.

use std::fmt;
use std::sync::Arc;

use heketi_core::id::{ClusterId, NodeId};
use heketi_core::model::BrickFormat;
use heketi_core::operation::{
    Action, BrickSpec, GlusterBrick, Host, NodeContents, Observation, Step, StepFailure, StepOutcome,
};
use heketi_core::units::Kib;

use crate::executor::Executor;

/// A node to test with.
#[derive(Clone, Debug)]
pub struct TestNode {
    /// The node.
    pub host: Host,
    /// An empty disk on it, of at least ten times [`Subject::brick_size`], and 4 GiB for block volumes.
    pub disk: String,
}

impl TestNode {
    /// A node by its management and storage host name, with the path of an empty disk.
    pub fn new(manage: &str, storage: &str, disk: &str) -> Self {
        let mut id = [0u8; 16];
        manage.bytes().enumerate().for_each(|(at, byte)| id[at % 16] = id[at % 16].wrapping_mul(31) ^ byte);
        let host = Host { node: NodeId::from_bytes(id), manage: manage.into(), storage: storage.into() };
        Self { host, disk: disk.into() }
    }
}

/// An executor with nodes to try it on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subject {
    /// The executor.
    pub executor: Arc<dyn Executor>,
    /// Three nodes.
    pub nodes: [TestNode; 3],
    /// Size of the bricks that are made. Default 512 MiB.
    pub brick_size: Kib,
    /// The nodes can take snapshots. Default true.
    pub snapshots: bool,
    /// gluster-block runs on the nodes. Default false.
    pub block_volumes: bool,
    /// A host name that leads nowhere. Default `no-such-host.invalid`.
    pub unreachable: String,
}

/// A promise that was not kept.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{part}: {what}")]
pub struct Broken {
    /// The part of the suite.
    pub part: &'static str,
    /// What was promised and what was seen.
    pub what: String,
}

/// What a check returns.
pub(super) type Checked = Result<(), Broken>;

pub(super) fn broken<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { part: "", what: what.into() })
}

pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, seen: &T, expected: &T) -> Checked {
    match seen == expected {
        true => Ok(()),
        false => broken(format!("{what}: expected {expected:?}, seen {seen:?}")),
    }
}

/// The volume group of all bricks.
pub(super) const GROUP: &str = "vg_7e57000000000000000000000000c0de";

/// Where systemd mounts what it tells a service while that runs: such mounts come and go.
const OF_SERVICES: &str = "/run/credentials/";

impl Subject {
    /// The defaults for this executor and these nodes.
    pub fn new(executor: Arc<dyn Executor>, nodes: [TestNode; 3]) -> Self {
        Self {
            executor,
            nodes,
            brick_size: Kib(512 * 1024),
            snapshots: true,
            block_volumes: false,
            unreachable: "no-such-host.invalid".into(),
        }
    }

    /// Runs a step on one node.
    pub(super) async fn run(&self, node: usize, action: Action) -> StepOutcome {
        self.run_on(vec![self.nodes[node].host.clone()], action).await
    }

    pub(super) async fn run_on(&self, hosts: Vec<Host>, action: Action) -> StepOutcome {
        let changes_gluster = Some(ClusterId::from_bytes([0x7e; 16]));
        self.executor.execute(&Step { hosts, changes_gluster, action }).await
    }

    /// Runs a step that must succeed.
    pub(super) async fn good(&self, node: usize, action: Action) -> Result<Observation, Broken> {
        let what = action.describe();
        self.run(node, action).await.or_else(|failure| broken(format!("{what} must succeed: {failure:?}")))
    }

    /// Runs a step that must succeed and has nothing to tell.
    pub(super) async fn done(&self, node: usize, action: Action) -> Checked {
        let what = action.describe();
        same(&what, &self.good(node, action).await?, &Observation::Done)
    }

    /// Runs a step twice: the second time it is done already.
    pub(super) async fn twice(&self, node: usize, action: Action) -> Checked {
        self.done(node, action.clone()).await?;
        self.done(node, action).await
    }

    /// Runs a step that must fail.
    pub(super) async fn bad(&self, node: usize, action: Action) -> Result<StepFailure, Broken> {
        let what = action.describe();
        match self.run(node, action).await {
            Err(failure) => Ok(failure),
            Ok(seen) => broken(format!("{what} must fail: {seen:?}")),
        }
    }

    /// What heketi could have made on each node.
    pub(super) async fn contents(&self) -> Result<Vec<NodeContents>, Broken> {
        let mut all = Vec::new();
        for node in 0..self.nodes.len() {
            match self.good(node, Action::InspectNode).await? {
                Observation::Node(mut contents) => {
                    contents.mounts.retain(|mount| !mount.mount_point.starts_with(OF_SERVICES));
                    all.push(*contents);
                }
                other => return broken(format!("inspect the node: {other:?}")),
            }
        }
        Ok(all)
    }

    /// A brick; `number` makes its names.
    pub(super) fn brick(&self, number: u8) -> BrickSpec {
        let id = format!("7e57{number:028x}");
        BrickSpec {
            volume_group: GROUP.into(),
            thin_pool: format!("tp_{id}"),
            logical_volume: format!("brick_{id}"),
            mount_point: format!("/var/lib/heketi/mounts/{GROUP}/brick_{id}"),
            size: self.brick_size,
            pool_size: self.brick_size,
            metadata_size: Kib(4096),
            gid: 0,
            format: BrickFormat::Normal,
        }
    }

    /// The brick on each node, as one set.
    pub(super) fn set(&self, brick: &BrickSpec) -> Vec<GlusterBrick> {
        let brick_on =
            |node: &TestNode| GlusterBrick { host: node.host.storage.clone(), path: brick.brick_directory() };
        self.nodes.iter().map(brick_on).collect()
    }

    /// Makes the brick on every node.
    pub(super) async fn create_everywhere(&self, brick: &BrickSpec) -> Checked {
        for node in 0..self.nodes.len() {
            self.done(node, Action::CreateBrick { brick: brick.clone(), redo: false }).await?;
        }
        Ok(())
    }

    /// Destroys the brick on every node, where its thin pool must go too.
    pub(super) async fn destroy_everywhere(&self, brick: &BrickSpec) -> Checked {
        for node in 0..self.nodes.len() {
            let seen = self.good(node, Action::DestroyBrick { brick: brick.clone() }).await?;
            same("the thin pool goes with its last brick", &seen, &Observation::BrickDestroyed { pool_removed: true })?;
        }
        Ok(())
    }
}
