//! Whole requests against an oracle: a volume that fits is planned and keeps every rule, one that does not is
//! refused with a reason for every device. Which cluster and which devices with failures come into question.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::api::CheckedVolumeCreate;
use heketi_core::error::ErrorKind;
use heketi_core::id::{ClusterId, DeviceId, SeededIds};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{BrickFormat, Durability, EntryState, Snapshot, ZoneChecking};
use heketi_core::operation::{
    ClusterChoice, VolumeCreate, VolumeExpand, choose_cluster, choose_expansion, explain_create,
};
use heketi_core::placement::{Choice, Effort, Facts, Policy, Wanted};
use heketi_core::{Gib, Kib};
use proptest::prelude::*;
use support::scenes::*;
use support::{DeviceShape, NOW, NodeShape};

/// What a request asks for beside the cluster it meets.
#[derive(Clone, Debug)]
struct Asked {
    gib: u64,
    durability: Durability,
    factor: Option<f32>,
    min: u64,
    max: u64,
    most_bricks: u32,
    /// Sizes of volumes that are there already.
    before: Vec<(u64, Durability)>,
    expand: u64,
}

fn asked() -> impl Strategy<Value = Asked> {
    let before = prop::collection::vec((1u64..12, durability()), 0..4);
    let limits = (1u64..=3, 0u64..=20, 1u32..=14);
    (1u64..60, durability(), prop::option::of(1.0f32..2.0), limits, before, 1u64..20).prop_map(
        |(gib, durability, factor, (min, span, most_bricks), before, expand)| Asked {
            gib,
            durability,
            factor,
            min,
            max: min + span,
            most_bricks,
            before,
            expand,
        },
    )
}

/// As the engine does it: a quick look, then an exact one.
fn choose_as_the_engine(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
) -> Result<ClusterChoice, heketi_core::Error> {
    let look = |effort| choose_cluster(inventory, request, policy, facts, effort, 1);
    match look(Effort::Quick)? {
        Some(chosen) => Ok(chosen),
        None => look(Effort::Exact).map(|chosen| chosen.expect("an exact look knows")),
    }
}

fn options(scene: &Scene) -> Vec<String> {
    let mut options = Vec::new();
    if scene.zones == ZoneChecking::Strict {
        options.push("user.heketi.zone-checking strict".to_owned());
    }
    options.extend(scene.rule.as_ref().map(|rule| format!("user.heketi.device-tag-match {rule}")));
    options
}

/// The numbers of sets to try and their brick sizes, worked out anew.
fn splits(size: Kib, asked: &Asked, existing: u32) -> Vec<(u64, Kib)> {
    let (set_size, data) = (u64::from(asked.durability.set_size()), u64::from(asked.durability.data_bricks()));
    let within = |sets: &u64| sets * set_size + u64::from(existing) <= u64::from(asked.most_bricks);
    let all = (1..200).take_while(within).map(|sets| (sets, Kib(size.0 / sets / data)));
    all.filter(|(_, brick)| *brick >= Gib(asked.min).kib() && *brick <= Gib(asked.max).kib()).collect()
}

/// The formula, written down once more: each domain gives a set one brick, and `k` bricks make a set.
fn fits(inventory: &Inventory, wanted: &Wanted<'_>, facts: &Facts, brick: Kib, sets: u64) -> bool {
    let mut room: BTreeMap<String, u64> = BTreeMap::new();
    for (device, free) in usable(inventory, wanted, facts) {
        let (node, zone) = place_of(inventory, device);
        let domain = if wanted.zones == ZoneChecking::Strict { zone.to_string() } else { node.to_string() };
        let need = need(inventory, wanted, brick, device).0;
        *room.entry(domain).or_default() += free.0.saturating_sub(1) / need;
    }
    room.values().map(|slots| (*slots).min(sets)).sum::<u64>() >= sets * u64::from(wanted.durability.set_size())
}

/// Applies a plan and compares every device's free space with its bricks, to the KiB.
fn applied(inventory: &Inventory, changes: &ChangeSet) -> Inventory {
    let mut after = inventory.clone();
    after.apply(changes).expect("a plan fits the state it was made on");
    for device in after.devices() {
        let bricks = after.bricks_of_device(device.id).map(|id| after.brick(id).unwrap());
        let charged: u64 = bricks.map(|brick| brick.pool_size.0 + brick.metadata_size.0).sum();
        assert_eq!(after.free(device).0 + charged + device.foreign.0, device.total.0);
        let grew = after.free(device) < inventory.free(device);
        assert!(!grew || after.free(device) > Kib::ZERO, "free space stays greater than zero");
    }
    after
}

