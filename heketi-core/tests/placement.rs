//! Placement against an oracle: what is said to fit is placed, what is placed keeps every rule.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{Device, Durability, EntryState, TagRule, Tags, ZoneChecking};
use heketi_core::placement::capacity::Room;
use heketi_core::placement::sizing::{BrickSpace, splits};
use heketi_core::placement::{Choice, Effort, Facts, NoFit, Policy, Wanted, choose, explain};
use heketi_core::units::Gib;
use proptest::prelude::*;
use support::{DeviceShape, NodeShape};

const GIB: u64 = Gib(1).kib().0;

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::None),
        (1u32..=3).prop_map(|replica| Durability::Replicate { replica }),
        (0usize..4).prop_map(|i| {
            let (data, redundancy) = Durability::DISPERSE_COMBINATIONS[i];
            Durability::Disperse { data, redundancy }
        }),
    ]
}

fn small_durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::None),
        (2u32..=3).prop_map(|replica| Durability::Replicate { replica }),
        Just(Durability::Disperse { data: 2, redundancy: 1 }),
    ]
}

fn tag() -> impl Strategy<Value = Tags> {
    prop_oneof![3 => Just("ssd"), 1 => Just("hdd"), 1 => Just("")].prop_map(|kind| match kind {
        "" => Tags::new(),
        kind => Tags::from([("kind".to_owned(), kind.to_owned())]),
    })
}

fn state() -> impl Strategy<Value = EntryState> {
    prop_oneof![8 => Just(EntryState::Online), 1 => Just(EntryState::Offline), 1 => Just(EntryState::Failed)]
}

/// A device that holds some number of bricks exactly, nearly, or whatever else.
fn device(brick: Kib, factor: f32, most: u64) -> impl Strategy<Value = DeviceShape> {
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
struct Scene {
    nodes: Vec<NodeShape>,
    brick: Kib,
    factor: f32,
    durability: Durability,
    zones: ZoneChecking,
    rule: Option<TagRule>,
    down: BTreeSet<usize>,
    seed: u64,
}

fn scene(
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
            move |(nodes, zones, rule, down, seed)| Scene { nodes, brick, factor, durability, zones, rule, down, seed },
        )
    })
}

