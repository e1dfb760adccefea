use heketi_core::operation::{BrickStorage, Observation, StepOutcome};

use super::brick::real_path;
use crate::node::commands::brick as lines;
use crate::node::parse::{lvm, mounts};
use crate::node::session::Session;

/// The logical volume under a brick directory: the one whose mount point is the nearest above it.
pub(super) async fn read(session: &mut Session<'_>, directory: &str) -> StepOutcome {
    let line = lines::mounts();
    let result = session.ask(line.clone()).await?;
    if !result.success() {
        return Err(session.failed_line(&line, &result));
    }
    let wanted = real_path(directory);
    let is_above = |mount: &mounts::Mount| {
        let rest = wanted.strip_prefix(real_path(&mount.mount_point).trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of several at one place, the last hides the others.
    let all = mounts::mounts(&result.stdout).into_iter().filter(is_above);
    let Some(mount) = all.max_by_key(|mount| real_path(&mount.mount_point).len()) else {
        return Ok(Observation::NoBrickStorage);
    };
    let Some((volume_group, logical_volume)) = mounts::logical_volume(&mount.device) else {
        return Ok(Observation::NoBrickStorage);
    };
    let line = lines::volumes_and_pools(session.options, &volume_group);
    let result = session.ask(line.clone()).await?;
    if !result.success() {
        return Err(session.failed_line(&line, &result));
    }
    let found = lvm::volumes_and_pools(&result.stdout).into_iter().find(|volume| volume.name == logical_volume);
    // The system's own file system can be a logical volume too.
    let Some(thin_pool) = found.map(|volume| volume.pool).filter(|pool| !pool.is_empty()) else {
        return Ok(Observation::NoBrickStorage);
    };
    let mount_point = mount.mount_point;
    Ok(Observation::BrickStorage(BrickStorage { volume_group, logical_volume, thin_pool, mount_point }))
}
