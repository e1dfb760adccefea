//! Random clusters and requests, the rules of placement written down once more, and a check that a choice of
//! devices keeps them.

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::Inventory;
use heketi_core::model::{ArbiterUse, Durability, EntryState, TagRule, Tags, ZoneChecking};
use heketi_core::placement::sizing::{BrickSpace, arbiter_brick};
use heketi_core::placement::{Choice, Facts, Wanted};
use heketi_core::units::Gib;
use proptest::prelude::*;

use super::{DeviceShape, NodeShape};

pub const GIB: u64 = Gib(1).kib().0;

pub fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::None),
        (1u32..=3).prop_map(|replica| Durability::Replicate { replica }),
        (0usize..4).prop_map(|i| {
            let (data, redundancy) = Durability::DISPERSE_COMBINATIONS[i];
            Durability::Disperse { data, redundancy }
        }),
    ]
}

pub fn small_durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::None),
        (2u32..=3).prop_map(|replica| Durability::Replicate { replica }),
        Just(Durability::Disperse { data: 2, redundancy: 1 }),
    ]
}

pub fn tag() -> impl Strategy<Value = Tags> {
    let kind = prop_oneof![3 => Just("ssd"), 1 => Just("hdd"), 1 => Just("")];
    let arbiter = prop_oneof![4 => Just(""), 1 => Just("required"), 1 => Just("disabled"), 1 => Just("supported"), 1 => Just("x")];
    (kind, arbiter).prop_map(|(kind, arbiter)| {
        let tags = [("kind", kind), ("arbiter", arbiter)].into_iter().filter(|(_, value)| !value.is_empty());
        tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    })
}

pub fn state() -> impl Strategy<Value = EntryState> {
    prop_oneof![8 => Just(EntryState::Online), 1 => Just(EntryState::Offline), 1 => Just(EntryState::Failed)]
}

/// A device that holds some number of bricks exactly, nearly, or whatever else.
pub fn device(brick: Kib, factor: f32, most: u64) -> impl Strategy<Value = DeviceShape> {
    let extent = prop_oneof![4 => Just(4096u64), 1 => Just(1024), 1 => Just(65536), 1 => Just(3 * 1024)];
    (extent, state(), tag(), 0..=most, 0u64..4, any::<u64>()).prop_map(
        move |(extent, state, tags, bricks, fit, any)| {
            let need = BrickSpace::new(brick, factor, Kib(extent)).total().0;
            let total = match fit {
                0 => bricks * need,
                1 => bricks * need + 1,
                2 => (bricks * need).saturating_sub(1),
                _ => any % ((most + 1) * need),
            };
            DeviceShape { total: Kib(total), extent: Kib(extent), state, tags }
        },
    )
}

#[derive(Clone, Debug)]
pub struct Scene {
    pub nodes: Vec<NodeShape>,
    pub brick: Kib,
    pub factor: f32,
    pub durability: Durability,
    pub zones: ZoneChecking,
    pub rule: Option<TagRule>,
    pub down: BTreeSet<usize>,
    pub seed: u64,
    /// The average file size of an arbiter volume.
    pub arbiter: Option<Kib>,
}

pub fn scene(
    nodes: std::ops::RangeInclusive<usize>,
    devices: usize,
    most: u64,
    durability: impl Strategy<Value = Durability>,
) -> impl Strategy<Value = Scene> {
    let sizes = (1u64..200, 0u64..GIB, prop_oneof![Just(1.0f32), Just(1.2), 1.0f32..3.0])
        .prop_map(|(gib, more, factor)| (Kib(gib * GIB / 10 + more), factor));
    (sizes, durability, nodes).prop_flat_map(move |((brick, factor), durability, count)| {
        let devices = prop::collection::vec(device(brick, factor, most), 0..=devices);
        let node = (1i64..=5, state(), tag(), devices).prop_map(|(zone, state, tags, devices)| NodeShape {
            zone,
            state,
            tags,
            devices,
        });
        let rules = ["kind=ssd", "kind!=hdd"].map(|text| TagRule::parse(text).unwrap());
        let rule = prop_oneof![3 => Just(None), 1 => prop::sample::select(rules.to_vec()).prop_map(Some)];
        let zones = prop_oneof![Just(ZoneChecking::None), Just(ZoneChecking::Strict)];
        let down = prop::collection::btree_set(0..16usize, 0..=2);
        (prop::collection::vec(node, count), zones, rule, down, any::<u64>()).prop_map(
            move |(nodes, zones, rule, down, seed)| {
                let arbiter = None;
                Scene { nodes, brick, factor, durability, zones, rule, down, seed, arbiter }
            },
        )
    })
}

/// A device that holds some bricks with data and some arbiter bricks exactly, or nearly.
fn device_for_arbiters(brick: Kib, arbiter: Kib, factor: f32) -> impl Strategy<Value = DeviceShape> {
    let extent = prop_oneof![4 => Just(4096u64), 1 => Just(1024), 1 => Just(65536)];
    (extent, state(), tag(), 0u64..=2, 0u64..=2, 0u64..=2).prop_map(
        move |(extent, state, tags, data, arbiters, more)| {
            let need = |size| BrickSpace::new(size, factor, Kib(extent)).total().0;
            let total = (data * need(brick) + arbiters * need(arbiter) + more).saturating_sub(1);
            DeviceShape { total: Kib(total), extent: Kib(extent), state, tags }
        },
    )
}

