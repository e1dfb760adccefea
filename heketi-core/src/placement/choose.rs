use super::capacity::Room;
use super::copysets;
use super::looks::Looks;
use super::pick::Picker;
use super::sizing::{SplitEnd, first_split, splits};
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
    choose_remembering(inventory, wanted, policy, facts, effort, seed, &mut Looks::default())
}

/// The same with what earlier looks at this state found, and a quick one adds to.
pub(crate) fn choose_remembering(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
    looks: &mut Looks,
) -> Result<Choice, NoFit> {
    let first = first_split(wanted, policy).map_err(NoFit::Certain)?;
    let set_size = wanted.durability.set_size() as usize;
    let in_groups = set_size > 1
        && wanted.arbiter.is_none()
        && policy.copyset_nodes.is_some_and(|limit| copysets::apply(inventory, wanted.cluster, limit));
    match effort {
        // All groups are to be compared.
        Effort::Quick if in_groups => Err(NoFit::Unknown),
        Effort::Quick => {
            let mut picker = Picker::new(inventory, wanted, facts, seed, looks);
            let sets: Option<Vec<_>> = (0..first.sets).map(|_| picker.pick_set(first.brick)).collect();
            // Only the exact way knows whether nothing else fits.
            let good = |sets: &Vec<Vec<DeviceId>>| sets.iter().flatten().all(|device| facts.burden(*device) == 0);
            sets.filter(good).map(|sets| Choice { brick: first.brick, sets }).ok_or(NoFit::Unknown)
        }
        Effort::Exact => {
            let (splits, end) = splits(wanted, policy);
            let mut room = Room::gather(inventory, wanted, facts, seed);
            if in_groups {
                room = room.in_groups(copysets::groups(inventory, wanted.cluster, set_size));
            }
            let place = |room: &Room| {
                splits.iter().find_map(|split| {
                    let sets = room.place(split.brick, split.sets)?;
                    Some(Choice { brick: split.brick, sets })
                })
            };
            // With more devices no less fits, so the lightest burden that has to be borne is found by halving.
            let burdens = room.burdens();
            let (mut borne, mut lightest, mut heaviest) = (None, 0, burdens.len());
            while let Some(burden) = burdens.get((lightest + heaviest) / 2).filter(|_| lightest < heaviest) {
                let middle = (lightest + heaviest) / 2;
                let placed = if burdens.len() == 1 { place(&room) } else { place(&room.burdened_at_most(*burden)) };
                match placed {
                    Some(choice) => (borne, heaviest) = (Some(choice), middle),
                    None => lightest = middle + 1,
                }
            }
            borne.ok_or(NoFit::Certain(end))
        }
    }
}