fn chosen_sets(
    inventory: &Inventory,
    new: impl Iterator<Item = heketi_core::id::BrickId>,
) -> (Kib, Vec<Vec<DeviceId>>) {
    let mut bricks: Vec<_> = new.map(|id| inventory.brick(id).unwrap().clone()).collect();
    bricks.sort_by_key(|brick| brick.position);
    let mut sets: BTreeMap<u32, Vec<DeviceId>> = BTreeMap::new();
    for brick in &bricks {
        sets.entry(brick.position.unwrap().set).or_default().push(brick.device);
        assert_eq!(brick.format, BrickFormat::Normal);
        assert_eq!(brick.size, bricks[0].size, "bricks of one request are equally large");
    }
    (bricks[0].size, sets.into_values().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_fits_is_created_and_expanded_and_nothing_else(scene in scene(1..=9, 3, 3, durability()), asked in asked()) {
        let policy = Policy {
            brick_min: Gib(asked.min).kib(),
            brick_max: Gib(asked.max).kib(),
            max_bricks: asked.most_bricks,
            ..Policy::default()
        };
        let (cluster, mut inventory) = support::state(&scene.nodes);
        let (mut ids, any) = (SeededIds::new(11), Policy { brick_min: Kib(1024), ..Policy::default() });
        for (gib, durability) in &asked.before {
            let request = support::volume(*gib, *durability);
            if let Ok(chosen) = choose_as_the_engine(&inventory, &request, &any, &Facts::default()) {
                let planned = VolumeCreate::plan(&inventory, &request, &chosen, &any, &mut ids, NOW).unwrap().unwrap();
                inventory.apply(&planned.changes).unwrap();
            }
        }
        let nodes: Vec<_> = inventory.nodes().map(|node| node.id).collect();
        let down = scene.down.iter().filter_map(|i| nodes.get(*i)).copied().collect();
        let facts = Facts { down, ..Facts::default() };
        let snapshot = asked.factor.map_or(Snapshot::default(), |factor| Snapshot { enable: true, factor });
        let request = CheckedVolumeCreate { options: options(&scene), snapshot, ..support::volume(asked.gib, asked.durability) };
        let wanted = Wanted {
            cluster,
            size: request.size.kib(),
            durability: asked.durability,
            factor: snapshot.factor,
            existing_bricks: 0,
            zones: scene.zones,
            tag_rule: scene.rule.as_ref(),
            arbiter: None,
        };
        let expected = splits(wanted.size, &asked, 0).into_iter().find(|(sets, brick)| fits(&inventory, &wanted, &facts, *brick, *sets));
        let chosen = match (choose_as_the_engine(&inventory, &request, &policy, &facts), expected) {
            (Ok(chosen), Some((sets, brick))) => {
                assert_eq!((chosen.choice.sets.len() as u64, chosen.choice.brick), (sets, brick), "fewest sets");
                chosen
            }
            (Err(error), None) => {
                explained(&inventory, &request, &policy, &facts, &error);
                return Ok(());
            }
            (told, expected) => panic!("{told:?}, expected {expected:?}"),
        };
        let planned = VolumeCreate::plan(&inventory, &request, &chosen, &policy, &mut ids, NOW).unwrap().expect("still fits");
        let known: BTreeSet<_> = inventory.volumes().map(|volume| volume.id).collect();
        let after = applied(&inventory, &planned.changes);
        let volume = after.volumes().map(|volume| volume.id).find(|id| !known.contains(id)).unwrap();
        let (brick, sets) = chosen_sets(&after, after.bricks_of_volume(volume));
        check(&inventory, &wanted, &facts, &Choice { brick, sets }, true);

        // The same for an expansion, once the create is over.
        let mut ready = after.clone();
        let mut over = ChangeSet::default();
        over.delete(heketi_core::inventory::Key::Operation(planned.operation));
        ready.apply(&over).unwrap();
        let existing = ready.bricks_of_volume(volume).count() as u32;
        let more = Wanted { size: Gib(asked.expand).kib(), existing_bricks: existing, ..wanted.clone() };
        let expected = splits(more.size, &asked, existing).into_iter().find(|(sets, brick)| fits(&ready, &more, &facts, *brick, *sets));
        let chosen = choose_expansion(&ready, volume, Gib(asked.expand), &policy, &facts, Effort::Exact, 1);
        match (chosen, expected) {
            (Ok(Some(choice)), Some(expected)) => {
                assert_eq!((choice.sets.len() as u64, choice.brick), expected);
                check(&ready, &more, &facts, &choice, true);
                let planned = VolumeExpand::plan(&ready, volume, Gib(asked.expand), &choice, &policy, &mut ids, NOW);
                let expanded = applied(&ready, &planned.unwrap().expect("still fits").changes);
                assert_eq!(expanded.bricks_of_volume(volume).count(), existing as usize + choice.sets.concat().len());
            }
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::CannotAllocate),
            (told, expected) => panic!("expansion: {told:?}, expected {expected:?}"),
        }
    }
}

