//! Sets with an arbiter brick: how many fit, exactly, and a placement that reaches that number.
//!
//! A set is two bricks with data and one small arbiter brick, in three failure domains. Devices differ in which
//! of the two kinds they take and in how many of one kind fit beside the other, so adding room up says only how
//! many sets fit at most. Exact is this: `T` sets fit if and only if each domain `i` can be given `x_i` bricks with
//! data and `y_i` arbiter bricks so that its devices have room for them together, `x_i + y_i <= T`, and all
//! domains together hold `2·T` and `T` of them.
//!
//! Without that no `T` sets fit: a set takes at most one brick of a domain. And it is enough: join each domain to
//! a point "data" by `x_i` lines and to a point "arbiter" by `y_i` lines. The lines of any such two-sided graph can
//! be given `T` colours so that at each point the numbers of lines of each colour differ by at most one (de Werra,
//! "Balanced schedules", 1971). The lines of one colour are then a set: two at "data", one at "arbiter", none or
//! one at each domain.
//!
//! [`curve`] finds the numbers, [`arrange`] makes sets of them, and [`prefer`] makes better ones as long as that
//! leaves room for the sets that follow.

mod arrange;
mod curve;
mod prefer;

use std::collections::BTreeMap;

use super::capacity::Room;
use super::sizing::arbiter_brick;
use crate::id::DeviceId;
use crate::inventory::Slot;
use crate::units::Kib;

/// Bricks with data in a set; one arbiter comes with them. In gluster's order it is the last.
const DATA: usize = 2;

/// A device while sets are placed on it.
#[derive(Clone, Debug)]
struct Place<'a> {
    slot: &'a Slot,
    free: Kib,
    /// What a brick with data takes, and what an arbiter brick takes.
    data: Kib,
    arbiter: Kib,
}

impl Place<'_> {
    /// What a brick takes; none where the device takes none of that kind.
    fn needed(&self, arbiter: bool) -> Option<Kib> {
        let needed = if arbiter { self.arbiter } else { self.data };
        self.slot.arbiter.takes(arbiter).then_some(needed)
    }

    /// How many bricks of one kind fit beside `arbiters` arbiter bricks: free space must stay greater than the
    /// need of each.
    fn fit(&self, arbiter: bool, arbiters: u64) -> u64 {
        let room = self.free.0.saturating_sub(1).saturating_sub(arbiters.saturating_mul(self.arbiter.0));
        self.needed(arbiter).map_or(0, |needed| room / needed.0.max(1))
    }
}

/// The devices of one failure domain.
#[derive(Clone, Debug)]
struct Domain<'a> {
    zone: i64,
    places: Vec<Place<'a>>,
}

/// The failure domains of a request, for bricks of one size.
#[derive(Clone, Debug)]
pub(super) struct Sets<'a> {
    room: &'a Room,
    domains: Vec<Domain<'a>>,
}

impl<'a> Sets<'a> {
    /// The devices of `room`, with what bricks for `brick` of data take on each.
    pub fn new(room: &'a Room, brick: Kib, average_file: Kib) -> Self {
        let arbiter = arbiter_brick(brick, average_file);
        let place = |slot: &'a Slot| {
            let (data, arbiter) = (room.needed(brick, slot), room.needed(arbiter, slot));
            Place { slot, free: slot.free, data, arbiter }
        };
        let domain = |slots: &'a Vec<Slot>| {
            let zone = slots.first().map_or(0, |slot| slot.zone);
            Domain { zone, places: slots.iter().map(place).collect() }
        };
        // A look that ends early shall have seen all zones alike.
        let mut of_zone: BTreeMap<i64, usize> = BTreeMap::new();
        let mut numbered = |domain: Domain<'a>| {
            let number = of_zone.entry(domain.zone).or_default();
            *number += 1;
            (*number, domain)
        };
        let mut domains: Vec<(usize, Domain<'_>)> = room.slots_by_domain().map(domain).map(&mut numbered).collect();
        domains.sort_by_key(|(number, _)| *number);
        Self { room, domains: domains.into_iter().map(|(_, domain)| domain).collect() }
    }

    /// Do `sets` sets fit?
    pub fn fits(&self, sets: u32) -> bool {
        curve::fits(self, sets as usize)
    }

    /// How many sets fit, but no more than `limit`.
    pub fn count(&self, limit: u64) -> u64 {
        // Fitting is monotone in the number of sets; with more arbiters than this no further set is possible.
        let arbiters = self.domains.iter().flat_map(|domain| &domain.places);
        let arbiters = arbiters.fold(0, |sum: u64, place| sum.saturating_add(place.fit(true, 0)));
        let most = limit.min(arbiters).min(u32::MAX.into());
        let (mut fit, mut too_many) = (0, most.saturating_add(1));
        while too_many - fit > 1 {
            let middle = fit + (too_many - fit) / 2;
            if curve::fits(self, usize::try_from(middle).unwrap_or(usize::MAX)) {
                fit = middle;
            } else {
                too_many = middle;
            }
        }
        fit
    }

    /// How many failure domains have room for one brick of a kind.
    pub fn domains_for(&self, arbiter: bool) -> usize {
        let roomy = |domain: &&Domain<'_>| domain.places.iter().any(|place| place.fit(arbiter, 0) > 0);
        self.domains.iter().filter(roomy).count()
    }

    /// Places `sets` sets, each in gluster's order with the arbiter last, or none if they do not fit.
    pub fn place(&self, sets: u32) -> Option<Vec<Vec<DeviceId>>> {
        let sets = sets as usize;
        if !curve::fits(self, sets) {
            return None;
        }
        let preferred = prefer::sets(self, sets);
        if preferred.len() == sets {
            return Some(preferred);
        }
        // As many preferred sets as leave room for the rest: with fewer of them there is room all the more.
        let (mut kept, mut too_many) = (0, preferred.len() + 1);
        while too_many - kept > 1 {
            let middle = kept + (too_many - kept) / 2;
            if curve::fits(&self.after(preferred.get(..middle)?), sets - middle) {
                kept = middle;
            } else {
                too_many = middle;
            }
        }
        let mut placed = preferred.get(..kept)?.to_vec();
        let rest = self.after(&placed);
        placed.extend(arrange::sets(curve::stocks(&rest, sets - kept)?, sets - kept)?);
        Some(placed)
    }

    /// The same after some sets were placed.
    fn after(&self, sets: &[Vec<DeviceId>]) -> Self {
        let mut rest = self.clone();
        for place in rest.domains.iter_mut().flat_map(|domain| &mut domain.places) {
            for set in sets {
                for (index, _) in set.iter().enumerate().filter(|(_, device)| **device == place.slot.device) {
                    place.free -= if index == DATA { place.arbiter } else { place.data };
                }
            }
        }
        rest
    }
}
