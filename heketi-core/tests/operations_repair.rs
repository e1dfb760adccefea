//! Repairs of what an audit of the nodes finds, with mishaps at every place; and what such an audit judges.

mod support;

use heketi_core::audit::{Finding, Report, Reports, check_nodes, questions};
use heketi_core::inventory::JobResult;
use heketi_core::model::Brick;
use heketi_core::operation::{AuditRepair, BrickSpec, GlusterBrick, NodeContents, Planned, VolumeExpand};
use heketi_core::{ErrorKind, Gib, Kib};
use support::NOW;
use support::drive::{Mishaps, World};
use support::plans::*;
use support::torture::*;

fn reports(world: &World) -> Reports {
    let mut fake = world.fake.clone();
    let (asked, steps) = questions(&world.inventory, world.inventory.nodes().map(|node| node.id));
    let outcomes: Vec<_> = steps.iter().map(|step| fake.execute(step, None)).collect();
    Reports::read(&asked, &outcomes)
}

fn audit(world: &World) -> Report {
    check_nodes(&world.inventory, &reports(world))
}

fn findings(world: &World) -> Vec<Finding> {
    audit(world).findings
}

fn repair(world: &mut World) -> Planned {
    let found = findings(world);
    AuditRepair::plan(&world.inventory, &found, &mut world.ids, NOW)
        .unwrap_or_else(|error| panic!("{error}: {found:#?}"))
}

fn first_brick(world: &World) -> (Brick, String) {
    let brick = Brick::clone(world.inventory.bricks().next().unwrap());
    let host = world.inventory.node(brick.node).unwrap().storage_host().to_owned();
    (brick, host)
}

fn group_of(brick: &Brick) -> String {
    heketi_core::model::volume_group_name(brick.device)
}

fn without_first_brick() -> World {
    let mut world = with_volume();
    let (brick, host) = first_brick(&world);
    let group = world.fake.nodes.get_mut(&host).unwrap().groups.get_mut(&group_of(&brick)).unwrap();
    group.bricks.remove(&brick.logical_volume_name()).unwrap();
    world
}

/// A brick that somebody's server made and forgot.
fn with_leftover() -> World {
    let mut world = with_volume();
    let (brick, host) = first_brick(&world);
    let id = "dd".repeat(16);
    let left = BrickSpec {
        thin_pool: format!("tp_{id}"),
        logical_volume: format!("brick_{id}"),
        mount_point: brick.mount_point().replace(&brick.id.to_string(), &id),
        ..brick.spec(0)
    };
    let node = world.fake.nodes.get_mut(&host).unwrap();
    let need = left.pool_size + left.metadata_size;
    let bricks = &mut node.groups.get_mut(&left.volume_group).unwrap().bricks;
    bricks.insert(left.logical_volume.clone(), (left.mount_point.clone(), need));
    node.specs.insert((left.volume_group.clone(), left.logical_volume.clone()), left);
    world
}

