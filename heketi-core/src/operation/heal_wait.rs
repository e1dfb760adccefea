//! Waits until rebuilt bricks are healed: looks, lets some time pass, looks again.

use serde::{Deserialize, Serialize};

use super::lost_bricks::{Healing, LostBricks, healing};
use super::machine::{Context, cluster_hosts, in_cluster};
use super::{Action, Step, StepOutcome};
use crate::id::{ClusterId, DeviceId, VolumeId};
use crate::inventory::Inventory;

/// How often it looks in one run. Then the operation is put aside, and the next clean-up goes on: a heal can take
/// days, and every run of the server is sure to come to an end.
const LOOKS: u32 = 360;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Look,
    Wait,
}

/// The wait for a heal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HealWait {
    cluster: ClusterId,
    devices: Vec<DeviceId>,
    volumes: Vec<VolumeId>,
    phase: Phase,
    looks: u32,
}

/// What comes next.
pub(super) enum HealProgress {
    /// Run these steps.
    Run(Vec<Step>),
    /// It goes on, and is looked at again later.
    Later(String),
    /// All is healed.
    Healed,
    /// It will not be healed without somebody's help.
    Stuck(String),
}

impl HealWait {
    /// Waits for the bricks of these volumes on these devices.
    pub fn new(cluster: ClusterId, devices: Vec<DeviceId>, volumes: Vec<VolumeId>) -> Self {
        Self { cluster, devices, volumes, phase: Phase::Look, looks: 0 }
    }

    /// The devices whose bricks are healed.
    pub fn devices(&self) -> &[DeviceId] {
        &self.devices
    }

    pub fn start(&mut self, context: &Context<'_>) -> HealProgress {
        self.looks = 0;
        self.look(context.inventory)
    }

    fn look(&mut self, inventory: &Inventory) -> HealProgress {
        self.phase = Phase::Look;
        self.looks += 1;
        match self.bricks(inventory) {
            bricks if bricks.is_empty() => HealProgress::Healed,
            bricks => HealProgress::Run(bricks.questions(inventory, self.cluster, None)),
        }
    }

    /// Volumes may go meanwhile, and then there is nothing to wait for.
    fn bricks(&self, inventory: &Inventory) -> LostBricks {
        let volumes: Vec<VolumeId> =
            self.volumes.iter().copied().filter(|volume| !inventory.is_volume_hidden(*volume)).collect();
        LostBricks::of(inventory, &self.devices, &volumes)
    }

    /// gluster looks for what to heal every ten minutes; that it is asked to meanwhile may fail.
    fn wait(&self, inventory: &Inventory) -> Vec<Step> {
        let hosts = cluster_hosts(inventory, self.cluster, None);
        let bricks = self.bricks(inventory);
        let heal = bricks
            .volumes()
            .into_iter()
            .map(|volume| in_cluster(self.cluster, hosts.clone(), Action::StartHeal { name: volume.name.clone() }));
        [Step { hosts: Vec::new(), changes_gluster: None, action: Action::Wait }].into_iter().chain(heal).collect()
    }

    pub fn proceed(&mut self, context: &Context<'_>, outcomes: &[StepOutcome]) -> HealProgress {
        if self.phase == Phase::Wait {
            return self.look(context.inventory);
        }
        match healing(&self.bricks(context.inventory), outcomes) {
            Healing::Done => HealProgress::Healed,
            Healing::Going(text) if self.looks >= LOOKS => HealProgress::Later(text),
            Healing::Stuck(text) if self.looks >= LOOKS => HealProgress::Stuck(text),
            Healing::Going(_) | Healing::Stuck(_) => {
                self.phase = Phase::Wait;
                HealProgress::Run(self.wait(context.inventory))
            }
        }
    }
}
