//! Why a request found no place, and why bricks stand where they stand.

use std::sync::Arc;

use super::capacity::Room;
use super::sizing::{BrickSpace, Split, arbiter_brick, splits};
use super::{Facts, Policy, Refusal, Wanted};
use crate::id::{BrickId, VolumeId};
use crate::inventory::{Inventory, Slot, emptiness};
use crate::model::{ArbiterUse, Brick, BrickFormat, Device, EntryState, Node, SetPosition, Volume, ZoneChecking};
use crate::units::{Gib, KIB_PER_GIB, Kib};

/// Devices named in one explanation; the rest is counted.
const DEVICES_NAMED: usize = 24;

/// Why each device of the cluster gets no brick of a set with bricks of size `brick`, or none for those that could
/// take one.
pub fn refusals(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    facts: &Facts,
    brick: Kib,
) -> Vec<(Arc<Node>, Arc<Device>, Option<Refusal>)> {
    let nodes = inventory.nodes_of_cluster(wanted.cluster).filter_map(|id| inventory.node(id));
    nodes
        .flat_map(|node| {
            let devices = inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id));
            devices.map(move |device| {
                (node.clone(), device.clone(), refusal(inventory, wanted, facts, brick, node, device))
            })
        })
        .collect()
}

fn refusal(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    facts: &Facts,
    brick: Kib,
    node: &Node,
    device: &Device,
) -> Option<Refusal> {
    if node.state != EntryState::Online {
        return Some(Refusal::NodeState(node.state));
    }
    if device.state != EntryState::Online {
        return Some(Refusal::DeviceState(device.state));
    }
    if facts.down.contains(&node.id) {
        return Some(Refusal::NodeDown);
    }
    if let Some(rule) = wanted.tag_rule.filter(|rule| !rule.matches_device(&node.tags, &device.tags)) {
        return Some(Refusal::Tag(rule.to_string()));
    }
    let free = inventory.free(device);
    // Of the bricks it takes, the smallest is the first to fit.
    let kinds = kinds(wanted, node, device, brick);
    let smallest = kinds.iter().map(|(_, size)| *size).min().unwrap_or(brick);
    let needed = BrickSpace::new(smallest, wanted.factor, device.extent).total();
    (free <= needed).then_some(Refusal::Space { free, brick: smallest, needed })
}

/// What bricks a device takes of a set with bricks of size `brick`, and how large each is.
fn kinds(wanted: &Wanted<'_>, node: &Node, device: &Device, brick: Kib) -> Vec<(&'static str, Kib)> {
    let Some(average_file) = wanted.arbiter else { return vec![("brick", brick)] };
    let uses = ArbiterUse::of(&node.tags, &device.tags);
    let all = [(false, "brick with data", brick), (true, "arbiter brick", arbiter_brick(brick, average_file))];
    all.into_iter().filter(|(arbiter, ..)| uses.takes(*arbiter)).map(|(_, name, size)| (name, size)).collect()
}

/// How many bricks a device has room for, by its space alone: bricks of size `brick`, or the arbiter bricks of such sets
/// where it takes nothing else.
pub fn room(inventory: &Inventory, wanted: &Wanted<'_>, node: &Node, device: &Device, brick: Kib) -> u64 {
    let size = kinds(wanted, node, device, brick).first().map_or(brick, |(_, size)| *size);
    fit(inventory, wanted, device, size)
}

/// How many bricks of size `size` fit on a device: free space must stay greater than the need of each.
fn fit(inventory: &Inventory, wanted: &Wanted<'_>, device: &Device, size: Kib) -> u64 {
    let needed = BrickSpace::new(size, wanted.factor, device.extent).total();
    inventory.free(device).0.saturating_sub(1) / needed.0.max(1)
}

/// The same in words.
fn room_for(inventory: &Inventory, wanted: &Wanted<'_>, node: &Node, device: &Device, brick: Kib) -> String {
    let free = inventory.free(device);
    let such = if wanted.arbiter.is_some() { "" } else { "such " };
    let kinds =
        kinds(wanted, node, device, brick).into_iter().map(|(name, size)| (name, fit(inventory, wanted, device, size)));
    let kinds: Vec<String> = kinds
        .map(|(name, fit)| match fit {
            1 => format!("1 {such}{name}"),
            n => format!("{n} {such}{}", name.replacen("brick", "bricks", 1)),
        })
        .collect();
    format!("{free} free, room for {}", kinds.join(" or "))
}