/// Every device of the cluster has a line that tells why it is no help, or how many bricks it has room for.
fn explained(
    inventory: &Inventory,
    request: &CheckedVolumeCreate,
    policy: &Policy,
    facts: &Facts,
    error: &heketi_core::Error,
) {
    if error.kind() == ErrorKind::Invalid {
        assert!(error.text().contains("smaller than the minimum supported volume size"), "{error}");
        return;
    }
    let texts = ["No space", "No nodes in cluster", "No online storage devices in cluster"];
    assert!(texts.contains(&error.text()), "{error}");
    let lines = explain_create(inventory, request, policy, facts);
    if error.text() != "No space" {
        assert!(lines[0].ends_with(error.text()), "{lines:?}");
        return;
    }
    if lines.len() == 2 {
        assert!(lines[1].contains("cannot be split into bricks"), "{lines:?}");
        return;
    }
    assert!(lines[1].starts_with("Durability"), "{lines:?}");
    for device in inventory.devices() {
        let node = inventory.node(device.node).unwrap();
        let line = lines.iter().find(|line| line.contains(&device.id.to_string()));
        let line = line.unwrap_or_else(|| panic!("device {} is not explained: {lines:#?}", device.id));
        let (_, reason) = line.split_once("): ").unwrap();
        let expected = match (node.state, device.state) {
            (EntryState::Online, EntryState::Online) if facts.down.contains(&node.id) => "node does not answer",
            (EntryState::Online, EntryState::Online) => "",
            (EntryState::Online, EntryState::Offline) => "device is offline",
            (EntryState::Online, EntryState::Failed) => "device is failed",
            (EntryState::Offline, _) => "node is offline",
            (EntryState::Failed, _) => "node is failed",
        };
        let by_rule = ["tags do not match", " free, room for ", " free, a brick of "];
        let told =
            if expected.is_empty() { by_rule.iter().any(|text| reason.contains(text)) } else { reason == expected };
        assert!(told, "{line}");
    }
    assert!(lines.last().unwrap().contains("fits now"), "{lines:?}");
}

/// Three nodes with one device of `gib` each; `used` of it belongs to others.
fn three(gib: u64, used: u64) -> Vec<(NodeShape, u64)> {
    (1..=3).map(|zone| (NodeShape::of(zone, vec![DeviceShape::of(Gib(gib).kib())]), used)).collect()
}

/// Clusters made of such nodes, in ascending order of ids.
fn several(shapes: Vec<Vec<(NodeShape, u64)>>) -> (Inventory, Vec<ClusterId>) {
    use heketi_core::inventory::{Change, Record};
    let (mut inventory, mut number) = (Inventory::default(), 0);
    for (i, nodes) in shapes.iter().enumerate() {
        let shapes: Vec<NodeShape> = nodes.iter().map(|(shape, _)| shape.clone()).collect();
        let (_, made) = support::cluster(&mut SeededIds::new(100 + i as u64), &shapes);
        let mut changes = ChangeSet::default();
        for change in made.iter() {
            match change {
                Change::Put(Record::Node(node)) => {
                    let mut node = node.clone();
                    number += 1;
                    node.hostnames.manage = vec![format!("m{number}")];
                    node.hostnames.storage = vec![format!("s{number}")];
                    changes.put_node(node);
                }
                Change::Put(Record::Device(device)) => {
                    let mut device = device.clone();
                    device.foreign = Gib(nodes[0].1).kib();
                    changes.put_device(device);
                }
                Change::Put(Record::Cluster(cluster)) => changes.put_cluster(cluster.clone()),
                other => panic!("{other:?}"),
            }
        }
        inventory.apply(&changes).unwrap();
    }
    // As they were made, not by id.
    let clusters: Vec<ClusterId> =
        (0..shapes.len()).map(|i| ClusterId::new(&mut SeededIds::new(100 + i as u64))).collect();
    (inventory, clusters)
}

fn goes_to(inventory: &Inventory, request: &CheckedVolumeCreate, facts: &Facts) -> ClusterId {
    let policy = Policy::default();
    let all: BTreeSet<ClusterId> = [Effort::Quick, Effort::Exact]
        .into_iter()
        .filter_map(|effort| choose_cluster(inventory, request, &policy, facts, effort, 0).unwrap())
        .map(|chosen| chosen.cluster)
        .collect();
    assert_eq!(all.len(), 1, "both looks agree");
    all.into_iter().next().unwrap()
}

