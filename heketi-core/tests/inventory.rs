//! The state: changed whole or not at all, indexes that follow, and a stored form that is the state.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use heketi_core::Timestamp;
use heketi_core::id::{
    BlockVolumeId, BrickId, ClusterId, DeviceId, HostKeyId, NodeId, OperationId, OriginId, QueueId, RequestKeyId,
    VolumeId,
};
use heketi_core::inventory::{
    Change, ChangeSet, Inventory, Job, JobResult, Key, KeyedOutcome, KeyedRequest, Record, StoredError, decode_key,
    decode_record, encode_key, encode_record,
};
use heketi_core::model::{
    BlockHosting, BlockVolume, BlockVolumeOrigin, Brick, BrickFormat, Cluster, Device, Durability, EntryState, HostKey,
    HostNames, Node, Origin, OriginOf, Secret, SetPosition, Snapshot, Tags, Volume, VolumeOrigin,
};
use heketi_core::operation::{Operation, OperationStatus, Planned};
use heketi_core::{Gib, Kib};
use proptest::prelude::*;
use support::block_plans::{block, create_block, delete_block, expand_block, with_block};
use support::drive::World;
use support::plans::*;

/// Few ids, so that random records refer to each other, replace each other and miss each other.
fn id() -> impl Strategy<Value = [u8; 16]> {
    (0u8..3).prop_map(|n| [n; 16])
}

fn host() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0u8..5).prop_map(|n| format!("h{n}")), 0..3)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-c]", 1 => any::<String>()]
}

fn state() -> impl Strategy<Value = EntryState> {
    prop::sample::select(vec![EntryState::Online, EntryState::Offline, EntryState::Failed])
}

fn size() -> impl Strategy<Value = Kib> {
    prop_oneof![8 => 0u64..60, 1 => Just(0), 1 => any::<u64>()].prop_map(Kib)
}

fn tags() -> impl Strategy<Value = Tags> {
    prop::collection::btree_map(text(), text(), 0..2)
}

fn cluster() -> impl Strategy<Value = Record> {
    (id(), any::<bool>(), any::<bool>())
        .prop_map(|(id, file, block)| Record::Cluster(Cluster { id: ClusterId::from_bytes(id), file, block }))
}

fn node() -> impl Strategy<Value = Record> {
    let zone = prop_oneof![3 => 1i64..3, 1 => any::<i64>()];
    (id(), id(), zone, host(), host(), tags(), state()).prop_map(|(id, cluster, zone, manage, storage, tags, state)| {
        let hostnames = HostNames { manage, storage };
        let (id, cluster) = (NodeId::from_bytes(id), ClusterId::from_bytes(cluster));
        Record::Node(Node { id, cluster, zone, hostnames, tags, state })
    })
}

fn device() -> impl Strategy<Value = Record> {
    let sizes = (size(), size(), size()).prop_map(|(total, foreign, extent)| (total, Kib(foreign.0 / 8), extent));
    (id(), id(), text(), prop::option::of(text()), tags(), state(), sizes).prop_map(
        |(id, node, name, pv_uuid, tags, state, (total, foreign, extent))| {
            let (id, node, paths) = (DeviceId::from_bytes(id), NodeId::from_bytes(node), vec![name.clone()]);
            Record::Device(Device { id, node, name, paths, pv_uuid, tags, state, total, foreign, extent })
        },
    )
}

fn durability() -> impl Strategy<Value = Durability> {
    prop_oneof![
        Just(Durability::None),
        Just(Durability::Replicate { replica: 3 }),
        Just(Durability::Disperse { data: 4, redundancy: 2 }),
    ]
}

fn volume() -> impl Strategy<Value = Record> {
    let snapshot = (any::<bool>(), 1.0f32..100.0).prop_map(|(enable, factor)| Snapshot { enable, factor });
    let options = prop::collection::vec(text(), 0..2);
    let size = (any::<u64>(), any::<bool>());
    (id(), id(), text(), size, durability(), any::<i64>(), snapshot, options).prop_map(
        |(id, cluster, name, (size, block), durability, gid, snapshot, options)| {
            let (id, cluster) = (VolumeId::from_bytes(id), ClusterId::from_bytes(cluster));
            Record::Volume(Volume {
                id,
                cluster,
                name,
                size: Gib(size),
                durability,
                gid,
                snapshot,
                options,
                hosting: block.then(|| BlockHosting::of(Gib(size))),
            })
        },
    )
}

