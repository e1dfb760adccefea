//! What a pending operation changes, in heketi v10's words (core section 7.1), as operators see it.

use super::evacuation::Evacuation;
use super::eviction::Eviction;
use super::{Operation, Work};
use crate::id::{BrickId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};

/// One object an operation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedObject {
    /// The id of the object.
    pub id: String,
    /// What happens to it, such as `Add brick`.
    pub description: String,
}

impl ChangedObject {
    fn new(id: impl ToString, description: impl Into<String>) -> Self {
        Self { id: id.to_string(), description: description.into() }
    }
}

impl Operation {
    /// What the operation changes, in the order of the work. Bricks come in gluster's order.
    pub fn changes(&self, inventory: &Inventory) -> Vec<ChangedObject> {
        let all = |volume, description: &str| described(ordered_bricks(inventory, volume), description);
        let mut changes = match &self.work {
            Work::VolumeCreate(work) => all(work.volume(), "Add brick"),
            Work::VolumeExpand(work) => {
                let new = ordered_bricks(inventory, work.volume()).into_iter().filter(|id| work.bricks().contains(id));
                described(new, "Add brick")
            }
            Work::VolumeDelete(work) => all(work.volume(), "Delete brick"),
            Work::RetiredBricks(work) => described(work.bricks().iter().copied(), "Delete brick"),
            // What is made with the block volume, or moved one by one, and what is held alone meanwhile, differ.
            Work::BlockVolumeCreate(work) => {
                let mut changes = Vec::new();
                if let Some(hosting) = work.new_hosting() {
                    changes.extend(all(hosting, "Add brick"));
                    changes.push(ChangedObject::new(hosting, "Add volume"));
                }
                changes.push(ChangedObject::new(work.block_volume(), "Add block volume"));
                return changes;
            }
            Work::VolumeClone(work) => {
                let volumes = [(work.source(), "Clone volume from"), (work.volume(), "Expand volume to")];
                let mut changes: Vec<_> = volumes.into_iter().map(|(id, text)| ChangedObject::new(id, text)).collect();
                changes.extend(described(work.new_bricks(), "Add brick"));
                return changes;
            }
            Work::BrickEvict(work) => return moved(work.eviction()),
            Work::DeviceRemove(work) => return evacuated(work.evacuation()),
            Work::NodeRemove(work) => {
                let mut changes = vec![ChangedObject::new(work.node(), "Remove node")];
                changes.extend(evacuated(work.evacuation()));
                return changes;
            }
            Work::NodeReplace(work) => return vec![ChangedObject::new(work.node(), "Replace node")],
            Work::DeviceReplace(work) => return vec![ChangedObject::new(work.device(), "Replace device")],
            _ => Vec::new(),
        };
        changes.extend(self.claimed_objects());
        changes
    }

    /// What the operation keeps others from, described by what it does.
    fn claimed_objects(&self) -> impl Iterator<Item = ChangedObject> {
        let verb = match self.work.machine().verbs().0 {
            "create" => "add",
            verb => verb,
        };
        let verb: String = verb.chars().take(1).flat_map(char::to_uppercase).chain(verb.chars().skip(1)).collect();
        let exclusive = self.claims().into_iter().filter(|(_, claim)| *claim != Claim::Shared);
        exclusive.filter_map(move |(object, _)| {
            let (id, kind) = match object {
                Object::Cluster(id) => (id.to_string(), "cluster"),
                Object::Node(id) => (id.to_string(), "node"),
                Object::Device(id) => (id.to_string(), "device"),
                Object::Volume(id) => (id.to_string(), "volume"),
                Object::BlockVolume(id) => (id.to_string(), "block volume"),
                // They have no ids of their own, and belong to an object of this list.
                _ => return None,
            };
            Some(ChangedObject::new(id, format!("{verb} {kind}")))
        })
    }
}

fn described<T: ToString>(ids: impl IntoIterator<Item = T>, description: &str) -> Vec<ChangedObject> {
    ids.into_iter().map(|id| ChangedObject::new(id, description)).collect()
}

/// A brick that goes, and the one that takes its place once there is one.
fn moved(eviction: &Eviction) -> Vec<ChangedObject> {
    let new = eviction.new_brick().map(|id| ChangedObject::new(id, "Add brick"));
    [ChangedObject::new(eviction.brick(), "Delete brick")].into_iter().chain(new).collect()
}

/// Devices that are emptied, and the brick that is moved now.
fn evacuated(evacuation: &Evacuation) -> Vec<ChangedObject> {
    let mut changes = described(evacuation.devices(), "Remove device");
    changes.extend(evacuation.current().into_iter().flat_map(moved));
    changes
}

fn ordered_bricks(inventory: &Inventory, volume: VolumeId) -> Vec<BrickId> {
    let bricks = inventory.bricks_of_volume(volume).filter_map(|id| inventory.brick(id));
    let mut bricks: Vec<_> = bricks.map(|brick| (brick.position, brick.id)).collect();
    bricks.sort();
    bricks.into_iter().map(|(_, id)| id).collect()
}