impl Scene {
    /// The state, the request for `size`, and what is known about nodes.
    fn with<T>(&self, size: Kib, test: impl FnOnce(&Inventory, &Wanted<'_>, &Facts) -> T) -> T {
        let (cluster, inventory) = support::state(&self.nodes);
        let wanted = Wanted {
            cluster,
            size,
            durability: self.durability,
            factor: self.factor,
            existing_bricks: 0,
            zones: self.zones,
            tag_rule: self.rule.as_ref(),
        };
        let nodes: Vec<NodeId> = inventory.nodes().map(|node| node.id).collect();
        let down = self.down.iter().filter_map(|i| nodes.get(*i)).copied().collect();
        test(&inventory, &wanted, &Facts { down, avoid: BTreeSet::new() })
    }
}

/// Free space of every device that may be used, by rules written down independently of the placement.
fn usable(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts) -> BTreeMap<DeviceId, Kib> {
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

fn place_of(inventory: &Inventory, device: DeviceId) -> (NodeId, i64) {
    let node = inventory.node(inventory.device(device).unwrap().node).unwrap();
    (node.id, node.zone)
}

fn need(inventory: &Inventory, wanted: &Wanted<'_>, brick: Kib, device: DeviceId) -> Kib {
    BrickSpace::new(brick, wanted.factor, inventory.device(device).unwrap().extent).total()
}

/// Checks every rule, brick after brick; `spread` also that sets use as many zones as they can.
fn check(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, choice: &Choice, spread: bool) {
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
        for device in set {
            let need = need(inventory, wanted, choice.brick, *device);
            let free = free.get_mut(device).unwrap_or_else(|| panic!("device {device} may not be used"));
            assert!(*free > need, "device {device} has {free}, needs more than {need}");
            *free -= need;
        }
    }
}

/// The most brick sets that fit, by trying every way to fill them.
fn brute_force(room: &[(NodeId, i64, u64)], k: usize, strict: bool, known: &mut BTreeMap<Vec<u64>, u64>) -> u64 {
    let state: Vec<u64> = room.iter().map(|(_, _, slots)| *slots).collect();
    if let Some(most) = known.get(&state) {
        return *most;
    }
    let mut most = 0;
    for mask in 0u32..1 << room.len() {
        let chosen: Vec<usize> = (0..room.len()).filter(|i| mask & (1 << i) != 0).collect();
        let nodes: BTreeSet<_> = chosen.iter().map(|i| room[*i].0).collect();
        let zones: BTreeSet<_> = chosen.iter().map(|i| room[*i].1).collect();
        let distinct = nodes.len() == k && (!strict || zones.len() == k);
        if chosen.len() == k && distinct && chosen.iter().all(|i| room[*i].2 > 0) {
            let mut rest = room.to_vec();
            chosen.iter().for_each(|i| rest[*i].2 -= 1);
            most = most.max(1 + brute_force(&rest, k, strict, known));
        }
    }
    known.insert(state, most);
    most
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_fits_is_placed_and_no_more(scene in scene(1..=12, 4, 3, durability())) {
        scene.with(scene.brick, |inventory, wanted, facts| {
            let room = Room::gather(inventory, wanted, facts, scene.seed);
            let sets = u32::try_from(room.sets(scene.brick)).unwrap();
            let placed = room.place(scene.brick, sets).expect("what fits is placed");
            assert_eq!(room.place(scene.brick, sets + 1), None);
            assert_eq!(room.place(scene.brick, sets).as_ref(), Some(&placed), "the same seed gives the same devices");
            check(inventory, wanted, facts, &Choice { brick: scene.brick, sets: placed }, true);
            if let Some(half) = sets.checked_div(2) {
                let sets = room.place(scene.brick, half).expect("fewer sets fit too");
                check(inventory, wanted, facts, &Choice { brick: scene.brick, sets }, true);
            }
        });
    }

    #[test]
    fn the_formula_is_the_true_maximum(scene in scene(1..=4, 2, 3, small_durability())) {
        scene.with(scene.brick, |inventory, wanted, facts| {
            let slots = |(device, free): (DeviceId, Kib)| {
                let (need, mut free, mut slots) = (need(inventory, wanted, scene.brick, device), free, 0);
                while free > need {
                    (free, slots) = (free.saturating_sub(need), slots + 1);
                }
                let (node, zone) = place_of(inventory, device);
                (node, zone, slots)
            };
            let room: Vec<_> = usable(inventory, wanted, facts).into_iter().map(slots).collect();
            let (k, strict) = (wanted.durability.set_size() as usize, wanted.zones == ZoneChecking::Strict);
            let most = brute_force(&room, k, strict, &mut BTreeMap::new());
            assert_eq!(Room::gather(inventory, wanted, facts, scene.seed).sets(scene.brick), most);
        });
    }

    #[test]
    fn a_choice_keeps_the_rules(scene in scene(1..=12, 4, 3, durability()), sets in 1u64..6) {
        let policy = Policy { brick_min: Kib(GIB / 20), ..Policy::default() };
        let size = Kib(scene.brick.0 * sets * u64::from(scene.durability.data_bricks()));
        scene.with(size, |inventory, wanted, facts| {
            let pick = |effort| choose(inventory, wanted, &policy, facts, effort, scene.seed);
            let (quick, exact) = (pick(Effort::Quick), pick(Effort::Exact));
            assert_eq!((&quick, &exact), (&pick(Effort::Quick), &pick(Effort::Exact)));
            for choice in [&quick, &exact].into_iter().flatten() {
                let splits = splits(wanted, &policy).0;
                assert!(splits.iter().any(|split| (split.brick, split.sets as usize) == (choice.brick, choice.sets.len())));
            }
            if let Ok(exact) = &exact {
                check(inventory, wanted, facts, exact, true);
            }
            if let Ok(quick) = &quick {
                check(inventory, wanted, facts, quick, true);
                assert_eq!(exact.as_ref().map(|exact| exact.sets.len()), Ok(quick.sets.len()), "fewest sets");
            }
            assert_ne!(exact, Err(NoFit::Unknown));
        });
    }

    #[test]
    fn avoided_devices_are_used_only_if_nothing_else_fits(
        scene in scene(3..=8, 3, 3, small_durability()),
        avoided in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let policy = Policy { brick_min: Kib(GIB / 20), ..Policy::default() };
        scene.with(scene.brick, |inventory, wanted, facts| {
            let devices: Vec<DeviceId> = inventory.devices().map(|device| device.id).collect();
            let avoid: BTreeSet<_> = avoided.iter().filter(|_| !devices.is_empty()).map(|i| *i.get(&devices)).collect();
            let mut without = inventory.clone();
            let mut changes = ChangeSet::default();
            for device in avoid.iter().map(|id| inventory.device(*id).unwrap()) {
                changes.put_device(Device { state: EntryState::Offline, ..(**device).clone() });
            }
            without.apply(&changes).unwrap();
            let facts = Facts { avoid: avoid.clone(), ..facts.clone() };
            let possible = choose(&without, wanted, &policy, &facts, Effort::Exact, scene.seed).is_ok();
            let fits = choose(inventory, wanted, &policy, &Facts { avoid: BTreeSet::new(), ..facts.clone() }, Effort::Exact, 0);
            for effort in [Effort::Quick, Effort::Exact] {
                let choice = choose(inventory, wanted, &policy, &facts, effort, scene.seed);
                assert!(effort == Effort::Quick || choice.is_ok() == fits.is_ok(), "avoiding is no refusal");
                if let Ok(choice) = choice {
                    check(inventory, wanted, &facts, &choice, false);
                    let used = choice.sets.iter().flatten().any(|device| avoid.contains(device));
                    assert!(!used || !possible, "{effort:?} uses an avoided device");
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_largest_size_is_the_largest(scene in scene(1..=6, 3, 4, small_durability()), min in 1u64..5, span in 0u64..8) {
        let brick_max = Kib((2 * min + span) * GIB / 2);
        let policy = Policy { brick_min: Kib(min * GIB / 2), brick_max, max_bricks: 9, ..Policy::default() };
        scene.with(scene.brick, |inventory, wanted, facts| {
            let fits = |size: &u64| {
                let wanted = Wanted { size: Gib(*size).kib(), ..wanted.clone() };
                choose(inventory, &wanted, &policy, facts, Effort::Exact, scene.seed).is_ok()
            };
            let limit = brick_max.0 * 9 * u64::from(wanted.durability.data_bricks()) / GIB + 1;
            let largest = (1..=limit).rev().find(fits).map(Gib);
            assert_eq!(explain::largest(inventory, wanted, &policy, facts), largest);
        });
    }
}

/// Sizes at the edge of the numbers are refused, not wrapped.
#[test]
fn huge_devices_and_limits_do_not_overflow() {
    let huge = || NodeShape::of(1, vec![DeviceShape { extent: Kib(1), ..DeviceShape::of(Kib(u64::MAX)) }; 3]);
    let (cluster, inventory) = support::state(&[huge(), huge(), huge()]);
    let policy = Policy { brick_min: Kib(1), brick_max: Kib(u64::MAX), max_bricks: 64, ..Policy::default() };
    let wanted = Wanted {
        cluster,
        size: Kib(5),
        durability: Durability::Replicate { replica: 3 },
        factor: 1.0,
        existing_bricks: 0,
        zones: ZoneChecking::None,
        tag_rule: None,
    };
    assert!(Room::gather(&inventory, &wanted, &Facts::default(), 0).sets(Kib(1)) > 1 << 60);
    assert!(explain::largest(&inventory, &wanted, &policy, &Facts::default()).is_some());
}

/// A quick look stops after some devices of a zone; it must not double another zone because of that.
#[test]
fn a_quick_look_spreads_over_zones_or_gives_up() {
    let small = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(2).kib()); 50]);
    let large = |zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())]);
    let shapes = [small(1), small(1), small(1), small(1), large(1), large(2), large(2), large(3)];
    let (cluster, mut inventory) = support::state(&shapes);
    // The large device of zone 1 comes last in the order: it is the fullest.
    let is_it = |device: &Device| device.total == Gib(100).kib() && place_of(&inventory, device.id).1 == 1;
    let device = Device::clone(inventory.devices().find(|device| is_it(device)).unwrap());
    let mut changes = ChangeSet::default();
    changes.put_device(Device { foreign: Gib(50).kib(), ..device });
    inventory.apply(&changes).unwrap();
    let wanted = Wanted {
        cluster,
        size: Gib(10).kib(),
        durability: Durability::Replicate { replica: 3 },
        factor: 1.0,
        existing_bricks: 0,
        zones: ZoneChecking::None,
        tag_rule: None,
    };
    let (policy, facts) = (Policy::default(), Facts::default());
    for effort in [Effort::Quick, Effort::Exact] {
        match choose(&inventory, &wanted, &policy, &facts, effort, 0) {
            Ok(choice) => check(&inventory, &wanted, &facts, &choice, true),
            Err(error) => assert_eq!((effort, error), (Effort::Quick, NoFit::Unknown)),
        }
    }
}
