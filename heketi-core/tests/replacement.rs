//! The device for a brick that moves: every rule is kept, and one is found if and only if one exists.

mod support;

use std::collections::BTreeSet;

use heketi_core::Kib;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::model::{Device, EntryState, Node, TagRule, Tags, ZoneChecking};
use heketi_core::placement::Facts;
use heketi_core::placement::replacement::{Moving, choose, explain};
use heketi_core::placement::sizing::BrickSpace;
use heketi_core::units::Gib;
use proptest::prelude::*;
use support::{DeviceShape, NodeShape};

/// A brick to move, in words of a generated cluster: nodes and devices by number.
#[derive(Clone, Debug)]
struct Scene {
    nodes: Vec<NodeShape>,
    size: Kib,
    factor: f32,
    leaves: usize,
    others: BTreeSet<usize>,
    zones: ZoneChecking,
    rule: Option<TagRule>,
    arbiter: Option<bool>,
    down: BTreeSet<usize>,
    avoid: BTreeSet<usize>,
    seed: u64,
}

fn tags() -> impl Strategy<Value = Tags> {
    let arbiter = prop::sample::select(vec!["", "", "required", "disabled", "supported"]);
    let kind = prop::sample::select(vec!["", "ssd", "ssd", "hdd"]);
    (arbiter, kind).prop_map(|(arbiter, kind)| {
        let tags = [("arbiter", arbiter), ("kind", kind)].into_iter().filter(|(_, value)| !value.is_empty());
        tags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    })
}

fn state() -> impl Strategy<Value = EntryState> {
    prop_oneof![8 => Just(EntryState::Online), 1 => Just(EntryState::Offline), 1 => Just(EntryState::Failed)]
}

fn scene() -> impl Strategy<Value = Scene> {
    (1u64..40, prop_oneof![Just(1.0f32), Just(1.5)]).prop_flat_map(|(gib, factor)| {
        let size = Gib(gib).kib();
        let extent = prop_oneof![4 => Just(4096u64), 1 => Just(65536)];
        let device =
            (extent, state(), tags(), 0u64..6, any::<u64>()).prop_map(move |(extent, state, tags, fit, any)| {
                let need = BrickSpace::new(size, factor, Kib(extent)).total().0;
                let total = match fit {
                    0 => need,
                    1 => need + 1,
                    _ => any % (3 * need),
                };
                DeviceShape { total: Kib(total), extent: Kib(extent), state, tags }
            });
        let node = (1i64..=4, state(), tags(), prop::collection::vec(device, 0..=3))
            .prop_map(|(zone, state, tags, devices)| NodeShape { zone, state, tags, devices });
        let numbers = || prop::collection::btree_set(0..16usize, 0..=2);
        let rule = prop_oneof![3 => Just(None), 1 => Just(Some(TagRule::parse("kind=ssd").unwrap()))];
        let zones = prop_oneof![Just(ZoneChecking::None), Just(ZoneChecking::Strict)];
        let arbiter = prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
        let nodes = prop::collection::vec(node, 1..=7);
        (nodes, (0..16usize, numbers(), numbers(), numbers()), zones, rule, arbiter, any::<u64>()).prop_map(
            move |(nodes, (leaves, others, down, avoid), zones, rule, arbiter, seed)| Scene {
                nodes,
                size,
                factor,
                leaves,
                others,
                zones,
                rule,
                arbiter,
                down,
                avoid,
                seed,
            },
        )
    })
}

