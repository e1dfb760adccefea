//! The command line of heketi-cli: commands, flags and variables of heketi v10.

use clap::{ArgAction, Args, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "heketi-cli",
    version = concat!("v", env!("CARGO_PKG_VERSION")),
    about = "Command line of heketi, which turns raw disks into GlusterFS volumes",
    disable_version_flag = true,
    args_override_self = true
)]
pub(super) struct Cli {
    /// Address of the heketi server, with its scheme [default: http://localhost:8080]
    #[arg(short, long, global = true, env = "HEKETI_CLI_SERVER", default_value = "", hide_default_value = true)]
    pub(super) server: String,
    /// Name the server knows us by: admin or user
    #[arg(long, global = true, env = "HEKETI_CLI_USER", default_value = "", hide_default_value = true)]
    pub(super) user: String,
    /// Key of that name
    // The value is hidden in help: it would show the key.
    #[arg(
        long,
        global = true,
        env = "HEKETI_CLI_KEY",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(super) secret: String,
    /// Print the server's answer as JSON
    // A text, because `topology load` has a --json of its own that names a file.
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(super) json: Option<String>,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Clusters
    Cluster(Group<ClusterCommand>),
    /// Nodes
    Node(Group<NodeCommand>),
    /// Devices
    Device(Group<DeviceCommand>),
    /// Load or show everything at once
    Topology(Group<TopologyCommand>),
    /// Volumes
    Volume(Group<VolumeCommand>),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// A group without a command, or with an unknown one, prints its help.
#[derive(Args)]
pub(super) struct Group<C: Subcommand> {
    #[command(subcommand)]
    pub(super) command: Option<C>,
}

/// The id of an object. Its absence and what follows it are the command's concern.
#[derive(Args)]
pub(super) struct Object {
    /// Id of the object
    pub(super) id: Option<String>,
    #[arg(hide = true)]
    ignored: Vec<String>,
}

#[derive(Subcommand)]
pub(super) enum ClusterCommand {
    /// Make an empty cluster
    Create {
        /// May hold file volumes
        #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
              require_equals = true, default_missing_value = "true")]
        file: bool,
        /// May hold block volumes
        #[arg(long, default_value_t = true, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
              require_equals = true, default_missing_value = "true")]
        block: bool,
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// List all clusters
    List {
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// Show a cluster
    Info(Object),
    /// Delete an empty cluster
    Delete(Object),
    /// Change what a cluster may hold
    Setflags {
        #[command(flatten)]
        object: Object,
        /// May hold file volumes
        #[arg(long, default_value = "", hide_default_value = true)]
        file: String,
        /// May hold block volumes
        #[arg(long, default_value = "", hide_default_value = true)]
        block: String,
    },
    #[command(external_subcommand)]
    Other(#[expect(dead_code, reason = "whatever the words are, help is printed")] Vec<String>),
}

#[derive(Subcommand)]
pub(super) enum NodeCommand {
    /// Add a node to a cluster
    Add {
        /// Failure domain, 1 or greater
        #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
        zone: i64,
        /// Id of the cluster
        #[arg(long, default_value = "", hide_default_value = true)]
        cluster: String,
        /// Where commands run
        #[arg(long, default_value = "", hide_default_value = true)]
        management_host_name: String,
        /// What gluster is told
        #[arg(long, default_value = "", hide_default_value = true)]
        storage_host_name: String,
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// List all nodes
    List {
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
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
    /// Set tags
    Settags(SetTags),
    /// Remove tags
    #[command(aliases = ["deltags", "removetags"])]
    Rmtags(RemoveTags),
    #[command(external_subcommand)]
    Other(#[expect(dead_code, reason = "whatever the words are, help is printed")] Vec<String>),
}

#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// Add a device to a node
    Add {
        /// Path of the device on the node
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Id of the node
        #[arg(long, default_value = "", hide_default_value = true)]
        node: String,
        /// Wipe what is on it
        #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
              require_equals = true, default_missing_value = "true")]
        destroy_existing_data: bool,
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// Show a device
    Info(Object),
    /// Delete a removed device
    Delete {
        #[command(flatten)]
        object: Object,
        /// Forget it even if the node cannot take it down
        #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
              require_equals = true, default_missing_value = "true")]
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
        #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
              require_equals = true, default_missing_value = "true")]
        expert_option_disable_heal_check: bool,
    },
    /// Set tags
    Settags(SetTags),
    /// Remove tags
    #[command(aliases = ["deltags", "removetags"])]
    Rmtags(RemoveTags),
    #[command(external_subcommand)]
    Other(#[expect(dead_code, reason = "whatever the words are, help is printed")] Vec<String>),
}

