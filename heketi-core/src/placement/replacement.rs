//! One device for a brick that moves away from its own: the rules of its set, without the brick itself.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::pick::{Rank, rank};
use super::sizing::BrickSpace;
use super::{Facts, Refusal};
use crate::id::{ClusterId, DeviceId, NodeId};
use crate::inventory::{Claim, Inventory, Object, Slot, free_class};
use crate::model::{ArbiterUse, Device, EntryState, Node, TagRule, ZoneChecking};
use crate::units::Kib;

/// Devices named in one explanation; the rest is counted.
const DEVICES_NAMED: usize = 24;

/// A brick that needs another device.
#[derive(Clone, Debug)]
pub struct Moving<'a> {
    /// Its cluster.
    pub cluster: ClusterId,
    /// The device it leaves. Its node may take the new brick on another device.
    pub device: DeviceId,
    /// Nodes of the other bricks of its set.
    pub others: Vec<NodeId>,
    /// Its usable size, which the new brick gets too.
    pub size: Kib,
    /// Thin pool size over brick size.
    pub factor: f32,
    /// Must bricks of a set stand in different zones? The zone of the brick itself is free.
    pub zones: ZoneChecking,
    /// Rule the device must meet.
    pub tag_rule: Option<&'a TagRule>,
    /// In a volume with arbiter bricks: is it one? None in other volumes.
    pub arbiter: Option<bool>,
}

/// Why a device does not take a brick that moves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveRefusal {
    /// What counts for every new brick.
    #[error(transparent)]
    Device(#[from] Refusal),
    /// The brick is to leave it.
    #[error("the brick is to leave this device")]
    Left,
    /// Its node has another brick of the set.
    #[error("node holds another brick of the set")]
    SetNode,
    /// Its zone has another brick of the set, and zones are strict.
    #[error("zone {0} holds another brick of the set (zone checking is strict)")]
    SetZone(i64),
    /// Its tag `arbiter` keeps such bricks away.
    #[error("tag arbiter={0}")]
    Arbiter(&'static str),
    /// It is being deleted, removed or measured.
    #[error("another operation works on the device")]
    Busy,
}

impl Moving<'_> {
    fn needed(&self, extent: Kib) -> Kib {
        BrickSpace::new(self.size, self.factor, extent).total()
    }

    /// How many other bricks of the set each zone holds.
    fn zones_in_use(&self, inventory: &Inventory) -> BTreeMap<i64, u32> {
        let mut zones = BTreeMap::new();
        for node in self.others.iter().filter_map(|id| inventory.node(*id)) {
            *zones.entry(node.zone).or_default() += 1;
        }
        zones
    }

    /// Why the device does not take the brick, or none if it does.
    fn refusal(
        &self,
        inventory: &Inventory,
        facts: &Facts,
        zones: &BTreeMap<i64, u32>,
        node: &Node,
        device: &Device,
    ) -> Option<MoveRefusal> {
        if device.id == self.device {
            return Some(MoveRefusal::Left);
        }
        if node.state != EntryState::Online {
            return Some(Refusal::NodeState(node.state).into());
        }
        if device.state != EntryState::Online {
            return Some(Refusal::DeviceState(device.state).into());
        }
        if facts.down.contains(&node.id) {
            return Some(Refusal::NodeDown.into());
        }
        if self.others.contains(&node.id) {
            return Some(MoveRefusal::SetNode);
        }
        if self.zones == ZoneChecking::Strict && zones.contains_key(&node.zone) {
            return Some(MoveRefusal::SetZone(node.zone));
        }
        if let Some(rule) = self.tag_rule.filter(|rule| !rule.matches_device(&node.tags, &device.tags)) {
            return Some(Refusal::Tag(rule.to_string()).into());
        }
        if let Some(arbiter) = self.arbiter
            && !ArbiterUse::of(&node.tags, &device.tags).takes(arbiter)
        {
            return Some(MoveRefusal::Arbiter(if arbiter { "disabled" } else { "required" }));
        }
        if inventory.conflict(&Object::Device(device.id), Claim::Shared).is_some() {
            return Some(MoveRefusal::Busy);
        }
        let (free, needed) = (inventory.free(device), self.needed(device.extent));
        (free <= needed).then(|| Refusal::Space { free, brick: self.size, needed }.into())
    }

    /// Is the device set apart for just this kind of brick?
    fn is_dedicated(&self, node: &Node, device: &Device) -> bool {
        let apart = match self.arbiter {
            None => return false,
            Some(true) => ArbiterUse::Required,
            Some(false) => ArbiterUse::Disabled,
        };
        ArbiterUse::of(&node.tags, &device.tags) == apart
    }
}

