//! In large clusters brick sets keep to groups of nodes, and nothing fits less for that.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::id::{NodeId, SeededIds};
use heketi_core::inventory::Inventory;
use heketi_core::model::Durability;
use heketi_core::operation::{VolumeCreate, choose_cluster};
use heketi_core::placement::{Effort, Facts, NoFit, Policy, Wanted, choose};
use heketi_core::units::Gib;
use proptest::prelude::*;
use support::scenes::*;
use support::{DeviceShape, NOW, NodeShape};

const NODES: usize = 60;

fn large(zones: i64) -> Inventory {
    let node = |i: usize| NodeShape::of(i as i64 % zones, vec![DeviceShape::of(Gib(200).kib()); 2]);
    support::state(&(0..NODES).map(node).collect::<Vec<_>>()).1
}

/// The node sets of many volumes of replica 3 and how many zones each is in, and the state with them.
fn filled(mut inventory: Inventory, policy: &Policy, volumes: usize) -> (Vec<(BTreeSet<NodeId>, usize)>, Inventory) {
    let (mut ids, facts) = (SeededIds::new(1), Facts::default());
    let mut sets = Vec::new();
    for i in 0..volumes {
        // Some volumes without replicas among them: else nodes of a set stay equally full, and together.
        let replica = if i % 4 == 3 { 1 } else { 3 };
        let request = support::volume(7 + (i as u64 * 5) % 7, Durability::Replicate { replica });
        let chosen = choose_cluster(&inventory, &request, policy, &facts, Effort::Exact, 0).unwrap().unwrap();
        let places = chosen.choice.sets[0].iter().map(|device| place_of(&inventory, *device));
        let (nodes, zones): (BTreeSet<NodeId>, BTreeSet<i64>) = places.unzip();
        if replica == 3 {
            sets.push((nodes, zones.len()));
        }
        let planned = VolumeCreate::plan(&inventory, &request, &chosen, policy, &mut ids, NOW).unwrap().unwrap();
        inventory.apply(&planned.changes).unwrap();
    }
    (sets, inventory)
}

fn with_copysets(limit: usize) -> Policy {
    Policy { copyset_nodes: Some(limit as u32), max_volumes: None, ..Policy::default() }
}

#[test]
fn sets_keep_to_one_group_for_each_node() {
    for zones in [1, 3, 5] {
        let (sets, inventory) = filled(large(zones), &with_copysets(NODES - 1), 400);
        let distinct: BTreeSet<_> = sets.iter().map(|(nodes, _)| nodes.clone()).collect();
        assert!(distinct.len() <= NODES, "{} groups of {NODES} nodes in {zones} zones", distinct.len());
        assert!(distinct.len() > NODES / 2, "all nodes are used, {}", distinct.len());
        let mut mates: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for nodes in &distinct {
            nodes.iter().for_each(|node| mates.entry(*node).or_default().extend(nodes));
        }
        let widest = mates.values().map(|mates| mates.len() - 1).max().unwrap();
        let fewest = 4;
        assert!(widest <= fewest, "a node shares sets with {widest} others in {zones} zones");
        assert!(sets.iter().all(|(_, spread)| *spread == zones.min(3) as usize), "sets spread over zones still");
        // Nodes fill evenly all the same.
        let of_node = |node: NodeId| inventory.devices_of_node(node).map(|device| inventory.charged(device).0).sum();
        let charged: Vec<u64> = inventory.nodes().map(|node| of_node(node.id)).collect();
        let (least, most) = (charged.iter().min().unwrap(), charged.iter().max().unwrap());
        assert!(most - least <= Gib(30).kib().0, "between {} and {}", Kib(*least), Kib(*most));
    }
    let anywhere: BTreeSet<_> = filled(large(3), &Policy { max_volumes: None, ..Policy::default() }, 400)
        .0
        .into_iter()
        .map(|(nodes, _)| nodes)
        .collect();
    assert!(anywhere.len() > 2 * NODES, "without groups there are {} node sets", anywhere.len());
}

/// They begin above the limit, are off by default, and mean nothing for sets of one brick and arbiter volumes.
#[test]
fn groups_begin_above_the_limit() {
    let inventory = large(3);
    let cluster = inventory.clusters().next().unwrap().id;
    let wanted = |durability, arbiter| Wanted {
        cluster,
        size: Gib(10).kib(),
        durability,
        factor: 1.0,
        existing_bricks: 0,
        zones: heketi_core::model::ZoneChecking::None,
        tag_rule: None,
        arbiter,
    };
    let quick =
        |policy: &Policy, wanted: &Wanted<'_>| choose(&inventory, wanted, policy, &Facts::default(), Effort::Quick, 0);
    let replica_3 = Durability::Replicate { replica: 3 };
    assert_eq!(Policy::default().copyset_nodes, None);
    assert_eq!(quick(&with_copysets(NODES - 1), &wanted(replica_3, None)), Err(NoFit::Unknown));
    for (policy, wanted) in [
        (Policy::default(), wanted(replica_3, None)),
        (with_copysets(NODES), wanted(replica_3, None)),
        (with_copysets(0), wanted(Durability::None, None)),
        (with_copysets(0), wanted(replica_3, Some(Kib(64)))),
    ] {
        assert_eq!(quick(&policy, &wanted), quick(&Policy::default(), &wanted));
        assert!(quick(&policy, &wanted).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fits without groups fits with them, in as few sets, and keeps every rule.
    #[test]
    fn groups_are_no_refusal(scene in scene(1..=12, 4, 3, durability()), sets in 1u64..6) {
        let policy = Policy { brick_min: Kib(GIB / 20), ..Policy::default() };
        let grouped = Policy { copyset_nodes: Some(0), ..policy.clone() };
        let size = Kib(scene.brick.0 * sets * u64::from(scene.durability.data_bricks()));
        scene.with(size, |inventory, wanted, facts| {
            let look = |policy| choose(inventory, wanted, policy, facts, Effort::Exact, scene.seed);
            match (look(&policy), look(&grouped)) {
                (Ok(without), Ok(with)) => {
                    assert_eq!((with.brick, with.sets.len()), (without.brick, without.sets.len()));
                    check(inventory, wanted, facts, &with, false);
                }
                (without, with) => assert_eq!(without, with),
            }
        });
    }
}
