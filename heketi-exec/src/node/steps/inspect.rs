use heketi_core::operation::{NodeContents, NodeMount, NodePhysicalVolume, Observation, StepFailure, StepOutcome};

use crate::node::commands::{brick, device};
use crate::node::parse::{ParseError, lvm, mounts};
use crate::node::session::{Session, no_such_file};
use crate::runner::{CommandLine, LineResult};

/// One look at everything on the node that heketi could have made.
pub(super) async fn inspect(session: &mut Session<'_>) -> StepOutcome {
    let [disks, groups, volumes] = device::reports(session.options);
    let (mounted, fstab) = (brick::mounts(), brick::read_fstab(session.options));
    let (directories, clones) = (brick::directories(), brick::clone_directories());
    let batch = [&disks, &groups, &volumes, &mounted, &fstab, &directories, &clones].map(CommandLine::clone);
    let answers = answers(session, &batch).await?;
    let [disks_seen, groups_seen, volumes_seen, mounted_seen, fstab_seen, directories_seen, clones_seen] =
        answers.as_slice()
    else {
        return Err(session.unanswered(&clones));
    };
    let read = |line: &CommandLine, error: ParseError| session.senseless(line, &error);
    let paths = [directories_seen, clones_seen].into_iter().flat_map(|seen| seen.stdout.lines());
    let physical_volumes = lvm::physical_volumes(&disks_seen.stdout).map_err(|error| read(&disks, error))?;
    let contents = NodeContents {
        physical_volumes: physical_volumes
            .into_iter()
            .map(|disk| NodePhysicalVolume {
                device: disk.path,
                uuid: disk.uuid,
                volume_group: Some(disk.group).filter(|group| !group.is_empty()),
            })
            .collect(),
        volume_groups: lvm::volume_groups(&groups_seen.stdout).map_err(|error| read(&groups, error))?,
        logical_volumes: lvm::logical_volumes(&volumes_seen.stdout).map_err(|error| read(&volumes, error))?,
        mounts: mounts::mounts(&mounted_seen.stdout).into_iter().map(mount).collect(),
        fstab: mounts::fstab(&fstab_seen.stdout).into_iter().map(|line| mount(line.mount)).collect(),
        directories: paths.map(str::trim).filter(|path| path.starts_with('/')).map(str::to_owned).collect(),
    };
    Ok(Observation::Node(Box::new(contents)))
}

fn mount(mount: mounts::Mount) -> NodeMount {
    NodeMount { device: mount.device, mount_point: mount.mount_point }
}

/// One answer for each line. A batch stops at a line that fails; without a directory or an fstab there is
/// nothing to tell about it, and the rest is asked on.
async fn answers(session: &mut Session<'_>, batch: &[CommandLine]) -> Result<Vec<LineResult>, StepFailure> {
    let mut answers: Vec<LineResult> = Vec::new();
    while let Some(rest) = batch.get(answers.len()..).filter(|rest| !rest.is_empty()) {
        let result = session.inspect(rest.to_vec()).await?;
        if result.lines.is_empty() {
            return Err(session.unanswered(&rest[0]));
        }
        for (line, answer) in rest.iter().zip(&result.lines) {
            let is_listing = line.text.starts_with("cat ") || line.text.starts_with("find ");
            // What goes away while find looks is no failure either.
            let is_answer = answer.success() || (is_listing && no_such_file(answer));
            if !is_answer {
                return Err(session.failed_line(line, answer));
            }
        }
        answers.extend(result.lines);
    }
    Ok(answers)
}
