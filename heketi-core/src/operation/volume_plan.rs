//! Planning of volumes: which cluster, which devices, which brick records.

use std::collections::BTreeMap;

use crate::api::CheckedVolumeCreate;
use crate::error::{Error, ErrorKind};
use crate::id::{BrickId, ClusterId, DeviceId, IdSource, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::model::{ArbiterUse, Brick, BrickFormat, EntryState, SetPosition, Volume, VolumeOptions, ZoneChecking};
use crate::placement::sizing::{BrickSpace, SplitEnd, arbiter_brick};
use crate::placement::{
    Choice, Effort, Facts, Looks, NoFit, Policy, Wanted, balance, choose, choose_remembering, explain,
};
use crate::units::{Gib, Kib};

/// A cluster and devices for a new volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterChoice {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its devices.
    pub choice: Choice,
}

pub(super) fn cannot(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::CannotAllocate, text)
}

/// The clusters a request may use, in the order to try them.
pub(super) fn candidates(inventory: &Inventory, clusters: &[String]) -> Result<Vec<ClusterId>, Error> {
    let invalid = |text: String| Error::new(ErrorKind::Invalid, text);
    if inventory.clusters().next().is_none() {
        return Err(invalid("No clusters configured".into()));
    }
    if clusters.is_empty() {
        return Ok(inventory.clusters().map(|cluster| cluster.id).collect());
    }
    let known = |text: &String| {
        let id = text.parse().ok().filter(|id| inventory.cluster(*id).is_some());
        id.ok_or_else(|| invalid(format!("Cluster id {text} not found")))
    };
    clusters.iter().map(known).collect()
}

/// Why a cluster takes no volumes of a type, those for block volumes or the others; or none.
pub(super) fn wrong_type(inventory: &Inventory, cluster: ClusterId, block: bool) -> Option<String> {
    let record = inventory.cluster(cluster)?;
    if !record.file && !record.block {
        return Some("Cluster has disabled all volume types".into());
    }
    let allowed = if block { record.block } else { record.file };
    (!allowed).then(|| "Cluster does not support requested volume type".into())
}

/// Why a cluster cannot take a volume whatever its space, or none. `block`: it is to host block volumes.
pub(super) fn ineligible(
    inventory: &Inventory,
    cluster: ClusterId,
    name: Option<&str>,
    block: bool,
    policy: &Policy,
) -> Option<String> {
    if let Some(reason) = wrong_type(inventory, cluster, block) {
        return Some(reason);
    }
    no_more_volumes(inventory, cluster, name, policy)
}

/// Why a cluster takes no volume of this name, or no volume more, or none.
pub(super) fn no_more_volumes(
    inventory: &Inventory,
    cluster: ClusterId,
    name: Option<&str>,
    policy: &Policy,
) -> Option<String> {
    if let Some(name) = name.filter(|name| inventory.volume_named(cluster, name).is_some()) {
        return Some(format!("Volume name '{name}' already in use"));
    }
    too_many(inventory, cluster, policy)
}

/// Why a cluster takes no further volume at all, or none.
pub(super) fn too_many(inventory: &Inventory, cluster: ClusterId, policy: &Policy) -> Option<String> {
    let (limit, count) = (policy.max_volumes?, inventory.volume_count(cluster));
    (count >= limit).then(|| format!("Cluster has {count} volumes and limit is {limit}"))
}

/// Why no device of a cluster can be looked at, or none.
pub(super) fn no_devices(inventory: &Inventory, cluster: ClusterId, facts: &Facts) -> Option<String> {
    if facts.down.is_empty() && inventory.cluster_space(cluster).devices > 0 {
        return None;
    }
    if inventory.nodes_of_cluster(cluster).next().is_none() {
        return Some("No nodes in cluster".into());
    }
    let mut usable = inventory.slots_of_cluster(cluster).filter(|slot| !facts.down.contains(&slot.node));
    usable.next().is_none().then(|| "No online storage devices in cluster".into())
}

pub(super) fn reasons(heading: &str, reasons: Vec<(ClusterId, String)>) -> Error {
    match reasons.as_slice() {
        [] => cannot("No space"),
        [(_, reason)] => cannot(reason),
        several => {
            let lines: Vec<String> = several.iter().map(|(id, reason)| format!("Cluster {id}: {reason}")).collect();
            cannot(format!("{heading}\n{}", lines.join("\n")))
        }
    }
}

/// The options a new volume gets: the server's first ones, those of block hosting volumes, those of the
/// request, the server's last ones.
pub(super) fn all_options(request: &CheckedVolumeCreate, policy: &Policy) -> Vec<String> {
    let hosting: &[String] = if request.block { &policy.block_hosting.options } else { &[] };
    let options = policy.pre_options.iter().chain(hosting).chain(&request.options).chain(&policy.post_options);
    options.filter(|option| !option.is_empty()).cloned().collect()
}

