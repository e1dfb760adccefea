//! Volumes, bricks and block volumes.

use super::super::gob::Fields;
use super::super::{
    BlockInfo, BlockVolumeEntry, BlockVolumeInfo, BrickEntry, BrickInfo, DisperseInfo, DurabilityInfo, GlusterMount,
    MountInfo, PendingMark, ReplicateInfo, SnapshotInfo, TargetInfo, VolumeEntry, VolumeInfo,
};
use super::{Decoded, read};
use crate::model::Secret;

fn pending(fields: &mut Fields<'_>) -> Decoded<PendingMark> {
    Ok(read!(fields.inner("Pending")?, PendingMark { id: text("Id") }))
}

pub(super) fn brick(mut fields: Fields<'_>) -> Decoded<BrickEntry> {
    let pending = pending(&mut fields)?;
    let info = read!(
        fields.inner("Info")?,
        BrickInfo {
            id: text("Id"),
            path: text("Path"),
            device: text("DeviceId"),
            node: text("NodeId"),
            volume: text("VolumeId"),
            size: uint("Size")
        }
    );
    Ok(read!(
        fields,
        BrickEntry {
            tp_size: uint("TpSize"),
            pool_metadata_size: uint("PoolMetadataSize"),
            lvm_thin_pool: text("LvmThinPool"),
            lvm_lv: text("LvmLv"),
            sub_type: int("SubType"),
            ..BrickEntry { info, pending, ..BrickEntry::default() }
        }
    ))
}

pub(super) fn volume(mut fields: Fields<'_>) -> Decoded<VolumeEntry> {
    let pending = pending(&mut fields)?;
    let info = volume_info(fields.inner("Info")?)?;
    // It repeats the durability of the request; v10's own export leaves it out and derives it (core section 1.7).
    fields.any("Durability")?;
    Ok(read!(
        fields,
        VolumeEntry {
            bricks: texts("Bricks"),
            options: texts("GlusterVolumeOptions"),
            ..VolumeEntry { info, pending, ..VolumeEntry::default() }
        }
    ))
}

fn volume_info(mut fields: Fields<'_>) -> Decoded<VolumeInfo> {
    let mut request = fields.inner("VolumeCreateRequest")?;
    let durability = durability(request.inner("Durability")?)?;
    let snapshot = read!(request.inner("Snapshot")?, SnapshotInfo { enable: bool("Enable"), factor: float("Factor") });
    let mut mounts = fields.inner("Mount")?;
    let glusterfs = read!(
        mounts.inner("GlusterFS")?,
        GlusterMount { hosts: texts("Hosts"), device: text("MountPoint"), options: map("Options") }
    );
    mounts.finish()?;
    let blockinfo = read!(
        fields.inner("BlockInfo")?,
        BlockInfo {
            freesize: int("FreeSize"),
            reservedsize: int("ReservedSize"),
            blockvolume: texts("BlockVolumes"),
            restriction: text("Restriction")
        }
    );
    let (id, cluster) = (fields.text("Id")?, fields.text("Cluster")?);
    fields.finish()?;
    Ok(read!(
        request,
        VolumeInfo {
            size: int("Size"),
            clusters: texts("Clusters"),
            name: text("Name"),
            gid: int("Gid"),
            glustervolumeoptions: texts("GlusterVolumeOptions"),
            block: bool("Block"),
            ..VolumeInfo {
                durability,
                snapshot,
                mount: MountInfo { glusterfs },
                blockinfo,
                id,
                cluster,
                ..VolumeInfo::default()
            }
        }
    ))
}

fn durability(mut fields: Fields<'_>) -> Decoded<DurabilityInfo> {
    let replicate = read!(fields.inner("Replicate")?, ReplicateInfo { replica: int("Replica") });
    let disperse = read!(fields.inner("Disperse")?, DisperseInfo { data: int("Data"), redundancy: int("Redundancy") });
    Ok(read!(
        fields,
        DurabilityInfo { kind: text("Type"), ..DurabilityInfo { replicate, disperse, ..DurabilityInfo::default() } }
    ))
}

pub(super) fn block_volume(mut fields: Fields<'_>) -> Decoded<BlockVolumeEntry> {
    let pending = pending(&mut fields)?;
    let mut info = fields.inner("Info")?;
    fields.finish()?;
    let request = info.inner("BlockVolumeCreateRequest")?;
    let mut target = info.inner("BlockVolume")?;
    let password = Secret::new(target.text("Password")?);
    let blockvolume = read!(
        target,
        TargetInfo {
            hosts: texts("Hosts"),
            iqn: text("Iqn"),
            lun: int("Lun"),
            username: text("Username"),
            ..TargetInfo { password, ..TargetInfo::default() }
        }
    );
    let info = read!(
        info,
        BlockVolumeInfo {
            id: text("Id"),
            cluster: text("Cluster"),
            blockhostingvolume: text("BlockHostingVolume"),
            usablesize: int("UsableSize"),
            ..BlockVolumeInfo { blockvolume, ..BlockVolumeInfo::default() }
        }
    );
    let info = read!(
        request,
        BlockVolumeInfo {
            size: int("Size"),
            clusters: texts("Clusters"),
            name: text("Name"),
            hacount: int("Hacount"),
            auth: bool("Auth"),
            ..info
        }
    );
    Ok(BlockVolumeEntry { info, pending })
}
