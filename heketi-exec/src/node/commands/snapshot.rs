//! gluster: snapshots, and volumes made of them. These commands exit with 0 when they fail, so all answer in XML.

use super::NodeOptions;
use super::gluster::gluster;
use crate::node::quote;
use crate::runner::CommandLine;

/// Takes a snapshot under just this name.
pub fn create(options: &NodeOptions, snapshot: &str, volume: &str) -> CommandLine {
    let (snapshot, volume) = (quote::word(snapshot), quote::word(volume));
    gluster(options, &format!("--xml snapshot create {snapshot} {volume} no-timestamp"))
}

/// Mounts the bricks of a snapshot: only then can it be cloned.
pub fn activate(options: &NodeOptions, snapshot: &str) -> CommandLine {
    gluster(options, &format!("--xml snapshot activate {}", quote::word(snapshot)))
}

/// Makes a volume of an activated snapshot.
pub fn clone(options: &NodeOptions, clone: &str, snapshot: &str) -> CommandLine {
    gluster(options, &format!("--xml snapshot clone {} {}", quote::word(clone), quote::word(snapshot)))
}

/// Unmounts the bricks of a snapshot.
pub fn deactivate(options: &NodeOptions, snapshot: &str) -> CommandLine {
    gluster(options, &format!("--xml snapshot deactivate {}", quote::word(snapshot)))
}

/// Deletes a snapshot.
pub fn delete(options: &NodeOptions, snapshot: &str) -> CommandLine {
    gluster(options, &format!("--xml snapshot delete {}", quote::word(snapshot)))
}

/// All snapshots.
pub fn list(options: &NodeOptions) -> CommandLine {
    gluster(options, "--xml snapshot list")
}
