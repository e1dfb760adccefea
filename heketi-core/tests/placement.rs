//! Placement against an oracle: what is said to fit is placed, what is placed keeps every rule.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::ChangeSet;
use heketi_core::model::{Device, Durability, EntryState, ZoneChecking};
use heketi_core::placement::capacity::Room;
use heketi_core::placement::sizing::splits;
use heketi_core::placement::{Choice, Effort, Facts, NoFit, Policy, Wanted, choose, explain};
use heketi_core::units::Gib;
use proptest::prelude::*;
use support::scenes::*;
use support::{DeviceShape, NodeShape};

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
            let sets = u32::try_from(room.sets(scene.brick, u64::MAX)).unwrap();
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
            assert_eq!(Room::gather(inventory, wanted, facts, scene.seed).sets(scene.brick, u64::MAX), most);
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
        arbiter: None,
    };
    assert!(Room::gather(&inventory, &wanted, &Facts::default(), 0).sets(Kib(1), u64::MAX) > 1 << 60);
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
        arbiter: None,
    };
    let (policy, facts) = (Policy::default(), Facts::default());
    for effort in [Effort::Quick, Effort::Exact] {
        match choose(&inventory, &wanted, &policy, &facts, effort, 0) {
            Ok(choice) => check(&inventory, &wanted, &facts, &choice, true),
            Err(error) => assert_eq!((effort, error), (Effort::Quick, NoFit::Unknown)),
        }
    }
}
