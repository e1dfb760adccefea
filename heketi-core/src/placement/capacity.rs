//! How many brick sets fit, exactly, and a placement that reaches that number.
//!
//! Sets with an arbiter brick have a way of their own, in `arbiter`. For bricks of one size and sets of `k` bricks in different failure domains, where domain `i` has room
//! for `s_i` bricks: `T` sets fit if and only if the sum of `min(s_i, T)` is at least `k·T`. Taking each set
//! from the `k` domains with most room keeps that true for the sets that follow, so a placement that falls
//! back to it never gets stuck.
//!
//! The domain is the node, or the zone where zones are strict (a set then takes at most one brick of a zone,
//! hence of a node).

use std::collections::{BTreeMap, BTreeSet};

use super::arbiter;
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
    /// Average file size where sets have an arbiter brick.
    arbiter: Option<Kib>,
    domains: BTreeMap<Domain, Vec<Slot>>,
    /// How bad it is to use a device, for those with failures.
    burdens: BTreeMap<DeviceId, u64>,
    /// Groups of nodes that sets keep to while they can.
    groups: Vec<Vec<NodeId>>,
}

impl Room {
    /// Looks at every device of the cluster once.
    pub fn gather(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, seed: u64) -> Self {
        let mut domains: BTreeMap<Domain, Vec<Slot>> = BTreeMap::new();
        let mut burdens = BTreeMap::new();
        for slot in inventory.slots_of_cluster(wanted.cluster) {
            if passes(inventory, wanted, facts, slot) {
                let domain = match wanted.zones {
                    ZoneChecking::Strict => Domain::Zone(slot.zone),
                    ZoneChecking::None => Domain::Node(slot.node),
                };
                domains.entry(domain).or_default().push(*slot);
                let burden = facts.burden(slot.device);
                if burden > 0 {
                    burdens.insert(slot.device, burden);
                }
            }
        }
        let set_size = u64::from(wanted.durability.set_size());
        Self { set_size, factor: wanted.factor, seed, arbiter: wanted.arbiter, domains, burdens, groups: Vec::new() }
    }

    /// The same, with sets that keep to these groups of nodes while they can.
    pub(super) fn in_groups(self, groups: Vec<Vec<NodeId>>) -> Self {
        Self { groups, ..self }
    }

    /// The burdens there are, lightest first; 0 is always among them.
    pub(super) fn burdens(&self) -> Vec<u64> {
        let burdens: BTreeSet<u64> = self.burdens.values().copied().chain([0]).collect();
        burdens.into_iter().collect()
    }

    /// How bad it is to use a device.
    pub(super) fn burden(&self, device: DeviceId) -> u64 {
        self.burdens.get(&device).copied().unwrap_or(0)
    }

    /// The same without devices of a greater burden.
    pub(super) fn burdened_at_most(&self, burden: u64) -> Self {
        let mut rest = self.clone();
        rest.domains.values_mut().for_each(|slots| slots.retain(|slot| self.burden(slot.device) <= burden));
        rest.domains.retain(|_, slots| !slots.is_empty());
        rest
    }

    /// The devices of each failure domain.
    pub(super) fn slots_by_domain(&self) -> impl Iterator<Item = &Vec<Slot>> {
        self.domains.values()
    }

