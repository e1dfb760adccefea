//! Placement of arbiter volumes against an oracle that tries everything.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Kib;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{Device, Durability, Tags, ZoneChecking};
use heketi_core::placement::capacity::Room;
use heketi_core::placement::sizing::splits;
use heketi_core::placement::{Choice, Effort, Facts, NoFit, Policy, Wanted, choose, explain};
use heketi_core::units::Gib;
use proptest::prelude::*;
use support::scenes::*;
use support::{DeviceShape, NodeShape};

/// A device: its failure domain (strict zones: the zone alone), and its free space and needs of both kinds, none
/// for kinds it does not take.
struct Site {
    node: NodeId,
    zone: i64,
    data: Option<u64>,
    arbiter: Option<u64>,
}

fn sites(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, brick: Kib) -> (Vec<Site>, Vec<u64>) {
    let site = |(device, free): (DeviceId, Kib)| {
        let (node, zone) = place_of(inventory, device);
        let need = |index| {
            let (need, takes) = need_at(inventory, wanted, brick, device, index);
            takes.then_some(need.0)
        };
        (Site { node, zone, data: need(0), arbiter: need(2) }, free.0)
    };
    usable(inventory, wanted, facts).into_iter().map(site).unzip()
}

/// Do `sets` sets fit? Tries every device for every brick.
fn tries_all(
    sites: &[Site],
    free: &mut Vec<u64>,
    sets: u64,
    strict: bool,
    failed: &mut BTreeSet<(u64, Vec<u64>)>,
) -> bool {
    if sets == 0 {
        return true;
    }
    if failed.contains(&(sets, free.clone())) {
        return false;
    }
    let apart = |a: usize, b: usize| sites[a].node != sites[b].node && (!strict || sites[a].zone != sites[b].zone);
    let fits = |free: &[u64], i: usize, need: Option<u64>| need.filter(|need| free[i] > *need);
    for arbiter in 0..sites.len() {
        let Some(small) = fits(free, arbiter, sites[arbiter].arbiter) else { continue };
        for first in (0..sites.len()).filter(|i| apart(*i, arbiter)) {
            let Some(large) = fits(free, first, sites[first].data) else { continue };
            for second in (first + 1..sites.len()).filter(|i| apart(*i, arbiter) && apart(*i, first)) {
                let Some(other) = fits(free, second, sites[second].data) else { continue };
                free[arbiter] -= small;
                free[first] -= large;
                free[second] -= other;
                let rest = tries_all(sites, free, sets - 1, strict, failed);
                free[arbiter] += small;
                free[first] += large;
                free[second] += other;
                if rest {
                    return true;
                }
            }
        }
    }
    failed.insert((sets, free.clone()));
    false
}

