use clap::Subcommand;

use super::{Object, RemoveTags, SetTags};

#[derive(Subcommand)]
pub(in crate::cli) enum DeviceCommand {
    /// Add a device to a node
    Add {
        /// Path of the device on the node
        #[arg(long, value_name = "PATH")]
        name: String,
        /// Id of the node
        #[arg(long, value_name = "ID")]
        node: String,
        /// Wipe what is on it
        #[arg(long)]
        destroy_existing_data: bool,
    },
    /// Show a device
    Info(Object),
    /// Delete a removed device
    Delete {
        #[command(flatten)]
        object: Object,
        /// Forget it even if the node cannot take it down
        #[arg(long)]
        force_forget: bool,
    },
    /// Let a device receive bricks again
    Enable(Object),
    /// Let a device receive no bricks
    Disable(Object),
    /// Move all bricks off a disabled device
    Remove {
        #[command(flatten)]
        object: Object,
        /// Do not look for pending heals first: data may be lost
        #[arg(long)]
        expert_option_disable_heal_check: bool,
    },
    /// Read the sizes of a device again
    Resync {
        #[command(flatten)]
        object: Object,
        /// The id is that of a cluster, all of whose devices are meant
        #[arg(long)]
        cluster: bool,
    },
    /// Make the bricks of a device again, on the empty disk that took its place
    Replace {
        #[command(flatten)]
        object: Object,
        /// Path of the new disk, where it differs
        #[arg(long, value_name = "PATH")]
        name: String,
    },
    /// Set tags
    Settags(SetTags),
    /// Remove tags
    #[command(aliases = ["deltags", "removetags"])]
    Rmtags(RemoveTags),
}
