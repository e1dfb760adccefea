//! Which of the two bricks does gluster use?

use super::scene::{Scene, unclear};
use super::{Eviction, Phase, Progress};
use crate::operation::machine::{Context, cluster_hosts, failure_texts, in_cluster};
use crate::operation::volume_bricks::{gluster_brick, listed_volumes};
use crate::operation::{Action, GlusterBrick, GlusterVolume, StepOutcome};

/// The brick that gluster uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InUse {
    Old,
    New,
}

/// What the node that gluster was told through knows.
pub(super) enum Told {
    Says(InUse),
    /// It does not know the volume: it was installed anew, and its peers will tell it.
    KnowsNothing,
    /// It does not say, for this reason.
    Unclear(String),
}

impl Eviction {
    /// Asks the node that was told: any other may have missed it.
    pub(super) fn ask(&mut self, scene: &Scene, phase: Phase) -> Progress {
        self.phase = phase;
        let hosts = scene.new.iter().map(|(_, host)| host.clone()).collect();
        Progress::Run(vec![in_cluster(scene.volume.cluster, hosts, Action::ListVolumes)])
    }

    pub(super) fn told_host_says(&self, scene: &Scene, outcomes: &[StepOutcome]) -> Told {
        match listed_volumes(outcomes) {
            Err(why) => Told::Unclear(why),
            Ok(volumes) if !volumes.iter().any(|volume| volume.name == scene.volume.name) => Told::KnowsNothing,
            Ok(volumes) => match self.in_use(scene, volumes) {
                Some(in_use) => Told::Says(in_use),
                None => Told::Unclear(unclear(scene)),
            },
        }
    }

    /// Asks every other node of the cluster.
    pub(super) fn ask_others(&mut self, context: &Context<'_>, scene: &Scene) -> Progress {
        let cluster = scene.volume.cluster;
        let told = scene.new.as_ref().map(|(_, host)| host.node);
        let mut hosts = cluster_hosts(context.inventory, cluster, None);
        hosts.retain(|host| Some(host.node) != told);
        if hosts.is_empty() {
            return Progress::Suspend(unclear(scene));
        }
        self.phase = Phase::AskOthers;
        Progress::Run(hosts.into_iter().map(|host| in_cluster(cluster, vec![host], Action::ListVolumes)).collect())
    }

    /// One that heard of the new brick tells all others when they meet; that none has heard of it, only all
    /// together can say.
    pub(super) fn others_say(&self, scene: &Scene, outcomes: &[StepOutcome]) -> Result<InUse, String> {
        let listed = |outcome| listed_volumes(std::slice::from_ref(outcome)).ok();
        let said: Vec<_> = outcomes.iter().map(|it| listed(it).and_then(|it| self.in_use(scene, it))).collect();
        if said.contains(&Some(InUse::New)) {
            return Ok(InUse::New);
        }
        if said.iter().all(|it| *it == Some(InUse::Old)) {
            return Ok(InUse::Old);
        }
        let failures = failure_texts(outcomes);
        Err(if failures.is_empty() { unclear(scene) } else { failures })
    }

    /// The one brick of the two that is in some volume, or none if that is not clear.
    fn in_use(&self, scene: &Scene, volumes: &[GlusterVolume]) -> Option<InUse> {
        let is_listed = |name: &GlusterBrick| volumes.iter().any(|volume| volume.bricks.contains(name));
        let old =
            self.known_as.as_ref().is_some_and(is_listed) || is_listed(&gluster_brick(&scene.old, &scene.old_host));
        let new = scene.new.as_ref().is_some_and(|(brick, host)| is_listed(&gluster_brick(brick, host)));
        match (old, new) {
            (true, false) => Some(InUse::Old),
            (false, true) => Some(InUse::New),
            _ => None,
        }
    }
}
