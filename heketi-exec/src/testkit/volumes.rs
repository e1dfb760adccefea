//! Volumes.

use heketi_core::model::Durability;
use heketi_core::operation::{Action, GlusterBrick, GlusterVolume, GlusterVolumeSpec, Observation};

use super::subject::{Broken, Checked, Subject, broken, same};

pub(super) const REPLICA_3: Durability = Durability::Replicate { replica: 3 };

/// A volume of one set.
pub(super) fn volume(subject: &Subject, name: &str, number: u8) -> GlusterVolumeSpec {
    GlusterVolumeSpec {
        name: name.into(),
        durability: REPLICA_3,
        arbiter: false,
        sets: vec![subject.set(&subject.brick(number))],
        options: vec![String::new(), "user.heketi.id 7e57".into(), "user.note it's \"quoted\"".into()],
    }
}

/// The volume of this name, if there is one.
pub(super) async fn find(subject: &Subject, name: &str) -> Result<Option<GlusterVolume>, Broken> {
    match subject.good(1, Action::ListVolumes).await? {
        Observation::Volumes(volumes) => Ok(volumes.into_iter().find(|volume| volume.name == name)),
        other => broken(format!("list volumes: {other:?}")),
    }
}

pub(super) async fn check(subject: &Subject) -> Checked {
    const NAME: &str = "heketi_testkit";
    let name = || NAME.to_owned();
    for number in [1, 2] {
        subject.create_everywhere(&subject.brick(number)).await?;
    }
    let first = volume(subject, NAME, 1);
    subject.done(0, Action::CreateVolume { volume: first.clone() }).await?;
    let failure = subject.bad(1, Action::CreateVolume { volume: first.clone() }).await?;
    if !failure.text.contains("exists") {
        return broken(format!("a volume name can be taken once: {failure:?}"));
    }
    subject.twice(1, Action::StartVolume { name: name() }).await?;
    let added = vec![subject.set(&subject.brick(2))];
    let add = Action::AddBricks { name: name(), durability: REPLICA_3, arbiter: false, sets: added.clone() };
    subject.twice(2, add).await?;
    subject.done(0, Action::SetOptions { name: name(), options: vec!["user.more yes".into()] }).await?;
    let bad_option = Action::SetOptions { name: name(), options: vec!["heketi-testkit.none yes".into()] };
    subject.bad(0, bad_option).await?;
    let Some(seen) = find(subject, NAME).await? else { return broken("a volume that was created is listed") };
    let bricks: Vec<GlusterBrick> = first.sets.iter().chain(&added).flatten().cloned().collect();
    same("bricks of the volume", &seen.bricks, &bricks)?;
    same("the volume runs", &seen.started, &true)?;
    for option in [("user.heketi.id", "7e57"), ("user.note", "it's \"quoted\""), ("user.more", "yes")] {
        if !seen.options.iter().any(|(key, value)| (key.as_str(), value.as_str()) == option) {
            return broken(format!("the option {option:?} was set: {:?}", seen.options));
        }
    }
    heal_info(subject, NAME).await?;
    // A brick in use stays.
    subject.bad(0, Action::DestroyBrick { brick: subject.brick(1) }).await?;
    subject.done(0, Action::StartBricks { name: name() }).await?;
    replace(subject, NAME).await?;
    subject.twice(2, Action::DeleteVolume { name: name() }).await?;
    same("the volume after it was deleted", &find(subject, NAME).await?, &None)?;
    for number in [1, 2] {
        subject.destroy_everywhere(&subject.brick(number)).await?;
    }
    Ok(())
}

async fn heal_info(subject: &Subject, name: &str) -> Checked {
    match subject.good(0, Action::HealInfo { name: name.into() }).await? {
        Observation::Heal(bricks) => {
            let calm = bricks.iter().filter(|brick| brick.connected && brick.entries == Some(0)).count();
            same("bricks with nothing to heal", &calm, &6)
        }
        other => broken(format!("read heal info: {other:?}")),
    }
}

/// A brick of the first node moves to another logical volume there.
async fn replace(subject: &Subject, name: &str) -> Checked {
    let (old, new) = (subject.brick(1), subject.brick(3));
    subject.done(0, Action::CreateBrick { brick: new.clone(), redo: false }).await?;
    let (old_brick, new_brick) = (subject.set(&old).remove(0), subject.set(&new).remove(0));
    let action = Action::ReplaceBrick { name: name.into(), old: old_brick.clone(), new: new_brick.clone() };
    subject.twice(1, action).await?;
    let bricks = find(subject, name).await?.map(|volume| volume.bricks).unwrap_or_default();
    if bricks.contains(&old_brick) || bricks.first() != Some(&new_brick) {
        return broken(format!("{new_brick} stands in the place of {old_brick}: {bricks:?}"));
    }
    let seen = subject.good(0, Action::DestroyBrick { brick: old.clone() }).await?;
    same("the brick that was replaced", &seen, &Observation::BrickDestroyed { pool_removed: true })?;
    // Back again, so that every set is whole on every node.
    subject.done(0, Action::CreateBrick { brick: old, redo: false }).await?;
    let back = Action::ReplaceBrick { name: name.into(), old: new_brick, new: old_brick };
    subject.done(1, back).await?;
    let seen = subject.good(0, Action::DestroyBrick { brick: new }).await?;
    same("the brick that was replaced", &seen, &Observation::BrickDestroyed { pool_removed: true })
}
