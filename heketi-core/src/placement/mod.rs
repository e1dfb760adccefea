//! Where bricks go: sizes, candidates, exact capacity, the choice, and why.
//!
//! - [`sizing`]: what a brick of some size takes from a device, and how a volume is split over brick sets.
//! - [`choose`]: picks devices for all brick sets of a request, the emptiest first and spread over zones.
//! - [`capacity`]: how many brick sets fit, exactly; if it says `n`, [`choose`] places `n`.
//! - [`balance`]: which cluster is tried first.
//! - [`replacement`]: one device for a brick that moves away from its own.
//! - [`explain`]: why a request was refused, device by device.
//!
//! Everything is deterministic: the same state, request, facts and seed give the same devices.

mod arbiter;
pub mod balance;
pub mod capacity;
mod choose;
mod copysets;
pub mod explain;
mod looks;
mod pick;
pub mod replacement;
pub mod sizing;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use choose::choose_remembering;
pub use choose::{Choice, Effort, NoFit, choose};
pub(crate) use looks::Looks;

use crate::id::{ClusterId, DeviceId, NodeId};
use crate::inventory::{Inventory, Slot};
use crate::model::{Durability, TagRule, ZoneChecking};
use crate::units::{Gib, Kib};

/// Limits and defaults of the server that concern placement (heketi v10's configuration keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Smallest brick, `brick_min_size_gb`.
    pub brick_min: Kib,
    /// Largest brick, `brick_max_size_gb`.
    pub brick_max: Kib,
    /// Most bricks of one volume, `max_bricks_per_volume`.
    pub max_bricks: u32,
    /// Most volumes of one cluster, `max_volumes_per_cluster`; none is no limit.
    pub max_volumes: Option<u64>,
    /// Default of `user.heketi.zone-checking`.
    pub zone_checking: ZoneChecking,
    /// Options set before those of the request.
    pub pre_options: Vec<String>,
    /// Options set after those of the request.
    pub post_options: Vec<String>,
    /// Spread existing data over new bricks after an expansion.
    pub rebalance: bool,
    /// Size of an average file, `average_file_size_kb`: how small arbiter bricks may be.
    pub average_file_size: Kib,
    /// How often a volume create whose commands failed is undone and tried again on other devices,
    /// `operation_retry_limits.volume_create`.
    pub create_retries: u32,
    /// In clusters with more nodes than this, brick sets keep to a bounded family of node groups, so that fewer
    /// combinations of dead nodes lose data; none is never. heketi v10 has no such thing.
    pub copyset_nodes: Option<u32>,
    /// How block hosting volumes come to be.
    pub block_hosting: BlockHostingPolicy,
}

/// How block hosting volumes come to be (heketi v10's configuration keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHostingPolicy {
    /// Create one when no other has room, `auto_create_block_hosting_volume`.
    pub auto_create: bool,
    /// Size of one that is created like that, `block_hosting_volume_size`.
    pub size: Gib,
    /// Options of every block hosting volume, `block_hosting_volume_options`.
    pub options: Vec<String>,
}

impl Default for BlockHostingPolicy {
    fn default() -> Self {
        Self { auto_create: false, size: Gib(1024), options: vec!["group gluster-block".into()] }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            brick_min: Gib(1).kib(),
            brick_max: Gib(4096).kib(),
            max_bricks: 32,
            max_volumes: Some(1000),
            zone_checking: ZoneChecking::None,
            pre_options: Vec::new(),
            post_options: Vec::new(),
            rebalance: true,
            average_file_size: Kib(64),
            create_retries: 4,
            copyset_nodes: None,
            block_hosting: BlockHostingPolicy::default(),
        }
    }
}

/// What is known about nodes and devices at the moment of planning and is not in the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Nodes that are believed down: they get no bricks. Unknown nodes count as up.
    pub down: BTreeSet<NodeId>,
    /// Devices that failed earlier for this request: used only if nothing else fits.
    pub avoid: BTreeSet<DeviceId>,
    /// How much devices failed of late, whoever asked: 100 for a failure of this moment, fading with time; 0 is as
    /// good as absent. Used only if nothing else fits, those that failed least first.
    pub failures: BTreeMap<DeviceId, u32>,
}

impl Facts {
    /// How bad it is to use a device, 0 for one without failures.
    pub fn burden(&self, device: DeviceId) -> u64 {
        if self.avoid.contains(&device) {
            return u64::MAX;
        }
        self.failures.get(&device).copied().unwrap_or(0).into()
    }

    /// Devices that failed of late.
    pub(crate) fn failing(&self) -> impl Iterator<Item = DeviceId> {
        self.failures.iter().filter(|(_, score)| **score > 0).map(|(device, _)| *device)
    }
}

/// Brick sets to place in one cluster.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The cluster.
    pub cluster: ClusterId,
    /// What all sets together must hold.
    pub size: Kib,
    /// What a set is made of.
    pub durability: Durability,
    /// Thin pool size over brick size.
    pub factor: f32,
    /// Bricks the volume has already.
    pub existing_bricks: u32,
    /// Must bricks of a set stand in different zones?
    pub zones: ZoneChecking,
    /// Rule the devices must meet.
    pub tag_rule: Option<&'a TagRule>,
    /// The last brick of each set is an arbiter, sized for files of this size on average.
    pub arbiter: Option<Kib>,
}

/// Why a device gets no brick.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The device is not online.
    #[error("device is {0}")]
    DeviceState(crate::model::EntryState),
    /// Its node is not online.
    #[error("node is {0}")]
    NodeState(crate::model::EntryState),
    /// Its node is believed down.
    #[error("node does not answer")]
    NodeDown,
    /// Its tags do not meet the rule.
    #[error("tags do not match {0}")]
    Tag(String),
    /// Too little space. Free space must be greater than what is needed, not equal.
    #[error("{free} free, a brick of {brick} needs more than {needed}")]
    Space {
        /// Unused space of the device.
        free: Kib,
        /// Usable size of the brick.
        brick: Kib,
        /// Thin pool and metadata of the brick.
        needed: Kib,
    },
}

/// Is the device ruled out whatever the size? State is not looked at: the order of placement holds only
/// devices that can take bricks.
fn passes(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, slot: &Slot) -> bool {
    if facts.down.contains(&slot.node) {
        return false;
    }
    let Some(rule) = wanted.tag_rule else {
        return true;
    };
    // The device's tag wins, and looking the node up is half the cost of this.
    match inventory.device(slot.device) {
        Some(device) if device.tags.contains_key(&rule.name) => rule.matches(&device.tags),
        Some(_) => inventory.node(slot.node).is_some_and(|node| rule.matches(&node.tags)),
        None => false,
    }
}
