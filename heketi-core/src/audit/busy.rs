//! What operations are working on. It is changing while the audit looks, and is not judged.

use crate::id::{DeviceId, NodeId, VolumeId};
use crate::inventory::{Claim, Inventory, Object};
use crate::operation::{Operation, Work};

/// Tells what is claimed.
#[derive(Clone, Copy)]
pub(super) struct Busy<'a> {
    inventory: &'a Inventory,
    /// Repairs are judged by what they have repaired so far.
    pub repairs_count: bool,
}

impl<'a> Busy<'a> {
    pub fn new(inventory: &'a Inventory, repairs_count: bool) -> Self {
        Self { inventory, repairs_count }
    }

    fn claims(&self, object: &Object) -> impl Iterator<Item = (&'a Operation, Claim)> {
        let (inventory, repairs_count) = (self.inventory, self.repairs_count);
        let holders = inventory.claimants(object);
        let holders = holders.filter_map(move |(id, claim)| Some((&**inventory.operation(id)?, claim)));
        holders.filter(move |(operation, _)| repairs_count || !matches!(operation.work, Work::AuditRepair(_)))
    }

    /// Is an operation giving the volume bricks, taking some away, or changing it otherwise?
    pub fn volume(&self, id: VolumeId) -> bool {
        let changes =
            |(operation, claim): (&Operation, Claim)| claim == Claim::Exclusive || operation.changes_bricks_of(id);
        self.claims(&Object::Volume(id)).any(changes)
    }

    /// Is an operation working on the device, or on a brick on it?
    pub fn device(&self, id: DeviceId) -> bool {
        let bricks = self.inventory.bricks_of_device(id).filter_map(|brick| self.inventory.brick(brick));
        self.claims(&Object::Device(id)).next().is_some() || bricks.into_iter().any(|brick| self.volume(brick.volume))
    }

    /// Is the node being added, removed, deleted or taken back?
    pub fn node(&self, id: NodeId) -> bool {
        self.claims(&Object::Node(id)).any(|(_, claim)| claim != Claim::Shared)
    }

    /// Is some disk of the node becoming a device? Its volume group has no record yet.
    pub fn adds_device(&self, id: DeviceId) -> bool {
        self.claims(&Object::Device(id)).next().is_some()
    }
}
