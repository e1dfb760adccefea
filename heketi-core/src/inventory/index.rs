use std::cmp::Reverse;
use std::collections::BTreeSet;

use imbl::{OrdMap, OrdSet, Vector};

use super::claims::{Claim, Object};
use crate::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, RequestKeyId, VolumeId};
use crate::model::{ArbiterUse, PoolKey};
use crate::units::{Kib, Timestamp};

/// Where a device stands in the order in which placement looks at devices: by cluster, zone, class of free
/// space and use for arbiter volumes, the emptiest first, the larger first among equally empty ones, then by a stable hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotKey {
    pub cluster: ClusterId,
    pub zone: i64,
    pub class: u8,
    pub arbiter: ArbiterUse,
    pub emptiness: Reverse<u64>,
    pub total: Reverse<Kib>,
    pub hash: u64,
    pub device: DeviceId,
}

/// Cluster, zone, class of free space, use for arbiter volumes.
pub(crate) type Class = (ClusterId, i64, u8, ArbiterUse);

impl SlotKey {
    fn of(cluster: ClusterId, slot: &Slot) -> Self {
        Self {
            cluster,
            zone: slot.zone,
            class: free_class(slot.free),
            arbiter: slot.arbiter,
            emptiness: Reverse(emptiness(slot.free, slot.total)),
            total: Reverse(slot.total),
            hash: slot.device.stable_hash(0),
            device: slot.device,
        }
    }

    fn class(self) -> Class {
        (self.cluster, self.zone, self.class, self.arbiter)
    }
}

/// A device that can take bricks, with what placement needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The device.
    pub device: DeviceId,
    /// Its node.
    pub node: NodeId,
    /// Its node's zone.
    pub zone: i64,
    /// Size of its volume group.
    pub total: Kib,
    /// What no brick is charged for.
    pub free: Kib,
    /// Extent size of its volume group.
    pub extent: Kib,
    /// Which bricks of arbiter volumes it takes.
    pub arbiter: ArbiterUse,
}

/// Space of several devices added up: 128-bit numbers, so that it can be taken apart again exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterSpace {
    pub devices: u64,
    pub free: u128,
    pub total: u128,
}

impl ClusterSpace {
    fn with(self, slot: &Slot) -> Self {
        let (free, total) = (self.free + u128::from(slot.free.0), self.total + u128::from(slot.total.0));
        Self { devices: self.devices + 1, free, total }
    }

    /// The rest without this device, which must be one of them.
    pub fn without(self, slot: &Slot) -> Self {
        let less = |sum: u128, part: Kib| sum.saturating_sub(part.0.into());
        let devices = self.devices.saturating_sub(1);
        Self { devices, free: less(self.free, slot.free), total: less(self.total, slot.total) }
    }
}

/// `free / total` as a 32-bit fixed-point number, 2^32 for a device that is all free.
pub(crate) fn emptiness(free: Kib, total: Kib) -> u64 {
    match total.0 {
        0 => 0,
        total => ((u128::from(free.0) << 32) / u128::from(total)) as u64,
    }
}

/// The class of an amount of free space: 0 for none, `k` from 2^(k-1) to below 2^k KiB. Small devices stand in
/// classes of their own, so that they hide no larger ones from a large brick, however empty they are.
pub(crate) fn free_class(free: Kib) -> u8 {
    (u64::BITS - free.0.leading_zeros()) as u8
}

/// Everything that can be computed from the records and is needed faster than that.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    pub cluster_nodes: OrdSet<(ClusterId, NodeId)>,
    pub node_devices: OrdSet<(NodeId, DeviceId)>,
    pub device_bricks: OrdSet<(DeviceId, BrickId)>,
    pub volume_bricks: OrdSet<(VolumeId, BrickId)>,
    pub retired_bricks: OrdSet<(NodeId, BrickId)>,
    /// How many bricks live in each thin pool.
    pub pool_bricks: OrdMap<(PoolKey, DeviceId), u32>,
    pub cluster_block_volumes: OrdSet<(ClusterId, BlockVolumeId)>,
    pub hosted_block_volumes: OrdSet<(VolumeId, BlockVolumeId)>,
    pub block_volume_names: OrdMap<(VolumeId, String), BlockVolumeId>,
    pub cluster_volumes: OrdSet<(ClusterId, VolumeId)>,
    /// How many volumes a cluster has.
    pub volume_counts: OrdMap<ClusterId, u64>,
    pub volume_names: OrdMap<(ClusterId, String), VolumeId>,
    pub hosts: OrdMap<String, NodeId>,
    pub charged: OrdMap<DeviceId, Kib>,
    pub slots: OrdMap<SlotKey, Slot>,
    pub slot_keys: OrdMap<DeviceId, SlotKey>,
    /// Devices that stand in the wrong place in the order of placement; none between two change sets.
    pub out_of_order: BTreeSet<DeviceId>,
    /// How many devices of each use stand in each class of each zone.
    pub classes: OrdMap<Class, u64>,
    /// Space of the devices of a cluster that can take bricks, added up.
    pub cluster_space: OrdMap<ClusterId, ClusterSpace>,
    pub claims: OrdMap<Object, Vector<(OperationId, Claim)>>,
    pub finished_jobs: OrdSet<(Timestamp, QueueId)>,
    pub keyed_requests: OrdSet<(Timestamp, RequestKeyId)>,
}

