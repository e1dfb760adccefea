//! Rebuilt nodes and new disks come back: with one and two mishaps, a fault or a kill, at every place.

mod support;

use heketi_core::ErrorKind;
use heketi_core::id::{DeviceId, NodeId};
use heketi_core::inventory::JobResult;
use heketi_core::model::{Durability, EntryState};
use heketi_core::operation::{DeviceReplace, NodeReplace, Planned};
use support::drive::{Mishaps, World};
use support::plans::*;
use support::torture::*;
use support::{NOW, volume};

const DISK: &str = "/dev/sda";

fn device_of(world: &World, host: &str) -> DeviceId {
    let node = node_named(&world.inventory, host);
    world.inventory.devices_of_node(node).next().unwrap()
}

fn replace_device(world: &mut World) -> Planned {
    let device = device_of(world, "s1");
    DeviceReplace::plan(&world.inventory, device, None, &mut world.ids, NOW).unwrap()
}

fn replace_node(world: &mut World) -> Planned {
    let node = node_named(&world.inventory, "s1");
    NodeReplace::plan(&world.inventory, node, &mut world.ids, NOW).unwrap()
}

fn with_lost_disk() -> World {
    let mut world = with_volume();
    world.fake.replace_disk("s1", DISK);
    world
}

fn with_rebuilt_node() -> World {
    let mut world = with_volume();
    world.fake.reinstall("s1");
    world
}

/// A volume of one set, so that there are not too many places for mishaps.
fn with_small_volume() -> World {
    let mut world = base();
    let planned = create(&mut world, &volume(4, Durability::Replicate { replica: 3 }));
    assert!(matches!(world.run(&planned), JobResult::Volume(_)));
    fresh(world)
}

/// Nothing was done: what is lost is as lost as before.
fn as_before(_: &World, differences: &[String]) -> bool {
    let lost = ["brick", "group", "s1 is lost", "s0 is in", "s1 is in", "s2 is in", "s3 is in"];
    differences.iter().all(|it| lost.iter().any(|word| it.starts_with(word)))
}

#[test]
fn device_replace() {
    let mut before = with_small_volume();
    before.fake.replace_disk("s1", DISK);
    torture("device replace", &before, replace_device, as_before);
}

#[test]
fn node_replace() {
    let mut before = with_small_volume();
    before.fake.reinstall("s1");
    torture("node replace", &before, replace_node, as_before);
}

#[test]
fn a_replaced_device_is_the_same_device_on_the_new_disk() {
    let before = with_lost_disk();
    let device = device_of(&before, "s1");
    let plan = |world: &mut World| {
        let device = device_of(world, "s1");
        DeviceReplace::plan(&world.inventory, device, Some("/dev/sdz".into()), &mut world.ids, NOW).unwrap()
    };
    let (world, result) = run(&before, plan, &Mishaps::default());
    assert_eq!(result, JobResult::Done);
    let record = world.inventory.device(device).unwrap();
    assert_eq!((record.name.as_str(), record.state), ("/dev/sdz", EntryState::Online));
    assert_eq!(record.pv_uuid.as_deref(), Some("s1/dev/sdz"));
    assert!(world.inventory.bricks().eq(before.inventory.bricks()), "the bricks are the same");
    // Two looks find that the heal goes on, the third that it is over.
    assert!(world.log.iter().filter(|it| it.starts_with("read heal info")).count() >= 3, "{:#?}", world.log);
    assert!(world.log.iter().any(|it| it.starts_with("wait: ok")));
}

/// A disk that still holds the bricks is not touched, and neither is a node that was not rebuilt.
#[test]
fn what_was_not_lost_is_not_touched() {
    for plan in [replace_device as Plan, replace_node] {
        let before = with_volume();
        let (world, result) = run(&before, plan, &Mishaps::default());
        let JobResult::Failed(text) = result else { panic!("nothing was lost") };
        assert!(text.contains("not rebuilt") || text.contains("not replaced"), "{text}");
        assert!(world.records() == before.records());
        assert_eq!(world.differences(), Vec::<String>::new());
    }
}

/// Its own disk survived: the bricks on it are left as they are.
#[test]
fn a_node_that_kept_its_disk_keeps_its_bricks() {
    let mut before = with_volume();
    let groups = before.fake.nodes["s1"].groups.clone();
    before.fake.reinstall("s1");
    before.fake.lost_bricks.clear();
    before.fake.nodes.get_mut("s1").unwrap().groups = groups.clone();
    let (world, result) = run(&before, replace_node, &Mishaps::default());
    assert_eq!(result, JobResult::Done, "{:#?}", world.log);
    assert_eq!(world.fake.nodes["s1"].groups, groups);
    assert!(!world.log.iter().any(|it| it.starts_with("create brick") || it.starts_with("set up")));
    assert_eq!(world.differences(), Vec::<String>::new());
}

