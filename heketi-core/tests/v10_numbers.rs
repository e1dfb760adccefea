//! The numbers and texts of heketi v10's placement, section by section of the description of its behaviour.

mod support;

use heketi_core::api::{CheckedVolumeCreate, MountInfo};
use heketi_core::error::{Error, ErrorKind};
use heketi_core::id::{ClusterId, SeededIds};
use heketi_core::inventory::{ChangeSet, Inventory};
use heketi_core::model::{
    Cluster, DEFAULT_EXTENT, Durability, EntryState, HostNames, Node, Snapshot, Volume, ZoneChecking,
};
use heketi_core::operation::choose_cluster;
use heketi_core::placement::sizing::{BrickSpace, SplitEnd, arbiter_brick, splits};
use heketi_core::placement::{BlockHostingPolicy, Effort, Facts, Policy, Wanted};
use heketi_core::{Gib, Kib};
use support::{DeviceShape, NodeShape};

const REPLICA_3: Durability = Durability::Replicate { replica: 3 };

/// Section 2.1.
#[test]
fn defaults() {
    let policy = Policy::default();
    assert_eq!((policy.brick_min, policy.brick_max), (Kib(1048576), Kib(4 * 1024 * 1048576)));
    assert_eq!((policy.max_bricks, policy.max_volumes), (32, Some(1000)));
    assert_eq!((policy.average_file_size, policy.create_retries), (Kib(64), 4));
    assert_eq!((policy.zone_checking, policy.rebalance), (ZoneChecking::None, true));
    assert_eq!(DEFAULT_EXTENT, Kib(4096));
    assert_eq!(Snapshot::default(), Snapshot { enable: false, factor: 1.0 });
    let BlockHostingPolicy { auto_create, size, options } = policy.block_hosting;
    assert_eq!((auto_create, size, options), (false, Gib(1024), vec!["group gluster-block".to_owned()]));
}

/// Section 2.2: what one brick takes, and that free space must be greater than that.
#[test]
fn space_of_a_brick() {
    for (brick, factor, pool, metadata, total) in [
        (16384, 1.0, 16384, 4096, 20480),
        (1048576, 1.0, 1048576, 8192, 1056768),
        (2097152, 1.0, 2097152, 12288, 2109440),
        (10485760, 1.0, 10485760, 53248, 10539008),
        (10485760, 1.3, 13631488, 69632, 13701120),
        (20971520, 1.2, 25169920, 126976, 25296896),
        (104857600, 1.5, 157286400, 786432, 158072832),
        (4294967296, 1.0, 4294967296, 16777216, 4311744512),
        // Metadata stays at 16 GiB.
        (8589934592, 1.0, 8589934592, 16777216, 8606711808),
    ] {
        let space = BrickSpace::new(Kib(brick), factor, DEFAULT_EXTENT);
        let told = (space.pool.0, space.metadata.0, space.total().0);
        assert_eq!(told, (pool, metadata, total), "{brick} × {factor}");
    }
    // Other extents round otherwise.
    let space = BrickSpace::new(Kib(1048577), 1.0, Kib(1024));
    assert_eq!((space.pool, space.metadata), (Kib(1049600), Kib(6144)));
    let space = BrickSpace::new(Kib(1048577), 1.0, Kib(65536));
    assert_eq!((space.pool, space.metadata), (Kib(1114112), Kib(65536)));
    for (free, fits) in [(1056768, false), (1056769, true)] {
        let nodes = [NodeShape::of(1, vec![DeviceShape::of(Kib(free))])];
        let (_, inventory) = support::state(&nodes);
        assert_eq!(place(&inventory, &support::volume(1, Durability::None)).is_ok(), fits, "{free}");
    }
}

