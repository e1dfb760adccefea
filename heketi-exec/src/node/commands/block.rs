//! gluster-block: block volumes.

use heketi_core::operation::GlusterBlockSpec;
use heketi_core::units::Gib;

use super::{LONG, NodeOptions};
use crate::node::quote;
use crate::runner::CommandLine;

fn gluster_block(arguments: &str) -> CommandLine {
    CommandLine::new(format!("gluster-block {arguments} --json"), LONG)
}

fn target(hosting: &str, name: &str) -> String {
    quote::word(&format!("{hosting}/{name}")).into_owned()
}

/// Creates a block volume. The answer holds its password, if it has one.
pub fn create(options: &NodeOptions, spec: &GlusterBlockSpec) -> CommandLine {
    let auth = if spec.auth { "enable" } else { "disable" };
    let line = gluster_block(&format!(
        "create {} ha {} auth {auth} prealloc {} {} {}GiB",
        target(&spec.hosting, &spec.name),
        spec.ha_count,
        quote::word(&options.block_prealloc),
        quote::word(&spec.hosts.join(",")),
        spec.size.0
    ));
    CommandLine { secret_output: spec.auth, ..line }
}

/// Deletes a block volume.
pub fn delete(hosting: &str, name: &str) -> CommandLine {
    gluster_block(&format!("delete {}", target(hosting, name)))
}

/// Lists the block volumes of a hosting volume.
pub fn list(hosting: &str) -> CommandLine {
    gluster_block(&format!("list {}", quote::word(hosting)))
}

/// Size and access data of a block volume, its password among them.
pub fn info(hosting: &str, name: &str) -> CommandLine {
    CommandLine { secret_output: true, ..gluster_block(&format!("info {}", target(hosting, name))) }
}

/// Makes a block volume larger.
pub fn expand(hosting: &str, name: &str, size: Gib) -> CommandLine {
    // Hooks of heketi v10 know the line with two blanks.
    gluster_block(&format!("modify {}  size {}GiB", target(hosting, name), size.0))
}
