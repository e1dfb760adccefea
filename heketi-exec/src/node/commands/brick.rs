//! Bricks: thin pool, logical volume, XFS, fstab line, mount.

use heketi_core::model::BrickFormat;
use heketi_core::operation::BrickSpec;

use super::{LONG, NodeOptions, SHORT, autobackup, lvm};
use crate::node::quote;
use crate::runner::CommandLine;

/// The block device of the brick. The device mapper doubles dashes inside of names.
pub fn device_node(brick: &BrickSpec) -> String {
    let escape = |name: &str| name.replace('-', "--");
    format!("/dev/mapper/{}-{}", escape(&brick.volume_group), escape(&brick.logical_volume))
}

/// Everything that makes the brick, in order.
pub fn create(options: &NodeOptions, brick: &BrickSpec) -> Vec<CommandLine> {
    let device = device_node(brick);
    let (mount_point, directory) = (quote::word(&brick.mount_point), brick.brick_directory());
    let (directory, mount_options) = (quote::word(&directory), &options.mount_options);
    let mut lines = vec![
        format!("mkdir -p {mount_point}"),
        lvm(options, &create_volume(options, brick)).text,
        format!("mkfs.xfs {} -n size=8192 {}", format_options(options, brick.format), quote::word(&device)),
        append_to_fstab(&options.fstab, &format!("{device} {} xfs {mount_options} 1 2", brick.mount_point)),
        format!("mount -o {} {} {mount_point}", quote::word(mount_options), quote::word(&device)),
        format!("mkdir {directory}"),
    ];
    if brick.gid != 0 {
        lines.push(format!("chown :{} {directory}", brick.gid));
        lines.push(format!("chmod 2775 {directory}"));
    }
    lines.into_iter().map(|text| CommandLine::new(text, LONG)).collect()
}

/// Thin pool and logical volume in one command.
fn create_volume(options: &NodeOptions, brick: &BrickSpec) -> String {
    // Arbiter bricks hold names only; heketi v10 never gave them a configured chunk size.
    let chunk = match brick.format {
        BrickFormat::Normal => options.lv_chunk_size.as_str(),
        BrickFormat::Arbiter => "256K",
    };
    format!(
        "lvcreate -qq {} --poolmetadatasize {}K{} --chunksize {} --size {}K --thin {} --virtualsize {}K --name {}",
        autobackup(options),
        brick.metadata_size.0,
        if options.pool_metadata_spare { "" } else { " --poolmetadataspare n" },
        quote::word(chunk),
        brick.pool_size.0,
        quote::word(&format!("{}/{}", brick.volume_group, brick.thin_pool)),
        brick.size.0,
        quote::word(&brick.logical_volume),
    )
}

fn format_options(options: &NodeOptions, format: BrickFormat) -> String {
    match format {
        // An arbiter brick holds inodes only, so all of it may become inodes.
        BrickFormat::Arbiter => "-i maxpct=100".to_owned(),
        BrickFormat::Normal if options.xfs_su != 0 && options.xfs_sw != 0 => {
            format!("-i size=512 -d su={},sw={}", options.xfs_su, options.xfs_sw)
        }
        BrickFormat::Normal => "-i size=512".to_owned(),
    }
}

/// awk appends because sudo covers one program only: the file of a shell redirection would be opened
/// without it.
fn append_to_fstab(fstab: &str, line: &str) -> String {
    let program = format!("BEGIN {{print {} >> {}}}", quote::awk_string(line), quote::awk_string(fstab));
    format!("awk {}", quote::double(&program))
}

/// What is mounted.
pub fn mounts() -> CommandLine {
    CommandLine::new("mount", SHORT)
}

/// The content of fstab.
pub fn read_fstab(options: &NodeOptions) -> CommandLine {
    CommandLine::new(format!("cat {}", quote::word(&options.fstab)), SHORT)
}

/// Logical volumes with their thin pools. Fails when there is no such volume group.
pub fn volumes_and_pools(options: &NodeOptions, volume_group: &str) -> CommandLine {
    lvm(options, &format!("lvs --noheadings --separator : --options lv_name,pool_lv {}", quote::word(volume_group)))
}

/// Unmounts the brick.
pub fn unmount(mount_point: &str) -> CommandLine {
    CommandLine::new(format!("umount {}", quote::word(mount_point)), SHORT)
}

/// Processes that use the brick.
pub fn holders(mount_point: &str) -> CommandLine {
    CommandLine::new(format!("lsof {}", quote::word(mount_point)), SHORT)
}

/// Removes the fstab lines that hold the text `pattern` (a regular expression of sed).
pub fn remove_from_fstab(options: &NodeOptions, pattern: &str) -> CommandLine {
    let script = quote::double(&format!("/{pattern}/d"));
    CommandLine::new(format!("sed -i.save {script} {}", quote::word(&options.fstab)), SHORT)
}

/// Removes a logical volume or thin pool.
pub fn remove_volume(options: &NodeOptions, volume_group: &str, volume: &str) -> CommandLine {
    let volume = format!("{volume_group}/{volume}");
    lvm(options, &format!("lvremove {} -f {}", autobackup(options), quote::word(&volume)))
}

/// Number of logical volumes in the thin pool.
pub fn thin_count(options: &NodeOptions, volume_group: &str, thin_pool: &str) -> CommandLine {
    let pool = format!("{volume_group}/{thin_pool}");
    lvm(options, &format!("lvs --noheadings --options=thin_count {}", quote::word(&pool)))
}

/// Removes the mount point.
pub fn remove_mount_point(mount_point: &str) -> CommandLine {
    CommandLine::new(format!("rmdir {}", quote::word(mount_point)), SHORT)
}
