//! Snapshots and clones.

use heketi_core::operation::{Action, Observation};

use super::subject::{Checked, Subject, broken, same};
use super::volumes::{find, volume};

pub(super) async fn check(subject: &Subject) -> Checked {
    const ORIGIN: &str = "heketi_testkit_origin";
    const SNAPSHOT: &str = "heketi_testkit_snapshot";
    const CLONE: &str = "heketi_testkit_clone";
    let snapshot = || SNAPSHOT.to_owned();
    let brick = subject.brick(4);
    subject.create_everywhere(&brick).await?;
    subject.done(0, Action::CreateVolume { volume: volume(subject, ORIGIN, 4) }).await?;
    subject.twice(0, Action::CreateSnapshot { volume: ORIGIN.into(), snapshot: snapshot() }).await?;
    match subject.good(1, Action::ListSnapshots).await? {
        Observation::Snapshots(names) if names.contains(&snapshot()) => {}
        other => return broken(format!("a snapshot that was taken is listed: {other:?}")),
    }
    let failure = subject.bad(0, Action::DeleteVolume { name: ORIGIN.into() }).await?;
    if !failure.text.contains("snapshot") {
        return broken(format!("a volume with snapshots stays, and the failure says so: {failure:?}"));
    }
    subject.done(0, Action::CloneSnapshot { snapshot: snapshot(), clone: CLONE.into() }).await?;
    subject.bad(0, Action::CloneSnapshot { snapshot: snapshot(), clone: CLONE.into() }).await?;
    subject.twice(0, Action::StartVolume { name: CLONE.into() }).await?;
    let Some(clone) = find(subject, CLONE).await? else { return broken("a clone is a volume") };
    same("bricks of the clone", &clone.bricks.len(), &3)?;
    let mut copies = Vec::new();
    for (node, copy) in clone.bricks.iter().enumerate() {
        match subject.good(node, Action::ReadBrickStorage { directory: copy.path.clone() }).await? {
            Observation::BrickStorage(storage) => {
                same("the pool of a copy", &storage.thin_pool, &brick.thin_pool)?;
                copies.push(storage);
            }
            other => return broken(format!("the clone's brick lies on a logical volume: {other:?}")),
        }
    }
    subject.twice(0, Action::DeleteSnapshot { snapshot: snapshot() }).await?;
    subject.done(0, Action::DeleteVolume { name: CLONE.into() }).await?;
    for (node, copy) in copies.into_iter().enumerate() {
        let mut copied = brick.clone();
        copied.logical_volume = copy.logical_volume;
        copied.mount_point = copy.mount_point;
        let seen = subject.good(node, Action::DestroyBrick { brick: copied }).await?;
        same("the pool still holds the origin", &seen, &Observation::BrickDestroyed { pool_removed: false })?;
    }
    subject.done(0, Action::DeleteVolume { name: ORIGIN.into() }).await?;
    subject.destroy_everywhere(&brick).await
}
