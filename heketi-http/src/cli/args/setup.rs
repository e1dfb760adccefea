use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct SetupStorage {
    /// The file to write
    #[arg(long, default_value = "heketi-storage.json", value_name = "FILE")]
    pub(in crate::cli) listfile: String,
    /// Container image of the job that copies the database
    #[arg(long, default_value = "heketi/heketi:dev")]
    pub(in crate::cli) image: String,
    /// replicate or none
    #[arg(long, default_value = "replicate", value_name = "TYPE")]
    pub(in crate::cli) durability: String,
    /// Bricks of a replica set
    #[arg(long, default_value = "3", value_name = "COUNT")]
    pub(in crate::cli) replica: i64,
    /// Gluster options to set instead of the usual ones, separated by commas
    #[arg(long, value_name = "OPTIONS")]
    pub(in crate::cli) gluster_volume_options: String,
    /// Gluster options to set beside the others, separated by commas
    #[arg(long, value_name = "OPTIONS")]
    pub(in crate::cli) append_volume_options: String,
    /// Where the job may run: a label of nodes, as key=value
    #[arg(long, value_name = "KEY=VALUE")]
    pub(in crate::cli) node_selector: String,
}