#[derive(Args)]
pub(super) struct SetTags {
    /// Id of the object, then tag:value pairs
    #[arg(value_name = "ID TAG:VALUE")]
    pub(super) arguments: Vec<String>,
    /// Remove all other tags
    #[arg(short, long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub(super) exact: bool,
}

#[derive(Args)]
pub(super) struct RemoveTags {
    /// Id of the object, then names of tags
    #[arg(value_name = "ID TAG")]
    pub(super) arguments: Vec<String>,
    /// Remove all tags
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub(super) all: bool,
}

#[derive(Subcommand)]
pub(super) enum TopologyCommand {
    /// Make what a file lists and is missing
    Load {
        /// The file
        // The id is that of the global flag, which this one replaces.
        #[arg(id = "json", short = 'j', long = "json", value_name = "FILE")]
        file: Option<String>,
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// Show everything
    Info {
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    #[command(external_subcommand)]
    Other(#[expect(dead_code, reason = "whatever the words are, help is printed")] Vec<String>),
}

#[derive(Subcommand)]
pub(super) enum VolumeCommand {
    /// Create a volume
    Create(Box<VolumeCreate>),
    /// List all volumes
    List {
        #[arg(hide = true)]
        ignored: Vec<String>,
    },
    /// Show a volume
    Info(Object),
    /// Delete a volume
    Delete(Object),
    /// Make a volume larger
    Expand {
        #[command(flatten)]
        object: Object,
        /// Id of the volume
        #[arg(long, default_value = "", hide_default_value = true)]
        volume: String,
        /// GiB to add
        #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
        expand_size: i64,
    },
    #[command(external_subcommand)]
    Other(#[expect(dead_code, reason = "whatever the words are, help is printed")] Vec<String>),
}

#[derive(Args)]
pub(super) struct VolumeCreate {
    /// Size in GiB
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub(super) size: i64,
    /// Name in gluster
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) name: String,
    /// none, replicate or disperse
    #[arg(long, default_value = "replicate")]
    pub(super) durability: String,
    /// Bricks of a replica set
    #[arg(long, default_value_t = 3, allow_negative_numbers = true)]
    pub(super) replica: i64,
    /// Data bricks of a disperse set
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    pub(super) disperse_data: i64,
    /// Redundancy bricks of a disperse set
    #[arg(long, default_value_t = 2, allow_negative_numbers = true)]
    pub(super) redundancy: i64,
    /// Room for snapshots, as a multiple of the size
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub(super) snapshot_factor: f32,
    /// Clusters that may be taken, separated by commas
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) clusters: String,
    /// Gluster options, separated by commas
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) gluster_volume_options: String,
    /// Group that owns the volume
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub(super) gid: i64,
    /// Make it for block volumes
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub(super) block: bool,
    /// Print a Kubernetes PersistentVolume
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_parser = go_bool, num_args = 0..=1,
          require_equals = true, default_missing_value = "true")]
    pub(super) persistent_volume: bool,
    /// Write the PersistentVolume to a file
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) persistent_volume_file: String,
    /// Endpoints of the PersistentVolume
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(super) persistent_volume_endpoint: String,
    #[arg(hide = true)]
    ignored: Vec<String>,
}

/// A boolean in one of Go's spellings.
pub(super) fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
