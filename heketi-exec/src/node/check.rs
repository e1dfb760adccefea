//! Refuses arguments that no node must ever see, whatever checked them before.

use heketi_core::operation::{Action, BrickSpec, GlusterBlockSpec, GlusterBrick};
use heketi_core::units::Gib;

use super::NodeOptions;
use super::commands::device::MOUNT_ROOT;

/// An argument that is not sent to any node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} {why}")]
pub struct ArgumentError {
    what: &'static str,
    text: String,
    why: &'static str,
}

type Checked = Result<(), ArgumentError>;

fn refuse(what: &'static str, text: &str, why: &'static str) -> Checked {
    Err(ArgumentError { what, text: text.to_owned(), why })
}

/// What no argument may be: a line break would end the command line, a leading dash would be an option.
fn argument(what: &'static str, text: &str) -> Checked {
    if text.is_empty() {
        return refuse(what, text, "is empty");
    }
    if text.contains(|c: char| c.is_control()) {
        return refuse(what, text, "contains a control character");
    }
    if text.starts_with('-') {
        return refuse(what, text, "begins with a dash");
    }
    Ok(())
}

fn name(what: &'static str, text: &str, others: &str) -> Checked {
    argument(what, text)?;
    if text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c)) {
        Ok(())
    } else {
        refuse(what, text, "contains a character that is not allowed there")
    }
}

fn volume_name(text: &str) -> Checked {
    name("volume name", text, "_-")
}

fn snapshot_name(text: &str) -> Checked {
    name("snapshot name", text, "._-")
}

fn host_name(text: &str) -> Checked {
    name("host name", text, "._-:%[]")
}

/// Checks the name of a host.
///
/// # Errors
/// [`ArgumentError`] when it is none.
pub fn host(text: &str) -> Checked {
    host_name(text)
}

fn lvm_name(text: &str) -> Checked {
    name("LVM name", text, "+_.-")?;
    if text == "." || text == ".." { refuse("LVM name", text, "is a directory") } else { Ok(()) }
}

fn path(what: &'static str, text: &str) -> Checked {
    argument(what, text)?;
    if !text.starts_with('/') {
        return refuse(what, text, "is not an absolute path");
    }
    if text.split('/').any(|part| part == "..") {
        return refuse(what, text, "leads upwards");
    }
    Ok(())
}

fn brick(brick: &BrickSpec) -> Checked {
    lvm_name(&brick.volume_group)?;
    lvm_name(&brick.thin_pool)?;
    lvm_name(&brick.logical_volume)?;
    path("mount point", &brick.mount_point)?;
    // rmdir and umount of such a directory could only be a mistake.
    if brick.mount_point.split('/').filter(|part| !part.is_empty()).count() < 2 {
        return refuse("mount point", &brick.mount_point, "is not a brick's");
    }
    Ok(())
}

fn new_brick(new: &BrickSpec) -> Checked {
    brick(new)?;
    // Blanks separate the fields of fstab, and `#` begins a comment.
    if new.mount_point.contains(|c: char| c.is_whitespace() || "\\\"#".contains(c)) {
        return refuse("mount point", &new.mount_point, "contains a character that fstab does not take");
    }
    if new.gid < 0 {
        return refuse("group id", &new.gid.to_string(), "is negative");
    }
    let sizes = [new.size.0, new.pool_size.0, new.metadata_size.0];
    if sizes.contains(&0) || new.pool_size < new.size {
        return refuse("brick", &new.logical_volume, "has no valid size");
    }
    Ok(())
}

fn gluster_bricks(sets: &[Vec<GlusterBrick>]) -> Checked {
    if sets.is_empty() || sets.iter().any(Vec::is_empty) {
        return refuse("brick set", "", "is empty");
    }
    sets.iter().flatten().try_for_each(|brick| {
        host_name(&brick.host)?;
        path("brick directory", &brick.path)
    })
}

/// Key and value of a volume option, split at the first blank. Blanks before the key are no part of it: v10's shell
/// dropped them, and what splits a list at its commas leaves them there.
///
/// # Errors
/// [`ArgumentError`] when there is no value, or gluster would read key or value as an option of its own.
pub fn volume_option(text: &str) -> Result<(&str, &str), ArgumentError> {
    const WHAT: &str = "volume option";
    argument(WHAT, text)?;
    let trimmed = text.trim_start();
    let (key, value) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
    let value = value.trim();
    let why = match () {
        () if key.is_empty() => "has no name",
        () if value.is_empty() => "has no value",
        () if value.starts_with("--") => "has a value that begins with two dashes",
        () => return Ok((key, value)),
    };
    refuse(WHAT, text, why).map(|()| (key, value))
}

