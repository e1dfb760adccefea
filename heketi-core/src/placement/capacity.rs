//! How many brick sets fit, exactly, and a placement that reaches that number.
//!
//! For bricks of one size and sets of `k` bricks in different failure domains, where domain `i` has room
//! for `s_i` bricks: `T` sets fit if and only if the sum of `min(s_i, T)` is at least `k·T`. Taking each set
//! from the `k` domains with most room keeps that true for the sets that follow, so a placement that falls
//! back to it never gets stuck.
//!
//! The domain is the node, or the zone where zones are strict (a set then takes at most one brick of a zone,
//! hence of a node).

use std::collections::{BTreeMap, BTreeSet};

use super::pick::{Rank, rank};
use super::sizing::BrickSpace;
use super::{Facts, Wanted, passes};
use crate::id::{DeviceId, NodeId};
use crate::inventory::{Inventory, Slot};
use crate::model::ZoneChecking;
use crate::units::Kib;

/// A failure domain: no set has two bricks in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Domain {
    Node(NodeId),
    Zone(i64),
}

/// The devices a request may use, gathered once and then asked for any brick size.
#[derive(Clone, Debug)]
pub struct Room {
    set_size: u64,
    factor: f32,
    seed: u64,
    domains: BTreeMap<Domain, Vec<Slot>>,
    avoid: BTreeSet<DeviceId>,
}

impl Room {
    /// Looks at every device of the cluster once.
    pub fn gather(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, seed: u64) -> Self {
        let mut domains: BTreeMap<Domain, Vec<Slot>> = BTreeMap::new();
        for slot in inventory.slots_of_cluster(wanted.cluster) {
            if passes(inventory, wanted, facts, slot) {
                let domain = match wanted.zones {
                    ZoneChecking::Strict => Domain::Zone(slot.zone),
                    ZoneChecking::None => Domain::Node(slot.node),
                };
                domains.entry(domain).or_default().push(*slot);
            }
        }
        let set_size = u64::from(wanted.durability.set_size());
        Self { set_size, factor: wanted.factor, seed, domains, avoid: facts.avoid.clone() }
    }

    /// The same without these devices.
    pub fn without(&self, devices: &BTreeSet<DeviceId>) -> Self {
        let mut rest = self.clone();
        rest.domains.values_mut().for_each(|slots| slots.retain(|slot| !devices.contains(&slot.device)));
        rest.domains.retain(|_, slots| !slots.is_empty());
        rest
    }

    /// How many bricks of size `brick` fit on one device, by their space alone.
    pub fn bricks(&self, brick: Kib, device: DeviceId) -> u64 {
        let found = self.domains.values().flatten().find(|slot| slot.device == device);
        found.map_or(0, |slot| self.slots(brick, slot))
    }

    /// How many failure domains have room for a brick of size `brick`.
    pub fn domains(&self, brick: Kib) -> usize {
        let roomy = |slots: &&Vec<Slot>| slots.iter().any(|slot| self.slots(brick, slot) > 0);
        self.domains.values().filter(roomy).count()
    }

    fn needed(&self, brick: Kib, slot: &Slot) -> Kib {
        BrickSpace::new(brick, self.factor, slot.extent).total()
    }

    /// Bricks of size `brick` that fit on a device: free space must stay greater than the need of each.
    fn slots(&self, brick: Kib, slot: &Slot) -> u64 {
        let needed = self.needed(brick, slot).0.max(1);
        slot.free.0.saturating_sub(1) / needed
    }

    /// Bricks of size `brick` that fit in one failure domain.
    fn room(&self, brick: Kib, slots: &[Slot]) -> u64 {
        slots.iter().fold(0, |sum: u64, slot| sum.saturating_add(self.slots(brick, slot)))
    }

    /// Do `sets` brick sets with bricks of size `brick` fit?
    pub fn fits(&self, brick: Kib, sets: u32) -> bool {
        let room = self.domains.values().map(|slots| self.room(brick, slots));
        sets_fit(room, self.set_size, u64::from(sets))
    }

    /// How many brick sets with bricks of size `brick` fit.
    pub fn sets(&self, brick: Kib) -> u64 {
        let room: Vec<u64> = self.domains.values().map(|slots| self.room(brick, slots)).collect();
        // With more room than this no further set is possible; fitting is monotone in the number of sets.
        let all = room.iter().fold(0, |sum: u64, slots| sum.saturating_add(*slots));
        let (mut fit, mut too_many) = (0, (all / self.set_size.max(1)).saturating_add(1));
        while too_many - fit > 1 {
            let middle = fit + (too_many - fit) / 2;
            if sets_fit(room.iter().copied(), self.set_size, middle) {
                fit = middle;
            } else {
                too_many = middle;
            }
        }
        fit
    }

