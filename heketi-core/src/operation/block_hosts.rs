//! What the block volume operations share: which nodes run their commands, and what must be free for them.

use super::machine::failure_texts;
use super::{Action, Host, Observation, Step, StepOutcome};
use crate::error::Error;
use crate::id::{BlockVolumeId, ClusterId, NodeId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::model::{BlockVolume, EntryState, Volume};
use crate::placement::Facts;

/// Most nodes that one command is offered to. All of them must settle when its outcome is unknown, so a dead
/// node among many should not hold that up.
const MOST_ASKED: usize = 3;

/// The nodes of a cluster that can export block volumes: all but those another operation has for itself, such
/// as one that deletes the node.
pub(super) fn exporting(inventory: &Inventory, cluster: ClusterId) -> Vec<NodeId> {
    let free = |id: &NodeId| inventory.conflict(&Object::Node(*id), Claim::Shared).is_none();
    inventory.nodes_of_cluster(cluster).filter(free).collect()
}

/// The few of `nodes` that a command is offered to: online ones that are not believed down first, those that
/// export the block volume before others, then by id.
pub(super) fn to_ask(inventory: &Inventory, facts: &Facts, nodes: &[NodeId], exported_from: &[String]) -> Vec<NodeId> {
    let doubtful = |id: NodeId| {
        let node = inventory.node(id);
        let offline = node.is_none_or(|node| node.state != EntryState::Online) || facts.down.contains(&id);
        let exports = node.is_some_and(|node| exported_from.iter().any(|host| host == node.storage_host()));
        (offline, !exports, id)
    };
    let mut nodes = nodes.to_vec();
    nodes.sort_by_key(|id| doubtful(*id));
    nodes.truncate(MOST_ASKED);
    nodes
}

/// The nodes as targets of steps.
pub(super) fn hosts(inventory: &Inventory, nodes: &[NodeId]) -> Vec<Host> {
    nodes.iter().filter_map(|id| inventory.node(*id)).map(|node| node.host()).collect()
}

/// A gluster-block step for the first of `nodes` that can be reached. gluster-block has a lock of its own for
/// each hosting volume, so the configuration of the cluster is not locked as long as files are filled.
pub(super) fn block_step(inventory: &Inventory, nodes: &[NodeId], action: Action) -> Step {
    Step { hosts: hosts(inventory, nodes), changes_gluster: None, action }
}

/// The block volume and its hosting volume, both free for another operation that works on the block volume.
///
/// # Errors
/// `NotFound`; `Conflict` while it is being created or deleted; `Busy` while it or the hosting volume grows.
pub(super) fn free_block_volume(inventory: &Inventory, id: BlockVolumeId) -> Result<(&BlockVolume, &Volume), Error> {
    let block_volume = inventory.block_volume(id).ok_or_else(Error::not_found)?;
    if inventory.is_block_volume_hidden(id) {
        return Err(Error::conflict());
    }
    let hosting = hosting_of(inventory, block_volume)?;
    let held = inventory.conflict(&Object::BlockVolume(id), Claim::Exclusive);
    match held.or_else(|| inventory.conflict(&Object::Volume(hosting.id), Claim::Shared)) {
        Some(_) => Err(Error::busy()),
        None => Ok((block_volume, hosting)),
    }
}

/// The volume that hosts a block volume.
pub(super) fn hosting_of<'a>(inventory: &'a Inventory, block_volume: &BlockVolume) -> Result<&'a Volume, Error> {
    let hosting = inventory.volume(block_volume.hosting);
    let unknown = || format!("block volume {} is hosted by unknown volume {}", block_volume.id, block_volume.hosting);
    hosting.map(AsRef::as_ref).ok_or_else(|| Error::internal(unknown()))
}

/// What an operation on one block volume holds: the block volume alone, its hosting volume and the nodes
/// together with others.
pub(super) fn claims(id: BlockVolumeId, hosting: VolumeId, nodes: &[NodeId]) -> Vec<(Object, Claim)> {
    let nodes = nodes.iter().map(|node| (Object::Node(*node), Claim::Shared));
    let volumes = [(Object::Volume(hosting), Claim::Shared), (Object::BlockVolume(id), Claim::Exclusive)];
    nodes.chain(volumes).collect()
}

/// The names in the outcome of a listing step, or why there are none.
pub(super) fn listed_block_volumes(outcomes: &[StepOutcome]) -> Result<&[String], String> {
    match outcomes {
        [Ok(Observation::BlockVolumes(names))] => Ok(names),
        _ => Err(failure_texts(outcomes)),
    }
}