/// Checks all arguments of an action.
///
/// # Errors
/// [`ArgumentError`] for the first that must not reach a node.
pub fn action(action: &Action) -> Checked {
    match action {
        Action::ProbePeer { storage } | Action::DetachPeer { storage } => host_name(storage),
        Action::RestorePeer { uuid, through } => {
            name("peer identity", uuid, "-")?;
            host_name(through)
        }
        Action::ResetBrick { name, brick } | Action::StopBrick { name, brick } => {
            volume_name(name)?;
            gluster_bricks(&[vec![brick.clone()]])
        }
        Action::StartHeal { name } => volume_name(name),
        Action::InspectDevice { device } => path("device", device),
        Action::SetUpDevice { device, volume_group, .. }
        | Action::ReadDevice { device, volume_group }
        | Action::TearDownDevice { device, volume_group, .. } => {
            path("device", device)?;
            lvm_name(volume_group)
        }
        Action::CreateBrick { brick, .. } => new_brick(brick),
        Action::DestroyBrick { brick: old } => brick(old),
        Action::MountBrick { brick, .. } => new_brick(brick),
        Action::RemoveMountDirectory { path: directory } => {
            path("directory", directory)?;
            let inside = directory.strip_prefix(MOUNT_ROOT).and_then(|rest| rest.strip_prefix('/'));
            match inside {
                Some(rest) if !rest.is_empty() => Ok(()),
                _ => refuse("directory", directory, "is not below heketi's mount points"),
            }
        }
        Action::CreateVolume { volume } | Action::RecreateVolume { volume } => {
            volume_name(&volume.name)?;
            gluster_bricks(&volume.sets)?;
            volume.options.iter().filter(|text| !text.is_empty()).try_for_each(|text| volume_option(text).map(drop))
        }
        Action::AddBricks { name, sets, .. } => {
            volume_name(name)?;
            gluster_bricks(sets)
        }
        Action::SetOptions { name, options } => {
            volume_name(name)?;
            options.iter().filter(|text| !text.is_empty()).try_for_each(|text| volume_option(text).map(drop))
        }
        Action::CreateSnapshot { volume, snapshot } => {
            volume_name(volume)?;
            snapshot_name(snapshot)
        }
        Action::CloneSnapshot { snapshot, clone } => {
            snapshot_name(snapshot)?;
            volume_name(clone)
        }
        Action::DeleteSnapshot { snapshot } => snapshot_name(snapshot),
        Action::ReadBrickStorage { directory } => path("brick directory", directory),
        Action::ReplaceBrick { name, old, new } => {
            volume_name(name)?;
            gluster_bricks(&[vec![old.clone(), new.clone()]])
        }
        Action::Rebalance { name }
        | Action::StartVolume { name }
        | Action::StartBricks { name }
        | Action::DeleteVolume { name }
        | Action::HealInfo { name } => volume_name(name),
        Action::CreateBlockVolume { block_volume: new } => new_block_volume(new),
        Action::DeleteBlockVolume { hosting, name } | Action::ReadBlockVolume { hosting, name } => {
            block_volume(hosting, name)
        }
        Action::ExpandBlockVolume { hosting, name, size } => {
            block_volume(hosting, name)?;
            if *size == Gib(0) { refuse("block volume", name, "has no valid size") } else { Ok(()) }
        }
        Action::ListBlockVolumes { hosting } => volume_name(hosting),
        _ => Ok(()),
    }
}

fn block_volume(hosting: &str, name: &str) -> Checked {
    volume_name(hosting)?;
    self::name("block volume name", name, "_-")
}

fn new_block_volume(new: &GlusterBlockSpec) -> Checked {
    block_volume(&new.hosting, &new.name)?;
    if new.size == Gib(0) {
        return refuse("block volume", &new.name, "has no valid size");
    }
    if !(1..=new.hosts.len()).contains(&(new.ha_count as usize)) {
        return refuse("block volume", &new.name, "has no valid number of hosts");
    }
    new.hosts.iter().try_for_each(|host| host_name(host))
}

/// Checks the texts of a configuration that become part of command lines.
///
/// # Errors
/// [`ArgumentError`] for the first that cannot.
pub fn options(options: &NodeOptions) -> Checked {
    path("fstab", &options.fstab)?;
    argument("mount options", &options.mount_options)?;
    if !options.fstab_options.is_empty() {
        argument("fstab options", &options.fstab_options)?;
    }
    for (what, text) in [("mount options", &options.mount_options), ("fstab options", &options.fstab_options)] {
        if text.contains(char::is_whitespace) {
            return refuse(what, text, "contain a blank");
        }
    }
    for (what, size) in [
        ("pv_data_alignment", &options.pv_data_alignment),
        ("vg_physicalextentsize", &options.vg_physical_extent_size),
        ("lv_chunksize", &options.lv_chunk_size),
    ] {
        name(what, size, ".")?;
    }
    name("block_prealloc", &options.block_prealloc, "_-")?;
    if options.lvm_wrapper.contains(|c: char| c.is_control()) {
        return refuse("lvm_wrapper", &options.lvm_wrapper, "contains a control character");
    }
    Ok(())
}
