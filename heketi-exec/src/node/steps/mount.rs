use heketi_core::operation::{BrickSpec, Observation, StepOutcome};

use crate::node::commands::brick as lines;
use crate::node::parse::{lvm, mounts};
use crate::node::session::{Session, Verdict, lvm_finds_nothing, no_such_file};
use crate::runner::{CommandLine, LineResult};

pub(super) async fn mount(session: &mut Session<'_>, brick: &BrickSpec, make_directory: bool) -> StepOutcome {
    let options = session.options;
    let (mounted, fstab) = (lines::mounts(), lines::read_fstab(options));
    let volumes = lines::volumes_and_pools(options, &brick.volume_group);
    let found = session.ask(volumes.clone()).await?;
    if !found.success() && !lvm_finds_nothing(&found) {
        return Err(session.failed_line(&volumes, &found));
    }
    let name = format!("{}/{}", brick.volume_group, brick.logical_volume);
    if !found.success() || !lvm::volumes_and_pools(&found.stdout).iter().any(|it| it.name == brick.logical_volume) {
        return Err(session.refused(format!("logical volume {name} is not there, nothing was mounted")));
    }
    let listed = session.ask(mounted.clone()).await?;
    if !listed.success() {
        return Err(session.failed_line(&mounted, &listed));
    }
    let (device, point) = (lines::device_node(brick), &brick.mount_point);
    let all = mounts::mounts(&listed.stdout);
    let here: Vec<_> = all.iter().filter(|mount| mount.mount_point == *point).collect();
    if let Some(other) = here.iter().find(|mount| mount.device != device) {
        return Err(session.refused(format!("{} is mounted at {point}, it was left there", other.device)));
    }
    let file = session.ask(fstab.clone()).await?;
    if !file.success() && !no_such_file(&file) {
        return Err(session.failed_line(&fstab, &file));
    }

    let edit = fstab_edit(session, brick, if file.success() { &file.stdout } else { "" });
    let mut batch: Vec<CommandLine> = edit.into_iter().collect();
    if here.is_empty() {
        batch.push(lines::make_mount_point(brick));
        batch.push(lines::mount(options, brick));
    }
    if make_directory {
        batch.push(lines::make_directory(brick));
        batch.extend(lines::give_to_group(brick));
    }
    session.act(batch, |_, _, _| Verdict::Fail).await?;
    Ok(Observation::Done)
}

/// The edit that makes the brick's line the only one of fstab about it, where it is not.
fn fstab_edit(session: &mut Session<'_>, brick: &BrickSpec, fstab: &str) -> Option<CommandLine> {
    let device = lines::device_node(brick);
    let all = mounts::fstab(fstab);
    let has_device = |line: &&mounts::FstabLine<'_>| line.mount.device == device;
    let has_point = |line: &&mounts::FstabLine<'_>| line.mount.mount_point == brick.mount_point;
    let about: Vec<_> = all.iter().filter(|line| has_device(line) || has_point(line)).collect();
    if !about.is_empty() && about.iter().all(|line| has_device(line) && has_point(line)) {
        return None;
    }
    let wanted = lines::fstab_line(session.options, brick);
    let mut gone: Vec<String> = about.iter().map(|line| line.text.to_owned()).collect();
    gone.dedup();
    gone.retain(|line| *line != wanted);
    Some(session.edit_fstab(Some(&wanted), &gone))
}

pub(super) async fn remove_directory(session: &mut Session<'_>, path: &str) -> StepOutcome {
    let judge = |_: &CommandLine, result: &LineResult, _| match no_such_file(result) {
        true => Verdict::GoOn,
        false => Verdict::Fail,
    };
    session.act(vec![lines::remove_mount_point(path)], judge).await?;
    Ok(Observation::Done)
}
