//! The space of block hosting volumes adds up: size = free + reserved + hosted.

use std::collections::BTreeSet;

use super::change::{Change, Key, Record};
use super::claims::Object;
use super::{ApplyError, Inventory};
use crate::id::VolumeId;
use crate::model::BlockRestriction;
use crate::operation::Operation;
use crate::units::Gib;

impl Inventory {
    /// What a block hosting volume hosts: its block volumes, pending or not, and what operations hold for
    /// block volumes that are growing.
    pub fn hosted(&self, hosting: VolumeId) -> Gib {
        let block_volumes = self.block_volumes_of_volume(hosting).filter_map(|id| self.block_volume(id));
        let sizes = block_volumes.map(|block_volume| block_volume.size);
        let volume = Object::Volume(hosting);
        let operations = self.claimants(&volume).filter_map(|(id, _)| self.operation(id));
        let held = operations.map(|operation| operation.holds_block_space(hosting));
        Gib(sizes.chain(held).fold(0, |sum, size| sum.saturating_add(size.0)))
    }

    /// Collects the volumes whose space must be looked at after `change`, which was not made yet.
    pub(super) fn collect_hosting(&self, change: &Change, volumes: &mut BTreeSet<VolumeId>) {
        let claimed = |operation: &Operation, volumes: &mut BTreeSet<VolumeId>| {
            volumes.extend(operation.claims().into_iter().filter_map(|(object, _)| match object {
                Object::Volume(id) => Some(id),
                _ => None,
            }));
        };
        let key = match change {
            Change::Put(record) => {
                match record {
                    Record::Volume(volume) => _ = volumes.insert(volume.id),
                    Record::BlockVolume(block_volume) => _ = volumes.insert(block_volume.hosting),
                    Record::Operation(operation) => claimed(operation, volumes),
                    _ => {}
                }
                record.key()
            }
            Change::Delete(key) => *key,
        };
        match key {
            Key::BlockVolume(id) => volumes.extend(self.block_volume(id).map(|old| old.hosting)),
            Key::Operation(id) => {
                if let Some(old) = self.operation(id) {
                    claimed(old, volumes);
                }
            }
            _ => {}
        }
    }

    /// Refuses a state in which the space of a volume does not add up. One that a database upgrade locked is
    /// left alone: that is what it is locked for.
    pub(super) fn check_hosting(&self, id: VolumeId) -> Result<(), ApplyError> {
        let Some(volume) = self.volume(id) else {
            return Ok(());
        };
        let mut hosted = self.block_volumes_of_volume(id).filter_map(|id| self.block_volume(id));
        if let Some(other) = hosted.find(|it| volume.hosting.is_none() || it.cluster != volume.cluster) {
            return Err(ApplyError(format!("volume {id} may not host block volume {}", other.id)));
        }
        let Some(hosting) = volume.hosting else {
            return Ok(());
        };
        let hosted = self.hosted(id);
        let sum = [hosting.reserved, hosted].iter().try_fold(hosting.free.0, |sum, part| sum.checked_add(part.0));
        if sum == Some(volume.size.0) || hosting.restriction == BlockRestriction::LockedByUpdate {
            return Ok(());
        }
        Err(ApplyError(format!(
            "block hosting volume {id} of {} would have {} free, {} reserved and host {hosted}",
            volume.size, hosting.free, hosting.reserved
        )))
    }
}
