use super::capacity::Room;
use super::pick::{Promised, pick_set};
use super::sizing::{SplitEnd, splits};
use super::{Facts, Policy, Wanted};
use crate::id::DeviceId;
use crate::inventory::Inventory;
use crate::units::Kib;

/// Devices for all brick sets of a request. It is data: whoever applies it checks it against the state of
/// that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Usable size of each brick.
    pub brick: Kib,
    /// The devices of each set, in gluster's order.
    pub sets: Vec<Vec<DeviceId>>,
}

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Microseconds: only the emptiest devices of each zone. Fits a moment when others wait, and finds nothing
    /// where a rule hides nearly all of them.
    Quick,
    /// Exact: looks at every device of the cluster once. Fits a snapshot.
    Exact,
}

/// Nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFit {
    /// A quick look found nothing; an exact one may.
    #[error("a quick look found no place")]
    Unknown,
    /// Certainly no place; the series of splits ended like this.
    #[error("{0}")]
    Certain(SplitEnd),
}

/// Picks devices for `wanted`: as few brick sets as possible, each over as many zones as possible, on the
/// devices that stay emptiest. `seed` settles ties.
///
/// # Errors
/// [`NoFit`], certain only with [`Effort::Exact`] or where limits alone rule the request out.
pub fn choose(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
) -> Result<Choice, NoFit> {
    let (splits, end) = splits(wanted, policy);
    let first = *splits.first().ok_or(NoFit::Certain(end))?;
    match effort {
        Effort::Quick => {
            let mut promised = Promised::new();
            let pick = |_| pick_set(inventory, wanted, facts, first.brick, &mut promised, seed);
            let sets: Option<Vec<_>> = (0..first.sets).map(pick).collect();
            // Only the exact way knows whether nothing else fits.
            let good = |sets: &Vec<Vec<DeviceId>>| !sets.iter().flatten().any(|device| facts.avoid.contains(device));
            sets.filter(good).map(|sets| Choice { brick: first.brick, sets }).ok_or(NoFit::Unknown)
        }
        Effort::Exact => {
            let room = Room::gather(inventory, wanted, facts, seed);
            let place = |room: &Room| {
                splits.iter().find_map(|split| {
                    let sets = room.place(split.brick, split.sets)?;
                    Some(Choice { brick: split.brick, sets })
                })
            };
            let spared = if facts.avoid.is_empty() { None } else { place(&room.without(&facts.avoid)) };
            spared.or_else(|| place(&room)).ok_or(NoFit::Certain(end))
        }
    }
}
