//! Makes sets of the bricks that the domains are to hold.

use super::DATA;
use super::curve::Stock;
use crate::id::DeviceId;

/// Deals the bricks of `stocks` out to `sets` sets. A domain with as many bricks as there are sets to come is in
/// each of them; as long as that is kept, the next set exists (see [`super`]).
pub(super) fn sets(mut stocks: Vec<Stock>, sets: usize) -> Option<Vec<Vec<DeviceId>>> {
    stocks.retain(|stock| stock.len() > 0);
    (0..sets).map(|placed| next(&mut stocks, sets - placed)).collect()
}

/// Takes one of `remaining` sets, over as many zones as can be.
fn next(stocks: &mut [Stock], remaining: usize) -> Option<Vec<DeviceId>> {
    let arbiters = stocks.iter().enumerate().filter(|(_, stock)| !stock.arbiters.is_empty());
    let chosen = arbiters.filter_map(|(arbiter, _)| with_arbiter(stocks, arbiter, remaining));
    let (_, data, arbiter) = chosen.max_by_key(|(zones, ..)| *zones)?;
    let mut set = Vec::with_capacity(DATA + 1);
    for domain in data {
        set.push(stocks.get_mut(domain)?.data.pop()?);
    }
    set.push(stocks.get_mut(arbiter)?.arbiters.pop()?);
    Some(set)
}

/// A set with its arbiter in one domain: in how many zones it is, and the domains of its bricks with data.
fn with_arbiter(stocks: &[Stock], arbiter: usize, remaining: usize) -> Option<(usize, Vec<usize>, usize)> {
    let due = |stock: &Stock| stock.len() >= remaining;
    let mut zones = vec![stocks.get(arbiter)?.zone];
    let mut data: Vec<usize> = Vec::with_capacity(DATA);
    for _ in 0..DATA {
        let others =
            stocks.iter().enumerate().filter(|(i, stock)| *i != arbiter && !data.contains(i) && !stock.data.is_empty());
        let (next, stock) =
            others.max_by_key(|(_, stock)| (due(stock), !zones.contains(&stock.zone), stock.data.len()))?;
        data.push(next);
        if !zones.contains(&stock.zone) {
            zones.push(stock.zone);
        }
    }
    let left_out = |(i, stock): (usize, &Stock)| due(stock) && i != arbiter && !data.contains(&i);
    let keeps = !stocks.iter().enumerate().any(left_out);
    keeps.then_some((zones.len(), data, arbiter))
}
