//! What happens to the hardware, and to things on the nodes behind heketi's back: one accident at a time, and only
//! where the data of every volume survives it.

use heketi_core::Error;
use heketi_core::id::{DeviceId, NodeId, QueueId, SeededIds};
use heketi_core::inventory::JobResult;
use heketi_core::operation::{DeviceReplace, NodeReplace};
use heketi_core::units::{Gib, Timestamp};
use heketi_exec::sim::{SimDisk, VolumeGroupSnapshot};

use super::{Manager, nth};
use crate::audit::{DAMAGES, Scene};
use crate::support::*;

/// What lost its contents and waits for its replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Disk(DeviceId),
    Node(NodeId),
}

/// The damages of the audit's tests that take no data.
const HARMLESS: &[&str] = &[
    "a brick is not mounted",
    "a brick has no line in fstab",
    "a brick has a wrong line in fstab and is not mounted after a power cut",
    "a volume is stopped",
    "an option was changed",
    "a brick is left over",
    "a thin pool is left over",
    "a line of fstab is left over",
    "the mount point of a brick is left over",
    "the directory of a volume group is left over",
];

impl Manager {
    /// Nothing is pending, broken or damaged: one accident is survived.
    async fn is_whole(&self) -> bool {
        let inventory = self.engine.inventory();
        if self.lost.is_some() || self.damaged || inventory.operations().next().is_some() {
            return false;
        }
        self.engine.audit(true).await.is_ok_and(|report| report.findings.is_empty())
    }

    /// A disk breaks and an empty one takes its place, or heketi is told of one that did once more.
    pub async fn replace_disk(&mut self, n: usize) {
        if self.lost.is_some() {
            return drop(self.ask_to_replace().await);
        }
        let inventory = self.engine.inventory();
        let Some(device) = nth(inventory.devices().cloned(), n) else { return };
        let plan = DeviceReplace::plan(&inventory, device.id, None, &mut SeededIds::new(1), Timestamp(0));
        if plan.is_ok() && self.is_whole().await {
            let host = inventory.node(device.node).expect("the node of a device").manage_host().to_owned();
            self.sim.replace_disk(&host, &device.name, SimDisk::gib(device.name.clone(), 50));
            self.lost = Some(Lost::Disk(device.id));
        } else {
            // Refused, or it finds that nothing is lost.
            let _ = self.engine.device_replace(device.id, None).await;
        }
    }

    /// A node is installed anew with empty disks, or heketi is told of one that was once more.
    pub async fn rebuild_node(&mut self, n: usize) {
        if self.lost.is_some() {
            return drop(self.ask_to_replace().await);
        }
        let inventory = self.engine.inventory();
        let Some(node) = nth(inventory.nodes().cloned(), n) else { return };
        let plan = NodeReplace::plan(&inventory, node.id, &mut SeededIds::new(1), Timestamp(0));
        if plan.is_ok() && self.is_whole().await {
            self.sim.reinstall(node.manage_host(), [SimDisk::gib("/dev/sdb", 50), SimDisk::gib("/dev/sdc", 50)]);
            self.lost = Some(Lost::Node(node.id));
        } else {
            let _ = self.engine.node_replace(node.id).await;
        }
    }

    /// heketi is told of what was lost.
    pub async fn ask_to_replace(&self) -> Option<Result<QueueId, Error>> {
        Some(match self.lost? {
            Lost::Disk(id) => self.engine.device_replace(id, None).await,
            Lost::Node(id) => self.engine.node_replace(id).await,
        })
    }

    /// There are bricks, and none that gluster mounts: those of clones only a restart of glusterd brings back.
    fn has_only_own_mounts(&self) -> bool {
        let inventory = self.engine.inventory();
        inventory.bricks().next().is_some() && inventory.bricks().all(|brick| brick.path.is_none())
    }

    /// Somebody's hand slips on a node, or heketi repairs what an audit finds.
    pub async fn damage(&mut self, kind: usize, pick: usize) {
        if self.damaged {
            let found = self.engine.audit(true).await.expect("an audit").findings;
            let _ = self.engine.audit_repair(&found).await;
        } else if self.has_only_own_mounts() && self.is_whole().await {
            let harmless = nth(HARMLESS.iter(), kind).expect("there are some");
            let damage = DAMAGES.iter().find(|damage| damage.name == *harmless).expect("a damage of this name");
            let room = |group: &VolumeGroupSnapshot| group.free > Gib(2).kib().0;
            let nodes = self.sim.snapshot().nodes;
            if nodes.values().flat_map(|node| node.volume_groups.values()).all(room) {
                damage.happen(&Scene { sim: self.sim.clone(), engine: self.engine.clone() }, pick);
                self.damaged = true;
            }
        }
    }

    /// What was lost is replaced, and what was damaged repaired; all nodes are up and nothing fails any more.
    pub async fn mend(&mut self) {
        if self.lost.is_some() {
            self.replace().await;
            // Bricks of a volume whose deletion was pending then, and failed since, are still missing.
            self.damaged = true;
        }
        if std::mem::take(&mut self.damaged) {
            Scene { sim: self.sim.clone(), engine: self.engine.clone() }.repair().await;
        }
    }

    async fn replace(&mut self) {
        if let Some(Ok(job)) = self.ask_to_replace().await {
            let done_before = ["its disk was not replaced", "is connected to its pool as the node it was"];
            match finished(&self.engine, job).await {
                JobResult::Done => {}
                JobResult::Failed(text) if done_before.iter().any(|known| text.contains(known)) => {}
                other => panic!("{:?} is not replaced: {other:?}", self.lost),
            }
            assert!(self.engine.wait_idle(LIMIT).await, "operations do not end");
        }
        // Gone by now, or back already; of a node that is back, disks may still be missing.
        let inventory = self.engine.inventory();
        let nodes = self.sim.snapshot().nodes;
        for device in inventory.devices() {
            let host = inventory.node(device.node).expect("the node of a device").manage_host();
            if nodes[host].volume_groups.contains_key(&device.volume_group()) {
                continue;
            }
            let job = self.engine.device_replace(device.id, None).await.expect("what is lost may be replaced");
            assert_eq!(finished(&self.engine, job).await, JobResult::Done);
            assert!(self.engine.wait_idle(LIMIT).await, "operations do not end");
        }
        self.lost = None;
    }
}
