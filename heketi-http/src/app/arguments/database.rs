//! Arguments of `heketi db`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Which database, and how much is told.
#[derive(Clone, Debug, Args)]
pub(in crate::app) struct DbFile {
    /// Database file: heketi's own, one of heketi 4 to 10, or JSON of `db export`
    #[arg(long, value_name = "FILE")]
    pub dbfile: Option<PathBuf>,
    /// Log everything
    #[arg(long)]
    pub debug: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::app) enum DbCommand {
    /// Make a database of the JSON of `db export`, heketi v10's or ours
    Import {
        /// JSON file, - for standard input
        #[arg(long, value_name = "FILE")]
        jsonfile: Option<PathBuf>,
        #[command(flatten)]
        file: DbFile,
    },
    /// Write a database as JSON that heketi v10 can import; block volume passwords are in it
    Export {
        /// JSON file to write, which must not exist; - for standard output
        #[arg(long, value_name = "FILE")]
        jsonfile: Option<PathBuf>,
        /// Form of the JSON
        #[arg(long, value_name = "FORM", default_value = "v10")]
        format: ExportFormat,
        /// Leave out pending operations that heketi v10 does not know
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        file: DbFile,
    },
    /// Print a database as JSON, whatever is wrong with it; block volume passwords are in it
    Dump {
        #[command(flatten)]
        file: DbFile,
    },
    /// Name everything that is wrong with a database, and what would repair it
    Check {
        /// Print heketi v10's consistency check instead
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        file: DbFile,
    },
    /// heketi v10's consistency check as JSON
    ConsistencyCheck {
        #[command(flatten)]
        file: DbFile,
    },
    /// Repair what can be repaired without the nodes; a file of heketi 4 to 10 is converted and kept as FILE.v10
    Repair {
        /// Only tell what would be repaired
        #[arg(long, conflicts_with = "apply")]
        dry_run: bool,
        /// Repair, after a copy was made
        #[arg(long)]
        apply: bool,
        #[command(flatten)]
        file: DbFile,
    },
    /// Delete records of bricks without a path, which heketi 5 to 7 could leave behind
    DeleteBricksWithEmptyPath {
        /// Everywhere
        #[arg(long)]
        all: bool,
        /// In these clusters
        #[arg(long, value_name = "IDS", value_delimiter = ',')]
        clusters: Vec<String>,
        /// On these nodes
        #[arg(long, value_name = "IDS", value_delimiter = ',')]
        nodes: Vec<String>,
        /// On these devices
        #[arg(long, value_name = "IDS", value_delimiter = ',')]
        devices: Vec<String>,
        #[command(flatten)]
        file: DbFile,
    },
}

impl DbCommand {
    /// Which database, and how much is told.
    pub(in crate::app) fn file(&self) -> &DbFile {
        match self {
            Self::Import { file, .. }
            | Self::Export { file, .. }
            | Self::Dump { file }
            | Self::Check { file, .. }
            | Self::ConsistencyCheck { file }
            | Self::Repair { file, .. }
            | Self::DeleteBricksWithEmptyPath { file, .. } => file,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::app) enum ExportFormat {
    /// heketi v10's `db export`
    V10,
}
