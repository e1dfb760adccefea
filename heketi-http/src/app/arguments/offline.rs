//! Arguments of `heketi offline`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done without a server.
#[derive(Debug)]
pub(in crate::app) struct OfflineCommand {
    pub config: Option<PathBuf>,
    pub task: OfflineTask,
}

/// One task.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::app) enum OfflineTask {
    CleanUp,
    Examine,
    UpdateDbVolume { name: String },
}

#[derive(Debug, Subcommand)]
pub(super) enum OfflineGroup {
    /// Undo or finish the operations that an ended server left behind
    CleanupOperations {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Compare what heketi knows with what the nodes report
    State {
        #[command(subcommand)]
        command: Option<StateGroup>,
    },
    /// The same as `state examine gluster`
    #[command(hide = true)]
    StateExaminer {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Set the options of the volume that holds the database
    UpdateDbvol {
        /// Name of that volume
        #[arg(long, value_name = "NAME", default_value = "heketidbstorage")]
        force_volume_name: String,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum StateGroup {
    /// Look at everything
    Examine {
        #[command(subcommand)]
        command: Option<ExamineGroup>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ExamineGroup {
    /// Volumes, LVM, mounts and block volumes of every node
    Gluster {
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// Configuration file of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The task that these words mean; where they end too early, the group they end in.
pub(super) fn task(group: Option<OfflineGroup>) -> Result<OfflineCommand, &'static [&'static str]> {
    let (config, task) = match group {
        None => return Err(&["offline"]),
        Some(OfflineGroup::State { command: None }) => return Err(&["offline", "state"]),
        Some(OfflineGroup::State { command: Some(StateGroup::Examine { command: None }) }) => {
            return Err(&["offline", "state", "examine"]);
        }
        Some(OfflineGroup::CleanupOperations { config }) => (config, OfflineTask::CleanUp),
        Some(OfflineGroup::StateExaminer { config }) => (config, OfflineTask::Examine),
        Some(OfflineGroup::State {
            command: Some(StateGroup::Examine { command: Some(ExamineGroup::Gluster { config }) }),
        }) => (config, OfflineTask::Examine),
        Some(OfflineGroup::UpdateDbvol { config, force_volume_name }) => {
            (config, OfflineTask::UpdateDbVolume { name: force_volume_name })
        }
    };
    Ok(OfflineCommand { config: config.config, task })
}
