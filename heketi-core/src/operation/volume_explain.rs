//! Where a volume would go, and how large one could be; nothing changes.

use std::collections::BTreeSet;

use super::volume_plan::{
    all_options, candidates, choose_cluster, ineligible, no_devices, too_many, wanted_create, wrong_type,
};
use super::{ClusterChoice, VolumeCreate};
use crate::api::{
    CapacityInfo, CheckedVolumeCreate, ClusterCapacity, LargestVolume, PlacementBrick, PlacementCluster,
    PlacementDevice, PlacementInfo, PlacementSet, StorageSize,
};
use crate::error::{Error, ErrorKind};
use crate::id::{ClusterId, SeededIds};
use crate::inventory::Inventory;
use crate::model::{Cluster, Durability, Snapshot, TagRule, VolumeOptions, ZoneChecking};
use crate::placement::capacity::Room;
use crate::placement::sizing::splits;
use crate::placement::{Effort, Facts, Policy, Wanted, balance, choose, explain};
use crate::units::{Gib, Kib, Timestamp};

/// Devices told of one cluster; the rest is counted.
const DEVICES_TOLD: usize = 1000;

/// Tells where a new volume would go now, and why each device of the clusters it may use gets no brick of it.
///
/// # Errors
/// `Invalid` as from [`choose_cluster`]; lack of room is an answer.
pub fn explain_placement(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
    seed: u64,
) -> Result<PlacementInfo, Error> {
    // As it is done when a volume is created: the long look follows where the quick one finds nothing.
    let look = |effort| choose_cluster(inventory, request, policy, facts, effort, seed);
    let chosen = match look(Effort::Quick) {
        Ok(None) => look(Effort::Exact),
        other => other,
    };
    let mut info = PlacementInfo::default();
    match chosen {
        Ok(Some(chosen)) => {
            info.sets = planned_sets(inventory, request, &chosen, policy)?;
            (info.fits, info.cluster, info.brick_size) = (true, Some(chosen.cluster), Some(chosen.choice.brick));
        }
        Ok(None) => return Err(Error::internal("an exact look at the devices ended without an answer")),
        Err(error) if error.kind() == ErrorKind::CannotAllocate => info.error = Some(error.text().to_owned()),
        Err(error) => return Err(error),
    }
    let options = all_options(request, policy);
    let rule = VolumeOptions(&options).tag_rule();
    let (bad_rule, rule) = (rule.as_ref().err().map(ToString::to_string), rule.as_ref().ok().cloned().flatten());
    for cluster in in_order(inventory, request, policy, facts, &options)? {
        let no_way = ineligible(inventory, cluster, request.name.as_deref(), request.block, policy)
            .or_else(|| bad_rule.clone())
            .or_else(|| no_devices(inventory, cluster, facts));
        let wanted = wanted_create(request, cluster, policy, &options, rule.as_ref());
        let chosen_brick = info.brick_size.filter(|_| info.cluster == Some(cluster));
        info.clusters.push(explain_cluster(inventory, &wanted, policy, facts, no_way, chosen_brick));
    }
    Ok(info)
}

/// The clusters in the order in which they are tried, those that take no such volume last.
fn in_order(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
    options: &[String],
) -> Result<Vec<ClusterId>, Error> {
    let takes = |id: &ClusterId| ineligible(inventory, *id, request.name.as_deref(), request.block, policy).is_none();
    let (mut eligible, others): (Vec<_>, Vec<_>) =
        candidates(inventory, &request.clusters)?.into_iter().partition(takes);
    if let (true, Some(any)) = (request.clusters.is_empty(), eligible.first()) {
        let taken = balance::taken(&wanted_create(request, *any, policy, options, None));
        balance::emptiest_first(inventory, &mut eligible, taken, facts);
    }
    eligible.extend(others);
    Ok(eligible)
}

