//! gluster: peers and volumes.

use heketi_core::model::Durability;
use heketi_core::operation::{GlusterBrick, GlusterVolumeSpec};

use super::{NodeOptions, SHORT};
use crate::node::check::{ArgumentError, volume_option};
use crate::node::quote;
use crate::runner::CommandLine;

/// One gluster command.
pub(super) fn gluster(options: &NodeOptions, arguments: &str) -> CommandLine {
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

/// How long a rebuilt node waits for the answer of the member that takes it back, in seconds.
const REJOIN_SECONDS: u32 = 30;

/// Asks a member of the pool to take this host back. A member that already takes it back by itself may never answer.
pub fn rejoin(options: &NodeOptions, storage: &str) -> CommandLine {
    let gluster_timeout = options.gluster_seconds().min(REJOIN_SECONDS);
    probe(&NodeOptions { gluster_timeout, ..options.clone() }, storage)
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

/// How bricks form sets, in gluster's words.
fn layout(volume: &GlusterVolumeSpec) -> String {
    let durability = match volume.durability {
        // gluster refuses the words `replica 1`.
        Durability::None | Durability::Replicate { replica: 0 | 1 } => String::new(),
        Durability::Replicate { replica } => format!(" replica {replica}"),
        Durability::Disperse { data, redundancy } => format!(" disperse-data {data} redundancy {redundancy}"),
    };
    format!("{durability}{}", if volume.arbiter { " arbiter 1" } else { "" })
}

/// Creates the volume with its first set, adds the other sets, sets the options, starts it.
///
/// # Errors
/// [`ArgumentError`] for an option that cannot be set.
pub fn create_volume(options: &NodeOptions, volume: &GlusterVolumeSpec) -> Result<Vec<CommandLine>, ArgumentError> {
    let (first, others) = volume.sets.split_at(volume.sets.len().min(1));
    let (name, layout) = (quote::word(&volume.name), layout(volume));
    let bricks = brick_words(first.iter().flatten());
    let mut lines = vec![gluster(options, &format!("volume create {name}{layout}{bricks}"))];
    lines.extend(add_bricks(options, &volume.name, volume.durability, others));
    lines.extend(set_options(options, &volume.name, &volume.options)?);
    lines.push(start(options, &volume.name));
    Ok(lines)
}

/// Sets options, one with each line; empty ones are left out.
///
/// # Errors
/// [`ArgumentError`] for an option that cannot be set.
pub fn set_options(options: &NodeOptions, name: &str, pairs: &[String]) -> Result<Vec<CommandLine>, ArgumentError> {
    let name = quote::word(name);
    let line = |pair: &String| {
        let (key, value) = volume_option(pair)?;
        Ok(gluster(options, &format!("volume set {name} {} {}", quote::word(key), quote::word(value))))
    };
    pairs.iter().filter(|pair| !pair.is_empty()).map(line).collect()
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

/// Puts a brick in the place of another.
pub fn replace_brick(options: &NodeOptions, name: &str, old: &GlusterBrick, new: &GlusterBrick) -> CommandLine {
    let bricks = brick_words([old, new]);
    gluster(options, &format!("volume replace-brick {}{bricks} commit force", quote::word(name)))
}

/// What waits to be healed in a volume.
pub fn heal_info(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume heal {} info --xml", quote::word(name)))
}

/// Starts a volume.
pub fn start(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume start {}", quote::word(name)))
}

/// Starts a volume and those of its bricks that do not run.
pub fn start_bricks(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume start {} force", quote::word(name)))
}

/// Creates a volume over bricks that carry the id of a lost one: all sets at once, in their order. `force` makes
/// gluster take such bricks.
///
/// # Errors
/// [`ArgumentError`] for an option that cannot be set.
pub fn recreate_volume(options: &NodeOptions, volume: &GlusterVolumeSpec) -> Result<Vec<CommandLine>, ArgumentError> {
    let (name, layout) = (quote::word(&volume.name), layout(volume));
    let bricks = brick_words(volume.sets.iter().flatten());
    let mut lines = vec![gluster(options, &format!("volume create {name}{layout}{bricks} force"))];
    lines.extend(set_options(options, &volume.name, &volume.options)?);
    lines.push(start(options, &volume.name));
    Ok(lines)
}

/// Ends the process of a brick that is about to be made anew.
pub fn stop_brick(options: &NodeOptions, name: &str, brick: &GlusterBrick) -> CommandLine {
    let brick = brick.to_string();
    gluster(options, &format!("volume reset-brick {} {} start", quote::word(name), quote::word(&brick)))
}

/// Has gluster take an empty directory for a brick that was lost: its process ends, then it starts anew.
pub fn reset_brick(options: &NodeOptions, name: &str, brick: &GlusterBrick) -> [CommandLine; 2] {
    let commit = {
        let (name, brick) = (quote::word(name), brick.to_string());
        let brick = quote::word(&brick);
        gluster(options, &format!("volume reset-brick {name} {brick} {brick} commit force"))
    };
    [stop_brick(options, name, brick), commit]
}

/// Heals what waits in a volume.
pub fn heal(options: &NodeOptions, name: &str) -> CommandLine {
    gluster(options, &format!("volume heal {}", quote::word(name)))
}

/// Starts, stops or restarts glusterd; brick processes go on meanwhile. systemd is made to forget earlier starts:
/// glusterd's unit allows six in an hour.
pub fn service(verb: &str) -> [CommandLine; 2] {
    ["reset-failed", verb].map(|verb| CommandLine::new(format!("systemctl {verb} glusterd"), SHORT))
}

/// Where glusterd keeps its identity.
pub const IDENTITY_FILE: &str = "/var/lib/glusterd/glusterd.info";

/// Gives a glusterd that does not run another identity.
pub fn set_identity(uuid: &str) -> CommandLine {
    let script = quote::double(&format!("s/^UUID=.*/UUID={uuid}/"));
    CommandLine::new(format!("sed -i {script} {IDENTITY_FILE}"), SHORT)
}

/// Succeeds where glusterd has this identity, running or not.
pub fn has_identity(uuid: &str) -> CommandLine {
    CommandLine::new(format!("grep -qx {} {IDENTITY_FILE}", quote::word(&format!("UUID={uuid}"))), SHORT)
}

/// Moves away what a glusterd that does not run wrote of the volumes of its pool; it gets them from its peers again.
pub fn set_volumes_aside() -> CommandLine {
    let text = "mv -T --backup=numbered /var/lib/glusterd/vols /var/lib/glusterd/vols.unreadable";
    CommandLine::new(text, SHORT)
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