#[test]
fn every_damage_is_repaired_whatever_happens() {
    let mut unmounted = with_volume();
    let (brick, host) = first_brick(&unmounted);
    let node = unmounted.fake.nodes.get_mut(&host).unwrap();
    node.unmounted.insert(brick.mount_point());
    node.not_in_fstab.insert(brick.mount_point());

    let mut empty = with_volume();
    empty.fake.nodes.get_mut(&host).unwrap().without_directory.insert(brick.mount_point());

    let mut lost = with_volume();
    lost.fake.volumes.clear();

    let mut stopped = with_volume();
    stopped.fake.volumes.values_mut().for_each(|volume| volume.started = false);

    let mut forgotten = with_volume();
    let mut changes = heketi_core::inventory::ChangeSet::default();
    changes.delete(heketi_core::inventory::Key::Brick(brick.id));
    forgotten.inventory.apply(&changes).unwrap();

    let mut alone = with_volume();
    alone.fake.nodes.get_mut("s3").unwrap().pool = 77;

    for (name, before) in [
        ("a brick that is lost", without_first_brick()),
        ("a brick that is left over", with_leftover()),
        ("a brick that is not mounted", unmounted),
        ("a brick without its directory", empty),
        ("a volume that gluster lost", lost),
        ("a volume that is stopped", stopped),
        ("a brick without a record", forgotten),
        ("a node that left the pool", alone),
    ] {
        let (done, result) = run(&before, repair, &Mishaps::default());
        assert_eq!(result, JobResult::Done, "{name}");
        let (mut singles, mut pairs) = (0, 0);
        for first in mishaps_from(&Mishaps::default(), &done) {
            let after_one = survives(name, &before, &done, &first);
            singles += 1;
            // Questions go wrong in the same way every time: a second mishap is one of a deed, or a kill.
            let is_deed = |mishaps: &&Mishaps| {
                let new = mishaps.faults.keys().next_back().filter(|at| !first.faults.contains_key(at));
                new.is_none_or(|at| after_one.steps.get(*at) == Some(&false))
            };
            for second in mishaps_from(&first, &after_one).iter().filter(is_deed).step_by(37) {
                survives(name, &before, &done, second);
                pairs += 1;
            }
        }
        println!("repair of {name}: {singles} single fault points, {pairs} pairs");
    }
}

/// A repair with these mishaps, and once more if it failed, ends as one without.
fn survives(name: &str, before: &World, done: &World, mishaps: &Mishaps) -> World {
    let (world, result) = run(before, repair, mishaps);
    let ended = if result == JobResult::Done || findings(&world).is_empty() {
        world.clone()
    } else {
        let (again, result) = run(&fresh(world.clone()), repair, &Mishaps::default());
        assert_eq!(result, JobResult::Done, "{name}: again after {mishaps:?}");
        again
    };
    assert!(ended.records() == done.records(), "{name}: after {mishaps:?}: {:#?}", world.log);
    assert_eq!(ended.differences(), Vec::<String>::new(), "{name}: after {mishaps:?}: {:#?}", world.log);
    assert_eq!(findings(&ended), Vec::new(), "{name}: after {mishaps:?}");
    world
}

#[test]
fn a_sound_cluster_has_no_findings() {
    let report = audit(&with_volume());
    assert_eq!(report.findings, Vec::new());
    assert_eq!(report.notes, Vec::<String>::new());
}

/// What an operation is about to make, or to take away, is neither missing nor left over.
#[test]
fn what_is_under_way_is_not_judged() {
    let plans: [(World, Plan); 4] = [
        (base(), |world| create(world, &request())),
        (with_volume(), expand),
        (with_volume(), delete),
        (base(), |world| add_device(world, 1, "/dev/sdb")),
    ];
    for (before, plan) in plans {
        let (done, _) = run(&before, plan, &Mishaps::default());
        for point in 0..done.points {
            let mut world = before.clone();
            world.mishaps.kills.insert(point);
            let planned = plan(&mut world);
            world.inventory.apply(&planned.changes).unwrap();
            let mut event = heketi_core::operation::Event::Start;
            while let Ok(outcomes) = world.stage(planned.operation, event) {
                event = heketi_core::operation::Event::Outcomes(outcomes);
            }
            let found = findings(&world);
            assert_eq!(found, Vec::new(), "killed at {point}: {:#?}", world.log);
        }
    }
}

