//! Picks one brick set from the order of placement, without looking at every device.

use std::collections::BTreeMap;

use super::sizing::{BrickSpace, arbiter_brick};
use super::{Facts, Wanted, passes};
use crate::id::{DeviceId, NodeId};
use crate::inventory::{Inventory, Slot};
use crate::model::{ArbiterUse, ZoneChecking};
use crate::units::Kib;

/// How many devices of one class of one zone that have room are compared for one brick. The order of placement
/// puts the best first except where sizes differ much; looking at a few more settles that.
const COMPARED: usize = 8;

/// How many devices of one class of one zone are looked at for one brick, those without room, on nodes in use
/// and otherwise ruled out among them: others wait meanwhile.
const LOOKED_AT: usize = 128;

/// How many devices of one zone are looked up for one brick, for their tags: that takes longer.
const LOOKED_UP: usize = 32;

/// Space promised to earlier sets of the same request.
pub(super) type Promised = BTreeMap<DeviceId, Kib>;

/// What placement compares: how empty the device stays, in 2^-32 of its size, then a stable hash.
pub(super) type Rank = (u64, u64);

/// How good it is to put a brick that needs `needed` there, or none where it does not fit.
pub(super) fn rank(slot: &Slot, free: Kib, needed: Kib, seed: u64) -> Option<Rank> {
    if free <= needed {
        return None;
    }
    let after = free.saturating_sub(needed);
    Some((crate::inventory::emptiness(after, slot.total), slot.device.stable_hash(seed)))
}

/// What a look at one zone gave.
enum Look {
    /// This device is the best.
    Found(Rank, Slot),
    /// None of the devices looked at can be taken; there are more.
    GaveUp,
    /// No device can be taken.
    Full,
}

/// The brick set being filled.
struct Filling<'a, 'w> {
    inventory: &'a Inventory,
    wanted: &'a Wanted<'w>,
    facts: &'a Facts,
    promised: &'a Promised,
    seed: u64,
    nodes: Vec<NodeId>,
    zones: BTreeMap<i64, u32>,
}

/// One brick to find a device for.
#[derive(Clone, Copy)]
struct Sought {
    size: Kib,
    /// The devices it may stand on by their use for arbiter volumes, the better ones first.
    uses: &'static [&'static [ArbiterUse]],
}

/// Bricks of volumes without arbiters stand anywhere.
const ANY: &[&[ArbiterUse]] = &[&[ArbiterUse::Required, ArbiterUse::Supported, ArbiterUse::Disabled]];
const DATA: &[&[ArbiterUse]] = &[&[ArbiterUse::Disabled], &[ArbiterUse::Supported]];
const ARBITER: &[&[ArbiterUse]] = &[&[ArbiterUse::Required], &[ArbiterUse::Supported]];

impl Filling<'_, '_> {
    /// The best device of one zone among those of the first of `sought.uses` that has one, and which that is.
    fn best_of_zone(&self, zone: i64, sought: Sought) -> (usize, Look) {
        // Rounding to extents only adds to this.
        let least = BrickSpace::new(sought.size, self.wanted.factor, Kib::ZERO).total() + Kib(1);
        let (mut best, mut gave_up, mut looked_up) = (None, false, 0);
        for (number, uses) in sought.uses.iter().enumerate() {
            for class in self.inventory.classes_of_zone(self.wanted.cluster, zone, least) {
                if uses.contains(&class.1) {
                    gave_up |= !self.look_at_class(zone, class, sought.size, &mut best, &mut looked_up);
                }
            }
            if let Some((rank, slot)) = best {
                return (number, Look::Found(rank, slot));
            }
        }
        (0, if gave_up { Look::GaveUp } else { Look::Full })
    }