/// Too few others are there to heal from: nothing is made.
#[test]
fn bricks_are_made_only_where_they_can_be_healed() {
    let mut before = with_lost_disk();
    before.fake.down.insert("s2".into());
    let (world, result) = run(&before, replace_device, &Mishaps::default());
    let JobResult::Failed(text) = result else { panic!("only one brick of three is left") };
    assert!(text.contains("as only 1 of 2 required peer bricks are online"), "{text}");
    assert!(world.records() == before.records());
    assert_eq!(world.fake.nodes, before.fake.nodes);
}

/// The disk holds something: heketi does not write over it, and brings the others back.
#[test]
fn a_disk_that_is_not_empty_does_not_keep_the_others_away() {
    let mut before = with_volume();
    let planned = add_device(&mut before, 1, "/dev/sdb");
    before.run(&planned);
    before.fake.reinstall("s1");
    before.fake.nodes.get_mut("s1").unwrap().bare.insert("/dev/sdb".into());
    let (world, result) = run(&fresh(before), replace_node, &Mishaps::default());
    let JobResult::Failed(text) = result else { panic!("one disk cannot be used") };
    assert!(text.contains("/dev/sdb of m1: it holds LVM physical volume"), "{text}");
    assert!(text.contains("device replace"), "{text}");
    assert!(world.fake.lost_bricks.is_empty(), "the bricks of the other disk are back");
    assert!(world.fake.nodes["s1"].bare.contains("/dev/sdb"), "what it holds is left alone");
    assert_eq!(world.inventory.node(node_named(&world.inventory, "s1")).unwrap().state, EntryState::Online);
}

/// Bricks that are the only copy of their data cannot come back: the volumes are named.
#[test]
fn volumes_without_another_copy_are_named() {
    let mut world = base();
    let planned = create(&mut world, &volume(4, Durability::None));
    world.run(&planned);
    let id = only_volume(&world);
    let brick = world.inventory.bricks_of_volume(id).next().unwrap();
    let device = world.inventory.brick(brick).unwrap().device;
    let node = world.inventory.device(device).unwrap().node;
    let name = world.inventory.volume(id).unwrap().name.clone();
    let plans = [
        DeviceReplace::plan(&world.inventory, device, None, &mut world.ids, NOW),
        NodeReplace::plan(&world.inventory, node, &mut world.ids, NOW),
    ];
    for refused in plans.map(Result::unwrap_err) {
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        assert!(refused.text().contains(&name) && refused.text().contains("only copy"), "{refused}");
    }
}

/// Nobody else works on the volumes, the node gets no bricks, and all that ends with the operation.
#[test]
fn what_is_rebuilt_is_held() {
    let mut world = with_rebuilt_node();
    let node = node_named(&world.inventory, "s1");
    let planned = replace_node(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    assert_eq!(world.inventory.node(node).unwrap().state, EntryState::Offline);
    let device = device_of(&world, "s1");
    let again: Vec<ErrorKind> = [
        NodeReplace::plan(&world.inventory, node, &mut world.ids, NOW),
        DeviceReplace::plan(&world.inventory, device, None, &mut world.ids, NOW),
        heketi_core::operation::VolumeDelete::plan(&world.inventory, only_volume(&world), &mut world.ids, NOW),
    ]
    .map(|refused| refused.unwrap_err().kind())
    .into();
    assert_eq!(again, [ErrorKind::Conflict; 3]);
}

/// A peer may be known by a name nobody told heketi: then the missing member is the one.
#[test]
fn a_node_is_found_by_what_is_missing() {
    let mut before = with_rebuilt_node();
    before.fake.renamed = Some(("s1".into(), "storage-one.example".into()));
    let (world, result) = run(&before, replace_node, &Mishaps::default());
    assert_eq!(result, JobResult::Done, "{:#?}", world.log);
}

/// The pool of a node: which other nodes there are decides whether it can come back.
#[test]
fn the_only_node_of_a_cluster_cannot_come_back() {
    let mut world = base();
    for host in ["s1", "s2", "s3"] {
        let node: NodeId = node_named(&world.inventory, host);
        let mut changes = heketi_core::inventory::ChangeSet::default();
        let devices: Vec<DeviceId> = world.inventory.devices_of_node(node).collect();
        devices.into_iter().for_each(|device| changes.delete(heketi_core::inventory::Key::Device(device)));
        changes.delete(heketi_core::inventory::Key::Node(node));
        world.inventory.apply(&changes).unwrap();
    }
    let only = node_named(&world.inventory, "s0");
    let refused = NodeReplace::plan(&world.inventory, only, &mut world.ids, NOW).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.text().contains("no other node"), "{refused}");
}