/// Section 2.3.
#[test]
fn durabilities() {
    let disperse = |data, redundancy| Durability::Disperse { data, redundancy };
    let replicate = |replica| Durability::Replicate { replica };
    for (durability, set_size, data, peers, minimum) in [
        (Durability::None, 1, 1, None, 1),
        (replicate(1), 1, 1, Some(1), 1),
        (replicate(2), 2, 1, Some(1), 1),
        (replicate(3), 3, 1, Some(2), 1),
        (replicate(5), 5, 1, Some(3), 1),
        (disperse(2, 1), 3, 2, Some(2), 2),
        (disperse(4, 2), 6, 4, Some(4), 4),
        (disperse(8, 3), 11, 8, Some(8), 8),
        (disperse(8, 4), 12, 8, Some(8), 8),
    ] {
        let told = (durability.set_size(), durability.data_bricks(), durability.peers_needed());
        assert_eq!(told, (set_size, data, peers), "{durability}");
        let nodes: Vec<_> = (0..12).map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(9).kib())])).collect();
        let (_, inventory) = support::state(&nodes);
        assert!(place(&inventory, &support::volume(minimum, durability)).is_ok(), "{durability}");
        if minimum > 1 {
            let error = place(&inventory, &support::volume(minimum - 1, durability)).unwrap_err();
            let text = format!(
                "Requested volume size ({} GB) is smaller than the minimum supported volume size ({})",
                minimum - 1,
                minimum * 1048576
            );
            assert_eq!((error.kind(), error.text()), (ErrorKind::Invalid, text.as_str()));
        }
    }
    // Sets added by one command (section 4.2).
    let batches = [Durability::None, replicate(2), replicate(3), disperse(4, 2)].map(|it| it.sets_per_add());
    assert_eq!(batches, [15, 5, 5, 1]);
    assert_eq!(Durability::DISPERSE_COMBINATIONS, [(2, 1), (4, 2), (8, 3), (8, 4)]);
}

fn wanted(size: Gib, durability: Durability) -> Wanted<'static> {
    Wanted {
        cluster: ClusterId::from_bytes([0; 16]),
        size: size.kib(),
        durability,
        factor: 1.0,
        existing_bricks: 0,
        zones: ZoneChecking::None,
        tag_rule: None,
        arbiter: None,
    }
}

/// Section 2.4: the splits heketi v10 would try are among ours, with the same bricks, and both series end alike.
#[test]
fn splits_of_v10_are_among_ours() {
    let unlimited = Policy { max_bricks: u32::MAX, ..Policy::default() };
    let eight_three = Durability::Disperse { data: 8, redundancy: 3 };
    let gib = 1048576;
    for durability in [Durability::None, Durability::Replicate { replica: 2 }] {
        let (ours, end) = splits(&wanted(Gib(100), durability), &unlimited);
        assert_eq!(end, SplitEnd::BrickTooSmall);
        for (sets, brick) in
            [(1, 104857600), (2, 52428800), (4, 26214400), (8, 13107200), (16, 6553600), (32, 3276800), (64, 1638400)]
        {
            assert!(ours.iter().any(|split| (split.sets, split.brick.0) == (sets, brick)), "{sets} {durability}");
        }
        assert!(!ours.iter().any(|split| split.sets == 128));
    }
    let (ours, end) = splits(&wanted(Gib(200), eight_three), &unlimited);
    for (sets, brick) in [(1, 25 * gib), (2, 25 * gib / 2), (4, 25 * gib / 4), (8, 25 * gib / 8), (16, 1638400)] {
        assert!(ours.iter().any(|split| (split.sets, split.brick.0) == (sets, brick)), "{sets}");
    }
    assert_eq!((ours.last().map(|split| split.sets), end), (Some(25), SplitEnd::BrickTooSmall));
    // Bricks over the maximum are passed over: v10 begins at 32 sets, we at the first number that will do.
    for (size, durability) in [(100, Durability::Replicate { replica: 2 }), (800, eight_three)] {
        let (ours, _) = splits(&wanted(Gib(size * 1024), durability), &unlimited);
        assert_eq!(ours.first().map(|split| split.sets), Some(25));
        assert!(ours.iter().any(|split| (split.sets, split.brick) == (32, Gib(3200).kib())));
    }
    assert_eq!(SplitEnd::BrickTooSmall.to_string(), "Minimum brick size limit reached.  Out of space.");
    assert_eq!(SplitEnd::TooManyBricks.to_string(), "Maximum number of bricks reached.");
}

/// Section 2.5.
#[test]
fn sizes_of_arbiter_bricks() {
    for (data, average, arbiter) in [
        (Gib(64).kib(), 64, Gib(1).kib()),
        (Gib(100).kib(), 100, Gib(1).kib()),
        (Gib(1).kib(), 64, Kib(16384)),
        (Gib(1).kib(), 65, Kib(16384)),
        (Gib(1).kib(), 63, Kib(16644)),
        (Gib(1).kib(), 1048576, Kib(16384)),
        (Gib(1).kib(), 1, Gib(1).kib()),
    ] {
        assert_eq!(arbiter_brick(data, Kib(average)), arbiter, "{data} with files of {average} KiB");
    }
    let end = |size, average| {
        let wanted = Wanted { arbiter: Some(Kib(average)), ..wanted(Gib(size), REPLICA_3) };
        splits(&wanted, &Policy::default())
    };
    // The series ends where not one file fits a brick, unless it ends before.
    let (ours, told) = end(3, 2 * 1048576);
    assert_eq!(ours.iter().map(|split| split.sets).collect::<Vec<_>>(), [1]);
    assert_eq!(told.to_string(), "Average file size (2097152) is greater than Brick size (1572864)");
    assert_eq!(end(2, 2 * 1048576).0.len(), 1, "as large as a file is large enough");
    assert_eq!(end(1, 1048577).0.len(), 0);
    assert_eq!(end(3, 64).1, SplitEnd::BrickTooSmall);
}

