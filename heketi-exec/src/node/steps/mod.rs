//! How each action is carried out on one host.

mod block;
mod brick;
mod device;
mod examine;
mod inspect;
mod mount;
mod peer;
mod replace;
mod restore;
mod settle;
mod snapshot;
mod storage;
mod volume;

use heketi_core::operation::{Action, Certainty, FailureKind, StepOutcome};

use super::session::Session;

/// Carries out an action whose arguments were checked.
pub(super) async fn execute(session: &mut Session<'_>, action: &Action) -> StepOutcome {
    peer::require_company(session, action).await?;
    match action {
        Action::Settle => settle::settle(session).await,
        Action::CheckGlusterd => peer::check(session).await,
        Action::ListPeers => peer::list(session).await,
        Action::ProbePeer { storage } => peer::probe(session, storage).await,
        Action::DetachPeer { storage } => peer::detach(session, storage).await,
        Action::ReadPeerIdentity => peer::identity(session).await,
        Action::RestorePeer { uuid, through } => restore::restore(session, uuid, through).await,
        Action::StopBrick { name, brick } => volume::stop_brick(session, name, brick).await,
        Action::ResetBrick { name, brick } => volume::reset_brick(session, name, brick).await,
        Action::StartHeal { name } => volume::heal(session, name).await,
        Action::InspectDevice { device } => device::inspect(session, device).await,
        Action::SetUpDevice { device, volume_group, wipe } => {
            device::set_up(session, device, volume_group, *wipe).await
        }
        Action::ReadDevice { device, volume_group } => device::read(session, device, volume_group).await,
        Action::TearDownDevice { device, pv_uuid, volume_group, bare_too } => {
            device::tear_down(session, device, pv_uuid.as_deref(), volume_group, *bare_too).await
        }
        Action::CreateBrick { brick, redo } => brick::create(session, brick, *redo).await,
        Action::DestroyBrick { brick } => brick::destroy(session, brick).await,
        Action::MountBrick { brick, make_directory } => mount::mount(session, brick, *make_directory).await,
        Action::RemoveMountDirectory { path } => mount::remove_directory(session, path).await,
        Action::InspectNode => inspect::inspect(session).await,
        Action::ReadLvm { report } => examine::lvm(session, *report).await,
        Action::ReadMounts => examine::mounts(session).await,
        Action::ReadVolumes => examine::volumes(session).await,
        Action::CreateVolume { volume } => volume::create(session, volume).await,
        // gluster takes the arbiter count of the volume for new sets.
        Action::AddBricks { name, durability, sets, .. } => volume::add_bricks(session, name, *durability, sets).await,
        Action::Rebalance { name } => volume::rebalance(session, name).await,
        Action::StartVolume { name } => volume::start(session, name).await,
        Action::StartBricks { name } => volume::start_bricks(session, name).await,
        Action::RecreateVolume { volume } => volume::recreate(session, volume).await,
        Action::DeleteVolume { name } => volume::delete(session, name).await,
        Action::SetOptions { name, options } => volume::set_options(session, name, options).await,
        Action::ListVolumes => volume::list(session).await,
        Action::CreateSnapshot { volume, snapshot } => snapshot::create(session, volume, snapshot).await,
        Action::CloneSnapshot { snapshot, clone } => snapshot::clone(session, snapshot, clone).await,
        Action::DeleteSnapshot { snapshot } => snapshot::delete(session, snapshot).await,
        Action::ListSnapshots => snapshot::list(session).await,
        Action::ReadBrickStorage { directory } => storage::read(session, directory).await,
        Action::ReplaceBrick { name, old, new } => replace::replace(session, name, old, new).await,
        Action::HealInfo { name } => replace::heal_info(session, name).await,
        Action::CreateBlockVolume { block_volume } => block::create(session, block_volume).await,
        Action::DeleteBlockVolume { hosting, name } => block::delete(session, hosting, name).await,
        Action::ExpandBlockVolume { hosting, name, size } => block::expand(session, hosting, name, *size).await,
        Action::ReadBlockVolume { hosting, name } => block::read(session, hosting, name).await,
        Action::ListBlockVolumes { hosting } => block::list(session, hosting).await,
        other => {
            let text = format!("Action not supported by executor: {}", other.describe());
            Err(session.failure(FailureKind::Command, Certainty::NotStarted, text))
        }
    }
}
