//! Pending operations that v10 cannot load, and marks of operations that are gone.

use super::super::{ActionEntry, OperationEntry, change, kind};
use super::bucket::Bucket;
use super::repair::Fix;
use super::{DamageKind, Findings};

impl Findings<'_> {
    pub(super) fn operations(&mut self) {
        let database = self.database;
        for (id, entry) in &database.operations {
            let remove = || Some(Fix::RemoveOperation(id.clone()));
            if !(kind::CREATE_VOLUME..=kind::EXPAND_BLOCK_VOLUME).contains(&entry.kind) {
                let text = format!("pending op {id} has type {}, which nobody can finish or undo", entry.kind);
                self.severe(DamageKind::Operation, text, remove());
                continue;
            }
            let unknown =
                entry.actions.iter().find(|it| !(change::ADD_BRICK..=change::EXPAND_BLOCK_VOLUME).contains(&it.change));
            if let Some(action) = unknown {
                let text = format!("Pending Op {id} unexpected change type {}", action.change);
                self.severe(DamageKind::Operation, text, remove());
                continue;
            }
            if let Some(action) = entry.actions.iter().find(|action| !self.is_there(action, entry)) {
                let text = format!(
                    "pending op {id} id in change missing {} not found in bricks|volumes|blockvolumes",
                    action.id
                );
                self.severe(DamageKind::Operation, text, remove());
            } else if !is_complete(entry) {
                let text = format!("pending op {id} does not tell what it changes, so nobody can finish or undo it");
                self.severe(DamageKind::Operation, text, remove());
            } else if entry.kind == kind::CLONE_VOLUME {
                self.clone_in_work(id, entry);
            }
        }
    }

    /// The known defect of v10's clone: its record is written last.
    fn clone_in_work(&mut self, id: &str, entry: &OperationEntry) {
        let named = |change| entry.actions.iter().find(|it| it.change == change).map_or("", |it| it.id.as_str());
        let (source, clone) = (named(change::CLONE_FROM), named(change::CLONE_TO));
        if self.database.volumes.contains_key(clone) {
            return;
        }
        let text = format!(
            "pending op {id}: heketi v10 ended while it cloned volume {source} to {clone}. It cannot clean that up, and \
             every volume create in the cluster fails with `Id not found` meanwhile. Once converted it is a stale \
             operation like others, and undone by the cleaner or by `heketi offline cleanup-operations`"
        );
        self.mild(DamageKind::Operation, text, None);
    }

    fn is_there(&self, action: &ActionEntry, entry: &OperationEntry) -> bool {
        let (database, id) = (self.database, &action.id);
        match action.change {
            change::ADD_BRICK | change::DELETE_BRICK => database.bricks.contains_key(id),
            // The record of a clone is written last.
            change::CLONE_TO => entry.kind == kind::CLONE_VOLUME,
            change::ADD_VOLUME | change::DELETE_VOLUME | change::EXPAND_VOLUME | change::CLONE_FROM => {
                database.volumes.contains_key(id)
            }
            change::ADD_BLOCK_VOLUME | change::DELETE_BLOCK_VOLUME | change::EXPAND_BLOCK_VOLUME => {
                database.block_volumes.contains_key(id)
            }
            _ => true,
        }
    }

    /// Records that no pending operation speaks for.
    pub(super) fn marks(&mut self) {
        let database = self.database;
        let bricks = database.bricks.iter().map(|(id, it)| (Bucket::Brick, id, &it.pending.id));
        let volumes = database.volumes.iter().map(|(id, it)| (Bucket::Volume, id, &it.pending.id));
        let block_volumes = database.block_volumes.iter().map(|(id, it)| (Bucket::BlockVolume, id, &it.pending.id));
        for (bucket, id, mark) in bricks.chain(volumes).chain(block_volumes) {
            if !mark.is_empty() && !database.operations.contains_key(mark) {
                let text = format!("{} {id} marked pending but no pending op {mark}", bucket.title());
                self.mild(DamageKind::Mark, text, Some(Fix::ClearMark(bucket, id.clone())));
            }
        }
    }
}

/// Does the operation name what its kind is about?
fn is_complete(entry: &OperationEntry) -> bool {
    let has = |change| entry.actions.iter().any(|it| it.change == change);
    match entry.kind {
        kind::CREATE_VOLUME => has(change::ADD_VOLUME),
        kind::DELETE_VOLUME => has(change::DELETE_VOLUME),
        kind::EXPAND_VOLUME => has(change::EXPAND_VOLUME),
        kind::CREATE_BLOCK_VOLUME => has(change::ADD_BLOCK_VOLUME),
        kind::DELETE_BLOCK_VOLUME => has(change::DELETE_BLOCK_VOLUME),
        kind::CLONE_VOLUME => has(change::CLONE_FROM) && has(change::CLONE_TO),
        kind::EVICT_BRICK => has(change::DELETE_BRICK),
        kind::EXPAND_BLOCK_VOLUME => has(change::EXPAND_BLOCK_VOLUME),
        _ => true,
    }
}
