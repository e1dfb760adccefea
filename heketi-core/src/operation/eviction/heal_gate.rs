//! May a brick be replaced now, as far as healing goes? (core section 5.5 of heketi v10's behaviour)

use crate::id::{BrickId, VolumeId};
use crate::inventory::Inventory;
use crate::model::Durability;
use crate::operation::{BrickHeal, GlusterBrick, GlusterVolume};

/// The brick of a volume that gluster calls `name`, by any host name of its node.
fn brick_called(inventory: &Inventory, volume: VolumeId, name: &GlusterBrick) -> Option<BrickId> {
    let node = inventory.node_with_host(&name.host)?;
    let bricks = inventory.bricks_of_volume(volume).filter_map(|id| inventory.brick(id));
    let mut called = bricks.filter(|brick| brick.node == node && brick.brick_directory() == name.path);
    called.next().map(|brick| brick.id)
}

/// A brick in gluster's words, and the other bricks of its set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BrickInSet {
    /// What gluster calls it.
    pub name: GlusterBrick,
    /// The other bricks of its set.
    pub others: Vec<BrickId>,
}

/// Finds the brick in gluster's list: a set is so many bricks in a row as the durability says.
///
/// The texts begin with heketi v10's.
pub(super) fn find_set(
    inventory: &Inventory,
    volume: (VolumeId, &str),
    durability: Durability,
    brick: BrickId,
    volumes: &[GlusterVolume],
) -> Result<BrickInSet, String> {
    let (id, name) = volume;
    let listed = volumes
        .iter()
        .find(|listed| listed.name == name)
        .ok_or_else(|| format!("Id not found: gluster has no volume {name}"))?;
    for set in listed.bricks.chunks(durability.set_size().max(1) as usize) {
        let ids: Vec<Option<BrickId>> = set.iter().map(|it| brick_called(inventory, id, it)).collect();
        let Some(place) = ids.iter().position(|id| *id == Some(brick)) else { continue };
        let mut others = Vec::new();
        for (name, id) in set.iter().zip(&ids) {
            let id = id.ok_or_else(|| format!("Id not found: gluster's brick {name} is not known to heketi"))?;
            others.push(id);
        }
        others.retain(|other| *other != brick);
        let name = set.get(place).cloned().unwrap_or_else(|| GlusterBrick { host: String::new(), path: String::new() });
        return Ok(BrickInSet { name, others });
    }
    Err(format!("Id not found: gluster volume {name} does not use brick {brick}"))
}

/// Why the brick may not be replaced now, or none if it may: it must not be the one that others are healed from, and
/// enough others of its set must be connected.
pub(super) fn refusal(
    inventory: &Inventory,
    volume: VolumeId,
    durability: Durability,
    (brick, others): (BrickId, &[BrickId]),
    heal: &[BrickHeal],
) -> Option<String> {
    let mut online = 0;
    for info in heal {
        // gluster has no information about it.
        let Some(name) = &info.brick else { continue };
        let Some(id) = brick_called(inventory, volume, name) else {
            return Some(format!("Unable to determine heal status of brick: {name} is not known to heketi"));
        };
        if id == brick && info.entries.is_some_and(|entries| entries > 0) {
            return Some(format!("Cannot replace brick {brick} as it is source brick for data to be healed"));
        }
        if others.contains(&id) && info.connected {
            online += 1;
        }
    }
    // Nobody else has the data of a set of one brick; such volumes are refused before anybody is asked.
    let required = durability.peers_needed().unwrap_or(u32::MAX);
    (online < required)
        .then(|| format!("Cannot replace brick {brick} as only {online} of {required} required peer bricks are online"))
}
