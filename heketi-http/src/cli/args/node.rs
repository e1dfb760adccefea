use clap::Subcommand;

use super::{Object, RemoveTags, SetTags};

#[derive(Subcommand)]
pub(in crate::cli) enum NodeCommand {
    /// Add a node to a cluster
    Add {
        /// Failure domain, 1 or greater
        #[arg(long)]
        zone: i64,
        /// Id of the cluster
        #[arg(long)]
        cluster: String,
        /// Where commands run
        #[arg(long, value_name = "HOST")]
        management_host_name: String,
        /// What gluster is told
        #[arg(long, value_name = "HOST")]
        storage_host_name: String,
    },
    /// List all nodes
    List,
    /// Show a node
    Info(Object),
    /// Delete a node without devices
    Delete(Object),
    /// Let a node receive bricks again
    Enable(Object),
    /// Let a node receive no bricks
    Disable(Object),
    /// Move all bricks off a disabled node
    Remove(Object),
    /// Make the bricks of a node again, on the empty machine that took its place and its names
    Replace(Object),
    /// Set tags
    Settags(SetTags),
    /// Remove tags
    #[command(aliases = ["deltags", "removetags"])]
    Rmtags(RemoveTags),
}
