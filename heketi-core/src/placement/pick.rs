//! Picks one brick set from the order of placement, without looking at every device.

use std::collections::BTreeMap;

use super::looks::{Looks, Zone};
use super::sizing::{BrickSpace, arbiter_brick};
use super::{Facts, Wanted, passes};
use crate::id::{DeviceId, NodeId};
use crate::inventory::{Inventory, Slot, free_class};
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
type Promised = BTreeMap<DeviceId, Kib>;

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
#[derive(Clone, Copy, Debug)]
pub(super) enum Look {
    /// This device is the best.
    Found(Rank, Slot),
    /// None of the devices looked at can be taken; there are more.
    GaveUp,
    /// No device can be taken.
    Full,
}

/// One brick to find a device for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sought {
    size: Kib,
    part: Part,
}

/// What a brick is in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// One of a volume without arbiters.
    Any,
    /// One with data, beside an arbiter.
    Data,
    /// The arbiter.
    Arbiter,
}

impl Part {
    /// The devices it may stand on by their use for arbiter volumes, the better ones first.
    fn uses(self) -> &'static [&'static [ArbiterUse]] {
        match self {
            Self::Any => &[&[ArbiterUse::Required, ArbiterUse::Supported, ArbiterUse::Disabled]],
            Self::Data => &[&[ArbiterUse::Disabled], &[ArbiterUse::Supported]],
            Self::Arbiter => &[&[ArbiterUse::Required], &[ArbiterUse::Supported]],
        }
    }
}

/// What the request at hand did in a zone so far.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// Bricks of the set being filled.
    bricks: u32,
    /// Earlier sets took space here.
    promised: bool,
    /// The last look, until the next brick here.
    look: Option<(Sought, usize, Look)>,
}

/// Picks the brick sets of one request.
pub(super) struct Picker<'a, 'w> {
    inventory: &'a Inventory,
    wanted: &'a Wanted<'w>,
    facts: &'a Facts,
    seed: u64,
    /// All zones, and what this request did in each.
    zones: &'a mut [Zone],
    uses: Vec<Use>,
    /// Space promised to earlier sets.
    promised: Promised,
    /// Nodes of the set being filled.
    nodes: Vec<NodeId>,
    /// What the last brick needed: its size, the extents, the need.
    last_need: (Kib, Kib, Kib),
}

impl<'a, 'w> Picker<'a, 'w> {
    /// `looks` of this state, these facts and this seed.
    pub(super) fn new(
        inventory: &'a Inventory,
        wanted: &'a Wanted<'w>,
        facts: &'a Facts,
        seed: u64,
        looks: &'a mut Looks,
    ) -> Self {
        let zones = looks.zones(inventory, wanted.cluster);
        let uses = vec![Use::default(); zones.len()];
        let nodes = Vec::with_capacity(wanted.durability.set_size() as usize);
        let last_need = (Kib::ZERO, Kib::ZERO, BrickSpace::new(Kib::ZERO, wanted.factor, Kib::ZERO).total());
        Self { inventory, wanted, facts, seed, zones, uses, promised: Promised::new(), nodes, last_need }
    }

    /// Picks devices for one brick set, or none if that fails; a failure does not mean that no set fits.
    pub(super) fn pick_set(&mut self, brick: Kib) -> Option<Vec<DeviceId>> {
        let set_size = self.wanted.durability.set_size();
        let sought = |index: u32| match self.wanted.arbiter {
            None => Sought { size: brick, part: Part::Any },
            Some(_) if index + 1 < set_size => Sought { size: brick, part: Part::Data },
            Some(average_file) => Sought { size: arbiter_brick(brick, average_file), part: Part::Arbiter },
        };
        self.nodes.clear();
        self.uses.iter_mut().for_each(|zone| zone.begin_set());
        let mut set: Vec<(Slot, Kib)> = Vec::with_capacity(set_size as usize);
        // Fewer devices can take the arbiter, so it comes first here; in the set it is the last.
        for sought in (0..set_size).rev().map(sought).collect::<Vec<_>>() {
            set.push((self.next(sought)?, sought.size));
        }
        set.reverse();
        // With an arbiter in the way, a set in fewer zones than there are is no good without a closer look.
        let used = self.uses.iter().filter(|zone| zone.bricks > 0).count();
        if self.wanted.arbiter.is_some() && used < self.zones.len().min(set_size as usize) {
            return None;
        }
        for (slot, size) in &set {
            let needed = self.needed(*size, slot.extent);
            *self.promised.entry(slot.device).or_default() += needed;
        }
        Some(set.into_iter().map(|(slot, _)| slot.device).collect())
    }

