//! Damages to the records.

use heketi_core::audit::salvage;
use heketi_core::id::{BrickId, DeviceId, NodeId};
use heketi_core::inventory::{Key, encode_key};
use heketi_core::model::{Device, Durability, Node, Volume};
use heketi_core::units::Kib;
use proptest::prelude::*;

use super::*;

/// One damage to the records: which of them, and what is done to it. Returns names that the audit, or the load of
/// the store, must tell.
pub struct RecordDamage {
    pub name: &'static str,
    pub apply: fn(&Inventory, &mut Vec<Record>, usize) -> Vec<String>,
    /// The records are afterwards what they were before.
    pub comes_back: bool,
}

fn change<T>(
    records: &mut [Record],
    of: fn(&mut Record) -> Option<&mut T>,
    pick: usize,
    change: impl Fn(&mut T) -> String,
) -> Vec<String> {
    let count = records.iter_mut().filter_map(of).count();
    let record = records.iter_mut().filter_map(of).nth(pick % count).expect("a record");
    vec![change(record)]
}

fn brick(record: &mut Record) -> Option<&mut Brick> {
    if let Record::Brick(record) = record { Some(record) } else { None }
}

fn device_of(record: &mut Record) -> Option<&mut Device> {
    if let Record::Device(record) = record { Some(record) } else { None }
}

fn volume_of(record: &mut Record) -> Option<&mut Volume> {
    if let Record::Volume(record) = record { Some(record) } else { None }
}

fn node_of(record: &mut Record) -> Option<&mut Node> {
    if let Record::Node(record) = record { Some(record) } else { None }
}

