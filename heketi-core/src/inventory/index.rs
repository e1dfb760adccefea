use std::cmp::Reverse;

use imbl::{OrdMap, OrdSet, Vector};

use super::claims::{Claim, Object};
use crate::id::{BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, VolumeId};
use crate::units::{Kib, Timestamp};

/// Where a device stands in the order in which placement looks at devices: by cluster, zone and class of free
/// space, the emptiest first, the larger first among equally empty ones, then by a stable hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotKey {
    pub cluster: ClusterId,
    pub zone: i64,
    pub class: u8,
    pub emptiness: Reverse<u64>,
    pub total: Reverse<Kib>,
    pub hash: u64,
    pub device: DeviceId,
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
    pub cluster_volumes: OrdSet<(ClusterId, VolumeId)>,
    pub volume_names: OrdMap<(ClusterId, String), VolumeId>,
    pub hosts: OrdMap<String, NodeId>,
    pub charged: OrdMap<DeviceId, Kib>,
    pub slots: OrdMap<SlotKey, Slot>,
    pub slot_keys: OrdMap<DeviceId, SlotKey>,
    /// How many devices stand in each class of each zone.
    pub classes: OrdMap<(ClusterId, i64, u8), u64>,
    pub claims: OrdMap<Object, Vector<(OperationId, Claim)>>,
    pub finished_jobs: OrdSet<(Timestamp, QueueId)>,
}

impl Index {
    /// Takes a device into the order of placement.
    pub fn insert_slot(&mut self, cluster: ClusterId, slot: Slot) {
        let key = SlotKey {
            cluster,
            zone: slot.zone,
            class: free_class(slot.free),
            emptiness: Reverse(emptiness(slot.free, slot.total)),
            total: Reverse(slot.total),
            hash: slot.device.stable_hash(0),
            device: slot.device,
        };
        self.slots.insert(key, slot);
        self.slot_keys.insert(slot.device, key);
        let class = (cluster, key.zone, key.class);
        let count = self.classes.get(&class).copied().unwrap_or(0);
        self.classes.insert(class, count + 1);
    }

    /// Takes a device out of the order of placement, if it is in it.
    pub fn remove_slot(&mut self, device: DeviceId) {
        let Some(key) = self.slot_keys.remove(&device) else {
            return;
        };
        self.slots.remove(&key);
        let class = (key.cluster, key.zone, key.class);
        match self.classes.get(&class).copied() {
            Some(count) if count > 1 => self.classes.insert(class, count - 1),
            _ => self.classes.remove(&class),
        };
    }

    /// Records or forgets what an operation holds.
    pub fn set_claims(&mut self, operation: OperationId, claims: Vec<(Object, Claim)>, held: bool) {
        for (object, claim) in claims {
            let mut holders = self.claims.get(&object).cloned().unwrap_or_default();
            holders.retain(|(holder, _)| *holder != operation);
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
