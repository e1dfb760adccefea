//! One damaged field or one lost record is reported, and the report names the object: at the load if the
//! state cannot exist, else by the audit.

mod support;

use heketi_core::audit;
use heketi_core::id::{ClusterId, DeviceId, NodeId, OperationId, QueueId, VolumeId};
use heketi_core::inventory::{Inventory, Job, Key, Object, Record};
use heketi_core::model::{Brick, Cluster, Device, Durability, Node, SetPosition, Volume};
use heketi_core::operation::{Operation, Planned, cluster_create};
use heketi_core::{Gib, Kib};
use support::drive::World;
use support::plans::*;

/// A second cluster, a volume, and a pending operation of each kind that can be pending at once.
fn sound() -> World {
    let mut world = with_volume();
    let (_, changes) = cluster_create(true, true, &mut world.ids);
    world.inventory.apply(&changes).unwrap();
    let plans: [fn(&mut World) -> Planned; 4] = [
        |world: &mut World| add_node(world, 4),
        |world| add_device(world, 1, "/dev/sdb"),
        expand,
        |world| create(world, &request()),
    ];
    for plan in plans {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
    }
    world
}

fn findings(records: Vec<Record>) -> Vec<String> {
    match Inventory::from_records(records) {
        Ok(inventory) => audit::check(&inventory).iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// Damages the first record of one kind that `select`s and tells which object must be named.
fn expect<T: Clone>(
    what: &str,
    of: fn(&mut Record) -> Option<&mut T>,
    select: impl Fn(&T) -> bool,
    damage: impl Fn(&mut T) -> String,
) {
    let mut records: Vec<Record> = sound().inventory.records().collect();
    let record = records.iter_mut().filter_map(of).find(|record| select(record)).expect(what);
    let named = damage(record);
    let found = findings(records);
    assert!(found.iter().any(|text| text.contains(&named)), "{what}: nothing names {named} in {found:#?}");
}

macro_rules! kind {
    ($($name:ident: $kind:ident($record:ty);)*) => {$(
        fn $name(record: &mut Record) -> Option<&mut $record> {
            match record {
                Record::$kind(record) => Some(record),
                _ => None,
            }
        }
    )*};
}

kind! {
    node: Node(Node);
    device: Device(Device);
    volume: Volume(Volume);
    brick: Brick(Brick);
    operation: Operation(Operation);
    job: Job(Job);
}

fn second_cluster() -> ClusterId {
    sound().inventory.clusters().map(|cluster: &std::sync::Arc<Cluster>| cluster.id).nth(1).unwrap()
}

/// The volume that is neither being created nor just one of the pending expansion's bricks.
fn other_brick(brick: &Brick) -> Brick {
    let inventory = sound().inventory;
    let other = inventory.bricks().find(|other| other.volume == brick.volume && other.node != brick.node);
    Brick::clone(other.unwrap())
}

fn any<T>(_: &T) -> bool {
    true
}

const UNKNOWN: [u8; 16] = [0xee; 16];

#[test]
fn a_sound_state_has_no_findings() {
    assert_eq!(findings(sound().inventory.records().collect()), Vec::<String>::new());
}

#[test]
fn damaged_nodes_and_devices_are_named() {
    let inventory = sound().inventory;
    let has_bricks = |device: &Device| inventory.bricks_of_device(device.id).next().is_some();
    expect("node of no cluster", node, any, |node| {
        node.cluster = ClusterId::from_bytes(UNKNOWN);
        node.id.to_string()
    });
    expect(
        "node of another cluster",
        node,
        |node| inventory.devices_of_node(node.id).next().is_some(),
        |node| {
            node.cluster = second_cluster();
            inventory.bricks().find(|brick| brick.node == node.id).unwrap().id.to_string()
        },
    );
    expect(
        "host name of another node",
        node,
        |node| node.hostnames.manage == ["m1"],
        |node| {
            node.hostnames.storage = vec!["s2".into()];
            node.id.to_string()
        },
    );
    expect("no host name", node, any, |node| {
        node.hostnames.storage.clear();
        node.id.to_string()
    });
    expect("device of no node", device, any, |device| {
        device.node = NodeId::from_bytes(UNKNOWN);
        device.id.to_string()
    });
    expect("device of another node", device, has_bricks, |device| {
        device.node = inventory.nodes().find(|node| node.id != device.node).unwrap().id;
        device.id.to_string()
    });
    expect(
        "two devices of one name",
        device,
        |device| device.paths == ["/dev/sda"],
        |device| {
            let other = inventory.devices().find(|other| other.id != device.id).unwrap();
            (device.node, device.name) = (other.node, other.name.clone());
            device.id.to_string()
        },
    );
    expect("two devices of one disk", device, any, |device| {
        let other = inventory.devices().find(|other| other.id != device.id).unwrap();
        device.pv_uuid = other.pv_uuid.clone();
        device.id.to_string()
    });
    expect("device too small for its bricks", device, has_bricks, |device| {
        device.total = Kib(4096);
        device.id.to_string()
    });
    expect("device full of others' data", device, has_bricks, |device| {
        device.foreign = device.total;
        device.id.to_string()
    });
    expect("no extent size", device, any, |device| {
        device.extent = Kib::ZERO;
        device.id.to_string()
    });
}

#[test]
fn damaged_volumes_and_bricks_are_named() {
    let world = with_volume();
    let settled = only_volume(&world);
    // Bricks of a volume nobody works on: those under way may be incomplete.
    let check = |what: &str, damage: &dyn Fn(&mut Brick) -> String| {
        let mut records: Vec<Record> = world.inventory.records().collect();
        let named = damage(records.iter_mut().filter_map(brick).next().unwrap());
        let found = findings(records);
        assert!(found.iter().any(|text| text.contains(&named)), "{what}: nothing names {named} in {found:#?}");
    };
    check("brick of no device", &|brick| {
        brick.device = DeviceId::from_bytes(UNKNOWN);
        brick.id.to_string()
    });
    check("brick of another node", &|brick| {
        brick.node = other_brick(brick).node;
        brick.id.to_string()
    });
    check("brick of another device of another node", &|brick| {
        (brick.device, brick.node) = (other_brick(brick).device, other_brick(brick).node);
        settled.to_string()
    });
    check("brick of no volume", &|brick| {
        brick.volume = VolumeId::from_bytes(UNKNOWN);
        brick.id.to_string()
    });
    check("brick larger than its pool", &|brick| {
        brick.pool_size = Kib(brick.size.0 - 1);
        brick.id.to_string()
    });
    check("no metadata", &|brick| {
        brick.metadata_size = Kib::ZERO;
        brick.id.to_string()
    });
    for position in [(0, 1), (1, 0), (0, 3), (2, 0), (7, 7)].map(|(set, index)| SetPosition { set, index }) {
        check(&format!("brick at {position:?}"), &|brick| {
            assert_ne!(brick.position, Some(position));
            brick.position = Some(position);
            settled.to_string()
        });
    }
    let check = |what: &str, damage: fn(&mut Volume)| {
        let mut records: Vec<Record> = world.inventory.records().collect();
        damage(records.iter_mut().filter_map(self::volume).next().unwrap());
        let found = findings(records);
        assert!(found.iter().any(|text| text.contains(&settled.to_string())), "{what}: {found:#?}");
    };
    check("volume of no cluster", |volume| volume.cluster = ClusterId::from_bytes(UNKNOWN));
    check("another durability", |volume| volume.durability = Durability::Disperse { data: 4, redundancy: 2 });
    check("another set size", |volume| volume.durability = Durability::Replicate { replica: 2 });
    check("larger than its bricks", |volume| volume.size = Gib(12));
    check("smaller than its bricks", |volume| volume.size = Gib(9));
    expect(
        "name of another volume",
        self::volume,
        |volume| volume.id != settled,
        |volume| {
            volume.name = sound().inventory.volume(settled).unwrap().name.clone();
            volume.id.to_string()
        },
    );
    expect("volume of another cluster", self::volume, any, |volume| {
        volume.cluster = second_cluster();
        volume.id.to_string()
    });
}

#[test]
fn damaged_operations_and_jobs_are_named() {
    expect("operation of another job", operation, any, |operation| {
        operation.queue = QueueId::from_bytes(UNKNOWN);
        operation.id.to_string()
    });
    expect(
        "job of no operation",
        job,
        |job| job.operation.is_some(),
        |job| {
            job.operation = Some(OperationId::from_bytes(UNKNOWN));
            job.id.to_string()
        },
    );
    expect(
        "job without an end",
        job,
        |job| job.operation.is_none(),
        |job| {
            job.result = None;
            job.id.to_string()
        },
    );
}

/// Two operations on what only one may have: the state was not made by heketi's plans.
#[test]
fn contested_objects_are_named() {
    let mut world = with_volume();
    let volume = only_volume(&world);
    let (one, mut other) = (delete(&mut world.clone()), world.clone());
    other.ids.skip(50);
    let two = expand(&mut other);
    world.inventory.apply(&one.changes).unwrap();
    world.inventory.apply(&two.changes).unwrap();
    let found = audit::check(&world.inventory);
    assert!(found.iter().any(|finding| finding.text.contains(&volume.to_string())), "{found:#?}");
}

/// Every record that others need is missed. Not missed are: finished jobs, the second cluster, nodes and
/// devices nobody uses, and pending operations whose end somebody else already collected.
#[test]
fn lost_records_are_missed() {
    let mut world = with_volume();
    for plan in [delete_node, delete] {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
    }
    let changing = sound().inventory;
    for inventory in [&world.inventory, &with_volume().inventory, &changing] {
        let records: Vec<Record> = inventory.records().collect();
        for lost in &records {
            let key = lost.key();
            let found = findings(records.iter().filter(|record| record.key() != key).cloned().collect());
            let needed = match key {
                Key::Cluster(id) => inventory.nodes_of_cluster(id).next().is_some(),
                Key::Node(id) => inventory.devices_of_node(id).next().is_some(),
                Key::Device(id) => inventory.bricks_of_device(id).next().is_some(),
                Key::Volume(_) => true,
                // While bricks of a volume come or go, any number of them is right.
                Key::Brick(id) => {
                    let volume = inventory.brick(id).unwrap().volume;
                    let object = Object::Volume(volume);
                    inventory.claimants(&object).next().is_none()
                }
                Key::Operation(_) => true,
                _ => false,
            };
            assert!(!needed || !found.is_empty(), "nobody misses {lost:?}");
        }
    }
}