/// Lines that tell why `wanted` finds no place: what a brick set needs, each device with its reason, and the
/// largest size that would fit.
pub fn no_place(inventory: &Inventory, wanted: &Wanted<'_>, policy: &Policy, facts: &Facts) -> Vec<String> {
    let (splits, end) = splits(wanted, policy);
    let Some(smallest) = splits.last() else {
        return vec![format!(
            "A volume of {} with durability {} cannot be split into bricks from {} to {}, at most {} of them: {end}",
            wanted.size, wanted.durability, policy.brick_min, policy.brick_max, policy.max_bricks
        )];
    };
    let room = Room::gather(inventory, wanted, facts, 0);
    let mut lines = vec![set_needs(wanted, smallest, &room)];
    let refusals = refusals(inventory, wanted, facts, smallest.brick);
    for (node, device, refusal) in refusals.iter().take(DEVICES_NAMED) {
        let reason = match refusal {
            Some(refusal) => refusal.to_string(),
            None => room_for(inventory, wanted, node, device, smallest.brick),
        };
        lines.push(format!(
            "  {} on {} (zone {}, device {}): {reason}",
            device.name,
            node.manage_host(),
            node.zone,
            device.id
        ));
    }
    if let Some(more) = refusals.len().checked_sub(DEVICES_NAMED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more devices"));
    }
    lines.push(match largest(inventory, wanted, policy, facts) {
        Some(size) => format!("The largest size that fits now is {size}."),
        None => "No size fits now.".to_owned(),
    });
    lines
}

fn set_needs(wanted: &Wanted<'_>, split: &Split, room: &Room) -> String {
    let domains = match wanted.zones {
        ZoneChecking::Strict => "zones (zone checking is strict)",
        ZoneChecking::None => "nodes",
    };
    let place = match wanted.durability.set_size() {
        1 => "1 brick a set".to_owned(),
        number => format!("{number} bricks on {number} different {domains}"),
    };
    let arbiter = wanted.arbiter.map(|average_file| arbiter_brick(split.brick, average_file));
    let (also, for_it) = match arbiter {
        Some(size) => (
            format!(" and an arbiter brick of {size}"),
            format!("; for the arbiter brick: {}", room.arbiter_domains(split.brick)),
        ),
        None => (String::new(), String::new()),
    };
    let sets = if split.sets == 1 { "1 set" } else { &format!("{} sets", split.sets) };
    format!(
        "Durability {} needs {place}. With the smallest bricks allowed, {} each{also}, {sets} must fit and {} do; {domains} \
         with room for such a brick: {}{for_it}.",
        wanted.durability,
        split.brick,
        room.sets(split.brick, split.sets.into()),
        room.domains(split.brick)
    )
}

/// The largest size in GiB that would find a place, with the same durability, options and limits.
///
/// A size can fit though smaller ones do not: those would need larger bricks, because bricks have a minimum.
/// For one number of sets, though, what fits at a size fits at any smaller one.
pub fn largest(inventory: &Inventory, wanted: &Wanted<'_>, policy: &Policy, facts: &Facts) -> Option<Gib> {
    let room = Room::gather(inventory, wanted, facts, 0);
    let bricks = |sets: u32| sets.saturating_mul(wanted.durability.set_size()).saturating_add(wanted.existing_bricks);
    // A brick with data must hold at least one file of the size arbiters are sized by.
    let brick_min = policy.brick_min.max(wanted.arbiter.unwrap_or(Kib::ZERO));
    let mut best = 0;
    for sets in (1..).take_while(|sets| bricks(*sets) <= policy.max_bricks) {
        if !room.fits(brick_min, sets) {
            break;
        }
        let parts = u64::from(sets).saturating_mul(u64::from(wanted.durability.data_bricks().max(1)));
        let fits = |size: u64| room.fits(Kib(Gib(size).kib().0 / parts), sets);
        let smallest = brick_min.0.saturating_mul(parts).div_ceil(KIB_PER_GIB).max(best + 1);
        let limit = policy.brick_max.0.saturating_add(1).saturating_mul(parts).saturating_sub(1) / KIB_PER_GIB;
        if smallest > limit || !fits(smallest) {
            continue;
        }
        let (mut fit, mut too_large) = (smallest, limit + 1);
        while too_large - fit > 1 {
            let middle = fit + (too_large - fit) / 2;
            if fits(middle) {
                fit = middle;
            } else {
                too_large = middle;
            }
        }
        best = fit;
    }
    (best > 0).then_some(Gib(best))
}

