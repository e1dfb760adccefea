use clap::{Args, Subcommand};

use super::Object;

#[derive(Subcommand)]
pub(in crate::cli) enum BlockVolumeCommand {
    /// Create a block volume
    Create(BlockVolumeCreate),
    /// List all block volumes
    List,
    /// Show a block volume
    Info(Object),
    /// Delete a block volume
    Delete(Object),
    /// Make a block volume larger
    Expand {
        #[command(flatten)]
        object: Object,
        /// Id of the block volume
        #[arg(long, value_name = "ID")]
        blockvolume: String,
        /// GiB it shall have then
        #[arg(long, value_name = "GIB")]
        new_size: i64,
    },
}

#[derive(Args)]
pub(in crate::cli) struct BlockVolumeCreate {
    /// Size in GiB
    #[arg(long, value_name = "GIB")]
    pub(in crate::cli) size: i64,
    /// Over how many hosts it can be reached; 0 means all of its hosting volume
    #[arg(long, default_value = "0", value_name = "COUNT")]
    pub(in crate::cli) ha: i64,
    /// Ask initiators for a user name and a password
    #[arg(long)]
    pub(in crate::cli) auth: bool,
    /// Its name
    #[arg(long)]
    pub(in crate::cli) name: String,
    /// Clusters that may be taken, separated by commas
    #[arg(long, value_name = "IDS")]
    pub(in crate::cli) clusters: String,
}

#[derive(Subcommand)]
pub(in crate::cli) enum BrickCommand {
    /// Move a brick to another device
    Evict {
        /// Id of the brick
        #[arg(value_name = "ID")]
        arguments: Vec<String>,
        /// Do not look for pending heals first: data may be lost
        #[arg(long)]
        expert_option_disable_heal_check: bool,
    },
}