/// A cluster for an arbiter volume, whose arbiter bricks are between much smaller than the others and as large.
pub fn arbiter_scene(nodes: std::ops::RangeInclusive<usize>, devices: usize) -> impl Strategy<Value = Scene> {
    let files = prop_oneof![1u64..=4, Just(64)];
    (scene(nodes, 0, 1, Just(Durability::Replicate { replica: 3 })), files).prop_flat_map(move |(scene, files)| {
        let arbiter = arbiter_brick(scene.brick, Kib(files));
        let device = device_for_arbiters(scene.brick, arbiter, scene.factor);
        let all = prop::collection::vec(prop::collection::vec(device, 0..=devices), scene.nodes.len());
        all.prop_map(move |all| {
            let mut scene = Scene { arbiter: Some(Kib(files)), ..scene.clone() };
            scene.nodes.iter_mut().zip(all).for_each(|(node, devices)| node.devices = devices);
            scene
        })
    })
}

impl Scene {
    /// The state, the request for `size`, and what is known about nodes.
    pub fn with<T>(&self, size: Kib, test: impl FnOnce(&Inventory, &Wanted<'_>, &Facts) -> T) -> T {
        let (cluster, inventory) = super::state(&self.nodes);
        let wanted = Wanted {
            cluster,
            size,
            durability: self.durability,
            factor: self.factor,
            existing_bricks: 0,
            zones: self.zones,
            tag_rule: self.rule.as_ref(),
            arbiter: self.arbiter,
        };
        let nodes: Vec<NodeId> = inventory.nodes().map(|node| node.id).collect();
        let down = self.down.iter().filter_map(|i| nodes.get(*i)).copied().collect();
        test(&inventory, &wanted, &Facts { down, ..Facts::default() })
    }
}

/// Free space of every device that may be used, by rules written down independently of the placement.
pub fn usable(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts) -> BTreeMap<DeviceId, Kib> {
    let online = |device: &DeviceId| {
        let device = inventory.device(*device).unwrap();
        let node = inventory.node(device.node).unwrap();
        let mut tags = node.tags.clone();
        tags.extend(device.tags.clone());
        device.state == EntryState::Online
            && node.state == EntryState::Online
            && !facts.down.contains(&node.id)
            && wanted.tag_rule.is_none_or(|rule| rule.matches(&tags))
    };
    let devices = inventory.devices().map(|device| device.id).filter(online);
    devices.map(|id| (id, inventory.free(inventory.device(id).unwrap()))).collect()
}

pub fn place_of(inventory: &Inventory, device: DeviceId) -> (NodeId, i64) {
    let node = inventory.node(inventory.device(device).unwrap().node).unwrap();
    (node.id, node.zone)
}

pub fn need(inventory: &Inventory, wanted: &Wanted<'_>, brick: Kib, device: DeviceId) -> Kib {
    BrickSpace::new(brick, wanted.factor, inventory.device(device).unwrap().extent).total()
}

/// What the brick at a place of a set takes, and whether the device takes such bricks.
pub fn need_at(inventory: &Inventory, wanted: &Wanted<'_>, brick: Kib, device: DeviceId, index: usize) -> (Kib, bool) {
    let Some(average) = wanted.arbiter else { return (need(inventory, wanted, brick, device), true) };
    let record = inventory.device(device).unwrap();
    let uses = ArbiterUse::of(&inventory.node(record.node).unwrap().tags, &record.tags);
    let size = if index == 2 { Kib((brick.0 / average.0).max(16384)) } else { brick };
    (need(inventory, wanted, size, device), uses.takes(index == 2))
}

/// Checks every rule, brick after brick; `spread` also that sets use as many zones as they can.
pub fn check(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, choice: &Choice, spread: bool) {
    let mut free = usable(inventory, wanted, facts);
    let set_size = wanted.durability.set_size() as usize;
    for (number, set) in choice.sets.iter().enumerate() {
        let remaining = (choice.sets.len() - number) as u64;
        let mut zone_room: BTreeMap<i64, u64> = BTreeMap::new();
        for (device, free) in &free {
            let need = need(inventory, wanted, choice.brick, *device);
            *zone_room.entry(place_of(inventory, *device).1).or_default() += (free.0.max(1) - 1) / need.0;
        }
        let nodes: BTreeSet<_> = set.iter().map(|device| place_of(inventory, *device).0).collect();
        let zones: BTreeSet<_> = set.iter().map(|device| place_of(inventory, *device).1).collect();
        assert_eq!(set.len(), set_size);
        assert_eq!(nodes.len(), set_size, "two bricks of set {number} on one node");
        assert!(wanted.zones == ZoneChecking::None || zones.len() == set_size, "set {number}: zones are strict");
        if spread && zone_room.values().filter(|room| **room >= remaining).count() >= set_size {
            assert_eq!(zones.len(), set_size, "set {number} doubles a zone though {zone_room:?}");
        }
        for (index, device) in set.iter().enumerate() {
            let (need, takes) = need_at(inventory, wanted, choice.brick, *device, index);
            assert!(takes, "device {device} takes no brick {index} of a set");
            let free = free.get_mut(device).unwrap_or_else(|| panic!("device {device} may not be used"));
            assert!(*free > need, "device {device} has {free}, needs more than {need}");
            *free -= need;
        }
    }
}