/// P6: heketi v10 filled the first cluster that had room.
#[test]
fn a_volume_goes_to_the_cluster_that_stays_emptiest() {
    let (inventory, ids) = several(vec![three(100, 50), three(400, 300), three(60, 0), three(50, 0)]);
    let request = support::volume(10, Durability::Replicate { replica: 3 });
    let none = Facts::default();
    // After the volume 40 %, 22 %, 83 % and 80 % are free.
    assert_eq!(goes_to(&inventory, &request, &none), ids[2]);
    // The client's own order counts more.
    for cluster in &ids {
        let mut named = vec![cluster.to_string()];
        named.extend(ids.iter().filter(|id| *id != cluster).map(ToString::to_string));
        let request = CheckedVolumeCreate { clusters: named, ..request.clone() };
        assert_eq!(goes_to(&inventory, &request, &none), *cluster);
    }
    // What stays free counts: with 45 GiB gone 5 %, 14 %, 25 % and 10 %.
    let large = support::volume(45, Durability::Replicate { replica: 3 });
    assert_eq!(goes_to(&inventory, &large, &none), ids[2]);
    // The emptiest is too small, so the next one is taken.
    let larger = support::volume(70, Durability::Replicate { replica: 3 });
    let (inventory, more) = several(vec![three(60, 0), three(400, 300)]);
    assert_eq!(goes_to(&inventory, &larger, &none), more[1]);
}

/// Nodes that are down and devices with failures do not make a cluster emptier.
#[test]
fn only_devices_that_can_be_used_make_a_cluster_emptier() {
    let (inventory, ids) = several(vec![three(100, 0), three(100, 60), three(100, 70)]);
    let request = support::volume(10, Durability::Replicate { replica: 3 });
    let nodes: Vec<_> = inventory.nodes_of_cluster(ids[0]).collect();
    let devices = nodes.iter().flat_map(|node| inventory.devices_of_node(*node)).collect::<Vec<_>>();
    assert_eq!(goes_to(&inventory, &request, &Facts::default()), ids[0]);
    for facts in [
        Facts { down: nodes.iter().copied().collect(), ..Facts::default() },
        Facts { avoid: devices.iter().copied().collect(), ..Facts::default() },
        Facts { failures: devices.iter().map(|device| (*device, 1)).collect(), ..Facts::default() },
        // One device in two ways is one device.
        Facts {
            down: nodes.iter().copied().collect(),
            avoid: devices.iter().copied().collect(),
            failures: devices.iter().map(|device| (*device, 1)).collect(),
        },
    ] {
        assert_eq!(goes_to(&inventory, &request, &facts), ids[1], "{facts:?}");
    }
    let forgotten = Facts { failures: devices.iter().map(|device| (*device, 0)).collect(), ..Facts::default() };
    assert_eq!(goes_to(&inventory, &request, &forgotten), ids[0]);
}

/// Devices that failed of late are used only if nothing else fits, those that failed least first; what failed for
/// this very request comes last.
#[test]
fn devices_with_failures_come_last_by_their_score() {
    let shapes: Vec<NodeShape> =
        (0..6).map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())])).collect();
    let (_, inventory) = support::state(&shapes);
    let devices: Vec<DeviceId> = inventory.devices().map(|device| device.id).collect();
    let policy = Policy::default();
    let used = |bad: usize, facts: &Facts| {
        let replica = (6 - bad) as u32;
        let request = support::volume(5, Durability::Replicate { replica: replica.min(3) });
        choose_as_the_engine(&inventory, &request, &policy, facts).unwrap().choice.sets.concat()
    };
    // Three good ones: none of the others is used.
    let failures: BTreeMap<DeviceId, u32> = [(devices[0], 1), (devices[2], 5), (devices[4], 3)].into();
    let facts = Facts { failures: failures.clone(), ..Facts::default() };
    assert!(used(3, &facts).iter().all(|device| !failures.contains_key(device)));
    // One good one short: the one that failed least is taken.
    let mut more = failures.clone();
    more.insert(devices[1], 7);
    let facts = Facts { failures: more, ..Facts::default() };
    let taken = used(3, &facts);
    assert!(taken.contains(&devices[0]) && !taken.contains(&devices[4]), "{taken:?}");
    // Two short: the next one too.
    let facts = Facts { failures: facts.failures, avoid: [devices[3]].into(), ..Facts::default() };
    let taken: BTreeSet<_> = used(3, &facts).into_iter().collect();
    assert_eq!(taken, [devices[0], devices[4], devices[5]].into());
    // All short: everything but what failed for this request.
    let failures = devices.iter().enumerate().map(|(i, device)| (*device, 10 - i as u32)).collect();
    let facts = Facts { failures, avoid: [devices[5]].into(), ..Facts::default() };
    let taken: BTreeSet<_> = used(3, &facts).into_iter().collect();
    assert_eq!(taken, [devices[2], devices[3], devices[4]].into());
}