fn block_volume() -> impl Strategy<Value = Record> {
    // One that takes no space fits in any hosting volume.
    let size = prop_oneof![3 => Just(0), 1 => any::<u64>()].prop_map(Gib);
    let texts = (text(), text(), text(), text());
    (id(), id(), id(), size, texts, host(), any::<u32>(), any::<bool>()).prop_map(
        |(id, cluster, hosting, size, (name, iqn, username, password), hosts, ha_count, auth)| {
            Record::BlockVolume(BlockVolume {
                id: BlockVolumeId::from_bytes(id),
                cluster: ClusterId::from_bytes(cluster),
                hosting: VolumeId::from_bytes(hosting),
                name,
                size,
                usable: size,
                ha_count,
                auth,
                hosts,
                iqn,
                username,
                password: Secret::new(password),
            })
        },
    )
}

fn brick() -> impl Strategy<Value = Record> {
    let ids = (id(), id(), id(), id());
    let position = prop::option::of((any::<u32>(), 0u32..3).prop_map(|(set, index)| SetPosition { set, index }));
    let names = (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()));
    let format = prop_oneof![Just(BrickFormat::Normal), Just(BrickFormat::Arbiter)];
    (ids, size(), size(), size(), format, position, names).prop_map(
        |((id, device, node, volume), size, pool, metadata, format, position, (thin_pool, logical_volume, path))| {
            Record::Brick(Brick {
                id: BrickId::from_bytes(id),
                device: DeviceId::from_bytes(device),
                node: NodeId::from_bytes(node),
                volume: VolumeId::from_bytes(volume),
                size,
                pool_size: Kib(pool.0 / 4),
                metadata_size: Kib(metadata.0 / 16),
                format,
                position,
                thin_pool,
                logical_volume,
                path,
                retired: false,
            })
        },
    )
}

fn job() -> impl Strategy<Value = Record> {
    let result = prop_oneof![
        Just(JobResult::Done),
        id().prop_map(|id| JobResult::Node(NodeId::from_bytes(id))),
        id().prop_map(|id| JobResult::Volume(VolumeId::from_bytes(id))),
        text().prop_map(JobResult::Failed),
    ];
    (id(), prop::option::of(id()), prop::option::of(result), any::<u64>()).prop_map(|(id, operation, result, time)| {
        let (id, operation) = (QueueId::from_bytes(id), operation.map(OperationId::from_bytes));
        Record::Job(Job { operation, ..Job::without_operation(id, result, Timestamp(time)) })
    })
}

fn host_key() -> impl Strategy<Value = Record> {
    (text(), text()).prop_map(|(host, key)| Record::HostKey(HostKey { id: HostKeyId::of(&host), host, key }))
}

fn keyed_request() -> impl Strategy<Value = Record> {
    let outcome = prop_oneof![
        Just(KeyedOutcome::Changed),
        id().prop_map(|id| KeyedOutcome::Job(QueueId::from_bytes(id))),
        id().prop_map(|id| KeyedOutcome::Cluster(ClusterId::from_bytes(id))),
        (any::<u16>(), text()).prop_map(|(status, body)| KeyedOutcome::Answer { status, body }),
    ];
    (id(), text(), outcome, any::<u64>()).prop_map(|(id, body, outcome, time)| {
        let (id, time) = (RequestKeyId::from_bytes(id), Timestamp(time));
        Record::KeyedRequest(KeyedRequest { id, body, outcome, time })
    })
}

