//! What people look at when state and nodes are compared by eye.

use std::collections::BTreeSet;

use heketi_core::api::ExaminedMount;
use heketi_core::operation::{LvmReportKind, Observation, StepOutcome};

use crate::node::commands::{brick, device, gluster};
use crate::node::parse::{gluster_xml, lvm, mounts};
use crate::node::session::{Session, no_such_file};

pub(super) async fn lvm(session: &mut Session<'_>, report: LvmReportKind) -> StepOutcome {
    let line = device::whole_report(session.options, report.command());
    let answer = session.ask(line.clone()).await?;
    if !answer.success() {
        return Err(session.failed_line(&line, &answer));
    }
    let rows = lvm::rows(report.command(), &answer.stdout).map_err(|error| session.senseless(&line, &error))?;
    Ok(Observation::LvmRows(rows))
}

pub(super) async fn mounts(session: &mut Session<'_>) -> StepOutcome {
    let line = brick::mounts();
    let answer = session.ask(line.clone()).await?;
    if !answer.success() {
        return Err(session.failed_line(&line, &answer));
    }
    let mounted: BTreeSet<String> = mounts::mounts(&answer.stdout).into_iter().map(|mount| mount.device).collect();
    let line = brick::read_fstab(session.options);
    let answer = session.ask(line.clone()).await?;
    // A node without bricks may have none.
    if !answer.success() && !no_such_file(&answer) {
        return Err(session.failed_line(&line, &answer));
    }
    let status = |line: mounts::FstabLine<'_>| {
        let field = |at: usize| line.text.split_ascii_whitespace().nth(at).unwrap_or_default().to_owned();
        ExaminedMount {
            r#type: field(2),
            mount_options: field(3),
            mounted: mounted.contains(&line.mount.device),
            device: line.mount.device,
            mount_point: line.mount.mount_point,
        }
    };
    Ok(Observation::Mounts(mounts::fstab(&answer.stdout).into_iter().map(status).collect()))
}

pub(super) async fn volumes(session: &mut Session<'_>) -> StepOutcome {
    let line = gluster::volumes_info(session.options);
    let answer = session.ask(line.clone()).await?;
    let volumes = session.reply(&line, &answer, gluster_xml::volume_details)?;
    volumes.map(Observation::VolumeDetails).map_err(|words| session.refused(words))
}
