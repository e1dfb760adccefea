//! Bricks: what they take, that they can be made again, and that nothing is left of them.

use heketi_core::model::BrickFormat;
use heketi_core::operation::{Action, BrickSpec, BrickStorage, Observation};

use super::devices::{read, report};
use super::subject::{Checked, Subject, broken, same};

pub(super) async fn check(subject: &Subject) -> Checked {
    let disk = &subject.nodes[0].disk;
    let empty = report(subject, 0, read(disk)).await?;
    let before = subject.contents().await?;
    let plain = BrickSpec { gid: 2345, ..subject.brick(1) };
    let arbiter = BrickSpec { format: BrickFormat::Arbiter, ..subject.brick(2) };
    for brick in [&plain, &arbiter] {
        subject.done(0, Action::CreateBrick { brick: brick.clone(), redo: false }).await?;
        let full = report(subject, 0, read(disk)).await?;
        let charged = empty.free.saturating_sub(full.free);
        same("a brick takes its pool and the pool's metadata", &charged, &(brick.pool_size + brick.metadata_size))?;
        let storage = Observation::BrickStorage(BrickStorage {
            volume_group: brick.volume_group.clone(),
            logical_volume: brick.logical_volume.clone(),
            thin_pool: brick.thin_pool.clone(),
            mount_point: brick.mount_point.clone(),
        });
        let directory = brick.brick_directory();
        same("the storage of a brick", &subject.good(0, Action::ReadBrickStorage { directory }).await?, &storage)?;
        mounted(subject, brick).await?;
        // Under the same names: what is there goes first.
        subject.done(0, Action::CreateBrick { brick: brick.clone(), redo: true }).await?;
        subject.done(0, Action::MountBrick { brick: brick.clone(), make_directory: true }).await?;
        mounted(subject, brick).await?;
        for _ in 0..2 {
            let seen = subject.good(0, Action::DestroyBrick { brick: brick.clone() }).await?;
            same("a brick that is destroyed", &seen, &Observation::BrickDestroyed { pool_removed: true })?;
        }
        same("free space after a brick", &report(subject, 0, read(disk)).await?.free, &empty.free)?;
    }
    too_large(subject, &plain).await?;
    // The directory of the group's mount points may stay.
    let (now, was) = (subject.contents().await?, before);
    same("logical volumes", &now[0].logical_volumes, &was[0].logical_volumes)?;
    same("mounts", &now[0].mounts, &was[0].mounts)?;
    same("lines of fstab", &now[0].fstab, &was[0].fstab)
}

/// One mount and one line of fstab.
async fn mounted(subject: &Subject, brick: &BrickSpec) -> Checked {
    let contents = subject.contents().await?;
    for (what, found) in [("mounts", &contents[0].mounts), ("lines of fstab", &contents[0].fstab)] {
        let count = found.iter().filter(|mount| mount.mount_point == brick.mount_point).count();
        same(&format!("{what} of a brick"), &count, &1)?;
    }
    Ok(())
}

/// A brick that does not fit fails, and its undo leaves nothing.
async fn too_large(subject: &Subject, brick: &BrickSpec) -> Checked {
    let free = report(subject, 0, read(&subject.nodes[0].disk)).await?.free;
    let large = BrickSpec { size: free, pool_size: free, ..brick.clone() };
    let failure = subject.bad(0, Action::CreateBrick { brick: large.clone(), redo: false }).await?;
    if failure.text.is_empty() || failure.host.is_empty() {
        return broken(format!("a failure tells where and why: {failure:?}"));
    }
    let seen = subject.good(0, Action::DestroyBrick { brick: large }).await?;
    same("the undo of a brick", &seen, &Observation::BrickDestroyed { pool_removed: true })
}
