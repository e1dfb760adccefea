//! Groups of nodes that brick sets keep to in large clusters.
//!
//! With sets anywhere, nearly every few nodes of a large cluster hold all bricks of some set, so that nearly any few
//! nodes that die together take data with them. There is one group for each node instead: the node itself and its
//! next neighbours on a ring. A node then shares sets with its neighbours only, and of all the ways in which as many
//! nodes can die as a set has bricks, only as many hurt as there are nodes. On the ring the zones take turns, so that
//! neighbours are in different ones and every node is in as many groups as any other. A node that comes or goes
//! changes many groups; sets that are there stay where they are.
//!
//! Groups are a preference: where none of them has room, a set goes anywhere. Sets with an arbiter brick do not keep
//! to them.

use std::collections::BTreeMap;

use crate::id::{ClusterId, NodeId};
use crate::inventory::Inventory;

/// How far along the ring neighbours in other zones are looked for, in nodes for each brick of a set.
const REACH: usize = 8;

/// Mixes the nodes of a zone.
const RING: u64 = 0x636f_7079_7365_7473;

/// Does a cluster have more nodes than `limit`?
pub(super) fn apply(inventory: &Inventory, cluster: ClusterId, limit: u32) -> bool {
    inventory.nodes_of_cluster(cluster).nth(limit as usize).is_some()
}

/// The groups of a cluster for sets of `set_size` bricks: of different zones as far as such are near. Nodes in any
/// state belong to them, so that a group does not change when a node is away for a while.
pub(super) fn groups(inventory: &Inventory, cluster: ClusterId, set_size: usize) -> Vec<Vec<NodeId>> {
    let nodes = inventory.nodes_of_cluster(cluster).filter_map(|id| inventory.node(id));
    let mut zones: BTreeMap<i64, Vec<(u64, NodeId)>> = BTreeMap::new();
    for node in nodes {
        zones.entry(node.zone).or_default().push((node.id.stable_hash(RING), node.id));
    }
    let mut ring: Vec<(u64, i64, NodeId)> = Vec::new();
    for (zone, mut nodes) in zones {
        nodes.sort();
        let step = (1 << 32) / nodes.len() as u64;
        ring.extend((0..).zip(nodes).map(|(i, (_, node))| (i * step + step / 2, zone, node)));
    }
    ring.sort();
    if set_size < 2 || ring.len() < set_size {
        return Vec::new();
    }
    let reach = (set_size * REACH).min(ring.len());
    let neighbours = |start: usize| ring.iter().cycle().skip(start).take(reach);
    (0..ring.len())
        .map(|start| {
            let (mut group, mut zones, mut passed) = (Vec::new(), Vec::new(), Vec::new());
            for (_, zone, node) in neighbours(start) {
                if group.len() < set_size && !zones.contains(zone) {
                    zones.push(*zone);
                    group.push(*node);
                } else {
                    passed.push(*node);
                }
            }
            group.extend(passed.into_iter().take(set_size - group.len()));
            group
        })
        .collect()
}