/// An operation holds what is to be repaired: it is left out, and alone it is refused.
#[test]
fn what_an_operation_works_on_is_not_repaired() {
    let mut world = without_first_brick();
    let found = findings(&world);
    let volume = only_volume(&world);
    let (inventory, policy) = (&world.inventory, policy());
    let facts = heketi_core::placement::Facts::default();
    let effort = heketi_core::placement::Effort::Exact;
    let choice = choose_expansion(inventory, volume, &policy, &facts, effort);
    let planned = VolumeExpand::plan(inventory, volume, Gib(1), &choice, &policy, &mut world.ids, NOW);
    let planned = planned.unwrap().unwrap();
    world.inventory.apply(&planned.changes).unwrap();
    let refused = AuditRepair::plan(&world.inventory, &found, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

fn choose_expansion(
    inventory: &heketi_core::inventory::Inventory,
    volume: heketi_core::id::VolumeId,
    policy: &heketi_core::placement::Policy,
    facts: &heketi_core::placement::Facts,
    effort: heketi_core::placement::Effort,
) -> heketi_core::placement::Choice {
    let choice = heketi_core::operation::choose_expansion(inventory, volume, Gib(1), policy, facts, effort, 0);
    choice.unwrap().unwrap()
}

/// A node whose glusterd does not tell its volumes may use what nobody else lists.
#[test]
fn nothing_is_left_over_on_a_node_that_does_not_tell_its_volumes() {
    let world = with_leftover();
    let (_, host) = first_brick(&world);
    let node = node_named(&world.inventory, &host);
    let mut answers = reports(&world);
    assert_eq!(check_nodes(&world.inventory, &answers).findings.len(), 1);
    answers.nodes.get_mut(&node).unwrap().volumes = Err("no answer".into());
    let found = check_nodes(&world.inventory, &answers).findings;
    assert!(found.iter().all(|finding| !finding.text.contains("left over")), "{found:#?}");
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// Another node's list is enough to keep a brick that the own node does not list.
#[test]
fn a_brick_that_any_node_lists_is_not_left_over() {
    let mut world = with_leftover();
    let (_, host) = first_brick(&world);
    let left = world.fake.nodes[&host].specs.values().find(|spec| spec.logical_volume.contains("dddd")).unwrap();
    let path = left.brick_directory();
    let other = world.inventory.nodes().find(|node| node.storage_host() != host).unwrap().id;
    let mut answers = reports(&world);
    let volumes = answers.nodes.get_mut(&other).unwrap().volumes.as_mut().unwrap();
    let bricks = vec![GlusterBrick { host, path }];
    volumes.push(heketi_core::operation::GlusterVolume { name: "x".into(), bricks, ..Default::default() });
    let found = check_nodes(&world.inventory, &answers).findings;
    assert!(found.iter().all(|finding| !finding.text.contains("left over")), "{found:#?}");
    world.fake.volumes.clear();
}

/// Members are told apart by glusterd's identity: their names in the pool may be others than in the state.
#[test]
fn members_need_not_have_the_names_of_the_state() {
    let world = with_volume();
    let mut answers = reports(&world);
    for report in answers.nodes.values_mut() {
        for peer in report.peers.iter_mut().flatten() {
            peer.names = vec![format!("host-{}.example", peer.uuid)];
        }
    }
    assert_eq!(check_nodes(&world.inventory, &answers), Report { nodes: true, ..Report::default() });
    // One that does not answer may be any member without a known name.
    let silent = node_named(&world.inventory, "s3");
    let report = answers.nodes.get_mut(&silent).unwrap();
    (report.peers, report.volumes, report.contents) = (Err("off".into()), Err("off".into()), Err("off".into()));
    let found = check_nodes(&world.inventory, &answers).findings;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].text.contains("cannot be inspected"), "{found:#?}");
}

/// Space that LVM keeps for the repair of thin pools is somebody else's, not a brick's.
#[test]
fn a_spare_for_pool_metadata_is_space_of_others() {
    let mut world = with_volume();
    let (brick, host) = first_brick(&world);
    let node = node_named(&world.inventory, &host);
    let mut answers = reports(&world);
    let contents: &mut NodeContents = answers.nodes.get_mut(&node).unwrap().contents.as_mut().unwrap();
    let group = contents.volume_groups.iter_mut().find(|group| group.name == group_of(&brick)).unwrap();
    group.free -= Kib(8192);
    let found = check_nodes(&world.inventory, &answers).findings;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].text.contains("space of others 0 KiB recorded, 8 MiB found"), "{found:#?}");
    world.log.clear();
}

