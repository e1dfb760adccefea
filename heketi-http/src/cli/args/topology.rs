use clap::Subcommand;

#[derive(Subcommand)]
pub(in crate::cli) enum TopologyCommand {
    /// Make what a file lists and is missing
    Load {
        /// The file
        // The id is that of the global flag, which this one replaces.
        #[arg(id = "json", short = 'j', long = "json", value_name = "FILE")]
        file: Option<String>,
        /// Exit with an error if a node or device could not be added
        #[arg(long)]
        strict: bool,
    },
    /// Show what `topology load` would do with a file, and what differs; changes nothing
    Diff {
        /// The file
        #[arg(id = "json", short = 'j', long = "json", value_name = "FILE")]
        file: Option<String>,
    },
    /// Show everything
    Info {
        /// Draw zones, nodes and devices, with bars for what is used
        #[arg(long)]
        map: bool,
        /// Print it by this template of Go's text/template instead
        #[arg(short = 'T', long, value_name = "TEXT")]
        template: String,
    },
}
