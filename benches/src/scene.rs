//! Clusters of any size, made of records.

use heketi_core::id::{BrickId, ClusterId, DeviceId, IdSource, NodeId, SeededIds, VolumeId};
use heketi_core::inventory::{Inventory, Record};
use heketi_core::model::{
    Brick, BrickFormat, Cluster, DEFAULT_EXTENT, Device, Durability, EntryState, HostNames, Node, SetPosition,
    Snapshot, Tags, Volume,
};
use heketi_core::placement::sizing::BrickSpace;
use heketi_core::units::{Gib, Kib};

/// Devices of one node.
const DEVICES_PER_NODE: usize = 10;

/// Zones the nodes are dealt out to.
const ZONES: usize = 10;

/// What a cluster looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Empty devices of 4 TiB.
    Even,
    /// Devices of 1 to 16 TiB, 95 % full of one brick each; four of five have the tag `drive=ssd`, one of 500
    /// has `drive=nvme`, the others `drive=hdd`.
    MixedAndFull,
}

/// A cluster in memory.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The whole state.
    pub inventory: Inventory,
    /// The only cluster in it.
    pub cluster: ClusterId,
}

impl Scene {
    /// A cluster of `devices` devices, ten of them a node, in ten zones.
    ///
    /// # Panics
    /// When the records contradict each other, which would be a defect of this function.
    pub fn new(devices: usize, shape: Shape) -> Self {
        let mut ids = SeededIds::new(devices as u64);
        let cluster = ClusterId::new(&mut ids);
        let mut records = vec![Record::Cluster(Cluster { id: cluster, file: true, block: true })];
        let mut made: Vec<Device> = Vec::with_capacity(devices);
        for i in 0..devices.div_ceil(DEVICES_PER_NODE) {
            let node = NodeId::new(&mut ids);
            let hostnames = HostNames { manage: vec![format!("m{i}")], storage: vec![format!("s{i}")] };
            let zone = 1 + (i % ZONES) as i64;
            let state = EntryState::Online;
            records.push(Record::Node(Node { id: node, cluster, zone, hostnames, tags: Tags::new(), state }));
            let first = i * DEVICES_PER_NODE;
            made.extend((first..devices.min(first + DEVICES_PER_NODE)).map(|j| device(node, j, shape, &mut ids)));
        }
        if matches!(shape, Shape::MixedAndFull) {
            records.extend(bricks(cluster, &made, &mut ids));
        }
        records.extend(made.into_iter().map(Record::Device));
        let inventory = Inventory::from_records(records).expect("the records agree with each other");
        Self { inventory, cluster }
    }
}

fn device(node: NodeId, number: usize, shape: Shape, ids: &mut dyn IdSource) -> Device {
    let id = DeviceId::new(ids);
    let drive = match id.stable_hash(1) % 500 {
        0 => "nvme",
        1..=400 => "ssd",
        _ => "hdd",
    };
    let (tebi, tags) = match shape {
        Shape::Even => (4, Tags::new()),
        Shape::MixedAndFull => ([1, 2, 4, 8, 16][number / 7 % 5], Tags::from([("drive".to_owned(), drive.to_owned())])),
    };
    Device {
        id,
        node,
        name: format!("/dev/sd{}", number % DEVICES_PER_NODE),
        paths: Vec::new(),
        pv_uuid: Some(format!("pv-{id}")),
        tags,
        state: EntryState::Online,
        total: Gib(tebi * 1024).kib(),
        foreign: Kib::ZERO,
        extent: DEFAULT_EXTENT,
    }
}

/// A volume of one brick on each device.
fn bricks(cluster: ClusterId, devices: &[Device], ids: &mut dyn IdSource) -> Vec<Record> {
    let mut records = Vec::with_capacity(2 * devices.len());
    for device in devices {
        let per_mille = 935 + device.id.stable_hash(2) % 21;
        let size = Kib(device.total.0 / 1000 * per_mille);
        let space = BrickSpace::new(size, 1.0, device.extent);
        let id = VolumeId::new(ids);
        records.push(Record::Volume(Volume {
            id,
            cluster,
            name: format!("vol_{id}"),
            size: size.whole_gib(),
            durability: Durability::None,
            gid: 0,
            snapshot: Snapshot::default(),
            options: Vec::new(),
            hosting: None,
        }));
        records.push(Record::Brick(Brick {
            id: BrickId::new(ids),
            device: device.id,
            node: device.node,
            volume: id,
            size,
            pool_size: space.pool,
            metadata_size: space.metadata,
            format: BrickFormat::Normal,
            position: Some(SetPosition { set: 0, index: 0 }),
            thin_pool: None,
            logical_volume: None,
            path: None,
            retired: false,
        }));
    }
    records
}

#[cfg(test)]
mod tests {
    use heketi_core::audit::Severity;

    use super::*;

    #[test]
    fn a_full_cluster_is_sound_and_as_full_as_it_says() {
        let scene = Scene::new(1000, Shape::MixedAndFull);
        // Sizes are made up to fill devices, so volumes are not whole GiB: that alone is worth a warning.
        let findings = heketi_core::audit::check(&scene.inventory);
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
        assert_eq!(scene.inventory.usable_zones(scene.cluster).count(), ZONES);
        let total: Kib = scene.inventory.devices().map(|device| device.total).sum();
        let free: Kib = scene.inventory.devices().map(|device| scene.inventory.free(device)).sum();
        let full = 1.0 - free.0 as f64 / total.0 as f64;
        assert!((0.945..0.955).contains(&full), "{full}");
    }
}
