//! Which cluster a volume goes to when the client leaves that open.

use std::cmp::Reverse;

use super::sizing::{BrickSpace, arbiter_brick};
use super::{Facts, Wanted};
use crate::id::{ClusterId, DeviceId};
use crate::inventory::Inventory;
use crate::units::Kib;

/// What all bricks of a volume take together, if it is one set; more sets take nearly the same.
pub fn taken(wanted: &Wanted<'_>) -> Kib {
    let brick = Kib(wanted.size.0 / u64::from(wanted.durability.data_bricks().max(1)));
    let space = |size: Kib| BrickSpace::new(size, wanted.factor, Kib::ZERO).total().0;
    let bricks = u64::from(wanted.durability.set_size());
    Kib(match wanted.arbiter {
        None => space(brick).saturating_mul(bricks),
        Some(average_file) => {
            let data = space(brick).saturating_mul(bricks.saturating_sub(1));
            data.saturating_add(space(arbiter_brick(brick, average_file)))
        }
    })
}

/// Puts the cluster first whose devices stay emptiest, as a part of their size, when `taken` is gone from them;
/// of equal ones that with most free space. Only devices count that would be used gladly: online, on nodes that
/// are up, and without failures. Where `taken` is more than all of them have, a cluster comes last.
pub fn emptiest_first(inventory: &Inventory, clusters: &mut [ClusterId], taken: Kib, facts: &Facts) {
    if clusters.len() > 1 {
        clusters.sort_by_cached_key(|cluster| {
            let (free, total) = glad_space(inventory, *cluster, facts);
            let stays = free.saturating_sub(taken.0.into());
            Reverse(((stays << 32).checked_div(total), free))
        });
    }
}

/// Free space and size of the devices of a cluster that would be used gladly.
fn glad_space(inventory: &Inventory, cluster: ClusterId, facts: &Facts) -> (u128, u128) {
    let mut space = inventory.cluster_space(cluster);
    let of_cluster = |device: &DeviceId| {
        let node = inventory.device(*device).and_then(|device| inventory.node(device.node));
        node.is_some_and(|node| node.cluster == cluster)
    };
    let down = facts.down.iter().flat_map(|node| inventory.devices_of_node(*node));
    let is_up = |device: &DeviceId| inventory.device(*device).is_some_and(|device| !facts.down.contains(&device.node));
    let burdened = facts.avoid.iter().copied().chain(facts.failing().filter(|device| !facts.avoid.contains(device)));
    for device in down.chain(burdened.filter(is_up)).filter(of_cluster) {
        if let Some(slot) = inventory.slot(device) {
            space = space.without(slot);
        }
    }
    (space.free, space.total)
}