pub(super) fn wanted_create<'a>(
    request: &'a CheckedVolumeCreate,
    cluster: ClusterId,
    policy: &Policy,
    options: &[String],
    rule: Option<&'a crate::model::TagRule>,
) -> Wanted<'a> {
    Wanted {
        cluster,
        size: request.size.kib(),
        durability: request.durability,
        factor: request.snapshot.factor,
        existing_bricks: 0,
        zones: VolumeOptions(options).zone_checking(policy.zone_checking),
        tag_rule: rule,
        arbiter: VolumeOptions(options).arbiter_files(request.durability, policy.average_file_size),
    }
}

/// Picks a cluster and devices for a new volume. Clusters the request names are tried in its order, otherwise
/// the one first that stays emptiest ([`balance::emptiest_first`]). `Ok(None)`: a quick look found nothing, an exact one may.
///
/// # Errors
/// `Invalid` for unknown clusters and a size below the minimum; `CannotAllocate` with heketi v10's texts.
pub fn choose_cluster(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
) -> Result<Option<ClusterChoice>, Error> {
    choose_cluster_remembering(inventory, request, policy, facts, effort, seed, &mut Looks::default())
}

/// The same with what earlier looks at this state found.
pub(crate) fn choose_cluster_remembering(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
    looks: &mut Looks,
) -> Result<Option<ClusterChoice>, Error> {
    let clusters = candidates(inventory, &request.clusters)?;
    let minimum = Kib(policy.brick_min.0 * u64::from(request.durability.data_bricks()));
    if request.size.kib() < minimum {
        let text = format!(
            "Requested volume size ({} GB) is smaller than the minimum supported volume size ({})",
            request.size.0, minimum.0
        );
        return Err(Error::new(ErrorKind::Invalid, text));
    }
    let (mut eligible, mut refused) = (Vec::new(), Vec::new());
    for cluster in clusters {
        match ineligible(inventory, cluster, request.name.as_deref(), request.block, policy) {
            None => eligible.push(cluster),
            Some(reason) => refused.push((cluster, reason)),
        }
    }
    if eligible.is_empty() {
        return Err(reasons("No eligible cluster for volume", refused));
    }
    let options = all_options(request, policy);
    let arbiter = VolumeOptions(&options).check_arbiter(request.durability);
    arbiter.map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
    let rule = VolumeOptions(&options).tag_rule().map_err(|error| cannot(error.to_string()))?;
    if let (true, Some(any)) = (request.clusters.is_empty(), eligible.first()) {
        let taken = balance::taken(&wanted_create(request, *any, policy, &options, rule.as_ref()));
        balance::emptiest_first(inventory, &mut eligible, taken, facts);
    }
    let mut full = Vec::new();
    for cluster in eligible {
        if let Some(reason) = no_devices(inventory, cluster, facts) {
            full.push((cluster, reason));
            continue;
        }
        let wanted = wanted_create(request, cluster, policy, &options, rule.as_ref());
        match choose_remembering(inventory, &wanted, policy, facts, effort, seed, looks) {
            Ok(choice) => return Ok(Some(ClusterChoice { cluster, choice })),
            Err(NoFit::Unknown) => return Ok(None),
            // It does not depend on the cluster, and is no lack of space.
            Err(NoFit::Certain(end @ SplitEnd::FilesTooLarge { .. })) => return Err(cannot(end.to_string())),
            Err(NoFit::Certain(_)) => full.push((cluster, "No space".into())),
        }
    }
    if request.clusters.is_empty() {
        full.sort();
    }
    Err(reasons("Unable to create volume on any cluster:", full))
}

/// Lines that tell why a new volume finds no place.
pub fn explain_create(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
) -> Vec<String> {
    let options = all_options(request, policy);
    let rule = VolumeOptions(&options).tag_rule().ok().flatten();
    let mut lines = Vec::new();
    for cluster in candidates(inventory, &request.clusters).unwrap_or_default() {
        let no_way = ineligible(inventory, cluster, request.name.as_deref(), request.block, policy)
            .or_else(|| no_devices(inventory, cluster, facts));
        lines.push(format!("Cluster {cluster}:{}", no_way.as_ref().map(|why| format!(" {why}")).unwrap_or_default()));
        if no_way.is_none() {
            let wanted = wanted_create(request, cluster, policy, &options, rule.as_ref());
            lines.extend(explain::no_place(inventory, &wanted, policy, facts));
        }
    }
    lines
}

fn wanted_expansion<'a>(
    inventory: &Inventory,
    volume: &'a Volume,
    increment: Gib,
    policy: &Policy,
    rule: Option<&'a crate::model::TagRule>,
) -> Wanted<'a> {
    Wanted {
        cluster: volume.cluster,
        size: increment.kib(),
        durability: volume.durability,
        factor: volume.snapshot.factor,
        existing_bricks: u32::try_from(inventory.bricks_of_volume(volume.id).count()).unwrap_or(u32::MAX),
        zones: VolumeOptions(&volume.options).zone_checking(policy.zone_checking),
        tag_rule: rule,
        arbiter: VolumeOptions(&volume.options).arbiter_files(volume.durability, policy.average_file_size),
    }
}