/// The bricks as the plan would record them.
fn planned_sets(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    chosen: &ClusterChoice,
    policy: &Policy,
) -> Result<Vec<PlacementSet>, Error> {
    // Ids that nobody keeps.
    let ids = &mut SeededIds::new(0);
    let planned = VolumeCreate::plan(inventory, request, chosen, policy, ids, Timestamp(0))?;
    let planned =
        planned.ok_or_else(|| Error::internal("a choice of devices does not fit the state it was made on"))?;
    let mut after = inventory.clone();
    after.apply(&planned.changes).map_err(|error| Error::internal(error.to_string()))?;
    let new = after.volumes().map(|volume| volume.id).find(|id| inventory.volume(*id).is_none());
    let volume = new.ok_or_else(|| Error::internal("the plan of a volume holds no volume"))?;
    let mut sets: Vec<PlacementSet> = Vec::new();
    let mut current = None;
    for placed in explain::placed(&after, volume) {
        let Some(brick) = after.brick(placed.brick) else { continue };
        let set = brick.position.map(|position| position.set);
        if current != Some(set) {
            current = Some(set);
            sets.push(PlacementSet::default());
        }
        let told = PlacementBrick {
            node: brick.node,
            device: brick.device,
            size: brick.size,
            pool_size: brick.pool_size,
            metadata_size: brick.metadata_size,
            arbiter: placed.arbiter,
            reason: placed.reason(),
            host: placed.host,
            zone: placed.zone,
            name: placed.device,
        };
        if let Some(last) = sets.last_mut() {
            last.bricks.push(told);
        }
    }
    Ok(sets)
}

fn explain_cluster(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    policy: &Policy,
    facts: &Facts,
    no_way: Option<String>,
    chosen: Option<Kib>,
) -> PlacementCluster {
    let (splits, end) = splits(wanted, policy);
    let found = match (&no_way, chosen) {
        (Some(_), _) => None,
        (None, Some(brick)) => Some(brick),
        (None, None) => choose(inventory, wanted, policy, facts, Effort::Exact, 0).ok().map(|choice| choice.brick),
    };
    let brick = found.or_else(|| splits.last().map(|split| split.brick));
    let mut devices = brick.map(|brick| devices(inventory, wanted, facts, brick)).unwrap_or_default();
    let reason = match (no_way, found) {
        (None, Some(_)) => None,
        (Some(reason), _) => Some(reason),
        (None, None) if splits.is_empty() => Some(format!("No space: {end}")),
        (None, None) => Some(format!("No space{}", too_few(wanted, &devices))),
    };
    let more = devices.len().saturating_sub(DEVICES_TOLD);
    if more > 0 {
        devices.sort_by_key(|device| device.refusal.is_none());
        devices.truncate(DEVICES_TOLD);
    }
    PlacementCluster {
        id: wanted.cluster,
        fits: found.is_some(),
        reason,
        brick_size: brick,
        largest_size: explain::largest(inventory, wanted, policy, facts),
        devices,
        more_devices: more as u64,
    }
}

/// Told when a set has more bricks than there are nodes, or zones, to keep them apart on; else nothing.
fn too_few(wanted: &Wanted<'_>, devices: &[PlacementDevice]) -> String {
    let bricks = wanted.durability.set_size() as usize;
    let open = || devices.iter().filter(|device| device.refusal.is_none());
    let nodes = open().map(|device| device.node).collect::<BTreeSet<_>>().len();
    let zones = open().map(|device| device.zone).collect::<BTreeSet<_>>().len();
    if nodes < bricks {
        format!(": the bricks of a set go to {bricks} nodes; nodes with a device that takes one: {nodes}")
    } else if wanted.zones == ZoneChecking::Strict && zones < bricks {
        format!(": the bricks of a set go to {bricks} zones; zones with a device that takes one: {zones}")
    } else {
        String::new()
    }
}

fn devices(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, brick: Kib) -> Vec<PlacementDevice> {
    let all = explain::refusals(inventory, wanted, facts, brick).into_iter();
    all.map(|(node, device, refusal)| PlacementDevice {
        node: node.id,
        host: node.manage_host().to_owned(),
        zone: node.zone,
        device: device.id,
        name: device.name.clone(),
        free: inventory.free(&device),
        total: device.total,
        bricks: explain::room(inventory, wanted, &node, &device, brick),
        refusal: refusal.map(|refusal| refusal.to_string()),
    })
    .collect()
}

/// The durabilities capacity is told for, and whether the last brick of a set is an arbiter.
const KINDS: [(Durability, bool); 8] = [
    (Durability::None, false),
    (Durability::Replicate { replica: 2 }, false),
    (Durability::Replicate { replica: 3 }, false),
    (Durability::Replicate { replica: 3 }, true),
    (Durability::Disperse { data: 2, redundancy: 1 }, false),
    (Durability::Disperse { data: 4, redundancy: 2 }, false),
    (Durability::Disperse { data: 8, redundancy: 3 }, false),
    (Durability::Disperse { data: 8, redundancy: 4 }, false),
];

