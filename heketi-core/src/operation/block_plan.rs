//! Planning of block volumes: which volume hosts a new one.

use super::volume_plan::{
    ClusterChoice, candidates, cannot, choose_cluster, explain_create, reasons, too_many, wrong_type,
};
use crate::api::CheckedVolumeCreate;
use crate::error::Error;
use crate::id::{ClusterId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::model::{BlockHosting, BlockRestriction, Durability};
use crate::placement::{Effort, Facts, Policy};
use crate::units::Gib;

use super::OperationStatus;

/// What a new block volume shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockVolumeCreateRequest {
    /// Size.
    pub size: Gib,
    /// Its name; `None` means `blockvol_<id>`.
    pub name: Option<String>,
    /// Clusters that may be taken, as the client wrote them; empty means all.
    pub clusters: Vec<String>,
    /// Over how many hosts it can be reached; 0, or more than there are, means all.
    pub ha_count: u32,
    /// Ask initiators for a user name and a password?
    pub auth: bool,
}

/// Where a new block volume goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostingChoice {
    /// Into this volume.
    Existing(VolumeId),
    /// Into a new one on these devices.
    New(ClusterChoice),
}

/// As [`HostingChoice`], before devices were looked for.
pub(super) enum Hosting {
    Existing(VolumeId),
    New(CheckedVolumeCreate),
}

/// The volume that takes the block volume: of those with room the fullest, so that large block volumes find
/// room longest; then the one with the lowest id.
///
/// # Errors
/// `Invalid` for unknown clusters, `CannotAllocate` with heketi v10's texts; `Busy` while a volume that has
/// room is growing, or another hosting volume comes or goes.
pub(super) fn hosting_for(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    policy: &Policy,
) -> Result<Hosting, Error> {
    let known = candidates(inventory, &request.clusters)?;
    let eligible = eligible(known, |cluster| wrong_type(inventory, cluster, true))?;
    let (mut best, mut growing) = (None, false);
    for id in eligible.iter().flat_map(|cluster| inventory.volumes_of_cluster(*cluster)) {
        let Some(free) = room(inventory, id, request) else {
            continue;
        };
        if inventory.conflict(&Object::Volume(id), Claim::Shared).is_some() {
            growing = true;
        } else if best.is_none_or(|best| (free, id) < best) {
            best = Some((free, id));
        }
    }
    match best {
        Some((_, id)) => Ok(Hosting::Existing(id)),
        None if growing => Err(Error::busy()),
        None => new_hosting(inventory, request, eligible, policy),
    }
}

/// The clusters nothing speaks against.
///
/// # Errors
/// `CannotAllocate` with the reasons when there are none.
fn eligible(clusters: Vec<ClusterId>, refusal: impl Fn(ClusterId) -> Option<String>) -> Result<Vec<ClusterId>, Error> {
    let refused: Vec<_> = clusters.iter().filter_map(|id| Some((*id, refusal(*id)?))).collect();
    let eligible: Vec<_> = clusters.into_iter().filter(|id| !refused.iter().any(|(other, _)| other == id)).collect();
    if eligible.is_empty() { Err(reasons("No eligible cluster for volume", refused)) } else { Ok(eligible) }
}

/// The free space of a volume that can take the block volume, whoever works on the volume now.
fn room(inventory: &Inventory, id: VolumeId, request: &BlockVolumeCreateRequest) -> Option<Gib> {
    let hosting = inventory.volume(id)?.hosting?;
    let taken = request.name.as_ref().is_some_and(|name| inventory.block_volume_named(id, name).is_some());
    let open = hosting.restriction == BlockRestriction::None && hosting.free >= request.size;
    (open && !taken && !inventory.is_volume_hidden(id)).then_some(hosting.free)
}

fn new_hosting(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    clusters: Vec<ClusterId>,
    policy: &Policy,
) -> Result<Hosting, Error> {
    let clusters = eligible(clusters, |cluster| too_many(inventory, cluster, policy))?;
    let (size, capacity) = (policy.block_hosting.size, BlockHosting::capacity(policy.block_hosting.size));
    if request.size > capacity {
        return Err(cannot(format!(
            "The size configured for automatic creation of block hosting volumes ({}) is too small to host the \
             requested block volume of size {}. The available size on this block hosting volume, minus overhead, is \
             {}. Please create a sufficiently large block hosting volume manually.",
            size.0, request.size.0, capacity.0
        )));
    }
    if comes_or_goes(inventory) {
        return Err(Error::busy());
    }
    if !policy.block_hosting.auto_create {
        return Err(cannot("Block Hosting Volume Creation is disabled. Create a Block hosting volume and try again."));
    }
    let clusters = clusters.iter().map(ToString::to_string).collect();
    let volume = CheckedVolumeCreate::new(size, Durability::Replicate { replica: 3 });
    Ok(Hosting::New(CheckedVolumeCreate { clusters, block: true, ..volume }))
}

/// Is a hosting volume being created or deleted? Its space may be what the next request needs.
fn comes_or_goes(inventory: &Inventory) -> bool {
    let running = inventory.operations().filter(|operation| operation.status == OperationStatus::New);
    running.flat_map(|operation| operation.claims().into_iter().map(move |claim| (operation, claim))).any(
        |(operation, (object, _))| match object {
            Object::Volume(id) if operation.hides_volume(id) => {
                inventory.volume(id).is_some_and(|volume| volume.hosting.is_some())
            }
            _ => false,
        },
    )
}

/// Picks the volume that will host a new block volume, or devices for a new one. `Ok(None)`: a quick look found
/// nothing, an exact one may.
///
/// # Errors
/// `Invalid` for unknown clusters; `CannotAllocate` with heketi v10's texts; `Busy` while a volume that has room
/// is growing, or while another hosting volume is created or deleted.
pub fn choose_hosting(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    policy: &Policy,
    facts: &Facts,
    effort: Effort,
    seed: u64,
) -> Result<Option<HostingChoice>, Error> {
    match hosting_for(inventory, request, policy)? {
        Hosting::Existing(id) => Ok(Some(HostingChoice::Existing(id))),
        Hosting::New(volume) => {
            let choice = choose_cluster(inventory, &volume, policy, facts, effort, seed)?;
            Ok(choice.map(HostingChoice::New))
        }
    }
}

/// Lines that tell why a new hosting volume finds no place.
pub fn explain_hosting(
    inventory: &Inventory,
    request: &BlockVolumeCreateRequest,
    policy: &Policy,
    facts: &Facts,
) -> Vec<String> {
    match hosting_for(inventory, request, policy) {
        Ok(Hosting::New(volume)) => explain_create(inventory, &volume, policy, facts),
        _ => Vec::new(),
    }
}