fn origin() -> impl Strategy<Value = Record> {
    let texts = || prop::collection::vec(text(), 0..3);
    let volume = (texts(), texts(), any::<[i64; 3]>(), id()).prop_map(|(clusters, mount_hosts, counts, brick)| {
        let unknown_format = vec![BrickId::from_bytes(brick)];
        OriginOf::Volume(Box::new(VolumeOrigin { clusters, mount_hosts, counts, unknown_format, ..Default::default() }))
    });
    let block_volume = (texts(), any::<bool>())
        .prop_map(|(clusters, no_usable_size)| OriginOf::BlockVolume(BlockVolumeOrigin { clusters, no_usable_size }));
    let database = prop::collection::btree_map(text(), text(), 0..3).prop_map(OriginOf::Database);
    (id(), prop_oneof![volume, block_volume, database])
        .prop_map(|(id, of)| Record::Origin(Origin { id: OriginId::from_bytes(id), of }))
}

/// One operation of every kind, as plans make them.
fn planned_operations() -> Vec<Operation> {
    fn planned(mut world: World, plan: fn(&mut World) -> Planned) -> Operation {
        let planned = plan(&mut world);
        world.inventory.apply(&planned.changes).unwrap();
        Operation::clone(world.inventory.operation(planned.operation).unwrap())
    }
    vec![
        planned(base(), |world| add_node(world, 4)),
        planned(base(), delete_node),
        planned(base(), |world| add_device(world, 1, "/dev/sdb")),
        planned(with_failed_device(), delete_device),
        planned(base(), |world| create(world, &request())),
        planned(with_volume(), expand),
        planned(with_volume(), delete),
        planned(base(), |world| create_block(world, &block(2))),
        planned(with_block(), |world| expand_block(world, 3)),
        planned(with_block(), delete_block),
    ]
}

fn operation() -> impl Strategy<Value = Record> {
    let operations = planned_operations();
    let status = prop::sample::select(vec![OperationStatus::New, OperationStatus::Stale, OperationStatus::Failed]);
    (id(), prop::sample::select(operations), status, prop::option::of(text())).prop_map(|(id, it, status, error)| {
        Record::Operation(Operation { id: OperationId::from_bytes(id), status, error, ..it })
    })
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        1 => cluster(), 2 => node(), 3 => device(), 2 => volume(), 4 => brick(), 1 => operation(), 1 => job(),
        1 => host_key(), 1 => keyed_request(), 1 => origin(), 2 => block_volume(),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![4 => record().prop_map(Change::Put), 1 => record().prop_map(|record| Change::Delete(record.key()))]
}

/// Two nodes with a device and a brick each, so that random changes meet links and space in use.
fn populated() -> Inventory {
    let (cluster, volume) = (ClusterId::from_bytes([0; 16]), VolumeId::from_bytes([0; 16]));
    let mut changes = ChangeSet::default();
    changes.put_cluster(Cluster { id: cluster, file: true, block: true });
    let durability = Durability::Replicate { replica: 2 };
    let (name, snapshot) = ("a".to_owned(), Snapshot::default());
    changes.put_volume(Volume {
        id: volume,
        cluster,
        name,
        size: Gib(1),
        durability,
        gid: 0,
        snapshot,
        options: vec![],
        hosting: None,
    });
    for i in 0..2 {
        let (id, node, device) =
            (BrickId::from_bytes([i; 16]), NodeId::from_bytes([i; 16]), DeviceId::from_bytes([i; 16]));
        let (tags, state) = (Tags::new(), EntryState::Online);
        let hostnames = HostNames { manage: vec![format!("h{i}")], storage: vec![format!("h{i}")] };
        changes.put_node(Node { id: node, cluster, zone: 1, hostnames, tags: tags.clone(), state });
        let (total, foreign, extent) = (Kib(50), Kib(5), Kib(4));
        let (name, paths, pv_uuid) = ("a".into(), vec![], None);
        changes.put_device(Device { id: device, node, name, paths, pv_uuid, tags, state, total, foreign, extent });
        changes.put_brick(Brick {
            id,
            device,
            node,
            volume,
            size: Kib(10),
            pool_size: Kib(12),
            metadata_size: Kib(1),
            format: BrickFormat::Normal,
            position: None,
            thin_pool: None,
            logical_volume: None,
            path: None,
            retired: false,
        });
    }
    let mut inventory = Inventory::default();
    inventory.apply(&changes).unwrap();
    inventory
}

/// Everything that can be asked, as one value.
fn answers(inventory: &Inventory) -> String {
    format!("{inventory:?}")
}

