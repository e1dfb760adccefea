use clap::{Args, Subcommand};

use super::Object;

#[derive(Subcommand)]
pub(in crate::cli) enum VolumeCommand {
    /// Create a volume
    Create(Box<VolumeCreate>),
    /// Show where a volume would go, and why it would not go elsewhere; changes nothing
    Explain(Box<VolumeWish>),
    /// List all volumes
    List,
    /// Show a volume
    Info(Object),
    /// Delete a volume
    Delete(Object),
    /// Make a volume larger
    Expand {
        #[command(flatten)]
        object: Object,
        /// Id of the volume
        #[arg(long, value_name = "ID")]
        volume: String,
        /// GiB to add
        #[arg(long, value_name = "GIB")]
        expand_size: i64,
    },
    /// Make a volume with the contents of another
    Clone {
        #[command(flatten)]
        object: Object,
        /// Name in gluster of the new volume
        #[arg(long)]
        name: String,
    },
    /// Kubernetes endpoints of a volume
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// May a block hosting volume take new block volumes?
    #[command(subcommand)]
    SetBlockHostingRestriction(RestrictionCommand),
}

#[derive(Subcommand)]
pub(in crate::cli) enum EndpointCommand {
    /// Print a patch for the endpoints of a volume
    Patch(Object),
}

#[derive(Subcommand)]
pub(in crate::cli) enum RestrictionCommand {
    /// No
    Locked(Object),
    /// Yes
    Unlocked(Object),
}

#[derive(Args)]
pub(in crate::cli) struct VolumeCreate {
    #[command(flatten)]
    pub(in crate::cli) wish: VolumeWish,
    /// Print a Kubernetes PersistentVolume
    #[arg(long)]
    pub(in crate::cli) persistent_volume: bool,
    /// Write the PersistentVolume to a file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) persistent_volume_file: String,
    /// Endpoints of the PersistentVolume
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) persistent_volume_endpoint: String,
}

/// What the volume shall be.
#[derive(Args)]
pub(in crate::cli) struct VolumeWish {
    /// Size in GiB
    #[arg(long, value_name = "GIB")]
    pub(in crate::cli) size: i64,
    /// Name in gluster
    #[arg(long)]
    pub(in crate::cli) name: String,
    /// none, replicate or disperse
    #[arg(long, default_value = "replicate", value_name = "TYPE")]
    pub(in crate::cli) durability: String,
    /// Bricks of a replica set
    #[arg(long, default_value = "3", value_name = "COUNT")]
    pub(in crate::cli) replica: i64,
    /// Data bricks of a disperse set
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub(in crate::cli) disperse_data: i64,
    /// Redundancy bricks of a disperse set
    #[arg(long, default_value = "2", value_name = "COUNT")]
    pub(in crate::cli) redundancy: i64,
    /// Room for snapshots, as a multiple of the size
    #[arg(long, default_value = "1.0", value_name = "FACTOR")]
    pub(in crate::cli) snapshot_factor: f32,
    /// Clusters that may be taken, separated by commas
    #[arg(long, value_name = "IDS")]
    pub(in crate::cli) clusters: String,
    /// Gluster options, separated by commas
    #[arg(long, value_name = "OPTIONS")]
    pub(in crate::cli) gluster_volume_options: String,
    /// Group that owns the volume
    #[arg(long)]
    pub(in crate::cli) gid: i64,
    /// Make it for block volumes
    #[arg(long)]
    pub(in crate::cli) block: bool,
}