    /// Replaces `best` by the best device of one class of one zone if that is better; false if that was given up
    /// before a device was found that can be taken.
    fn look_at_class(
        &self,
        zone: i64,
        class: (u8, ArbiterUse),
        size: Kib,
        best: &mut Option<(Rank, Slot)>,
        looked_up: &mut usize,
    ) -> bool {
        let mut compared = 0;
        for (looked_at, slot) in self.inventory.slots_of_class(self.wanted.cluster, zone, class).enumerate() {
            // Emptiness before a brick is an upper bound of emptiness after it.
            let bound = || crate::inventory::emptiness(slot.free, slot.total);
            if compared >= COMPARED || best.is_some_and(|((after, _), _)| after >= bound()) {
                return true;
            }
            if looked_at >= LOOKED_AT || *looked_up >= LOOKED_UP {
                return compared > 0;
            }
            if self.nodes.contains(&slot.node) {
                continue;
            }
            let free = slot.free.saturating_sub(self.promised.get(&slot.device).copied().unwrap_or(Kib::ZERO));
            let needed = BrickSpace::new(size, self.wanted.factor, slot.extent).total();
            let Some(rank) = rank(slot, free, needed, self.seed) else { continue };
            let rank = if self.facts.burden(slot.device) > 0 { (0, rank.1) } else { rank };
            if best.is_some_and(|(other, _)| rank <= other) {
                compared += 1;
                continue;
            }
            *looked_up += usize::from(self.wanted.tag_rule.is_some());
            if passes(self.inventory, self.wanted, self.facts, slot) {
                compared += 1;
                *best = Some((rank, *slot));
            }
        }
        true
    }

    /// The best device among the zones this set uses least.
    fn next(&mut self, sought: Sought) -> Option<Slot> {
        let mut best: Option<(u32, usize, Rank, Slot)> = None;
        let mut gave_up: Option<u32> = None;
        for zone in self.inventory.usable_zones(self.wanted.cluster) {
            let used = self.zones.get(&zone).copied().unwrap_or(0);
            if self.wanted.zones == ZoneChecking::Strict && used > 0 {
                continue;
            }
            if best.as_ref().is_some_and(|(least, ..)| used > *least) {
                continue;
            }
            let (number, rank, slot) = match self.best_of_zone(zone, sought) {
                (number, Look::Found(rank, slot)) => (number, rank, slot),
                (_, Look::Full) => continue,
                (_, Look::GaveUp) => {
                    gave_up = Some(gave_up.map_or(used, |least| least.min(used)));
                    continue;
                }
            };
            let better = |(least, uses, other, _): &(u32, usize, Rank, Slot)| {
                used < *least || number < *uses || (number == *uses && rank > *other)
            };
            if best.as_ref().is_none_or(better) {
                best = Some((used, number, rank, slot));
            }
        }
        let (used, _, _, slot) = best?;
        // A closer look may find room in a zone that this set uses less.
        if gave_up.is_some_and(|least| least < used) {
            return None;
        }
        self.nodes.push(slot.node);
        *self.zones.entry(slot.zone).or_default() += 1;
        Some(slot)
    }
}

/// Picks devices for one brick set, or none if that fails; a failure does not mean that no set fits.
pub(super) fn pick_set(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    facts: &Facts,
    brick: Kib,
    promised: &mut Promised,
    seed: u64,
) -> Option<Vec<DeviceId>> {
    let mut filling = Filling { inventory, wanted, facts, promised, seed, nodes: Vec::new(), zones: BTreeMap::new() };
    let set_size = wanted.durability.set_size();
    let sizes = |index: u32| match wanted.arbiter {
        None => Sought { size: brick, uses: ANY },
        Some(_) if index + 1 < set_size => Sought { size: brick, uses: DATA },
        Some(average_file) => Sought { size: arbiter_brick(brick, average_file), uses: ARBITER },
    };
    // Fewer devices can take the arbiter, so it comes first here; in the set it is the last.
    let set: Option<Vec<(Slot, Kib)>> = (0..set_size)
        .rev()
        .map(|index| {
            let sought = sizes(index);
            Some((filling.next(sought)?, sought.size))
        })
        .collect();
    let mut set = set?;
    set.reverse();
    // With an arbiter in the way, a set in fewer zones than there are is no good without a closer look.
    if wanted.arbiter.is_some() {
        let zones = inventory.usable_zones(wanted.cluster).take(set_size as usize).count();
        if filling.zones.len() < zones {
            return None;
        }
    }
    for (slot, size) in &set {
        let needed = BrickSpace::new(*size, wanted.factor, slot.extent).total();
        *promised.entry(slot.device).or_default() += needed;
    }
    Some(set.into_iter().map(|(slot, _)| slot.device).collect())
}