impl Index {
    /// Puts a device where it belongs in the order of placement of its cluster, or out of that.
    pub fn place(&mut self, device: DeviceId, slot: Option<(ClusterId, Slot)>) {
        match slot {
            Some((cluster, slot)) => self.set_slot(cluster, slot),
            None => self.remove_slot(device),
        }
    }

    fn set_slot(&mut self, cluster: ClusterId, slot: Slot) {
        let key = SlotKey::of(cluster, &slot);
        let old_key = self.slot_keys.insert(slot.device, key);
        let old = old_key.filter(|old| *old != key).and_then(|old| self.slots.remove(&old));
        let old = self.slots.insert(key, slot).or(old);
        // Nearly always it stays in its cluster, and in most cases in its class.
        match (old, old_key) {
            (Some(old), Some(old_key)) if old_key.cluster == cluster => {
                self.change_space(cluster, |space| space.without(&old).with(&slot));
            }
            (old, old_key) => {
                if let (Some(old), Some(old_key)) = (old, old_key) {
                    self.change_space(old_key.cluster, |space| space.without(&old));
                }
                self.change_space(cluster, |space| space.with(&slot));
            }
        }
        if old_key.map(SlotKey::class) != Some(key.class()) {
            old_key.into_iter().for_each(|old| self.leave_class(old.class()));
            let count = self.classes.get(&key.class()).copied().unwrap_or(0);
            self.classes.insert(key.class(), count + 1);
        }
    }

    /// Takes a device out of the order of placement, if it is in it.
    fn remove_slot(&mut self, device: DeviceId) {
        let Some(key) = self.slot_keys.remove(&device) else {
            return;
        };
        if let Some(slot) = self.slots.remove(&key) {
            self.change_space(key.cluster, |space| space.without(&slot));
        }
        self.leave_class(key.class());
    }

    fn change_space(&mut self, cluster: ClusterId, change: impl FnOnce(ClusterSpace) -> ClusterSpace) {
        let space = change(self.cluster_space.get(&cluster).copied().unwrap_or_default());
        if space.devices > 0 {
            self.cluster_space.insert(cluster, space);
        } else {
            self.cluster_space.remove(&cluster);
        }
    }

    fn leave_class(&mut self, class: Class) {
        match self.classes.get(&class).copied() {
            Some(count) if count > 1 => self.classes.insert(class, count - 1),
            _ => self.classes.remove(&class),
        };
    }

    /// Counts a volume of a cluster once more, or once less.
    pub fn count_volume(&mut self, cluster: ClusterId, there: bool) {
        let count = self.volume_counts.get(&cluster).copied().unwrap_or(0);
        match if there { count + 1 } else { count.saturating_sub(1) } {
            0 => self.volume_counts.remove(&cluster),
            count => self.volume_counts.insert(cluster, count),
        };
    }

    /// Records or forgets what an operation holds.
    pub fn set_claims(&mut self, operation: OperationId, claims: Vec<(Object, Claim)>, held: bool) {
        for (object, claim) in claims {
            // Not `retain`: imbl 7's loses elements of vectors of more than 64.
            let others = self.claims.get(&object).into_iter().flatten().filter(|(holder, _)| *holder != operation);
            let mut holders: Vector<_> = others.copied().collect();
            if held {
                let place = holders.iter().position(|(holder, _)| *holder > operation).unwrap_or(holders.len());
                holders.insert(place, (operation, claim));
            }
            if holders.is_empty() {
                self.claims.remove(&object);
            } else {
                self.claims.insert(object, holders);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A busy cluster is claimed by hundreds of operations at a time.
    #[test]
    fn every_claim_is_let_go_of_however_many_there_are() {
        let object = Object::Cluster(ClusterId::from_bytes([1; 16]));
        let operation = |n: u8| OperationId::from_bytes([n; 16]);
        let mut index = Index::default();
        let order: Vec<u8> = (0..=255).map(|n: u8| n.wrapping_mul(77)).collect();
        for n in &order {
            index.set_claims(operation(*n), vec![(object.clone(), Claim::Shared)], true);
        }
        for (gone, n) in order.iter().rev().enumerate() {
            assert_eq!(index.claims.get(&object).map(Vector::len), Some(256 - gone));
            index.set_claims(operation(*n), vec![(object.clone(), Claim::Shared)], false);
            let holds = |it: &Vector<(OperationId, Claim)>| it.iter().any(|(holder, _)| *holder == operation(*n));
            assert!(!index.claims.get(&object).is_some_and(holds), "{n}");
        }
        assert!(index.claims.is_empty());
    }
}