    /// Places `sets` brick sets, or none if they do not fit. Prefers unused zones and devices that stay
    /// emptiest; where a preference would leave no room for the sets that follow, takes the domains with
    /// most room.
    pub fn place(&self, brick: Kib, sets: u32) -> Option<Vec<Vec<DeviceId>>> {
        if !self.fits(brick, sets) {
            return None;
        }
        let mut placing = Placing::new(self, brick);
        (0..sets).rev().map(|following| placing.place_set(u64::from(following))).collect()
    }
}

fn sets_fit(room: impl Iterator<Item = u64>, set_size: u64, sets: u64) -> bool {
    let needed = set_size.saturating_mul(sets);
    let mut sum = 0u64;
    for slots in room {
        sum = sum.saturating_add(slots.min(sets));
        if sum >= needed {
            return true;
        }
    }
    sum >= needed
}

/// One failure domain while sets are placed.
struct Open<'a> {
    devices: Vec<(&'a Slot, Kib)>,
    room: u64,
    best: Option<(Rank, usize)>,
}

struct Placing<'a> {
    space: &'a Room,
    brick: Kib,
    domains: Vec<Open<'a>>,
}

impl<'a> Placing<'a> {
    fn new(space: &'a Room, brick: Kib) -> Self {
        let open = |slots: &'a Vec<Slot>| {
            let devices = slots.iter().map(|slot| (slot, slot.free)).collect();
            let room = space.room(brick, slots);
            Open { devices, room, best: None }
        };
        let mut placing = Self { space, brick, domains: space.domains.values().map(open).collect() };
        placing.domains.iter_mut().for_each(|domain| domain.refresh(space, brick));
        placing
    }

    /// Places one set so that `following` sets still fit after it.
    fn place_set(&mut self, following: u64) -> Option<Vec<DeviceId>> {
        let preferred = self.preferred();
        let chosen = match preferred {
            Some(chosen) if self.leaves_room(&chosen, following) => chosen,
            _ => self.roomiest()?,
        };
        chosen.into_iter().map(|domain| self.take(domain)).collect()
    }

    /// One domain after the other: the least used zone, then the device that stays emptiest.
    fn preferred(&self) -> Option<Vec<usize>> {
        let mut chosen: Vec<usize> = Vec::new();
        let mut zones: BTreeMap<i64, u32> = BTreeMap::new();
        for _ in 0..self.space.set_size {
            let candidates = self.domains.iter().enumerate().filter(|(i, _)| !chosen.contains(i));
            let ranked = candidates.filter_map(|(i, domain)| {
                let (rank, device) = domain.best?;
                let zone = domain.devices.get(device)?.0.zone;
                let used = zones.get(&zone).copied().unwrap_or(0);
                Some((std::cmp::Reverse(used), rank, i, zone))
            });
            let (_, _, domain, zone) = ranked.max()?;
            chosen.push(domain);
            *zones.entry(zone).or_default() += 1;
        }
        Some(chosen)
    }

    fn leaves_room(&self, chosen: &[usize], following: u64) -> bool {
        let room = self
            .domains
            .iter()
            .enumerate()
            .map(|(i, domain)| domain.room.saturating_sub(u64::from(chosen.contains(&i))));
        sets_fit(room, self.space.set_size, following)
    }

    fn roomiest(&self) -> Option<Vec<usize>> {
        let mut ranked: Vec<_> =
            self.domains.iter().enumerate().filter_map(|(i, d)| Some((d.room, d.best?.0, i))).collect();
        ranked.sort_by(|a, b| b.cmp(a));
        let chosen: Vec<usize> = ranked.into_iter().take(self.space.set_size as usize).map(|(_, _, i)| i).collect();
        (chosen.len() as u64 == self.space.set_size).then_some(chosen)
    }

    fn take(&mut self, domain: usize) -> Option<DeviceId> {
        let (space, brick) = (self.space, self.brick);
        let domain = self.domains.get_mut(domain)?;
        let (_, device) = domain.best?;
        let (slot, free) = domain.devices.get_mut(device)?;
        *free = free.saturating_sub(space.needed(brick, slot));
        let device = slot.device;
        domain.room = domain.room.saturating_sub(1);
        domain.refresh(space, brick);
        Some(device)
    }
}

impl Open<'_> {
    fn refresh(&mut self, space: &Room, brick: Kib) {
        let ranked = self.devices.iter().enumerate().filter_map(|(i, (slot, free))| {
            let rank = rank(slot, *free, space.needed(brick, slot), space.seed)?;
            Some((if space.avoid.contains(&slot.device) { (0, rank.1) } else { rank }, i))
        });
        self.best = ranked.max();
    }
}
