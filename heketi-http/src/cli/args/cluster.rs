use clap::Subcommand;

use super::Object;

#[derive(Subcommand)]
pub(in crate::cli) enum ClusterCommand {
    /// Make an empty cluster
    Create {
        /// May hold file volumes
        #[arg(long, default_value = "true")]
        file: bool,
        /// May hold block volumes
        #[arg(long, default_value = "true")]
        block: bool,
    },
    /// List all clusters
    List,
    /// Show a cluster
    Info(Object),
    /// Delete an empty cluster
    Delete(Object),
    /// Change what a cluster may hold
    Setflags {
        #[command(flatten)]
        object: Object,
        /// May hold file volumes
        #[arg(long, value_name = "BOOL")]
        file: String,
        /// May hold block volumes
        #[arg(long, value_name = "BOOL")]
        block: String,
    },
}
