//! How many bricks with data fit beside each number of arbiter bricks: of a device, of a failure domain, of all.
//!
//! Curves are put together exactly: the best for `n` arbiters on two devices is the best of all ways to deal `n`
//! out to them. A curve ends at the number of sets asked for, which the limit of bricks of a volume keeps small,
//! and putting together stops as soon as enough fits: where there is much room, few devices are looked at.

use super::{DATA, Place, Sets};
use crate::id::DeviceId;

/// At index `n`: how many bricks with data fit beside `n` arbiter bricks. It ends where no more arbiters fit.
type Curve = Vec<usize>;

/// Two curves put together.
struct Joint {
    curve: Curve,
    /// At index `n`: how many of `n` arbiters the second one has.
    second: Vec<usize>,
}

fn of_place(place: &Place<'_>, sets: usize) -> Curve {
    let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(sets);
    let arbiters = at_most(place.fit(true, 0)) as u64;
    (0..=arbiters).map(|arbiters| at_most(place.fit(false, arbiters))).collect()
}

fn join(first: &Curve, second: &Curve, sets: usize) -> Joint {
    let longest = (first.len() + second.len()).saturating_sub(1).min(sets + 1);
    let mut joint = Joint { curve: vec![0; longest], second: vec![0; longest] };
    for (n, best) in joint.curve.iter_mut().zip(&mut joint.second).enumerate() {
        let ways = second.iter().enumerate().take(n + 1);
        let ways = ways.filter_map(|(part, data)| Some((first.get(n - part)?.saturating_add(*data), part)));
        // Of equal ways, the one that deals most to the first.
        if let Some((data, part)) = ways.rev().max_by_key(|(data, _)| *data) {
            (*best.0, *best.1) = (data, part);
        }
    }
    joint
}

/// The curves of the places of a domain, put together one after the other. Stops where nothing more can be used.
fn of_places(places: &[Place<'_>], sets: usize) -> (Curve, Vec<Joint>) {
    let (mut curve, mut joints) = (vec![0], Vec::new());
    for place in places {
        let joint = join(&curve, &of_place(place, sets), sets);
        curve.clone_from(&joint.curve);
        joints.push(joint);
        if curve.len() > sets && curve.iter().enumerate().all(|(arbiters, data)| data + arbiters >= sets) {
            break;
        }
    }
    // A domain has one brick of a set at most.
    for (arbiters, data) in curve.iter_mut().enumerate() {
        *data = (*data).min(sets - arbiters);
    }
    (curve, joints)
}

/// The curves of all domains, put together until there is room for `sets` sets; none if there never is.
fn of_all(all: &Sets<'_>, sets: usize) -> Option<Vec<Joint>> {
    let (mut curve, mut joints) = (vec![0], Vec::new());
    let enough = |curve: &Curve| curve.get(sets).is_some_and(|data| *data >= DATA.saturating_mul(sets));
    for domain in &all.domains {
        if enough(&curve) {
            break;
        }
        let joint = join(&curve, &of_places(&domain.places, sets).0, sets);
        curve.clone_from(&joint.curve);
        joints.push(joint);
    }
    enough(&curve).then_some(joints)
}

/// Do `sets` sets fit?
pub(super) fn fits(all: &Sets<'_>, sets: usize) -> bool {
    of_all(all, sets).is_some()
}

/// How `total` arbiters are dealt out to what `joints` put together.
fn dealt(joints: &[Joint], total: usize) -> Vec<usize> {
    let mut left = total;
    let mut parts: Vec<usize> = Vec::with_capacity(joints.len());
    for joint in joints.iter().rev() {
        let part = joint.second.get(left).copied().unwrap_or(0);
        parts.push(part);
        left -= part;
    }
    parts.reverse();
    parts
}

/// The bricks one domain is to hold.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub zone: i64,
    /// The devices of its bricks with data, one entry for each brick.
    pub data: Vec<DeviceId>,
    /// The devices of its arbiter bricks.
    pub arbiters: Vec<DeviceId>,
}

impl Stock {
    pub fn len(&self) -> usize {
        self.data.len() + self.arbiters.len()
    }
}

/// What each domain holds when `sets` sets are placed: just the bricks of these sets, no more of one domain than
/// there are sets. None if they do not fit.
pub(super) fn stocks(all: &Sets<'_>, sets: usize) -> Option<Vec<Stock>> {
    let joints = of_all(all, sets)?;
    let parts = dealt(&joints, sets);
    let mut stocks = Vec::new();
    for (domain, arbiters) in all.domains.iter().zip(parts) {
        let mut stock = Stock { zone: domain.zone, data: Vec::new(), arbiters: Vec::new() };
        let joints = of_places(&domain.places, sets).1;
        for (place, part) in domain.places.iter().zip(dealt(&joints, arbiters)) {
            let data = of_place(place, sets).get(part).copied().unwrap_or(0);
            stock.arbiters.extend(std::iter::repeat_n(place.slot.device, part));
            stock.data.extend(std::iter::repeat_n(place.slot.device, data));
        }
        stock.data.truncate(sets - arbiters);
        stocks.push(stock);
    }
    let mut surplus = stocks.iter().map(|stock| stock.data.len()).sum::<usize>().checked_sub(DATA * sets)?;
    while surplus > 0 {
        let fullest = stocks.iter_mut().filter(|stock| !stock.data.is_empty()).max_by_key(|stock| stock.len())?;
        fullest.data.pop();
        surplus -= 1;
    }
    Some(stocks)
}