/// Picks the device: in a zone that holds fewest other bricks of the set, there one that is set apart for this kind
/// of brick, there the one that stays emptiest; `seed` settles ties. Devices to avoid come last. None only if no
/// device can take the brick.
pub fn choose(inventory: &Inventory, moving: &Moving<'_>, facts: &Facts, seed: u64) -> Option<DeviceId> {
    let spared = best(inventory, moving, facts, seed, |device| !facts.avoid.contains(&device));
    spared.or_else(|| best(inventory, moving, facts, seed, |_| true))
}

/// How good a device is: few bricks of the set in its zone, set apart, and emptiness.
type Merit = (Reverse<u32>, bool, Rank);

fn best(
    inventory: &Inventory,
    moving: &Moving<'_>,
    facts: &Facts,
    seed: u64,
    allowed: impl Fn(DeviceId) -> bool,
) -> Option<DeviceId> {
    let zones = moving.zones_in_use(inventory);
    // Rounding to extents only adds to this.
    let least = free_class(moving.needed(Kib::ZERO) + Kib(1));
    let mut best: Option<(Merit, DeviceId)> = None;
    for zone in inventory.usable_zones(moving.cluster) {
        let used = Reverse(zones.get(&zone).copied().unwrap_or(0));
        for class in inventory.device_classes(moving.cluster, zone).iter().filter(|class| class.free >= least) {
            for (emptiness, slot) in class.by_emptiness() {
                // Emptiness before the brick is an upper bound of emptiness after it, and the emptiest come first.
                let bound = (used, moving.arbiter.is_some(), (emptiness, u64::MAX));
                if best.is_some_and(|(merit, _)| merit >= bound) {
                    break;
                }
                let merit = merit(inventory, moving, facts, &zones, slot, seed).filter(|_| allowed(slot.device));
                if let Some((apart, rank)) = merit
                    && best.is_none_or(|(other, _)| (used, apart, rank) > other)
                {
                    best = Some(((used, apart, rank), slot.device));
                }
            }
        }
    }
    best.map(|(_, device)| device)
}

fn merit(
    inventory: &Inventory,
    moving: &Moving<'_>,
    facts: &Facts,
    zones: &BTreeMap<i64, u32>,
    slot: &Slot,
    seed: u64,
) -> Option<(bool, Rank)> {
    let rank = rank(slot, slot.free, moving.needed(slot.extent), seed)?;
    let (node, device) = (inventory.node(slot.node)?, inventory.device(slot.device)?);
    match moving.refusal(inventory, facts, zones, node, device) {
        None => Some((moving.is_dedicated(node, device), rank)),
        Some(_) => None,
    }
}

/// Lines that tell why no device takes the brick: what is needed, and each device with its reason.
pub fn explain(inventory: &Inventory, moving: &Moving<'_>, facts: &Facts) -> Vec<String> {
    let zones = moving.zones_in_use(inventory);
    let strict = match moving.zones {
        ZoneChecking::Strict => ", in a zone without one (zone checking is strict)",
        ZoneChecking::None => "",
    };
    let kind = if moving.arbiter == Some(true) { "arbiter brick" } else { "brick" };
    let mut lines = vec![format!(
        "A new {kind} of {} needs an online device other than {}, on a node without another brick of the set{strict}.",
        moving.size, moving.device
    )];
    let nodes = inventory.nodes_of_cluster(moving.cluster).filter_map(|id| inventory.node(id));
    let mut more = 0;
    for node in nodes {
        for device in inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id)) {
            if lines.len() > DEVICES_NAMED {
                more += 1;
                continue;
            }
            let refusal = moving.refusal(inventory, facts, &zones, node, device);
            let reason = refusal.map_or_else(|| "can take it".to_owned(), |refusal| refusal.to_string());
            let (name, host, zone) = (&device.name, node.manage_host(), node.zone);
            lines.push(format!("  {name} on {host} (zone {zone}, device {}): {reason}", device.id));
        }
    }
    if more > 0 {
        lines.push(format!("  and {more} more devices"));
    }
    lines
}
