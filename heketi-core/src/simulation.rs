//! What-if: volumes created, expanded and deleted on a state in memory, each placed as the engine places it. Nothing
//! is done on any node, and no operation is recorded: a volume is there at once.

use crate::api::CheckedVolumeCreate;
use crate::error::Error;
use crate::id::{IdSource, NodeId, VolumeId, mix};
use crate::inventory::{Change, Inventory, Key, Record};
use crate::model::{Brick, Volume};
use crate::operation::{
    ClusterChoice, VolumeCreate, VolumeDelete, VolumeExpand, choose_cluster_remembering, choose_expansion,
};
use crate::placement::{Effort, Facts, Looks, Policy};
use crate::units::{Gib, Kib, Timestamp};

/// Settles ties of placement, with the engine's value.
const SEED: u64 = 0;

/// Where ids of what is made come from: the same requests give the same ids.
const IDS: u64 = 0x7369_6d75_6c61_7465;

/// Plans carry a time; nothing here depends on it.
const NOW: Timestamp = Timestamp(0);

/// A state on which requests are tried out, one after the other. After an error of kind `Internal` it is of no more
/// use.
#[derive(Clone, Debug)]
pub struct Simulation {
    inventory: Inventory,
    policy: Policy,
    facts: Facts,
    ids: Ascending,
    looks: Looks,
    used: Kib,
    total: Kib,
}

impl Simulation {
    /// Begins with `inventory`, all of whose nodes are taken to be up.
    pub fn new(inventory: Inventory, policy: Policy) -> Self {
        let total = inventory.devices().map(|device| device.total).sum();
        let used = inventory.devices().map(|device| device.total.saturating_sub(inventory.free(device))).sum();
        let ids = Ascending::beside(&inventory);
        Self { inventory, policy, facts: Facts::default(), ids, looks: Looks::default(), used, total }
    }

    /// The state by now.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The state at the end.
    pub fn into_inventory(self) -> Inventory {
        self.inventory
    }

    /// Which part of the space of all devices is in use, from 0 to 1.
    pub fn fill(&self) -> f64 {
        self.used.0 as f64 / self.total.0.max(1) as f64
    }

    /// Creates a volume; returns how many brick sets it got.
    ///
    /// # Errors
    /// As the engine's: `Invalid`, `CannotAllocate` (without an explanation), `Busy` where operations of the state
    /// stand in the way.
    pub fn create(&mut self, request: &CheckedVolumeCreate) -> Result<u32, Error> {
        for effort in [Effort::Quick, Effort::Exact] {
            let Some(chosen) = self.choose(request, effort)? else { continue };
            let records = VolumeCreate::records(&self.inventory, request, &chosen, &self.policy, &mut self.ids)?;
            if let Some((volume, bricks)) = records {
                return self.put(volume, bricks, chosen.choice.sets.len());
            }
        }
        Err(Error::busy())
    }

    fn choose(&mut self, request: &CheckedVolumeCreate, effort: Effort) -> Result<Option<ClusterChoice>, Error> {
        let Self { inventory, policy, facts, looks, .. } = self;
        choose_cluster_remembering(inventory, request, policy, facts, effort, SEED, looks)
    }

    /// Makes a volume larger; returns how many brick sets it got in addition.
    ///
    /// # Errors
    /// As the engine's: `NotFound`, `Busy`, `CannotAllocate` (without an explanation).
    pub fn expand(&mut self, id: VolumeId, increment: Gib) -> Result<u32, Error> {
        for effort in [Effort::Quick, Effort::Exact] {
            let choice = choose_expansion(&self.inventory, id, increment, &self.policy, &self.facts, effort, SEED)?;
            let Some(choice) = choice else { continue };
            let bricks = VolumeExpand::records(&self.inventory, id, &choice, &self.policy, &mut self.ids)?;
            if let Some(bricks) = bricks {
                let volume = self.inventory.volume(id).ok_or_else(Error::not_found)?.grown(increment);
                return self.put(volume, bricks, choice.sets.len());
            }
        }
        Err(Error::busy())
    }

    /// Deletes a volume. Its space is free at once, except thin pools that bricks of clones live in too.
    ///
    /// # Errors
    /// As the engine's: `NotFound`, `Conflict`.
    pub fn delete(&mut self, id: VolumeId) -> Result<(), Error> {
        VolumeDelete::plan(&self.inventory, id, &mut self.ids, NOW)?;
        let of_volume = self.inventory.bricks_of_volume(id).filter_map(|id| self.inventory.brick(id).cloned());
        let bricks: Vec<_> = of_volume.collect();
        let mut devices: Vec<_> = bricks.iter().map(|brick| brick.device).collect();
        devices.sort();
        devices.dedup();
        let charged = |inventory: &Inventory| devices.iter().map(|device| inventory.charged(*device)).sum::<Kib>();
        let before = charged(&self.inventory);
        let keys = bricks.iter().map(|brick| Key::Brick(brick.id)).chain([Key::Volume(id)]);
        self.apply(keys.map(Change::Delete), bricks.iter().map(|brick| brick.node))?;
        self.used -= before.saturating_sub(charged(&self.inventory));
        Ok(())
    }

    fn put(&mut self, volume: Volume, bricks: Vec<Brick>, sets: usize) -> Result<u32, Error> {
        let nodes: Vec<NodeId> = bricks.iter().map(|brick| brick.node).collect();
        let taken: Kib = bricks.iter().map(Brick::charge).sum();
        let bricks = bricks.into_iter().map(Record::Brick);
        self.apply(std::iter::once(Record::Volume(volume)).chain(bricks).map(Change::Put), nodes)?;
        self.used += taken;
        Ok(u32::try_from(sets).unwrap_or(u32::MAX))
    }

    /// Makes changes to bricks of `nodes`.
    fn apply(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        nodes: impl IntoIterator<Item = NodeId>,
    ) -> Result<(), Error> {
        let applied = std::mem::take(&mut self.inventory).applied(changes);
        self.inventory = applied.map_err(|error| Error::internal(error.to_string()))?;
        for node in nodes.into_iter().filter_map(|id| self.inventory.node(id)) {
            self.looks.forget(node.cluster, node.zone);
        }
        Ok(())
    }
}

/// Ascending ids: maps take them quickest at their end.
#[derive(Clone, Debug)]
struct Ascending {
    next: u128,
}

impl Ascending {
    /// Ids that nothing in `inventory` has.
    fn beside(inventory: &Inventory) -> Self {
        let first = |n: u64| u128::from(mix(IDS.wrapping_add(n))) << 64;
        let bounds = |first: u128| (first.to_be_bytes(), (first | u128::from(u64::MAX)).to_be_bytes());
        let taken = |first: u128| {
            let (first, last) = bounds(first);
            inventory.has_ids_between(first, last)
        };
        // There are fewer records than numbers.
        Self { next: (0..).map(first).find(|first| !taken(*first)).unwrap_or_default() }
    }
}

impl IdSource for Ascending {
    fn next_bytes(&mut self) -> [u8; 16] {
        self.next += 1;
        self.next.to_be_bytes()
    }
}
