use clap::{Args, Subcommand};

use super::Object;

#[derive(Subcommand)]
pub(in crate::cli) enum ServerCommand {
    /// Operations the server has recorded
    #[command(subcommand)]
    Operations(OperationsCommand),
    /// What requests the server takes
    #[command(subcommand)]
    Mode(ModeCommand),
    /// What the server knows beside what the nodes report
    #[command(subcommand)]
    State(StateCommand),
}

#[derive(Subcommand)]
pub(in crate::cli) enum OperationsCommand {
    /// Count them, or show one
    Info(Object),
    /// List all operations that are not over
    List,
    /// Resume operations that stopped: those named, or all
    Cleanup {
        /// Ids of operations
        #[arg(value_name = "ID")]
        operations: Vec<String>,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum LogLevelCommand {
    /// Show the level
    Get,
    /// Change the level: none, critical, error, warning, info or debug
    Set {
        /// The level
        #[arg(value_name = "LEVEL")]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum ModeCommand {
    /// Show the mode
    Get,
    /// Change the mode: normal, local-client or read-only
    Set {
        /// The mode
        #[arg(value_name = "MODE")]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum StateCommand {
    /// Ask the nodes now
    #[command(subcommand)]
    Examine(ExamineCommand),
}

#[derive(Subcommand)]
pub(in crate::cli) enum ExamineCommand {
    /// Volumes, bricks and LVM of every node, beside the server's database
    Gluster,
}

#[derive(Subcommand)]
pub(in crate::cli) enum DbCommand {
    /// Print the database as JSON
    Dump,
    /// Look for records that contradict each other
    Check,
}

/// Alone it audits; findings make it fail.
#[derive(Args)]
pub(in crate::cli) struct Audit {
    /// Ask the nodes too
    #[arg(long)]
    pub(in crate::cli) nodes: bool,
    #[command(subcommand)]
    pub(in crate::cli) command: Option<AuditCommand>,
}

#[derive(Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Repair what an audit finds, or show what that would do
    Repair(Repair),
}

#[derive(Args)]
pub(in crate::cli) struct Repair {
    /// Only show what would be done
    #[arg(long)]
    pub(in crate::cli) plan: bool,
    /// Do it
    #[arg(long)]
    pub(in crate::cli) apply: bool,
    /// Ids of findings; without them all that can be repaired
    #[arg(value_name = "FINDING")]
    pub(in crate::cli) findings: Vec<String>,
}