fn place(inventory: &Inventory, request: &CheckedVolumeCreate) -> Result<ClusterId, Error> {
    let found = choose_cluster(inventory, request, &Policy::default(), &Facts::default(), Effort::Exact, 0);
    found.map(|chosen| chosen.expect("an exact look knows").cluster)
}

/// Clusters with three nodes each, by flags: file, block.
fn clusters(flags: &[(bool, bool)]) -> (Inventory, Vec<ClusterId>) {
    let (mut inventory, mut ids, mut made) = (Inventory::default(), SeededIds::new(5), Vec::new());
    for (i, (file, block)) in flags.iter().enumerate() {
        let nodes = [1, 2, 3].map(|zone| NodeShape::of(zone, vec![DeviceShape::of(Gib(100).kib())]));
        let (id, changes) = support::cluster(&mut ids, &nodes);
        let mut renamed = ChangeSet::default();
        for change in changes.iter() {
            match change {
                heketi_core::inventory::Change::Put(heketi_core::inventory::Record::Node(node)) => {
                    let mut node = node.clone();
                    node.hostnames.manage[0].push_str(&format!("-{i}"));
                    node.hostnames.storage[0].push_str(&format!("-{i}"));
                    renamed.put_node(node);
                }
                heketi_core::inventory::Change::Put(heketi_core::inventory::Record::Device(device)) => {
                    renamed.put_device(device.clone());
                }
                _ => renamed.put_cluster(Cluster { id, file: *file, block: *block }),
            }
        }
        inventory.apply(&renamed).unwrap();
        made.push(id);
    }
    (inventory, made)
}

fn with_volume(mut inventory: Inventory, cluster: ClusterId, name: &str) -> Inventory {
    let mut changes = ChangeSet::default();
    changes.put_volume(Volume {
        id: heketi_core::id::VolumeId::new(&mut SeededIds::new(99)),
        cluster,
        name: name.into(),
        size: Gib(1),
        durability: Durability::None,
        gid: 0,
        snapshot: Snapshot::default(),
        options: Vec::new(),
        hosting: None,
    });
    inventory.apply(&changes).unwrap();
    inventory
}

/// Section 3.1: why a cluster is not taken; one reason bare, several by cluster.
#[test]
fn reasons_against_clusters() {
    let request = |name: &str, among: &[ClusterId]| CheckedVolumeCreate {
        name: Some(name.into()),
        clusters: among.iter().map(ToString::to_string).collect(),
        ..support::volume(1, REPLICA_3)
    };
    let text = |inventory: &Inventory, request: &CheckedVolumeCreate| {
        let error = place(inventory, request).unwrap_err();
        (error.kind(), error.text().to_owned())
    };
    let cannot = |text: &str| (ErrorKind::CannotAllocate, text.to_owned());
    let none = text(&Inventory::default(), &request("v", &[]));
    assert_eq!(none, (ErrorKind::Invalid, "No clusters configured".to_owned()));

    let (inventory, ids) = clusters(&[(false, false), (false, true), (true, false), (true, true)]);
    let [nothing, block, file, both] = ids.try_into().unwrap();
    assert_eq!(text(&inventory, &request("v", &[nothing])), cannot("Cluster has disabled all volume types"));
    assert_eq!(text(&inventory, &request("v", &[block])), cannot("Cluster does not support requested volume type"));
    let unknown = CheckedVolumeCreate { clusters: vec!["bad".into()], ..request("v", &[]) };
    assert_eq!(text(&inventory, &unknown), (ErrorKind::Invalid, "Cluster id bad not found".to_owned()));
    let empty = CheckedVolumeCreate { clusters: vec![String::new()], ..request("v", &[]) };
    assert_eq!(text(&inventory, &empty), (ErrorKind::Invalid, "Cluster id  not found".to_owned()));
    assert_eq!(
        text(&inventory, &request("v", &[nothing, block])),
        cannot(&format!(
            "No eligible cluster for volume\nCluster {nothing}: Cluster has disabled all volume types\nCluster {block}: \
             Cluster does not support requested volume type"
        ))
    );
    // A clash of names removes that cluster only.
    let named = with_volume(inventory.clone(), file, "taken");
    assert_eq!(text(&named, &request("taken", &[file])), cannot("Volume name 'taken' already in use"));
    assert_eq!(place(&named, &request("taken", &[file, both])), Ok(both));

    let limit = Policy { max_volumes: Some(1), ..Policy::default() };
    let full = choose_cluster(&named, &request("v", &[file]), &limit, &Facts::default(), Effort::Exact, 0);
    assert_eq!(full.unwrap_err().text(), "Cluster has 1 volumes and limit is 1");
    let unlimited = Policy { max_volumes: None, ..Policy::default() };
    assert!(choose_cluster(&named, &request("v", &[file]), &unlimited, &Facts::default(), Effort::Exact, 0).is_ok());

    // Lack of space, of bricks or of size is told as lack of space.
    let large = |among: &[ClusterId]| CheckedVolumeCreate { size: Gib(4000), ..request("v", among) };
    assert_eq!(text(&inventory, &large(&[file])), cannot("No space"));
    let (first, second) = if file < both { (file, both) } else { (both, file) };
    assert_eq!(
        text(&inventory, &large(&[first, second])),
        cannot(&format!(
            "Unable to create volume on any cluster:\nCluster {first}: No space\nCluster {second}: No space"
        ))
    );
}

