//! Sets as one would like them: over three zones, each brick on a device that takes its kind only, and on the
//! device that stays emptiest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{DATA, Place, Sets};
use crate::id::DeviceId;
use crate::model::ArbiterUse;
use crate::placement::pick::Rank;

/// Domains of one zone that are compared for one brick of a set. The other two bricks can be in the way of two.
const COMPARED: usize = 3;

/// How good a device is for a brick: without failures, for this kind only, and how empty it stays.
type Worth = (bool, bool, Rank);

/// A domain that can take a brick, on its best device for it.
#[derive(Clone, Copy)]
struct Offer {
    worth: Worth,
    domain: usize,
    place: usize,
    zone: i64,
}

/// At most `sets` sets, one after the other, without a thought for those that follow.
pub(super) fn sets(all: &Sets<'_>, sets: usize) -> Vec<Vec<DeviceId>> {
    let mut placing = Placing::new(all);
    let mut placed = Vec::new();
    while placed.len() < sets {
        let Some(set) = placing.next() else { break };
        placed.push(set);
    }
    placed
}

struct Placing<'a> {
    all: Sets<'a>,
    /// The best offer of each domain, for bricks with data and for arbiters.
    best: [Vec<Option<Offer>>; 2],
}

impl<'a> Placing<'a> {
    fn new(all: &Sets<'a>) -> Self {
        let all = all.clone();
        let best = [false, true].map(|arbiter| (0..all.domains.len()).map(|i| offer(&all, i, arbiter)).collect());
        Self { all, best }
    }

    fn next(&mut self) -> Option<Vec<DeviceId>> {
        let [data, arbiters] = &self.best;
        let (data, arbiters) = (compared(data), compared(arbiters));
        let mut best: Option<(usize, Offer, [Offer; DATA])> = None;
        for arbiter in arbiters {
            let Some((zones, bricks)) = with_arbiter(&data, &arbiter) else { continue };
            if best.as_ref().is_none_or(|(most, ..)| zones > *most) {
                best = Some((zones, arbiter, bricks));
            }
            // There are no more zones for a set to be in.
            if zones == DATA + 1 {
                break;
            }
        }
        let (_, arbiter, bricks) = best?;
        let mut set = bricks.iter().map(|offer| self.take(offer, false)).collect::<Option<Vec<_>>>()?;
        set.push(self.take(&arbiter, true)?);
        Some(set)
    }

    fn take(&mut self, offer: &Offer, arbiter: bool) -> Option<DeviceId> {
        let place = self.all.domains.get_mut(offer.domain)?.places.get_mut(offer.place)?;
        place.free -= place.needed(arbiter)?;
        let device = place.slot.device;
        for (best, arbiter) in self.best.iter_mut().zip([false, true]) {
            *best.get_mut(offer.domain)? = self::offer(&self.all, offer.domain, arbiter);
        }
        Some(device)
    }
}

fn offer(all: &Sets<'_>, domain: usize, arbiter: bool) -> Option<Offer> {
    let of = all.domains.get(domain)?;
    let worth = |place: &Place<'_>| {
        let rank = all.room.rank(place.slot, place.free, place.needed(arbiter)?)?;
        Some((all.room.burden(place.slot.device) == 0, place.slot.arbiter != ArbiterUse::Supported, rank))
    };
    let offers = of.places.iter().enumerate().filter_map(|(i, place)| Some((worth(place)?, i)));
    offers.max().map(|(worth, place)| Offer { worth, domain, place, zone: of.zone })
}

/// The best offers of each zone, the best first.
fn compared(best: &[Option<Offer>]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = best.iter().flatten().copied().collect();
    offers.sort_by_key(|offer| Reverse((offer.worth, offer.domain)));
    let mut of_zone: BTreeMap<i64, usize> = BTreeMap::new();
    offers.retain(|offer| {
        let count = of_zone.entry(offer.zone).or_default();
        *count += 1;
        *count <= COMPARED
    });
    offers
}

/// The best places for bricks with data beside an arbiter, and in how many zones the set is then.
fn with_arbiter(data: &[Offer], arbiter: &Offer) -> Option<(usize, [Offer; DATA])> {
    let beside = |taken: &[Offer]| {
        let others = data.iter().filter(|offer| taken.iter().all(|other| other.domain != offer.domain));
        let mut best: Option<(usize, Offer)> = None;
        for offer in others {
            let used = taken.iter().filter(|other| other.zone == offer.zone).count();
            if best.is_none_or(|(least, _)| used < least) {
                best = Some((used, *offer));
            }
            if used == 0 {
                break;
            }
        }
        best
    };
    let (first_used, first) = beside(&[*arbiter])?;
    let (second_used, second) = beside(&[*arbiter, first])?;
    let zones = 1 + usize::from(first_used == 0) + usize::from(second_used == 0);
    Some((zones, [first, second]))
}