fn oracle(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, brick: Kib, sets: u64) -> bool {
    let (sites, mut free) = sites(inventory, wanted, facts, brick);
    tries_all(&sites, &mut free, sets, wanted.zones == ZoneChecking::Strict, &mut BTreeSet::new())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_exact_look_finds_every_placement(scene in arbiter_scene(3..=5, 2)) {
        scene.with(scene.brick, |inventory, wanted, facts| {
            let room = Room::gather(inventory, wanted, facts, scene.seed);
            let sets = (0..=4).rev().find(|sets| oracle(inventory, wanted, facts, scene.brick, *sets)).unwrap();
            assert_eq!(room.sets(scene.brick, 4), sets, "as many sets fit");
            for sets in 0..=4u32 {
                let placed = room.place(scene.brick, sets);
                assert_eq!(placed.is_some(), room.fits(scene.brick, sets));
                if let Some(placed) = placed {
                    assert_eq!(placed.len(), sets as usize);
                    check(inventory, wanted, facts, &Choice { brick: scene.brick, sets: placed }, false);
                }
            }
        });
    }

    #[test]
    fn a_volume_is_placed_if_and_only_if_it_can_be(scene in arbiter_scene(3..=5, 2), sets in 1u64..4, limit in 1u32..4) {
        let policy = Policy { brick_min: Kib(scene.brick.0 / 2), max_bricks: 3 * limit, ..Policy::default() };
        scene.with(Kib(scene.brick.0 * sets), |inventory, wanted, facts| {
            let splits = splits(wanted, &policy).0;
            let expected = splits.iter().find(|split| oracle(inventory, wanted, facts, split.brick, split.sets.into()));
            let exact = choose(inventory, wanted, &policy, facts, Effort::Exact, scene.seed);
            let found = exact.as_ref().ok().map(|choice| (choice.brick, choice.sets.len() as u32));
            assert_eq!(found, expected.map(|split| (split.brick, split.sets)));
            if let Ok(choice) = &exact {
                check(inventory, wanted, facts, choice, false);
            }
            match choose(inventory, wanted, &policy, facts, Effort::Quick, scene.seed) {
                Ok(choice) => {
                    check(inventory, wanted, facts, &choice, false);
                    assert_eq!(Some(choice.sets.len() as u32), expected.map(|split| split.sets), "fewest sets");
                }
                Err(error) => assert!(matches!(error, NoFit::Unknown) || splits.is_empty(), "{error}"),
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// In larger clusters, with more sets than anybody can try out: what is said to fit is placed.
    #[test]
    fn what_fits_is_placed(scene in arbiter_scene(6..=14, 4)) {
        scene.with(scene.brick, |inventory, wanted, facts| {
            let room = Room::gather(inventory, wanted, facts, scene.seed);
            let sets = u32::try_from(room.sets(scene.brick, u64::MAX)).unwrap();
            for sets in [sets, sets / 2] {
                let placed = room.place(scene.brick, sets).expect("what fits is placed");
                assert_eq!(room.place(scene.brick, sets).as_ref(), Some(&placed), "the same seed gives the same devices");
                check(inventory, wanted, facts, &Choice { brick: scene.brick, sets: placed }, false);
            }
            assert_eq!(room.place(scene.brick, sets + 1), None);
        });
    }

    /// The set one would like best comes first as long as it leaves room for the others.
    #[test]
    fn a_preferred_set_is_kept_while_it_leaves_room(scene in arbiter_scene(3..=6, 2)) {
        scene.with(scene.brick, |inventory, wanted, facts| {
            let room = Room::gather(inventory, wanted, facts, scene.seed);
            let Some(preferred) = room.place(scene.brick, 1) else { return };
            let (mut after, mut changes) = (inventory.clone(), ChangeSet::default());
            for (index, device) in preferred[0].iter().enumerate() {
                let record = Device::clone(inventory.device(*device).unwrap());
                let foreign = need_at(inventory, wanted, scene.brick, *device, index).0;
                changes.put_device(Device { foreign, ..record });
            }
            after.apply(&changes).unwrap();
            let rest = Room::gather(&after, wanted, facts, scene.seed);
            for sets in 1..=room.sets(scene.brick, 6) as u32 {
                let placed = room.place(scene.brick, sets).expect("what fits is placed");
                assert!(!rest.fits(scene.brick, sets - 1) || placed[0] == preferred[0], "{sets} sets: {placed:?}");
            }
        });
    }

    #[test]
    fn the_largest_size_is_the_largest(scene in arbiter_scene(3..=6, 2), min in 1u64..4) {
        let policy = Policy { brick_min: Kib(min * GIB / 2), brick_max: Kib(20 * GIB), max_bricks: 9, ..Policy::default() };
        scene.with(scene.brick, |inventory, wanted, facts| {
            let fits = |size: &u64| {
                let wanted = Wanted { size: Gib(*size).kib(), ..wanted.clone() };
                choose(inventory, &wanted, &policy, facts, Effort::Exact, scene.seed).is_ok()
            };
            let largest = (1..=61).rev().find(fits).map(Gib);
            assert_eq!(explain::largest(inventory, wanted, &policy, facts), largest);
        });
    }
}

fn tagged(zone: i64, arbiter: &str, gib: u64) -> NodeShape {
    let tags = Tags::from([("arbiter".to_owned(), arbiter.to_owned())]);
    NodeShape { tags, ..NodeShape::of(zone, vec![DeviceShape::of(Gib(gib).kib()); 2]) }
}

fn wanted(cluster: heketi_core::id::ClusterId, gib: u64) -> Wanted<'static> {
    Wanted {
        cluster,
        size: Gib(gib).kib(),
        durability: Durability::Replicate { replica: 3 },
        factor: 1.0,
        existing_bricks: 0,
        zones: ZoneChecking::None,
        tag_rule: None,
        arbiter: Some(Kib(64)),
    }
}

/// Dedicated devices are preferred for each kind, whatever stays emptiest (core section 3.6).
#[test]
fn devices_for_one_kind_only_are_preferred() {
    let shapes = [
        tagged(1, "required", 10),
        tagged(1, "disabled", 200),
        tagged(2, "disabled", 200),
        tagged(2, "supported", 900),
        tagged(3, "", 900),
        tagged(3, "whatever", 900),
    ];
    let (cluster, inventory) = support::state(&shapes);
    let arbiter_tag = |device: &DeviceId| {
        let node = inventory.node(inventory.device(*device).unwrap().node).unwrap();
        node.tags["arbiter"].clone()
    };
    for effort in [Effort::Quick, Effort::Exact] {
        let few_zones = Policy::default();
        let choice = choose(&inventory, &wanted(cluster, 10), &few_zones, &Facts::default(), effort, 0).unwrap();
        let tags: Vec<String> = choice.sets[0].iter().map(arbiter_tag).collect();
        assert_eq!(tags[2], "required", "{effort:?}");
        // Spreading over zones comes first: zone 2 has a device for data only, zone 3 has none.
        assert!(tags[..2].contains(&"disabled".to_owned()), "{effort:?}: {tags:?}");
        let zones: BTreeSet<i64> = choice.sets[0].iter().map(|device| place_of(&inventory, *device).1).collect();
        assert_eq!(zones.len(), 3, "{effort:?}");
    }
}

/// All nodes take data only: no arbiter volume; with one node for arbiters there is one.
#[test]
fn without_a_device_for_arbiters_there_is_no_place() {
    let (policy, facts) = (Policy::default(), Facts::default());
    for (last, fits) in [("disabled", false), ("required", true)] {
        let shapes = [tagged(1, "disabled", 100), tagged(2, "disabled", 100), tagged(3, last, 100)];
        let (cluster, inventory) = support::state(&shapes);
        let wanted = wanted(cluster, 10);
        let found = choose(&inventory, &wanted, &policy, &facts, Effort::Exact, 0);
        assert_eq!(found.is_ok(), fits, "{last}");
        let lines = explain::no_place(&inventory, &wanted, &policy, &facts).join("\n");
        if !fits {
            assert!(lines.contains("for the arbiter brick: 0."), "{lines}");
            assert!(lines.ends_with("No size fits now."), "{lines}");
        }
        assert!(lines.contains("and an arbiter brick of 16 MiB"), "{lines}");
    }
}

/// A device that takes its data bricks anywhere may be the only one that takes an arbiter: it is kept for that.
#[test]
fn the_one_place_for_arbiters_is_kept_for_them() {
    // The emptiest node is the only one that takes arbiters, and too small for more than a data brick and one.
    let shapes = [tagged(1, "supported", 500), tagged(2, "disabled", 50), tagged(3, "disabled", 50)];
    let (cluster, inventory) = support::state(&shapes);
    for effort in [Effort::Quick, Effort::Exact] {
        let wanted = wanted(cluster, 30);
        let choice = choose(&inventory, &wanted, &Policy::default(), &Facts::default(), effort, 0).unwrap();
        check(&inventory, &wanted, &Facts::default(), &choice, false);
    }
}

/// Every device is named with what it has room for, or why it has none.
#[test]
fn lack_of_space_names_both_kinds_of_bricks() {
    let shapes = [tagged(1, "required", 1), tagged(1, "disabled", 5), tagged(2, "supported", 5), tagged(2, "", 60)];
    let (cluster, inventory) = support::state(&shapes);
    let (policy, facts) = (Policy { max_bricks: 3, ..Policy::default() }, Facts::default());
    let wanted = wanted(cluster, 20);
    assert!(matches!(choose(&inventory, &wanted, &policy, &facts, Effort::Exact, 0), Err(NoFit::Certain(_))));
    let text = explain::no_place(&inventory, &wanted, &policy, &facts).join("\n");
    for words in [
        "nodes with room for such a brick: 1; for the arbiter brick: 3.",
        "1 GiB free, room for 3 arbiter bricks",
        "5 GiB free, a brick of 20 GiB needs more than",
        "5 GiB free, room for 0 bricks with data or 15 arbiter bricks",
        "60 GiB free, room for 2 bricks with data or 189 arbiter bricks",
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
}

/// 100 000 devices are no hurdle: the exact look stops where enough fits.
#[test]
fn a_tight_request_in_a_large_cluster_is_placed() {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    let shapes: Vec<NodeShape> = (0..2000)
        .map(|i| {
            let zone = i % 7;
            *counts.entry(zone).or_default() += 1;
            // Only the last nodes have room for data, and only some others for arbiters.
            let gib = if i >= 1990 { 22 } else { 1 };
            NodeShape::of(zone, vec![DeviceShape::of(Gib(gib).kib()); 5])
        })
        .collect();
    let (cluster, inventory) = support::state(&shapes);
    let wanted = wanted(cluster, 400);
    let policy = Policy { brick_max: Gib(20).kib(), max_bricks: 60, ..Policy::default() };
    let choice = choose(&inventory, &wanted, &policy, &Facts::default(), Effort::Exact, 0).unwrap();
    check(&inventory, &wanted, &Facts::default(), &choice, false);
    assert_eq!(choice.sets.len(), 20);
}