pub const RECORD_DAMAGES: &[RecordDamage] = &[
    RecordDamage {
        name: "a brick's record is lost",
        apply: |_, records, pick| {
            let bricks: Vec<_> = records.iter_mut().filter_map(brick).map(|brick| brick.id).collect();
            let lost = bricks[pick % bricks.len()];
            records.retain(|record| record.key() != Key::Brick(lost));
            vec![lost.to_string()]
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a brick's record names a device that is not there",
        apply: |_, records, pick| {
            change(records, brick, pick, |brick| {
                brick.device = DeviceId::from_bytes([0xee; 16]);
                brick.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a brick's record names another device of its node",
        apply: |inventory, records, pick| {
            change(records, brick, pick, |brick| {
                let mut devices = inventory.devices_of_node(brick.node);
                brick.device = devices.find(|device| *device != brick.device).unwrap();
                brick.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a brick's sizes are wrong",
        apply: |_, records, pick| {
            change(records, brick, pick, |brick| {
                brick.size = Kib(512 * 1024);
                (brick.pool_size, brick.metadata_size) = (Kib(516 * 1024), Kib(12 * 1024));
                brick.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a brick's thin pool has another name",
        apply: |_, records, pick| {
            change(records, brick, pick, |brick| {
                brick.thin_pool = Some("tp_x".into());
                brick.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a brick's place is not known",
        apply: |_, records, pick| {
            change(records, brick, pick, |brick| {
                brick.position = None;
                brick.volume.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "two bricks of a volume changed places",
        apply: |inventory, records, pick| {
            let bricks: Vec<_> = inventory.bricks().collect();
            let one = bricks[pick % bricks.len()];
            let other = bricks.iter().find(|other| other.volume == one.volume && other.id != one.id).unwrap();
            for record in records.iter_mut().filter_map(brick) {
                match record.id {
                    id if id == one.id => record.position = other.position,
                    id if id == other.id => record.position = one.position,
                    _ => {}
                }
            }
            vec![one.volume.to_string()]
        },
        comes_back: true,
    },
    RecordDamage {
        name: "there is a record of a brick that does not exist",
        apply: |inventory, records, pick| {
            let bricks: Vec<_> = inventory.bricks().collect();
            let id = BrickId::from_bytes([0xdd; 16]);
            records.push(Record::Brick(Brick { id, ..Brick::clone(bricks[pick % bricks.len()]) }));
            vec![id.to_string()]
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a volume's record is lost with its bricks",
        apply: |inventory, records, pick| {
            let volumes: Vec<_> = inventory.volumes().collect();
            let lost = volumes[pick % volumes.len()];
            records.retain(|record| match record {
                Record::Volume(volume) => volume.id != lost.id,
                Record::Brick(brick) => brick.volume != lost.id,
                _ => true,
            });
            vec![lost.id.to_string(), lost.name.clone()]
        },
        // Which options were asked for, and the group, nobody can tell.
        comes_back: false,
    },
    RecordDamage {
        name: "a volume has another name",
        apply: |_, records, pick| {
            change(records, volume_of, pick, |volume| {
                volume.name = "other".into();
                volume.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a volume has another size",
        apply: |_, records, pick| {
            change(records, volume_of, pick, |volume| {
                volume.size = Gib(77);
                volume.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a volume has another durability",
        apply: |_, records, pick| {
            change(records, volume_of, pick, |volume| {
                volume.durability = Durability::None;
                volume.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a device has another size",
        apply: |_, records, pick| {
            change(records, device_of, pick, |device| {
                device.total = Kib(device.total.0 * 2);
                (device.extent, device.foreign) = (Kib(8192), Kib(4096));
                device.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a device has another physical volume",
        apply: |_, records, pick| {
            change(records, device_of, pick, |device| {
                device.pv_uuid = Some("another".into());
                device.id.to_string()
            })
        },
        comes_back: true,
    },
    RecordDamage {
        name: "a device's record is lost with its bricks",
        apply: |inventory, records, pick| {
            let devices: Vec<_> = inventory.devices().collect();
            let lost = devices[pick % devices.len()];
            records.retain(|record| match record {
                Record::Device(device) => device.id != lost.id,
                Record::Brick(brick) => brick.device != lost.id,
                _ => true,
            });
            vec![lost.id.to_string()]
        },
        // It is offline then.
        comes_back: false,
    },
    RecordDamage {
        name: "a device's record names a node that is not there",
        apply: |_, records, pick| {
            change(records, device_of, pick, |device| {
                device.node = NodeId::from_bytes([0xee; 16]);
                device.id.to_string()
            })
        },
        comes_back: false,
    },
    RecordDamage {
        name: "a node's record is lost with its devices and bricks",
        apply: |inventory, records, pick| {
            let nodes: Vec<_> = inventory.nodes().collect();
            let lost = nodes[pick % nodes.len()];
            records.retain(|record| match record {
                Record::Node(node) => node.id != lost.id,
                Record::Device(device) => device.node != lost.id,
                Record::Brick(brick) => brick.node != lost.id,
                _ => true,
            });
            vec![lost.storage_host().to_owned()]
        },
        // It has a new id, and is offline.
        comes_back: false,
    },
    RecordDamage {
        name: "a node has another storage host name",
        apply: |_, records, pick| {
            change(records, node_of, pick, |node| {
                node.hostnames.storage.insert(0, "10.9.9.9".into());
                node.id.to_string()
            })
        },
        comes_back: false,
    },
    RecordDamage {
        name: "the cluster's record is lost, and all others are of no use",
        apply: |inventory, records, _| {
            let cluster = inventory.clusters().next().unwrap().id;
            records.retain(|record| !matches!(record, Record::Cluster(_)));
            vec![cluster.to_string()]
        },
        comes_back: false,
    },
];

async fn damage_records_and_repair(damage: &RecordDamage, pick: usize) {
    let scene = Scene::new().await;
    let (nodes, records) = (scene.sim.snapshot(), kept(&scene.inventory()));
    let context = format!("{} ({pick})", damage.name);
    let mut damaged = records.clone();
    let named = (damage.apply)(&scene.inventory(), &mut damaged, pick);
    let salvaged = salvage(damaged.clone());
    let dropped: Vec<_> = salvaged.dropped.into_iter().chain(salvaged.locked).collect();
    let refused = Inventory::from_records(damaged.clone()).err().map(|error| error.to_string());
    assert_eq!(dropped.is_empty(), refused.is_none(), "{context}: {dropped:?}");
    let scene = scene.with_records(|records| *records = damaged).await;
    let mut told: Vec<String> = dropped.iter().map(|(key, why)| format!("{key:?} {why}")).collect();
    let is_empty = scene.inventory().nodes().next().is_none();
    let found = scene.repair().await;
    told.extend(names(&found));
    for name in &named {
        assert!(told.iter().any(|text| text.contains(name)), "{context}: nothing names {name}: {told:#?}");
    }
    let left = scene.sim.leftovers(&nodes);
    assert!(left.is_empty(), "{context}: {left:#?}");
    let now = kept(&scene.inventory());
    if damage.comes_back {
        assert_eq!(now, records, "{context}");
    } else if !is_empty {
        let shape = |records: &[Record]| {
            let mut kinds: Vec<u8> = records.iter().map(|it| encode_key(it.key())[0]).collect();
            kinds.sort_unstable();
            kinds
        };
        assert_eq!(shape(&now), shape(&records), "{context}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damage_of_the_records_is_named_and_repaired() {
    for damage in RECORD_DAMAGES {
        for pick in [0, 5] {
            damage_records_and_repair(damage, pick).await;
        }
    }
    println!("{} kinds of damage to records, each named and repaired to an empty audit", RECORD_DAMAGES.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_random_damage_of_the_records_is_named_and_repaired(kind in 0..RECORD_DAMAGES.len(), pick in 0..1000usize) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(damage_records_and_repair(&RECORD_DAMAGES[kind], pick));
    }
}