/// What a volume does not use any more stays recorded until its node destroyed it: neither missing nor left over.
#[test]
fn retired_bricks_are_expected() {
    for gone in [false, true] {
        let mut world = with_volume();
        let (brick, host) = first_brick(&world);
        let mut changes = heketi_core::inventory::ChangeSet::default();
        let retired = Brick { id: heketi_core::id::BrickId::from_bytes([9; 16]), retired: true, ..brick.clone() };
        changes.put_brick(retired.clone());
        world.inventory.apply(&changes).unwrap();
        let node = world.fake.nodes.get_mut(&host).unwrap();
        let spec = retired.spec(0);
        let need = spec.pool_size + spec.metadata_size;
        let bricks = &mut node.groups.get_mut(&spec.volume_group).unwrap().bricks;
        bricks.insert(spec.logical_volume.clone(), (spec.mount_point.clone(), need));
        node.specs.insert((spec.volume_group.clone(), spec.logical_volume.clone()), spec.clone());
        if gone {
            node.groups.get_mut(&spec.volume_group).unwrap().bricks.remove(&spec.logical_volume);
        }
        assert_eq!(findings(&world), Vec::new(), "gone: {gone}");
    }
}

/// A clone's bricks live in the thin pools of the volume it was made of, and gluster names and mounts them.
#[test]
fn bricks_of_clones_are_judged_by_their_own_names() {
    let mut world = with_volume();
    let source = heketi_core::model::Volume::clone(world.inventory.volume(only_volume(&world)).unwrap());
    let clone = heketi_core::model::Volume {
        id: heketi_core::id::VolumeId::from_bytes([8; 16]),
        name: format!("vol_{}", "08".repeat(16)),
        ..source.clone()
    };
    let mut answers = reports(&world);
    let mut changes = heketi_core::inventory::ChangeSet::default();
    changes.put_volume(clone.clone());
    let mut listed = Vec::new();
    let originals: Vec<_> = world.inventory.bricks().cloned().collect();
    for (i, original) in originals.iter().enumerate() {
        let copy = Brick {
            id: heketi_core::id::BrickId::from_bytes([0x80 + i as u8; 16]),
            volume: clone.id,
            thin_pool: Some(original.thin_pool_name()),
            logical_volume: Some(format!("{}_{i}", "ab".repeat(16))),
            path: Some(format!("/run/gluster/snaps/{}/brick{i}/brick", "ab".repeat(16))),
            ..Brick::clone(original)
        };
        let host = world.inventory.node(copy.node).unwrap().storage_host().to_owned();
        listed.push((copy.position, GlusterBrick { host, path: copy.brick_directory() }));
        let contents = answers.nodes.get_mut(&copy.node).unwrap().contents.as_mut().unwrap();
        let of_original =
            |volume: &&heketi_core::operation::NodeLogicalVolume| volume.name == original.logical_volume_name();
        let lv = contents.logical_volumes.iter().find(of_original).unwrap().clone();
        contents
            .logical_volumes
            .push(heketi_core::operation::NodeLogicalVolume { name: copy.logical_volume_name(), ..lv });
        contents.mounts.push(heketi_core::operation::NodeMount {
            device: format!("/dev/mapper/{}-{}", group_of(&copy), copy.logical_volume_name()),
            mount_point: copy.mount_point(),
        });
        contents.directories.push(copy.brick_directory());
        changes.put_brick(copy);
    }
    listed.sort();
    let bricks: Vec<GlusterBrick> = listed.into_iter().map(|(_, brick)| brick).collect();
    for report in answers.nodes.values_mut() {
        let volumes = report.volumes.as_mut().unwrap();
        let of_source = volumes[0].clone();
        volumes.push(heketi_core::operation::GlusterVolume {
            name: clone.name.clone(),
            bricks: bricks.clone(),
            ..of_source
        });
    }
    let without_records = check_nodes(&world.inventory, &answers).findings;
    assert_eq!(without_records.len(), 1, "{without_records:#?}");
    assert!(without_records[0].repair.to_string().contains("record volume vol_08"), "{without_records:#?}");
    world.inventory.apply(&changes).unwrap();
    assert_eq!(check_nodes(&world.inventory, &answers).findings, Vec::new());
}