/// Tells the largest volume that fits now, for all clusters or one, and each durability; `factor` is thin pool size
/// over brick size, for room for snapshots.
///
/// # Errors
/// `NotFound`.
pub fn capacity(
    inventory: &Inventory,
    only: Option<ClusterId>,
    factor: f32,
    policy: &Policy,
    facts: &Facts,
) -> Result<CapacityInfo, Error> {
    let clusters = match only {
        Some(id) => vec![inventory.cluster(id).ok_or_else(Error::not_found)?],
        None => inventory.clusters().collect(),
    };
    let told = clusters.into_iter().map(|cluster| of_cluster(inventory, cluster, factor, policy, facts));
    Ok(CapacityInfo { clusters: told.collect() })
}

fn of_cluster(
    inventory: &Inventory,
    cluster: &Cluster,
    factor: f32,
    policy: &Policy,
    facts: &Facts,
) -> ClusterCapacity {
    let nodes: Vec<_> = inventory.nodes_of_cluster(cluster.id).collect();
    let all = nodes.iter().flat_map(|node| inventory.devices_of_node(*node)).filter_map(|id| inventory.device(id));
    let (mut devices, mut storage) = (0, StorageSize::default());
    for device in all {
        let free = inventory.free(device);
        devices += 1;
        storage.total += device.total;
        storage.free += free;
        storage.used += device.total.saturating_sub(free);
    }
    let usable = inventory.slots_of_cluster(cluster.id).filter(|slot| !facts.down.contains(&slot.node)).count();
    // Which of the two kinds it takes is told beside; a volume of one of them is meant.
    let no_way = wrong_type(inventory, cluster.id, cluster.block && !cluster.file)
        .or_else(|| too_many(inventory, cluster.id, policy))
        .or_else(|| no_devices(inventory, cluster.id, facts));
    let largest = KINDS.into_iter().map(|(durability, arbiter)| match &no_way {
        Some(reason) => {
            LargestVolume { durability: durability.into(), arbiter, size: Gib(0), reason: Some(reason.clone()) }
        }
        None => largest_volume(inventory, cluster.id, durability, arbiter, factor, policy, facts),
    });
    ClusterCapacity {
        id: cluster.id,
        file: cluster.file,
        block: cluster.block,
        storage,
        nodes: nodes.len() as u64,
        devices,
        usable_devices: usable as u64,
        largest: largest.collect(),
    }
}

fn largest_volume(
    inventory: &Inventory,
    cluster: ClusterId,
    durability: Durability,
    arbiter: bool,
    factor: f32,
    policy: &Policy,
    facts: &Facts,
) -> LargestVolume {
    let options = if arbiter { vec!["user.heketi.arbiter true".to_owned()] } else { Vec::new() };
    let snapshot = Snapshot { enable: factor > 1.0, factor };
    let request = CheckedVolumeCreate { options, snapshot, ..CheckedVolumeCreate::new(Gib(1), durability) };
    // The server's own options count, as they do for every volume.
    let options = all_options(&request, policy);
    let rule: Option<TagRule> = VolumeOptions(&options).tag_rule().ok().flatten();
    let wanted = wanted_create(&request, cluster, policy, &options, rule.as_ref());
    let size = explain::largest(inventory, &wanted, policy, facts);
    let reason = size.is_none().then(|| too_little(inventory, &wanted, policy, facts));
    LargestVolume { durability: durability.into(), arbiter, size: size.unwrap_or(Gib(0)), reason }
}

/// Why not even one set of the smallest bricks fits.
fn too_little(inventory: &Inventory, wanted: &Wanted<'_>, policy: &Policy, facts: &Facts) -> String {
    let domains = match wanted.zones {
        ZoneChecking::Strict => "zones",
        ZoneChecking::None => "nodes",
    };
    let (needed, brick) = (wanted.durability.set_size(), policy.brick_min);
    if needed > policy.max_bricks {
        return format!("a set has {needed} bricks; a volume may have {}", policy.max_bricks);
    }
    let room = Room::gather(inventory, wanted, facts, 0);
    let arbiter = match wanted.arbiter {
        Some(_) => format!(", {} for its arbiter brick", room.arbiter_domains(brick)),
        None => String::new(),
    };
    format!(
        "a set needs {needed} {domains} with room for a brick of {brick}; there are {}{arbiter}",
        room.domains(brick)
    )
}
