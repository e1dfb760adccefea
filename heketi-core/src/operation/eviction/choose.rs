//! The device for the new brick.

use std::sync::Arc;

use super::scene::Scene;
use super::{End, Eviction, Phase, Progress};
use crate::id::BrickId;
use crate::inventory::Inventory;
use crate::model::{Brick, BrickFormat, VolumeOptions};
use crate::operation::Action;
use crate::operation::machine::{Context, on_node};
use crate::placement::Facts;
use crate::placement::replacement::{Moving, choose, explain};
use crate::placement::sizing::BrickSpace;

impl Eviction {
    /// Chooses the device, as `inventory` has them, and records the new brick before it is made.
    pub(super) fn choose(&mut self, context: &mut Context<'_>, inventory: &Inventory, scene: &Scene) -> Progress {
        let (volume, old) = (&scene.volume, &scene.old);
        let options = VolumeOptions(&volume.options);
        let rule = match options.tag_rule() {
            Ok(rule) => rule,
            Err(error) => return Progress::Over(End::Failed(error.to_string())),
        };
        let others: Vec<&Arc<Brick>> = self.others.iter().filter_map(|id| inventory.brick(*id)).collect();
        let arbiter = |brick: &Brick| brick.format == BrickFormat::Arbiter;
        let has_arbiters = options.arbiter() || arbiter(old) || others.iter().any(|brick| arbiter(brick));
        let moving = Moving {
            cluster: volume.cluster,
            device: old.device,
            others: others.iter().map(|brick| brick.node).collect(),
            size: old.size,
            factor: volume.snapshot.factor,
            zones: options.zone_checking(context.environment.policy.zone_checking),
            tag_rule: rule.as_ref(),
            arbiter: has_arbiters.then(|| arbiter(old)),
        };
        let mut facts = Facts::clone(context.environment.facts);
        facts.avoid.extend(&self.avoid);
        let chosen = choose(inventory, &moving, &facts, 0).and_then(|id| inventory.device(id));
        let Some(device) = chosen else {
            return Progress::Over(match &context.error {
                Some(error) => End::Failed(error.clone()),
                None => End::NoReplacement(explain(inventory, &moving, &facts)),
            });
        };
        let space = BrickSpace::new(old.size, volume.snapshot.factor, device.extent);
        let new = Brick {
            id: BrickId::new(context.environment.ids),
            device: device.id,
            node: device.node,
            volume: volume.id,
            size: old.size,
            pool_size: space.pool,
            metadata_size: space.metadata,
            format: old.format,
            // It is none of the set's bricks before gluster uses it.
            position: None,
            thin_pool: None,
            logical_volume: None,
            path: None,
            retired: false,
        };
        let Some(host) = inventory.node(device.node).map(|node| node.host()) else {
            return Progress::Over(End::Failed(format!("device {} is on unknown node {}", device.id, device.node)));
        };
        (self.new, self.target, self.phase) = (Some(new.id), Some(device.id), Phase::Create);
        let step = on_node(host, Action::CreateBrick { brick: new.spec(volume.gid), redo: false });
        context.changes.put_brick(new);
        Progress::Run(vec![step])
    }

    /// Once, another device is tried; also another node, if this one cannot be reached.
    pub(super) fn shun_target(&mut self, context: &Context<'_>, unreachable: bool) {
        self.retry = self.avoid.is_empty();
        self.avoid.extend(self.target);
        if unreachable {
            self.shun_node(context);
        }
    }

    /// The node of the device that was chosen cannot be reached.
    pub(super) fn shun_node(&mut self, context: &Context<'_>) {
        if let Some(target) = self.target.and_then(|id| context.inventory.device(id)) {
            self.avoid.extend(context.inventory.devices_of_node(target.node));
        }
    }
}