impl Scene {
    fn with(&self, test: impl FnOnce(&Inventory, &Moving<'_>, &Facts)) {
        let (cluster, inventory) = support::state(&self.nodes);
        let nodes: Vec<NodeId> = inventory.nodes().map(|node| node.id).collect();
        let devices: Vec<DeviceId> = inventory.devices().map(|device| device.id).collect();
        let some = |numbers: &BTreeSet<usize>| numbers.iter().filter_map(|i| nodes.get(*i)).copied().collect();
        let avoid = self.avoid.iter().filter_map(|i| devices.get(*i)).copied().collect();
        let Some(device) = devices.get(self.leaves % devices.len().max(1)) else { return };
        let others: BTreeSet<NodeId> = some(&self.others);
        let home = inventory.device(*device).unwrap().node;
        let moving = Moving {
            cluster,
            device: *device,
            others: others.into_iter().filter(|node| *node != home).collect(),
            size: self.size,
            factor: self.factor,
            zones: self.zones,
            tag_rule: self.rule.as_ref(),
            arbiter: self.arbiter,
        };
        test(&inventory, &moving, &Facts { down: some(&self.down), avoid, ..Facts::default() });
    }
}

fn tag<'a>(node: &'a Node, device: &'a Device, name: &str) -> &'a str {
    device.tags.get(name).or_else(|| node.tags.get(name)).map_or("", String::as_str)
}

fn zones_used(inventory: &Inventory, moving: &Moving<'_>) -> Vec<i64> {
    moving.others.iter().map(|node| inventory.node(*node).unwrap().zone).collect()
}

/// Every rule, looked at one by one.
fn allowed(inventory: &Inventory, moving: &Moving<'_>, facts: &Facts, device: &Device) -> bool {
    let node = inventory.node(device.node).unwrap();
    let need = BrickSpace::new(moving.size, moving.factor, device.extent).total();
    let kept_away = (moving.arbiter, tag(node, device, "arbiter"));
    let arbiter = !matches!(kept_away, (Some(true), "disabled") | (Some(false), "required"));
    device.id != moving.device
        && (node.state, device.state) == (EntryState::Online, EntryState::Online)
        && !facts.down.contains(&node.id)
        && !moving.others.contains(&node.id)
        && !(moving.zones == ZoneChecking::Strict && zones_used(inventory, moving).contains(&node.zone))
        && moving.tag_rule.is_none_or(|rule| tag(node, device, &rule.name) == rule.value)
        && arbiter
        && device.total > need
}

/// What one device is worth more than another: not avoided, few bricks of the set in its zone, set apart, empty.
fn worth(inventory: &Inventory, moving: &Moving<'_>, facts: &Facts, device: &Device) -> (bool, i64, bool, u64) {
    let node = inventory.node(device.node).unwrap();
    let used = zones_used(inventory, moving).iter().filter(|zone| **zone == node.zone).count();
    let apart = match moving.arbiter {
        None => false,
        Some(true) => tag(node, device, "arbiter") == "required",
        Some(false) => tag(node, device, "arbiter") == "disabled",
    };
    let need = BrickSpace::new(moving.size, moving.factor, device.extent).total();
    let left = (u128::from(device.total.0 - need.0) << 32) / u128::from(device.total.0);
    (!facts.avoid.contains(&device.id), -(used as i64), apart, left as u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_replacement_keeps_every_rule_and_is_found_if_there_is_one(scene in scene()) {
        scene.with(|inventory, moving, facts| {
            let candidates: Vec<_> =
                inventory.devices().filter(|device| allowed(inventory, moving, facts, device)).collect();
            let chosen = choose(inventory, moving, facts, scene.seed);
            assert_eq!(chosen, choose(inventory, moving, facts, scene.seed), "the same input gives the same device");
            let Some(chosen) = chosen else {
                assert!(candidates.is_empty(), "{candidates:?} would do");
                let lines = explain(inventory, moving, facts);
                assert_eq!(lines.len(), 1 + inventory.devices().count().min(25));
                assert!(!lines.iter().any(|line| line.contains("can take it")), "{lines:#?}");
                return;
            };
            let chosen = candidates.iter().find(|device| device.id == chosen).expect("it breaks no rule");
            let best = candidates.iter().map(|device| worth(inventory, moving, facts, device)).max();
            assert_eq!(Some(worth(inventory, moving, facts, chosen)), best);
        });
    }
}

/// F15: heketi v10 could never replace a brick of an arbiter volume with strict zones in a cluster of three zones,
/// because it took the zone of the brick itself for used.
#[test]
fn the_zone_of_the_brick_itself_is_free_also_for_arbiter_volumes() {
    let large = || DeviceShape::of(Gib(100).kib());
    let nodes = [1, 2, 3, 3].map(|zone| NodeShape::of(zone, vec![large()]));
    let (cluster, inventory) = support::state(&nodes);
    let at = |i: usize| {
        let node = inventory.node_with_host(&format!("s{i}")).unwrap();
        (node, inventory.devices_of_node(node).next().unwrap())
    };
    for arbiter in [None, Some(false), Some(true)] {
        let moving = Moving {
            cluster,
            device: at(2).1,
            others: vec![at(0).0, at(1).0],
            size: Gib(1).kib(),
            factor: 1.0,
            zones: ZoneChecking::Strict,
            tag_rule: None,
            arbiter,
        };
        assert_eq!(choose(&inventory, &moving, &Facts::default(), 0), Some(at(3).1));
    }
}