/// Section 3.2: devices that are considered; unknown nodes count as up.
#[test]
fn devices_considered() {
    let shape = |state, device_state| {
        let device = DeviceShape { state: device_state, ..DeviceShape::of(Gib(100).kib()) };
        NodeShape { state, ..NodeShape::of(1, vec![device]) }
    };
    use EntryState::{Failed, Offline, Online};
    let request = support::volume(1, Durability::None);
    for (nodes, text) in [
        (vec![], "No nodes in cluster"),
        (vec![shape(Offline, Online), shape(Failed, Online)], "No online storage devices in cluster"),
        (vec![shape(Online, Offline), shape(Online, Failed)], "No online storage devices in cluster"),
        (vec![NodeShape::of(1, vec![])], "No online storage devices in cluster"),
    ] {
        let (_, inventory) = support::state(&nodes);
        let error = place(&inventory, &request).unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::CannotAllocate, text));
    }
    let (_, inventory) = support::state(&[shape(Online, Online)]);
    assert!(place(&inventory, &request).is_ok());
    let node = inventory.nodes().next().unwrap().id;
    let facts = Facts { down: [node].into(), ..Facts::default() };
    let error = choose_cluster(&inventory, &request, &Policy::default(), &facts, Effort::Exact, 0).unwrap_err();
    assert_eq!(error.text(), "No online storage devices in cluster");
}

/// Section 4.3: all nodes whatever their state, in the order of ids; the first one is mounted from.
#[test]
fn mount_information() {
    let shape = |state| NodeShape { state, ..NodeShape::of(1, vec![]) };
    let (cluster, inventory) =
        support::state(&[shape(EntryState::Online), shape(EntryState::Offline), shape(EntryState::Failed)]);
    let mut nodes: Vec<&Node> = inventory.nodes().map(|node| &**node).collect();
    nodes.sort_by_key(|node| node.id);
    let hosts: Vec<String> = nodes.iter().map(|node| node.hostnames.storage[0].clone()).collect();
    assert_eq!(inventory.storage_hosts(cluster), hosts);
    let told = MountInfo::new(inventory.storage_hosts(cluster), "v").glusterfs;
    assert_eq!(told.device, format!("{}:v", hosts[0]));
    assert_eq!(told.options.backup_volfile_servers, format!("{},{}", hosts[1], hosts[2]));
    assert_eq!(told.hosts, hosts);
    // Of several names the first is used (section 1.4).
    let names = |names: [&str; 2]| names.map(String::from).to_vec();
    let hostnames = HostNames { manage: names(["m1", "m2"]), storage: names(["s1", "s2"]) };
    let node = Node { hostnames, ..nodes[0].clone() };
    assert_eq!((node.manage_host(), node.storage_host()), ("m1", "s1"));
    assert_eq!((node.host().manage.as_str(), node.host().storage.as_str()), ("m1", "s1"));
}
