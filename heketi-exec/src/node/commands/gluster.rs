//! gluster: peers and volumes.

use heketi_core::model::Durability;
use heketi_core::operation::{GlusterBrick, GlusterVolumeSpec};

use super::NodeOptions;
use crate::node::check::{ArgumentError, volume_option};
use crate::node::quote;
use crate::runner::CommandLine;

fn gluster(options: &NodeOptions, arguments: &str) -> CommandLine {
    let text = format!("gluster --mode=script --timeout={} {arguments}", options.gluster_seconds());
    CommandLine::new(text, options.gluster_line_timeout())
}

/// The members of the trusted pool.
pub fn pool_list(options: &NodeOptions) -> CommandLine {
    gluster(options, "pool list --xml")
}

/// Brings a host into the trusted pool.
pub fn probe(options: &NodeOptions, storage: &str) -> CommandLine {
    gluster(options, &format!("peer probe {}", quote::word(storage)))
}

/// Takes a host out of the trusted pool.
pub fn detach(options: &NodeOptions, storage: &str) -> CommandLine {
    gluster(options, &format!("peer detach {}", quote::word(storage)))
}

/// Limits the snapshots of each volume.
pub fn snapshot_limit(options: &NodeOptions, limit: u32) -> CommandLine {
    gluster(options, &format!("snapshot config snap-max-hard-limit {limit}"))
}

fn brick_words<'a>(bricks: impl IntoIterator<Item = &'a GlusterBrick>) -> String {
    bricks.into_iter().map(|brick| format!(" {}", quote::word(&brick.to_string()))).collect()
}

/// Creates the volume with its first set, adds the other sets, sets the options, starts it.
///
/// # Errors
/// [`ArgumentError`] for an option that cannot be set.
pub fn create_volume(options: &NodeOptions, volume: &GlusterVolumeSpec) -> Result<Vec<CommandLine>, ArgumentError> {
    let (first, others) = volume.sets.split_at(volume.sets.len().min(1));
    let durability = match volume.durability {
        // gluster refuses the words `replica 1`.
        Durability::None | Durability::Replicate { replica: 0 | 1 } => String::new(),
        Durability::Replicate { replica } => format!(" replica {replica}"),
        Durability::Disperse { data, redundancy } => format!(" disperse-data {data} redundancy {redundancy}"),
    };
    let name = quote::word(&volume.name);
    let bricks = brick_words(first.iter().flatten());
    let mut lines = vec![gluster(options, &format!("volume create {name}{durability}{bricks}"))];
    lines.extend(add_bricks(options, &volume.name, volume.durability, others));
    for option in volume.options.iter().filter(|option| !option.is_empty()) {
        let (key, value) = volume_option(option)?;
        lines.push(gluster(options, &format!("volume set {name} {} {}", quote::word(key), quote::word(value))));
    }
    lines.push(start(options, &volume.name));
    Ok(lines)
}

/// Adds brick sets, several with each line.
pub fn add_bricks(
    options: &NodeOptions,
    name: &str,
    durability: Durability,
    sets: &[Vec<GlusterBrick>],
) -> Vec<CommandLine> {
    let name = quote::word(name);
    sets.chunks(durability.sets_per_add().max(1))
        .map(|sets| gluster(options, &format!("volume add-brick {name}{}", brick_words(sets.iter().flatten()))))
        .collect()
}

/// Starts to spread data over new bricks.
pub fn rebalance(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume rebalance {} start", quote::word(name)))
}

/// Starts a volume.
pub fn start(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume start {}", quote::word(name)))
}

/// Stops a volume, mounted or not.
pub fn stop(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume stop {} force", quote::word(name)))
}

/// Deletes a stopped volume.
pub fn delete(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume delete {}", quote::word(name)))
}

/// One volume.
pub fn volume_info(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume info {} --xml", quote::word(name)))
}

/// All volumes.
pub fn volumes_info(options: &NodeOptions) -> CommandLine {
    gluster(options, "volume info --xml")
}

/// Snapshots of one volume.
pub fn snapshots(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("snapshot list {} --xml", quote::word(name)))
}
