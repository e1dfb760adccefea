//! Disks: one physical volume in one volume group.

use super::{NodeOptions, SHORT, autobackup, lvm, wrapped};
use crate::node::quote;
use crate::runner::CommandLine;

/// Below this directory are the mount points of bricks, one directory for each volume group.
pub const MOUNT_ROOT: &str = "/var/lib/heketi/mounts";

/// The disk with everything on it.
pub fn lsblk(device: &str) -> CommandLine {
    let device = quote::word(device);
    CommandLine::new(format!("lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO {device}"), SHORT)
}

/// All disks.
pub fn block_devices() -> CommandLine {
    CommandLine::new("lsblk --json --bytes --output NAME,TYPE,FSTYPE,MOUNTPOINT,SIZE,RO", SHORT)
}

/// What LVM is set to, with its defaults.
pub fn settings(options: &NodeOptions) -> CommandLine {
    lvm(options, "lvmconfig --type full activation global devices")
}

/// The signatures on the disk.
pub fn signatures(device: &str) -> CommandLine {
    CommandLine::new(format!("wipefs --no-act --parsable {}", quote::word(device)), SHORT)
}

/// Removes all signatures.
pub fn wipe(device: &str) -> CommandLine {
    CommandLine::new(format!("wipefs --all {}", quote::word(device)), SHORT)
}

/// The physical volume on the disk. Fails when there is none.
pub fn physical_volume(options: &NodeOptions, device: &str) -> CommandLine {
    lvm(options, &format!("pvs -o pv_name,pv_uuid,vg_name --reportformat=json {}", quote::word(device)))
}

/// All physical volumes of the node.
pub fn physical_volumes(options: &NodeOptions) -> CommandLine {
    lvm(options, "pvs -o pv_name,pv_uuid,vg_name --reportformat=json")
}

/// Makes the disk a physical volume.
pub fn create_physical_volume(options: &NodeOptions, device: &str) -> CommandLine {
    let (alignment, device) = (quote::word(&options.pv_data_alignment), quote::single(device));
    lvm(options, &format!("pvcreate -qq --metadatasize=128M --dataalignment={alignment} {device}"))
}

/// Makes the volume group.
pub fn create_volume_group(options: &NodeOptions, device: &str, volume_group: &str) -> CommandLine {
    let extent = quote::word(&options.vg_physical_extent_size);
    let (group, device) = (quote::word(volume_group), quote::word(device));
    lvm(options, &format!("vgcreate -qq --physicalextentsize={extent} {} {group} {device}", autobackup(options)))
}

/// Sizes of the volume group.
pub fn volume_group_size(options: &NodeOptions, volume_group: &str) -> CommandLine {
    lvm(options, &format!("vgdisplay -c {}", quote::word(volume_group)))
}

/// Names that udev has for the disk.
pub fn links(options: &NodeOptions, device: &str) -> CommandLine {
    let program = wrapped(options, "/usr/bin/udevadm");
    CommandLine::new(format!("{program} info --query=symlink --name={}", quote::word(device)), SHORT)
}

/// Names of the logical volumes in the volume group. Fails when there is no such group.
pub fn logical_volume_names(options: &NodeOptions, volume_group: &str) -> CommandLine {
    lvm(options, &format!("lvs --noheadings -o lv_name {}", quote::word(volume_group)))
}

/// Removes the volume group.
pub fn remove_volume_group(options: &NodeOptions, volume_group: &str) -> CommandLine {
    lvm(options, &format!("vgremove -qq {}", quote::word(volume_group)))
}

/// Removes the physical volume.
pub fn remove_physical_volume(options: &NodeOptions, path: &str) -> CommandLine {
    lvm(options, &format!("pvremove -qq {}", quote::single(path)))
}

/// Removes the empty directory that held the mount points of the volume group.
pub fn remove_mount_directory(volume_group: &str) -> CommandLine {
    CommandLine::new(format!("rmdir {}", quote::word(&format!("{MOUNT_ROOT}/{volume_group}"))), SHORT)
}

/// A report of LVM in a form that does not depend on its configuration.
fn report(options: &NodeOptions, command: &str, fields: &str) -> CommandLine {
    lvm(options, &format!("{command} --reportformat json --units k --nosuffix -o {fields}"))
}

/// All physical volumes, volume groups and logical volumes of the node, without LVM's hidden ones.
pub fn reports(options: &NodeOptions) -> [CommandLine; 3] {
    [
        report(options, "pvs", "pv_name,pv_uuid,vg_name"),
        report(options, "vgs", "vg_name,vg_size,vg_free,vg_extent_size"),
        report(options, "lvs", "vg_name,lv_name,pool_lv,lv_attr,lv_size,lv_metadata_size"),
    ]
}

/// A report with the columns LVM chooses. Its values are read by people: units stay.
pub fn whole_report(options: &NodeOptions, command: &str) -> CommandLine {
    lvm(options, &format!("{command} --reportformat json --units k"))
}
