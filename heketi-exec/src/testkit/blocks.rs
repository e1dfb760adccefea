//! Block volumes.

use heketi_core::operation::{Action, BrickSpec, GlusterBlock, GlusterBlockSpec, Observation};
use heketi_core::units::Gib;

use super::subject::{Broken, Checked, Subject, broken, same};
use super::volumes::volume;

pub(super) async fn check(subject: &Subject) -> Checked {
    const HOSTING: &str = "heketi_testkit_hosting";
    const NAME: &str = "blk";
    let (hosting, name) = (|| HOSTING.to_owned(), || NAME.to_owned());
    // Room for what gluster-block keeps beside the block volumes.
    let size = Gib(3).kib();
    let brick = BrickSpec { size, pool_size: size, ..subject.brick(5) };
    subject.create_everywhere(&brick).await?;
    subject.done(0, Action::CreateVolume { volume: volume(subject, HOSTING, 5) }).await?;
    let block_volume = GlusterBlockSpec {
        hosting: hosting(),
        name: name(),
        size: Gib(1),
        ha_count: 3,
        auth: true,
        hosts: subject.nodes.iter().map(|node| node.host.storage.clone()).collect(),
    };
    let made = block(subject, Action::CreateBlockVolume { block_volume }).await?;
    if made.iqn.is_empty() || made.username.is_empty() {
        return broken(format!("a block volume with authentication has a target and a user: {made:?}"));
    }
    let read = || Action::ReadBlockVolume { hosting: hosting(), name: name() };
    same("the size of a block volume", &block(subject, read()).await?.size, &Some(Gib(1)))?;
    let list = || Action::ListBlockVolumes { hosting: hosting() };
    same("block volumes", &subject.good(1, list()).await?, &Observation::BlockVolumes(vec![name()]))?;
    subject.twice(0, Action::ExpandBlockVolume { hosting: hosting(), name: name(), size: Gib(2) }).await?;
    same("the size of a block volume", &block(subject, read()).await?.size, &Some(Gib(2)))?;
    subject.twice(0, Action::DeleteBlockVolume { hosting: hosting(), name: name() }).await?;
    same("block volumes", &subject.good(1, list()).await?, &Observation::BlockVolumes(Vec::new()))?;
    subject.done(0, Action::DeleteVolume { name: hosting() }).await?;
    same("block volumes", &subject.good(1, list()).await?, &Observation::BlockVolumes(Vec::new()))?;
    subject.destroy_everywhere(&brick).await
}

async fn block(subject: &Subject, action: Action) -> Result<GlusterBlock, Broken> {
    match subject.good(0, action).await? {
        Observation::BlockVolume(found) => Ok(found),
        other => broken(format!("a block volume is told as {other:?}")),
    }
}