/// Where a brick of a volume stands, and how full its device is.
#[derive(Clone, Debug)]
pub struct PlacedBrick {
    /// The brick.
    pub brick: BrickId,
    /// Its place in the volume.
    pub position: Option<SetPosition>,
    /// Management host name of its node.
    pub host: String,
    /// Zone of its node.
    pub zone: i64,
    /// Path of its device.
    pub device: String,
    /// Space of the device nothing is charged for.
    pub free: Kib,
    /// Size of the device.
    pub total: Kib,
    /// Usable size of the brick.
    pub size: Kib,
    /// Is it the arbiter of its set?
    pub arbiter: bool,
    /// Other bricks of its set in the same zone.
    pub zone_mates: usize,
    /// Devices of the zone that would stay emptier with this brick, on nodes without a brick of its set.
    pub emptier: usize,
}

impl PlacedBrick {
    /// Why it stands there, in one line.
    pub fn reason(&self) -> String {
        let zone = match self.zone_mates {
            0 => format!("no other brick of its set is in zone {}", self.zone),
            1 => format!("another brick of its set is in zone {} too, for lack of other zones", self.zone),
            n => format!("{n} other bricks of its set are in zone {} too, for lack of other zones", self.zone),
        };
        let percent = self.free.0 as f64 * 100.0 / self.total.0.max(1) as f64;
        let emptier = match self.emptier {
            0 => "no device it could stand on there would stay emptier".to_owned(),
            1 => "1 device there would stay emptier".to_owned(),
            n => format!("{n} devices there would stay emptier"),
        };
        let arbiter = if self.arbiter { "arbiter brick; " } else { "" };
        format!("{arbiter}{zone}; {percent:.1} % of its device stays free, {emptier}")
    }
}

/// The bricks of a volume in gluster's order as far as it is known.
pub fn placed(inventory: &Inventory, volume: VolumeId) -> Vec<PlacedBrick> {
    let bricks: Vec<&Arc<Brick>> = inventory.bricks_of_volume(volume).filter_map(|id| inventory.brick(id)).collect();
    let mut placed: Vec<PlacedBrick> =
        bricks.iter().filter_map(|brick| placed_brick(inventory, brick, &bricks)).collect();
    placed.sort_by_key(|brick| (brick.position, brick.brick));
    placed
}

fn placed_brick(inventory: &Inventory, brick: &Brick, volume: &[&Arc<Brick>]) -> Option<PlacedBrick> {
    let (node, device) = (inventory.node(brick.node)?, inventory.device(brick.device)?);
    let set = brick.position.map(|position| position.set);
    let mates = volume.iter().filter(|other| other.id != brick.id && other.position.map(|place| place.set) == set);
    let mates: Vec<&Arc<Node>> = mates.filter_map(|other| inventory.node(other.node)).collect();
    let free = inventory.free(device);
    let stays = emptiness(free, device.total);
    let arbiter = brick.format == BrickFormat::Arbiter;
    let any = !inventory.volume(brick.volume).is_some_and(|volume| Volume::has_arbiter(volume));
    let could_take = |slot: &&Slot| {
        let other_node = mates.iter().all(|mate| mate.id != slot.node);
        slot.device != device.id && other_node && (any || slot.arbiter.takes(arbiter))
    };
    let would_stay = |slot: &Slot| slot.free.checked_sub(brick.charge()).map_or(0, |rest| emptiness(rest, slot.total));
    let others = inventory.slots_of_zone(node.cluster, node.zone).filter(could_take);
    Some(PlacedBrick {
        brick: brick.id,
        position: brick.position,
        host: node.manage_host().to_owned(),
        zone: node.zone,
        device: device.name.clone(),
        free,
        total: device.total,
        size: brick.size,
        arbiter,
        zone_mates: mates.iter().filter(|mate| mate.zone == node.zone).count(),
        emptier: others.filter(|slot| would_stay(slot) > stays).count(),
    })
}
