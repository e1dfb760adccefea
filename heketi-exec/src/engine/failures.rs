//! Which devices failed lately. Placement is deterministic: it would choose a broken device again and again,
//! because that one stays the emptiest.

use std::collections::BTreeMap;
use std::time::Duration;

use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::operation::{Action, FailureKind, Step, StepOutcome};
use tokio::time::Instant;

/// Half of a failure is forgotten after this time.
const HALF_LIFE: Duration = Duration::from_secs(600);

/// What a failure counts at the moment it happens.
const FAILURE: f64 = 100.0;

/// What a failed device counts for the other devices of its node: the reason may be the node's.
const FOR_THE_NODE: f64 = 25.0;

/// Below this a failure is forgotten; a single one is after an hour and a bit.
const FORGOTTEN: f64 = 1.0;

/// A sum of failures that fades.
#[derive(Clone, Copy, Debug)]
struct Score {
    points: f64,
    at: Instant,
}

impl Score {
    fn now(&self, now: Instant) -> f64 {
        let lives = now.duration_since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.points * 0.5_f64.powf(lives)
    }
}

/// Failures of devices and nodes.
#[derive(Debug, Default)]
pub(super) struct Failures {
    devices: BTreeMap<DeviceId, Score>,
    nodes: BTreeMap<NodeId, Score>,
}

fn add<K: Ord>(scores: &mut BTreeMap<K, Score>, key: K, points: f64, now: Instant) {
    let before = scores.get(&key).map_or(0.0, |score| score.now(now));
    scores.insert(key, Score { points: before + points, at: now });
}

impl Failures {
    /// Learns from how a step ended; true if something changed.
    pub(super) fn note(&mut self, step: &Step, outcome: &StepOutcome, now: Instant) -> bool {
        let volume_group = match &step.action {
            Action::CreateBrick { brick, .. } => &brick.volume_group,
            Action::SetUpDevice { volume_group, .. } => volume_group,
            _ => return false,
        };
        let ([host], Some(device)) = (step.hosts.as_slice(), device_of(volume_group)) else { return false };
        match outcome {
            // What works is not broken, whatever was.
            Ok(_) => self.devices.remove(&device).is_some(),
            Err(failure) if failure.kind == FailureKind::ShutDown => false,
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                add(&mut self.nodes, host.node, FAILURE, now);
                true
            }
            Err(_) => {
                add(&mut self.devices, device, FAILURE, now);
                add(&mut self.nodes, host.node, FOR_THE_NODE, now);
                true
            }
        }
    }

    /// How much each device failed, as of now; the failures of its node count for it too.
    pub(super) fn scores(&mut self, inventory: &Inventory, now: Instant) -> BTreeMap<DeviceId, u32> {
        self.devices.retain(|_, score| score.now(now) >= FORGOTTEN);
        self.nodes.retain(|_, score| score.now(now) >= FORGOTTEN);
        let mut sums: BTreeMap<DeviceId, f64> =
            self.devices.iter().map(|(device, score)| (*device, score.now(now))).collect();
        for (node, score) in &self.nodes {
            for device in inventory.devices_of_node(*node) {
                *sums.entry(device).or_default() += score.now(now);
            }
        }
        // Whole points: placement compares them exactly.
        sums.into_iter().map(|(device, points)| (device, points.round() as u32)).collect()
    }
}

fn device_of(volume_group: &str) -> Option<DeviceId> {
    volume_group.strip_prefix("vg_")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use heketi_core::model::volume_group_name;
    use heketi_core::operation::{Certainty, Host, Observation, StepFailure};

    use super::*;

    fn set_up(device: DeviceId) -> Step {
        let host = Host { node: NodeId::from_bytes([9; 16]), manage: "n".into(), storage: "s".into() };
        let volume_group = volume_group_name(device);
        let action = Action::SetUpDevice { device: "/dev/sdb".into(), volume_group, wipe: false };
        Step { hosts: vec![host], changes_gluster: None, action }
    }

    fn failed() -> StepOutcome {
        let (kind, certainty) = (FailureKind::Command, Certainty::Failed);
        Err(StepFailure { host: "n".into(), kind, certainty, text: "broken".into() })
    }

    #[test]
    fn failures_add_up_fade_and_end_with_a_success() {
        let (device, start) = (DeviceId::from_bytes([1; 16]), Instant::now());
        let (mut failures, inventory) = (Failures::default(), Inventory::default());
        for _ in 0..2 {
            assert!(failures.note(&set_up(device), &failed(), start));
        }
        let score = |failures: &mut Failures, seconds| {
            failures.scores(&inventory, start + Duration::from_secs(seconds)).get(&device).copied()
        };
        assert_eq!(score(&mut failures, 0), Some(200));
        assert_eq!(score(&mut failures, 600), Some(100));
        assert_eq!(score(&mut failures, 1200), Some(50));
        assert_eq!(score(&mut failures, 24 * 3600), None);
        failures.note(&set_up(device), &failed(), start);
        assert!(failures.note(&set_up(device), &Ok(Observation::Done), start));
        assert_eq!(score(&mut failures, 0), None);
    }
}
