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

/// Everything that makes the brick, in order; `edit` adds its line to fstab.
pub fn create(options: &NodeOptions, brick: &BrickSpec, edit: CommandLine) -> Vec<CommandLine> {
    let mut lines = vec![
        make_mount_point(brick),
        lvm(options, &create_volume(options, brick)),
        format(options, brick),
        edit,
        mount(options, brick),
        line(format!("mkdir {}", quote::word(&brick.brick_directory()))),
    ];
    lines.extend(give_to_group(brick));
    lines.into_iter().map(|line| CommandLine { timeout: LONG, ..line }).collect()
}

fn line(text: String) -> CommandLine {
    CommandLine::new(text, LONG)
}

/// Makes the directory the brick is mounted at, and those above.
pub fn make_mount_point(brick: &BrickSpec) -> CommandLine {
    line(format!("mkdir -p {}", quote::word(&brick.mount_point)))
}

/// The line of fstab that mounts the brick.
pub fn fstab_line(options: &NodeOptions, brick: &BrickSpec) -> String {
    let more = match options.fstab_options.as_str() {
        "" => String::new(),
        more => format!(",{more}"),
    };
    format!("{} {} xfs {}{more} 1 2", device_node(brick), brick.mount_point, options.mount_options)
}

/// Mounts the brick.
pub fn mount(options: &NodeOptions, brick: &BrickSpec) -> CommandLine {
    let (mount_options, device) = (quote::word(&options.mount_options), device_node(brick));
    line(format!("mount -o {mount_options} {} {}", quote::word(&device), quote::word(&brick.mount_point)))
}

/// Makes the brick directory where it is missing.
pub fn make_directory(brick: &BrickSpec) -> CommandLine {
    line(format!("mkdir -p {}", quote::word(&brick.brick_directory())))
}

/// Gives the brick directory to the group of its volume, if it has one.
pub fn give_to_group(brick: &BrickSpec) -> Vec<CommandLine> {
    let directory = brick.brick_directory();
    let directory = quote::word(&directory);
    match brick.gid {
        0 => Vec::new(),
        gid => vec![line(format!("chown :{gid} {directory}")), line(format!("chmod 2775 {directory}"))],
    }
}

/// Directories below heketi's mount points: those of volume groups, of bricks, and brick directories.
pub fn directories() -> CommandLine {
    let root = super::device::MOUNT_ROOT;
    CommandLine::new(format!("find {root} -mindepth 1 -maxdepth 3 -type d"), SHORT)
}

/// Brick directories of clones and snapshots.
pub fn clone_directories() -> CommandLine {
    CommandLine::new("find /run/gluster/snaps -mindepth 3 -maxdepth 3 -type d", SHORT)
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

/// Makes the file system.
pub fn format(options: &NodeOptions, brick: &BrickSpec) -> CommandLine {
    let (format, device) = (format_options(options, brick.format), device_node(brick));
    CommandLine::new(format!("mkfs.xfs {format} -n size=8192 {}", quote::word(&device)), LONG)
}

/// Makes the file system of an arbiter brick that mkfs.xfs finds too small; none for other bricks. Arbiter bricks
/// start at 16 MiB, and an xfsprogs that knows the limit of 300 MiB knows this option too.
pub fn format_small(options: &NodeOptions, brick: &BrickSpec) -> Option<CommandLine> {
    let (format, device) = (format_options(options, brick.format), device_node(brick));
    let line = format!("mkfs.xfs --unsupported {format} -n size=8192 {}", quote::word(&device));
    (brick.format == BrickFormat::Arbiter).then(|| CommandLine::new(line, LONG))
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
