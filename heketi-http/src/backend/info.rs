//! Records as clients see them.

use std::sync::Arc;

use heketi_core::api::{BlockInfo, BrickInfo, ClusterInfo, DeviceInfo, MountInfo, NodeInfo, StorageSize, VolumeInfo};
use heketi_core::id::BlockVolumeId;
use heketi_core::inventory::Inventory;
use heketi_core::model::{Cluster, Device, Node, Volume};

/// Without those being created or deleted.
fn visible_block_volumes(inventory: &Inventory, ids: impl Iterator<Item = BlockVolumeId>) -> Vec<String> {
    ids.filter(|id| !inventory.is_block_volume_hidden(*id)).map(|id| id.to_string()).collect()
}

pub(super) fn cluster_info(inventory: &Inventory, cluster: &Arc<Cluster>) -> ClusterInfo {
    ClusterInfo {
        id: cluster.id,
        nodes: inventory.nodes_of_cluster(cluster.id).collect(),
        volumes: inventory.volumes_of_cluster(cluster.id).filter(|id| !inventory.is_volume_hidden(*id)).collect(),
        block: cluster.block,
        file: cluster.file,
        blockvolumes: visible_block_volumes(inventory, inventory.block_volumes_of_cluster(cluster.id)),
    }
}

pub(super) fn node_info(inventory: &Inventory, node: &Arc<Node>) -> NodeInfo {
    let devices = inventory.devices_of_node(node.id).filter_map(|id| inventory.device(id));
    NodeInfo {
        zone: node.zone,
        hostnames: node.hostnames.clone().into(),
        cluster: node.cluster,
        tags: node.tags.clone(),
        id: node.id,
        state: node.state,
        devices: devices.map(|device| device_info(inventory, device)).collect(),
    }
}

pub(super) fn device_info(inventory: &Inventory, device: &Arc<Device>) -> DeviceInfo {
    let bricks = inventory.bricks_of_device(device.id).filter_map(|id| inventory.brick(id));
    let bricks = bricks.filter(|brick| !inventory.is_brick_hidden(brick));
    let free = inventory.free(device);
    DeviceInfo {
        name: device.name.clone(),
        tags: device.tags.clone(),
        storage: StorageSize { total: device.total, free, used: device.total.saturating_sub(free) },
        id: device.id,
        paths: device.paths.clone(),
        pv_uuid: device.pv_uuid.clone().unwrap_or_default(),
        state: device.state,
        bricks: bricks.map(|brick| BrickInfo::from(brick.as_ref())).collect(),
    }
}

pub(super) fn volume_info(inventory: &Inventory, volume: &Arc<Volume>) -> VolumeInfo {
    let bricks = inventory.bricks_of_volume(volume.id).filter_map(|id| inventory.brick(id));
    let bricks = bricks.filter(|brick| !inventory.is_brick_hidden(brick));
    let hosted = |hosting| {
        BlockInfo::new(hosting, visible_block_volumes(inventory, inventory.block_volumes_of_volume(volume.id)))
    };
    VolumeInfo {
        size: volume.size,
        name: volume.name.clone(),
        durability: volume.durability.into(),
        gid: volume.gid,
        glustervolumeoptions: volume.options.clone(),
        block: volume.hosting.is_some(),
        snapshot: volume.snapshot.into(),
        id: volume.id,
        cluster: volume.cluster,
        mount: MountInfo::new(inventory.storage_hosts(volume.cluster), &volume.name),
        blockinfo: volume.hosting.map(hosted).unwrap_or_default(),
        bricks: bricks.map(|brick| BrickInfo::from(brick.as_ref())).collect(),
    }
}