    /// The best device among the zones this set uses least.
    fn next(&mut self, sought: Sought) -> Option<Slot> {
        let mut best: Option<(u32, usize, Rank, Slot, usize)> = None;
        let mut gave_up: Option<u32> = None;
        for place in 0..self.zones.len() {
            let used = self.uses.get(place)?.bricks;
            if self.wanted.zones == ZoneChecking::Strict && used > 0 {
                continue;
            }
            if best.as_ref().is_some_and(|(least, ..)| used > *least) {
                continue;
            }
            let (number, rank, slot) = match self.look(place, sought)? {
                (number, Look::Found(rank, slot)) => (number, rank, slot),
                (_, Look::Full) => continue,
                (_, Look::GaveUp) => {
                    gave_up = Some(gave_up.map_or(used, |least| least.min(used)));
                    continue;
                }
            };
            let better = |(least, uses, other, ..): &(u32, usize, Rank, Slot, usize)| {
                used < *least || number < *uses || (number == *uses && rank > *other)
            };
            if best.as_ref().is_none_or(better) {
                best = Some((used, number, rank, slot, place));
            }
        }
        let (used, _, _, slot, place) = best?;
        // A closer look may find room in a zone that this set uses less.
        if gave_up.is_some_and(|least| least < used) {
            return None;
        }
        self.nodes.push(slot.node);
        let zone = self.uses.get_mut(place)?;
        (zone.bricks, zone.look) = (zone.bricks + 1, None);
        Some(slot)
    }

    /// The look at one zone, taken now or known already.
    fn look(&mut self, place: usize, sought: Sought) -> Option<(usize, Look)> {
        let (zone, used) = (self.zones.get(place)?, self.uses.get(place)?);
        // What this request did in a zone is nothing to remember for others.
        let untouched = used.bricks == 0 && !used.promised;
        let known = if untouched {
            zone.found(sought, self.wanted)
        } else {
            used.look.filter(|(known, ..)| *known == sought).map(|(_, number, look)| (number, look))
        };
        if known.is_some() {
            return known;
        }
        let (number, look) = self.best_of_zone(place, sought)?;
        if untouched {
            self.zones.get_mut(place)?.remember(sought, self.wanted, (number, look));
        } else {
            self.uses.get_mut(place)?.look = Some((sought, number, look));
        }
        Some((number, look))
    }

    /// The best device of one zone among those of the first of the uses that has one, and which use that is.
    fn best_of_zone(&mut self, place: usize, sought: Sought) -> Option<(usize, Look)> {
        let (inventory, cluster) = (self.inventory, self.wanted.cluster);
        let classes = inventory.device_classes(cluster, self.zones.get(place)?.zone);
        // Rounding to extents only adds to this.
        let least = free_class(self.needed(sought.size, Kib::ZERO) + Kib(1));
        let (mut best, mut gave_up, mut looked_up) = (None, false, 0);
        for (number, uses) in sought.part.uses().iter().enumerate() {
            for class in classes.iter().filter(|class| class.free >= least && uses.contains(&class.arbiter)) {
                gave_up |= !self.look_at_class(class.by_emptiness(), sought.size, &mut best, &mut looked_up);
            }
            if let Some((rank, slot)) = best {
                return Some((number, Look::Found(rank, slot)));
            }
        }
        Some((0, if gave_up { Look::GaveUp } else { Look::Full }))
    }

    /// Replaces `best` by the best device of one class of one zone if that is better; false if that was given up
    /// before a device was found that can be taken.
    fn look_at_class<'s>(
        &mut self,
        slots: impl Iterator<Item = (u64, &'s Slot)>,
        size: Kib,
        best: &mut Option<(Rank, Slot)>,
        looked_up: &mut usize,
    ) -> bool {
        let mut compared = 0;
        for (looked_at, (emptiness, slot)) in slots.enumerate() {
            // Emptiness before a brick is an upper bound of emptiness after it.
            if compared >= COMPARED || best.is_some_and(|((after, _), _)| after >= emptiness) {
                return true;
            }
            if looked_at >= LOOKED_AT || *looked_up >= LOOKED_UP {
                return compared > 0;
            }
            if self.nodes.contains(&slot.node) {
                continue;
            }
            let free = slot.free.saturating_sub(self.promised.get(&slot.device).copied().unwrap_or(Kib::ZERO));
            let needed = self.needed(size, slot.extent);
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

    /// What a brick takes from a device with such extents: nearly always what the one before took.
    fn needed(&mut self, size: Kib, extent: Kib) -> Kib {
        let (last_size, last_extent, needed) = self.last_need;
        if (last_size, last_extent) == (size, extent) {
            return needed;
        }
        let needed = BrickSpace::new(size, self.wanted.factor, extent).total();
        self.last_need = (size, extent, needed);
        needed
    }
}

impl Use {
    /// Forgets which nodes the set before took here.
    fn begin_set(&mut self) {
        if self.bricks > 0 {
            *self = Self { bricks: 0, promised: true, look: None };
        }
    }
}