    /// Sets with an arbiter brick, if that is what is asked for.
    fn with_arbiter(&self, brick: Kib) -> Option<arbiter::Sets<'_>> {
        self.arbiter.map(|average_file| arbiter::Sets::new(self, brick, average_file))
    }

    /// How many failure domains have room for a brick of size `brick`.
    pub fn domains(&self, brick: Kib) -> usize {
        if let Some(sets) = self.with_arbiter(brick) {
            return sets.domains_for(false);
        }
        let roomy = |slots: &&Vec<Slot>| slots.iter().any(|slot| self.slots(brick, slot) > 0);
        self.domains.values().filter(roomy).count()
    }

    /// How many failure domains have room for the arbiter brick of a set with bricks of size `brick`.
    pub fn arbiter_domains(&self, brick: Kib) -> usize {
        self.with_arbiter(brick).map_or(0, |sets| sets.domains_for(true))
    }

    pub(super) fn needed(&self, brick: Kib, slot: &Slot) -> Kib {
        BrickSpace::new(brick, self.factor, slot.extent).total()
    }

    /// How good it is to put a brick that needs `needed` there, or none where it does not fit. Devices with
    /// failures come last.
    pub(super) fn rank(&self, slot: &Slot, free: Kib, needed: Kib) -> Option<Rank> {
        let rank = rank(slot, free, needed, self.seed)?;
        Some(match self.burden(slot.device) {
            0 => rank,
            burden => (0, u64::MAX - burden),
        })
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
        if let Some(with_arbiter) = self.with_arbiter(brick) {
            return with_arbiter.fits(sets);
        }
        let room = self.domains.values().map(|slots| self.room(brick, slots));
        sets_fit(room, self.set_size, u64::from(sets))
    }

    /// How many brick sets with bricks of size `brick` fit, but no more than `limit`. Sets with an arbiter brick
    /// take a time that grows with the limit.
    pub fn sets(&self, brick: Kib, limit: u64) -> u64 {
        if let Some(with_arbiter) = self.with_arbiter(brick) {
            return with_arbiter.count(limit);
        }
        let room: Vec<u64> = self.domains.values().map(|slots| self.room(brick, slots)).collect();
        // With more room than this no further set is possible; fitting is monotone in the number of sets.
        let all = room.iter().fold(0, |sum: u64, slots| sum.saturating_add(*slots));
        let (mut fit, mut too_many) = (0, (all / self.set_size.max(1)).min(limit).saturating_add(1));
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
        if let Some(with_arbiter) = self.with_arbiter(brick) {
            return with_arbiter.place(sets);
        }
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

/// A device: the number of its domain, and its own in it.
type Place = (usize, usize);

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
        let leaves_room = |chosen: &Vec<Place>| self.leaves_room(chosen, following);
        let in_group = self.in_group().filter(leaves_room);
        let chosen = in_group.or_else(|| self.preferred().filter(leaves_room)).or_else(|| self.roomiest())?;
        chosen.into_iter().map(|place| self.take(place)).collect()
    }

    /// The group of nodes that spreads over most zones, and whose fullest device stays emptiest.
    fn in_group(&self) -> Option<Vec<Place>> {
        if self.space.groups.is_empty() {
            return None;
        }
        let mut best: BTreeMap<NodeId, (Rank, Place, i64)> = BTreeMap::new();
        for (i, domain) in self.domains.iter().enumerate() {
            for (j, (slot, free)) in domain.devices.iter().enumerate() {
                let needed = self.space.needed(self.brick, slot);
                let Some(rank) = self.space.rank(slot, *free, needed) else { continue };
                let offer = (rank, (i, j), slot.zone);
                best.entry(slot.node).and_modify(|other| *other = offer.max(*other)).or_insert(offer);
            }
        }
        let of_group = |group: &Vec<NodeId>| {
            let offers = group.iter().map(|node| best.get(node)).collect::<Option<Vec<_>>>()?;
            let domains: BTreeSet<usize> = offers.iter().map(|(_, (domain, _), _)| *domain).collect();
            let zones: BTreeSet<i64> = offers.iter().map(|(.., zone)| *zone).collect();
            // The fullest first: it decides, then the second fullest, and so on.
            let mut stays: Vec<u64> = offers.iter().map(|((empty, _), ..)| *empty).collect();
            stays.sort_unstable();
            let places: Vec<Place> = offers.iter().map(|(_, place, _)| *place).collect();
            (domains.len() == group.len()).then_some((zones.len(), stays, places))
        };
        self.space.groups.iter().filter_map(of_group).max().map(|(.., places)| places)
    }

    /// One domain after the other: the least used zone, then the device that stays emptiest.
    fn preferred(&self) -> Option<Vec<Place>> {
        let mut chosen: Vec<Place> = Vec::new();
        let mut zones: BTreeMap<i64, u32> = BTreeMap::new();
        for _ in 0..self.space.set_size {
            let candidates =
                self.domains.iter().enumerate().filter(|(i, _)| !chosen.iter().any(|(taken, _)| taken == i));
            let ranked = candidates.filter_map(|(i, domain)| {
                let (rank, device) = domain.best?;
                let zone = domain.devices.get(device)?.0.zone;
                let used = zones.get(&zone).copied().unwrap_or(0);
                Some((std::cmp::Reverse(used), rank, (i, device), zone))
            });
            let (_, _, place, zone) = ranked.max()?;
            chosen.push(place);
            *zones.entry(zone).or_default() += 1;
        }
        Some(chosen)
    }

    fn leaves_room(&self, chosen: &[Place], following: u64) -> bool {
        let taken = |i: usize| u64::from(chosen.iter().any(|(domain, _)| *domain == i));
        let room = self.domains.iter().enumerate().map(|(i, domain)| domain.room.saturating_sub(taken(i)));
        sets_fit(room, self.space.set_size, following)
    }

    fn roomiest(&self) -> Option<Vec<Place>> {
        let ranked = self.domains.iter().enumerate().filter_map(|(i, domain)| {
            let (rank, device) = domain.best?;
            Some((domain.room, rank, (i, device)))
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by(|a, b| b.cmp(a));
        let chosen: Vec<Place> = ranked.into_iter().take(self.space.set_size as usize).map(|(.., it)| it).collect();
        (chosen.len() as u64 == self.space.set_size).then_some(chosen)
    }

    fn take(&mut self, (domain, device): Place) -> Option<DeviceId> {
        let (space, brick) = (self.space, self.brick);
        let domain = self.domains.get_mut(domain)?;
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
        let ranked = self
            .devices
            .iter()
            .enumerate()
            .filter_map(|(i, (slot, free))| Some((space.rank(slot, *free, space.needed(brick, slot))?, i)));
        self.best = ranked.max();
    }
}