/// The volume, if clients may see it and nobody else works on it.
pub(super) fn free_volume(inventory: &Inventory, id: VolumeId) -> Result<&Volume, Error> {
    let volume = inventory.volume(id).filter(|_| !inventory.is_volume_hidden(id)).ok_or_else(Error::not_found)?;
    match inventory.conflict(&Object::Volume(id), Claim::Exclusive) {
        Some(_) => Err(Error::busy()),
        None => Ok(volume),
    }
}

/// Picks devices for more brick sets of a volume. `Ok(None)`: a quick look found nothing, an exact one may.
///
/// # Errors
/// `NotFound`; `Busy` while another operation works on the volume; `CannotAllocate` with heketi v10's texts.
pub fn choose_expansion(
    inventory: &Inventory,
    id: VolumeId,
    increment: Gib,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
) -> Result<Option<Choice>, Error> {
    let volume = free_volume(inventory, id)?;
    let rule = VolumeOptions(&volume.options).tag_rule().map_err(|error| cannot(error.to_string()))?;
    if let Some(reason) = no_devices(inventory, volume.cluster, facts) {
        return Err(cannot(reason));
    }
    let wanted = wanted_expansion(inventory, volume, increment, policy, rule.as_ref());
    match choose(inventory, &wanted, policy, facts, effort, seed) {
        Ok(choice) => Ok(Some(choice)),
        Err(NoFit::Unknown) => Ok(None),
        Err(NoFit::Certain(end)) => Err(cannot(end.to_string())),
    }
}

/// Lines that tell why an expansion finds no place.
pub fn explain_expansion(
    inventory: &Inventory,
    id: VolumeId,
    increment: Gib,
    policy: &Policy,
    facts: &Facts,
) -> Vec<String> {
    let Some(volume) = inventory.volume(id) else {
        return Vec::new();
    };
    let rule = VolumeOptions(&volume.options).tag_rule().ok().flatten();
    explain::no_place(inventory, &wanted_expansion(inventory, volume, increment, policy, rule.as_ref()), policy, facts)
}

/// Brick records for a choice, with sets numbered from `first_set`; none if the choice does not fit the state
/// any more, because it was made on an older one.
pub(super) fn bricks_for(
    inventory: &Inventory,
    volume: &Volume,
    choice: &Choice,
    first_set: u32,
    policy: &Policy,
    ids: &mut dyn IdSource,
) -> Option<Vec<Brick>> {
    let options = VolumeOptions(&volume.options);
    let zones = options.zone_checking(policy.zone_checking);
    let arbiter = options.arbiter_files(volume.durability, policy.average_file_size);
    let last = volume.durability.set_size().saturating_sub(1);
    let mut promised: BTreeMap<DeviceId, Kib> = BTreeMap::new();
    let mut bricks = Vec::with_capacity(choice.sets.iter().map(Vec::len).sum());
    for (set, devices) in (first_set..).zip(&choice.sets) {
        let mut nodes = Vec::with_capacity(devices.len());
        let mut used_zones = Vec::with_capacity(devices.len());
        for (index, device) in (0..).zip(devices) {
            let known = inventory.device_and_free(*device);
            let (device, free) = known.filter(|(device, _)| device.state == EntryState::Online)?;
            let node = inventory.node(device.node).filter(|node| node.state == EntryState::Online)?;
            let same_zone = zones == ZoneChecking::Strict && used_zones.contains(&node.zone);
            if node.cluster != volume.cluster || nodes.contains(&node.id) || same_zone {
                return None;
            }
            nodes.push(node.id);
            used_zones.push(node.zone);
            let (size, format) = match arbiter.filter(|_| index == last) {
                Some(average_file) => (arbiter_brick(choice.brick, average_file), BrickFormat::Arbiter),
                None => (choice.brick, BrickFormat::Normal),
            };
            let takes = ArbiterUse::of(&node.tags, &device.tags).takes(format == BrickFormat::Arbiter);
            if arbiter.is_some() && !takes {
                return None;
            }
            let space = BrickSpace::new(size, volume.snapshot.factor, device.extent);
            let promised = promised.entry(device.id).or_default();
            let blocked = inventory.conflict(&Object::Device(device.id), Claim::Shared).is_some();
            if blocked || free.saturating_sub(*promised) <= space.total() {
                return None;
            }
            *promised += space.total();
            bricks.push(Brick {
                id: BrickId::new(ids),
                device: device.id,
                node: node.id,
                volume: volume.id,
                size,
                pool_size: space.pool,
                metadata_size: space.metadata,
                format,
                position: Some(SetPosition { set, index }),
                thin_pool: None,
                logical_volume: None,
                path: None,
                retired: false,
            });
        }
    }
    Some(bricks)
}

/// Checks again what [`choose_cluster`] checked, for a choice that was made on an older state.
pub(super) fn still_eligible(
    inventory: &Inventory,
    cluster: ClusterId,
    name: Option<&str>,
    block: bool,
    policy: &Policy,
) -> Result<(), Error> {
    inventory
        .cluster(cluster)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("Cluster id {cluster} not found")))?;
    match ineligible(inventory, cluster, name, block, policy) {
        Some(reason) => Err(cannot(reason)),
        None => Ok(()),
    }
}
