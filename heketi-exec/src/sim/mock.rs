//! An executor for demonstrations and front-end tests: every node and disk that is asked for exists.

use std::sync::Arc;

use async_trait::async_trait;
use heketi_core::operation::{Action, Step, StepOutcome};

use super::SimCluster;
use super::disk::METADATA_AREA_KIB;
use crate::executor::Executor;
use crate::node::{NodeExecutor, NodeOptions};
use crate::runner::CommandRunner;

/// The node executor over a simulated cluster that has every node a step names, and every disk.
#[derive(Debug)]
pub struct MockExecutor {
    sim: SimCluster,
    executor: NodeExecutor,
}

impl MockExecutor {
    /// Nodes without anything on them; disks have room for a volume group of `device_gib` GiB.
    pub fn new(options: NodeOptions, device_gib: u64) -> Self {
        Self::with_runner(options, device_gib, |runner| runner)
    }

    /// The same, with something around the way to the nodes: faults, for example.
    pub fn with_runner(
        options: NodeOptions,
        device_gib: u64,
        wrap: impl FnOnce(Arc<dyn CommandRunner>) -> Arc<dyn CommandRunner>,
    ) -> Self {
        let sim = SimCluster::new();
        sim.set_auto_disks(Some(device_gib * 1024 * 1024 + METADATA_AREA_KIB));
        sim.set_mock_targets();
        let executor = NodeExecutor::new(wrap(Arc::new(sim.runner())), options);
        Self { sim, executor }
    }

    /// The nodes.
    pub fn cluster(&self) -> &SimCluster {
        &self.sim
    }
}

#[async_trait]
impl Executor for MockExecutor {
    async fn execute(&self, step: &Step) -> StepOutcome {
        for host in &step.hosts {
            self.sim.add_node(&host.manage, &host.storage, []);
        }
        if let Action::ProbePeer { storage } = &step.action {
            self.sim.add_node(storage, storage, []);
        }
        self.executor.execute(step).await
    }

    async fn close(&self) {
        self.executor.close().await;
    }
}

#[cfg(test)]
mod tests {
    use heketi_core::id::NodeId;
    use heketi_core::operation::{Host, Observation};
    use heketi_core::units::Gib;

    use super::*;

    #[tokio::test]
    async fn whatever_is_asked_for_is_there() {
        let mock = MockExecutor::new(NodeOptions::default(), 500);
        let host = |name: &str, storage: &str| Host {
            node: NodeId::from_bytes([0; 16]),
            manage: name.into(),
            storage: storage.into(),
        };
        let step = |host: Host, action| Step { hosts: vec![host], changes_gluster: None, action };
        let (one, two) = (host("one", "10.0.0.1"), host("two", "10.0.0.2"));
        let probe = Action::ProbePeer { storage: two.storage.clone() };
        mock.execute(&step(one.clone(), probe)).await.unwrap();
        let set_up = Action::SetUpDevice { device: "/dev/sdx".into(), volume_group: "vg_x".into(), wipe: false };
        let seen = mock.execute(&step(two, set_up)).await.unwrap();
        assert!(matches!(seen, Observation::Device(report) if report.free == Gib(500).kib()));
        let Observation::Pool(peers) = mock.execute(&step(one, Action::ListPeers)).await.unwrap() else { panic!() };
        assert!(matches!(peers.as_slice(), [peer] if peer.connected && peer.names == ["10.0.0.2"]));
        assert_eq!(mock.cluster().snapshot().nodes.len(), 2);
    }
}