fn recharged(inventory: &Inventory) -> BTreeMap<DeviceId, Kib> {
    let (mut charged, mut pools) = (BTreeMap::new(), BTreeSet::new());
    for brick in inventory.bricks() {
        // Bricks in one thin pool are charged once.
        let pool = brick.thin_pool.clone().unwrap_or_else(|| format!("tp_{}", brick.id));
        if pools.insert((brick.device, pool)) {
            *charged.entry(brick.device).or_default() += brick.charge();
        }
    }
    charged
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_apply_whole_or_not_at_all(
        history in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..60),
    ) {
        let mut inventory = populated();
        for changes in history {
            let before = answers(&inventory);
            let applied = inventory.apply(&changes.into_iter().collect::<ChangeSet>());
            prop_assert!(applied.is_ok() || answers(&inventory) == before);
            prop_assert!(inventory.indexes_match_records(), "what was applied cannot be loaded again: {:?}", Inventory::from_records(inventory.records()).err());
        }
        for (device, charged) in recharged(&inventory) {
            let record = inventory.device(device).unwrap();
            prop_assert_eq!(inventory.charged(device), charged);
            prop_assert!(charged + record.foreign <= record.total);
        }
        let slots = inventory.clusters().flat_map(|it| inventory.slots_of_cluster(it.id)).count();
        let online = inventory.devices().filter(|device| {
            let node = inventory.node(device.node).unwrap();
            device.state == EntryState::Online && node.state == EntryState::Online
        });
        prop_assert_eq!(slots, online.count());
    }

    #[test]
    fn every_record_is_read_as_it_was_written(record in record()) {
        let (key, bytes) = (record.key(), encode_record(&record));
        prop_assert_eq!(decode_key(&encode_key(key)), Ok(key));
        prop_assert_eq!(decode_record(key, &bytes), Ok(record));
        // A record cut short is damaged, and never something else.
        let cut = decode_record(key, &bytes[..bytes.len() - 1]);
        let damaged = matches!(cut, Err(StoredError::Damaged { .. }));
        prop_assert!(damaged);
    }
}

