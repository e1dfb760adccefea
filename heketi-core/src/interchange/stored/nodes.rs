//! Clusters, nodes and devices.

use super::super::gob::Fields;
use super::super::{
    ClusterEntry, ClusterInfo, DeviceEntry, DeviceInfo, HostNamesInfo, NodeEntry, NodeInfo, StorageSize,
};
use super::{Decoded, read};

pub(super) fn cluster(mut fields: Fields<'_>) -> Decoded<ClusterEntry> {
    let mut info = fields.inner("Info")?;
    fields.finish()?;
    let mut flags = info.inner("ClusterFlags")?;
    let (block, file) = (flags.bool("Block")?, flags.bool("File")?);
    flags.finish()?;
    let info = read!(
        info,
        ClusterInfo {
            id: text("Id"),
            nodes: texts("Nodes"),
            volumes: texts("Volumes"),
            blockvolumes: texts("BlockVolumes"),
            ..ClusterInfo { block, file, ..ClusterInfo::default() }
        }
    );
    Ok(ClusterEntry { info })
}

pub(super) fn node(mut fields: Fields<'_>) -> Decoded<NodeEntry> {
    let state = state(&mut fields)?;
    let mut info = fields.inner("Info")?;
    let devices = fields.texts("Devices")?;
    fields.finish()?;
    let mut request = info.inner("NodeAddRequest")?;
    let names = request.inner("Hostnames")?;
    let hostnames = read!(names, HostNamesInfo { manage: texts("Manage"), storage: texts("Storage") });
    let id = info.text("Id")?;
    info.finish()?;
    let info = read!(
        request,
        NodeInfo {
            zone: int("Zone"),
            cluster: text("ClusterId"),
            tags: map("Tags"),
            ..NodeInfo { id, hostnames, ..NodeInfo::default() }
        }
    );
    Ok(NodeEntry { state, info, devices })
}

pub(super) fn device(mut fields: Fields<'_>) -> Decoded<DeviceEntry> {
    let state = state(&mut fields)?;
    let mut info = fields.inner("Info")?;
    let mut device = info.inner("Device")?;
    let (name, tags) = (device.text("Name")?, device.map("Tags")?);
    device.finish()?;
    let size = info.inner("Storage")?;
    let storage = read!(size, StorageSize { total: uint("Total"), free: uint("Free"), used: uint("Used") });
    let info = read!(
        info,
        DeviceInfo {
            id: text("Id"),
            paths: texts("Paths"),
            pv_uuid: text("PvUUID"),
            ..DeviceInfo { name, tags, storage, ..DeviceInfo::default() }
        }
    );
    Ok(read!(
        fields,
        DeviceEntry {
            bricks: texts("Bricks"),
            node_id: text("NodeId"),
            extent_size: uint("ExtentSize"),
            ..DeviceEntry { state, info, ..DeviceEntry::default() }
        }
    ))
}

fn state(fields: &mut Fields<'_>) -> Decoded<String> {
    let mut entry = fields.inner("Entry")?;
    let state = entry.text("State")?;
    entry.finish().map(|()| state)
}
