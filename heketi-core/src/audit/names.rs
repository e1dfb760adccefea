//! heketi's naming rule, read backwards: what name or path belongs to which device and brick.

use crate::id::{BrickId, DeviceId};
use crate::model::{brick_mount_point, volume_group_name};

/// Below this directory bricks are mounted.
pub(super) const MOUNT_ROOT: &str = "/var/lib/heketi/mounts/";

/// The device whose volume group has this name.
pub(super) fn device_of_group(group: &str) -> Option<DeviceId> {
    group.strip_prefix("vg_")?.parse().ok()
}

/// The brick whose logical volume has this name.
pub(super) fn brick_of_volume(name: &str) -> Option<BrickId> {
    name.strip_prefix("brick_")?.parse().ok()
}

/// The brick whose thin pool has this name.
pub(super) fn brick_of_pool(name: &str) -> Option<BrickId> {
    name.strip_prefix("tp_")?.parse().ok()
}

/// Device and brick of a mount point, or of the brick directory in it.
pub(super) fn brick_of_path(path: &str) -> Option<(DeviceId, BrickId)> {
    let mut parts = path.strip_prefix(MOUNT_ROOT)?.split('/');
    let place = (device_of_group(parts.next()?)?, brick_of_volume(parts.next()?)?);
    match (parts.next(), parts.next()) {
        (None | Some("brick"), None) => Some(place),
        _ => None,
    }
}

/// The block device of a logical volume. The device mapper doubles dashes inside of names.
pub(super) fn block_device(group: &str, volume: &str) -> String {
    format!("/dev/mapper/{}-{}", group.replace('-', "--"), volume.replace('-', "--"))
}

/// Is `device` one of the names of that logical volume's block device?
pub(super) fn is_block_device(device: &str, group: &str, volume: &str) -> bool {
    device == block_device(group, volume) || device == format!("/dev/{group}/{volume}")
}

/// Group and name of the logical volume behind a device mapper name.
pub(super) fn volume_of_device(device: &str) -> Option<(String, String)> {
    let name = device.strip_prefix("/dev/mapper/")?;
    let mut from = 0;
    loop {
        let at = from + name.get(from..)?.find('-')?;
        if name.get(at + 1..)?.starts_with('-') {
            from = at + 2;
            continue;
        }
        return Some((name.get(..at)?.replace("--", "-"), name.get(at + 1..)?.replace("--", "-")));
    }
}

/// Device and brick of a device mapper name that follows the rule.
pub(super) fn brick_of_device(device: &str) -> Option<(DeviceId, BrickId)> {
    let (group, volume) = volume_of_device(device)?;
    Some((device_of_group(&group)?, brick_of_volume(&volume)?))
}

/// Where gluster mounts bricks of clones and snapshots; `/var/run` is a link to `/run`.
pub(super) fn is_mounted_by_gluster(path: &str) -> bool {
    real_path(path).starts_with("/run/gluster/")
}

/// The path without the link `/var/run`.
pub(super) fn real_path(path: &str) -> &str {
    match path.strip_prefix("/var/run/") {
        Some(_) => path.get("/var".len()..).unwrap_or(path),
        None => path,
    }
}

/// All names of a brick by the rule: group, thin pool, logical volume, mount point.
pub(super) fn names_of(device: DeviceId, brick: BrickId) -> [String; 4] {
    [volume_group_name(device), format!("tp_{brick}"), format!("brick_{brick}"), brick_mount_point(device, brick)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_backwards() {
        let (device, brick) = (DeviceId::from_bytes([1; 16]), BrickId::from_bytes([2; 16]));
        let [group, pool, volume, mount_point] = names_of(device, brick);
        assert_eq!(device_of_group(&group), Some(device));
        assert_eq!((brick_of_pool(&pool), brick_of_volume(&volume)), (Some(brick), Some(brick)));
        assert_eq!(brick_of_path(&mount_point), Some((device, brick)));
        assert_eq!(brick_of_path(&format!("{mount_point}/brick")), Some((device, brick)));
        assert_eq!(brick_of_path(&format!("{mount_point}/brick/x")), None);
        assert_eq!(brick_of_path(&format!("{mount_point}/data")), None);
        assert_eq!(brick_of_device(&block_device(&group, &volume)), Some((device, brick)));
        assert_eq!(volume_of_device("/dev/mapper/v--g-l----v"), Some(("v-g".into(), "l--v".into())));
        for foreign in ["vg_", "vg_0", "data", &format!("vg_{}", "A".repeat(32))] {
            assert_eq!(device_of_group(foreign), None, "{foreign}");
        }
    }
}