#[test]
fn another_version_is_refused_with_both_named() {
    let mut world = with_volume();
    let planned = expand(&mut world);
    world.inventory.apply(&planned.changes).unwrap();
    for record in world.inventory.records() {
        let mut stored: serde_json::Value = serde_json::from_slice(&encode_record(&record)).unwrap();
        let known = stored["version"].as_u64().unwrap();
        stored["version"] = 77.into();
        let error = decode_record(record.key(), &serde_json::to_vec(&stored).unwrap()).unwrap_err();
        assert!(matches!(error, StoredError::Version { found: 77, .. }));
        let text = error.to_string();
        assert!(text.contains("version 77") && text.contains(&format!("version {known}")), "{text}");
        stored["version"] = known.into();
        stored["record"]["id"] = "f".repeat(32).into();
        let error = decode_record(record.key(), &serde_json::to_vec(&stored).unwrap()).unwrap_err();
        assert!(matches!(error, StoredError::Damaged { .. }), "the record of another key is refused");
    }
    for bytes in [&b""[..], b"x", &[b'n'; 16], &[b'x'; 17], &[b'n'; 18]] {
        assert!(decode_key(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn names_are_taken_once() {
    let world = with_volume();
    let node = Node::clone(world.inventory.nodes().next().unwrap());
    let volume = Volume::clone(world.inventory.volumes().next().unwrap());
    let refused = |change: &dyn Fn(&mut ChangeSet)| {
        let (mut inventory, mut changes) = (world.inventory.clone(), ChangeSet::default());
        change(&mut changes);
        inventory.apply(&changes).unwrap_err().to_string()
    };
    let other = NodeId::from_bytes([9; 16]);
    for host in [&node.hostnames.manage[0], &node.hostnames.storage[0]] {
        // A name of one kind is taken for the other kind too.
        let hostnames = HostNames { manage: vec!["new".into(), host.clone()], storage: vec!["new-s".into()] };
        let text =
            refused(&|changes| changes.put_node(Node { id: other, hostnames: hostnames.clone(), ..node.clone() }));
        assert!(text.contains(host.as_str()) && text.contains(&node.id.to_string()), "{text}");
    }
    let id = VolumeId::from_bytes([9; 16]);
    let text = refused(&|changes| changes.put_volume(Volume { id, ..volume.clone() }));
    assert!(text.contains(&volume.name) && text.contains(&volume.id.to_string()), "{text}");
    for key in [Key::Cluster(node.cluster), Key::Node(node.id), Key::Volume(volume.id), Key::Node(other)] {
        refused(&|changes| changes.delete(key));
    }
}

/// F29: heketi v10 accepted records that refer to nothing. They are refused when a store is loaded, by name.
#[test]
fn references_to_nothing_are_refused_when_loaded() {
    let (cluster, inventory) =
        support::state(&[support::NodeShape::of(1, vec![support::DeviceShape::of(Kib(1 << 30))])]);
    let records: Vec<Record> = inventory.records().collect();
    assert!(Inventory::from_records(records.clone()).is_ok());
    for missing in records.iter().map(Record::key) {
        let rest = records.iter().filter(|record| record.key() != missing).cloned();
        let told = match (missing, Inventory::from_records(rest)) {
            // Nothing refers to a device without bricks.
            (Key::Device(_), loaded) => {
                assert!(loaded.is_ok());
                continue;
            }
            (_, loaded) => loaded.unwrap_err().to_string(),
        };
        let id = match missing {
            Key::Cluster(id) => id.to_string(),
            Key::Node(id) => id.to_string(),
            other => panic!("no record of this test: {other:?}"),
        };
        assert!(
            told.contains(&format!("unknown {}", if id == cluster.to_string() { "cluster" } else { "node" })),
            "{told}"
        );
        assert!(told.contains(&id), "{told} names {id}");
    }
}

/// A clone's brick lives in the thin pool of its source: the pool is charged once, and as long as one of them is
/// there.
#[test]
fn a_shared_thin_pool_is_charged_once() {
    let mut inventory = populated();
    let first = Brick::clone(inventory.bricks().next().unwrap());
    let charged = inventory.charged(first.device);
    let second = Brick { id: BrickId::from_bytes([7; 16]), thin_pool: Some(first.thin_pool_name()), ..first.clone() };
    let apply = |inventory: &mut Inventory, change| inventory.apply(&[change].into_iter().collect()).unwrap();
    apply(&mut inventory, Change::Put(Record::Brick(second.clone())));
    assert_eq!((inventory.bricks_in_pool_of(&first), inventory.bricks_in_pool_of(&second)), (2, 2));
    assert_eq!(inventory.charged(first.device), charged);
    apply(&mut inventory, Change::Delete(Key::Brick(first.id)));
    assert_eq!((inventory.bricks_in_pool_of(&second), inventory.charged(first.device)), (1, charged));
    apply(&mut inventory, Change::Delete(Key::Brick(second.id)));
    assert_eq!((inventory.bricks_in_pool_of(&second), inventory.charged(first.device)), (0, Kib::ZERO));
}

/// A thin pool has one size, whatever the other pools of its device have.
#[test]
fn bricks_of_a_thin_pool_agree_in_its_size() {
    let mut inventory = populated();
    let first = Brick::clone(inventory.bricks().next().unwrap());
    let smaller = Kib(first.pool_size.0 / 2);
    let alone = Brick { id: BrickId::from_bytes([6; 16]), pool_size: smaller, ..first.clone() };
    let in_pool = |other: &Brick, pool_size| {
        let thin_pool = Some(other.thin_pool_name());
        Brick { id: BrickId::from_bytes([7; 16]), thin_pool, pool_size, ..first.clone() }
    };
    let mut put =
        |brick: Brick| inventory.apply(&[Change::Put(Record::Brick(brick))].into_iter().collect::<ChangeSet>());
    put(alone.clone()).unwrap();
    for (other, right, wrong) in [(&first, first.pool_size, smaller), (&alone, smaller, first.pool_size)] {
        let refused = put(in_pool(other, wrong)).unwrap_err().to_string();
        assert!(refused.contains("share a thin pool and differ in its size"), "{refused}");
        put(in_pool(other, right)).unwrap();
    }
}
