use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};

use super::claims::{Claim, Object};
use super::order::{Order, Place, Slot};
use crate::id::{BlockVolumeId, BrickId, ClusterId, DeviceId, NodeId, OperationId, QueueId, RequestKeyId, VolumeId};
use crate::model::{ArbiterUse, Brick, Device, EntryState, Node, PoolKey};
use crate::units::{Kib, Timestamp};

/// Adds a brick to ascending ones.
fn add(bricks: &mut Vec<BrickId>, brick: BrickId) {
    if let Err(place) = bricks.binary_search(&brick) {
        bricks.insert(place, brick);
    }
}

/// Takes a brick out of ascending ones.
fn remove(bricks: &mut Vec<BrickId>, brick: BrickId) {
    if let Ok(place) = bricks.binary_search(&brick) {
        bricks.remove(place);
    }
}

/// What the records make of a device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeviceUse {
    /// The device itself.
    pub device: Arc<Device>,
    /// Its bricks, pending and retired ones too, ascending: a volume group has room for some thousands.
    pub bricks: Vec<BrickId>,
    /// What they are charged together.
    pub charged: Kib,
    /// Its place in the order of placement, if it can take bricks.
    pub place: Option<Place>,
}

impl DeviceUse {
    pub fn new(device: Arc<Device>) -> Self {
        Self { device, bricks: Vec::new(), charged: Kib::ZERO, place: None }
    }

    /// A brick comes, and what the device is charged for it.
    pub fn add(&mut self, brick: BrickId, charge: Kib) {
        add(&mut self.bricks, brick);
        self.charged += charge;
    }

    /// A brick goes, and what the device was charged for it.
    pub fn remove(&mut self, brick: BrickId, charge: Kib) {
        remove(&mut self.bricks, brick);
        self.charged = self.charged.saturating_sub(charge);
    }

    /// Space that nothing is charged for.
    pub fn free(&self) -> Kib {
        self.device.total.saturating_sub(self.device.foreign + self.charged)
    }

    /// Where it belongs in the order of placement with its node like this; nowhere if it cannot take bricks.
    pub fn place_on(&self, node: &Node) -> Option<Place> {
        let device = &self.device;
        if device.state != EntryState::Online || node.state != EntryState::Online {
            return None;
        }
        let slot = Slot {
            device: device.id,
            node: node.id,
            zone: node.zone,
            total: device.total,
            free: self.free(),
            extent: device.extent,
            arbiter: ArbiterUse::of(&node.tags, &device.tags),
        };
        Some(Place::new(node.cluster, slot))
    }

    /// Its place in the order of placement, if nothing but what it is charged changed since it got one.
    pub fn recharged(&self) -> Option<Place> {
        Some(self.place?.with_free(self.free()))
    }
}

/// Everything that can be computed from the records and is needed faster than that.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Index {
    pub cluster_nodes: OrdSet<(ClusterId, NodeId)>,
    pub node_devices: OrdSet<(NodeId, DeviceId)>,
    /// Bricks of every volume, ascending, without retired ones: most volumes have few.
    pub volume_bricks: OrdMap<VolumeId, Arc<Vec<BrickId>>>,
    pub retired_bricks: OrdSet<(NodeId, BrickId)>,
    /// How many bricks live in a thin pool that is not named after them, as those of clones do.
    pub pool_guests: OrdMap<(PoolKey, DeviceId), u32>,
    pub cluster_block_volumes: OrdSet<(ClusterId, BlockVolumeId)>,
    pub hosted_block_volumes: OrdSet<(VolumeId, BlockVolumeId)>,
    pub block_volume_names: OrdMap<(VolumeId, String), BlockVolumeId>,
    pub cluster_volumes: OrdSet<(ClusterId, VolumeId)>,
    /// How many volumes a cluster has.
    pub volume_counts: OrdMap<ClusterId, u64>,
    pub volume_names: OrdMap<(ClusterId, String), VolumeId>,
    pub hosts: OrdMap<String, NodeId>,
    /// Of every device.
    pub devices: OrdMap<DeviceId, Arc<DeviceUse>>,
    /// Devices that stand in the wrong place in the order of placement, for what they are charged changed; none
    /// between two change sets.
    pub recharged: Vec<DeviceId>,
    pub order: Order,
    pub claims: OrdMap<Object, Vector<(OperationId, Claim)>>,
    pub finished_jobs: OrdSet<(Timestamp, QueueId)>,
    pub keyed_requests: OrdSet<(Timestamp, RequestKeyId)>,
}

impl Index {
    /// Gives a device its place in the order of placement, or none.
    pub fn place(&mut self, device: DeviceId, place_of: impl FnOnce(&DeviceUse) -> Option<Place>) {
        let Some(known) = self.devices.get_mut(&device) else { return };
        let place = place_of(known);
        if known.place == place {
            return;
        }
        let old = std::mem::replace(&mut Arc::make_mut(known).place, place);
        self.order.change(old, place);
    }

    /// Counts a volume of a cluster once more, or once less.
    pub fn count_volume(&mut self, cluster: ClusterId, there: bool) {
        let count = self.volume_counts.get(&cluster).copied().unwrap_or(0);
        match if there { count + 1 } else { count.saturating_sub(1) } {
            0 => self.volume_counts.remove(&cluster),
            count => self.volume_counts.insert(cluster, count),
        };
    }

    /// Counts a brick among those of its volume; false without that volume.
    pub fn join_volume(&mut self, brick: &Brick) -> bool {
        let Some(bricks) = self.volume_bricks.get_mut(&brick.volume) else { return false };
        add(Arc::make_mut(bricks), brick.id);
        true
    }

    /// Counts a brick no more among those of its volume.
    pub fn leave_volume(&mut self, brick: &Brick) {
        let Some(bricks) = self.volume_bricks.get_mut(&brick.volume) else { return };
        remove(Arc::make_mut(bricks), brick.id);
    }

    /// How many bricks live in a thin pool that is not named after them.
    pub fn pool_guests(&self, pool: PoolKey, device: DeviceId) -> u32 {
        self.pool_guests.get(&(pool, device)).copied().unwrap_or(0)
    }

    /// Counts a brick in a thin pool that is not named after it once more, or once less.
    pub fn count_guest(&mut self, brick: &Brick, there: bool) {
        let (pool, device) = (brick.pool_key(), brick.device);
        if pool == PoolKey::OfBrick(brick.id) {
            return;
        }
        let count = self.pool_guests(pool.clone(), device);
        let pool = (pool, device);
        match if there { count + 1 } else { count.saturating_sub(1) } {
            0 => self.pool_guests.remove(&pool),
            count => self.pool_guests.insert(pool, count),
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
