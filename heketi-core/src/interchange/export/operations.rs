//! Pending operations in heketi v10's words, and the marks of the records they are about.

use std::collections::BTreeMap;

use super::super::{ActionEntry, OperationEntry, V10Database, change, kind};
use crate::id::{BrickId, VolumeId};
use crate::inventory::Inventory;
use crate::operation::{Operation, OperationStatus, Work};

impl V10Database {
    /// Adds the operations that v10 knows, and returns the others in words.
    pub(super) fn add_operations(&mut self, inventory: &Inventory) -> Vec<String> {
        let mut unknown = Vec::new();
        for operation in inventory.operations() {
            let Some((kind, actions)) = in_v10(inventory, operation) else {
                unknown.push(format!("{} ({})", operation.describe(false), operation.id));
                continue;
            };
            let id = operation.id.to_string();
            let status = match operation.status {
                OperationStatus::New => "",
                OperationStatus::Stale => "stale",
                OperationStatus::Failed => "failed",
            };
            let (timestamp, status) = (operation.created.0 as i64, status.to_owned());
            self.operations.insert(id.clone(), OperationEntry { id, timestamp, kind, actions, status });
        }
        unknown
    }

    /// The operation that each record is marked for, by the record's id.
    pub(in super::super) fn marks(&self) -> BTreeMap<&str, &str> {
        let mut marks = BTreeMap::new();
        for (id, operation) in &self.operations {
            for action in operation.actions.iter().filter(|action| change::marks(action.change)) {
                marks.insert(action.id.as_str(), id.as_str());
            }
        }
        marks
    }
}

fn action(change: i64, id: impl ToString) -> ActionEntry {
    ActionEntry { change, id: id.to_string(), delta: None }
}

fn actions(change: i64, ids: impl IntoIterator<Item = BrickId>) -> Vec<ActionEntry> {
    ids.into_iter().map(|id| action(change, id)).collect()
}

/// Kind and actions of the operation, none if v10 has no such kind.
fn in_v10(inventory: &Inventory, operation: &Operation) -> Option<(i64, Vec<ActionEntry>)> {
    Some(match &operation.work {
        Work::VolumeCreate(work) => {
            let mut list = actions(change::ADD_BRICK, ordered(inventory, work.volume()));
            list.push(action(change::ADD_VOLUME, work.volume()));
            (kind::CREATE_VOLUME, list)
        }
        Work::VolumeDelete(work) => {
            let mut list = actions(change::DELETE_BRICK, inventory.bricks_of_volume(work.volume()));
            list.push(action(change::DELETE_VOLUME, work.volume()));
            (kind::DELETE_VOLUME, list)
        }
        Work::VolumeExpand(work) => {
            let mut list = actions(change::ADD_BRICK, work.bricks().iter().copied());
            let delta = Some(work.increment().0 as i64);
            list.push(ActionEntry { delta, ..action(change::EXPAND_VOLUME, work.volume()) });
            (kind::EXPAND_VOLUME, list)
        }
        Work::VolumeClone(work) => {
            let mut list = vec![action(change::CLONE_FROM, work.source()), action(change::CLONE_TO, work.volume())];
            list.extend(actions(change::ADD_BRICK, work.new_bricks()));
            (kind::CLONE_VOLUME, list)
        }
        Work::BlockVolumeCreate(work) => {
            let mut list = Vec::new();
            if let Some(hosting) = work.new_hosting() {
                list.extend(actions(change::ADD_BRICK, ordered(inventory, hosting)));
                list.push(action(change::ADD_VOLUME, hosting));
            }
            list.push(action(change::ADD_BLOCK_VOLUME, work.block_volume()));
            (kind::CREATE_BLOCK_VOLUME, list)
        }
        Work::BlockVolumeDelete(work) => {
            (kind::DELETE_BLOCK_VOLUME, vec![action(change::DELETE_BLOCK_VOLUME, work.block_volume())])
        }
        Work::BlockVolumeExpand(work) => {
            let delta = Some(work.new_size().0 as i64);
            let list = vec![ActionEntry { delta, ..action(change::EXPAND_BLOCK_VOLUME, work.block_volume()) }];
            (kind::EXPAND_BLOCK_VOLUME, list)
        }
        Work::BrickEvict(work) => {
            let (old, new) = work.bricks();
            let mut list = vec![action(change::DELETE_BRICK, old)];
            list.extend(actions(change::ADD_BRICK, new));
            (kind::EVICT_BRICK, list)
        }
        _ => return None,
    })
}

/// The bricks of a volume in gluster's order.
fn ordered(inventory: &Inventory, volume: VolumeId) -> Vec<BrickId> {
    let bricks = inventory.bricks_of_volume(volume).filter_map(|id| inventory.brick(id));
    let mut bricks: Vec<_> = bricks.map(|brick| (brick.position, brick.id)).collect();
    bricks.sort();
    bricks.into_iter().map(|(_, id)| id).collect()
}
