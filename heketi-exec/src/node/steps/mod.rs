//! How each action is carried out on one host.

mod brick;
mod device;
mod peer;
mod settle;
mod volume;

use heketi_core::operation::{Action, Certainty, FailureKind, StepOutcome};

use super::session::Session;

/// Carries out an action whose arguments were checked.
pub(super) async fn execute(session: &mut Session<'_>, action: &Action) -> StepOutcome {
    match action {
        Action::Settle => settle::settle(session).await,
        Action::CheckGlusterd => peer::check(session).await,
        Action::ListPeers => peer::list(session).await,
        Action::ProbePeer { storage } => peer::probe(session, storage).await,
        Action::DetachPeer { storage } => peer::detach(session, storage).await,
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
        Action::CreateVolume { volume } => volume::create(session, volume).await,
        Action::AddBricks { name, durability, sets } => volume::add_bricks(session, name, *durability, sets).await,
        Action::Rebalance { name } => volume::rebalance(session, name).await,
        Action::StartVolume { name } => volume::start(session, name).await,
        Action::DeleteVolume { name } => volume::delete(session, name).await,
        Action::ListVolumes => volume::list(session).await,
        other => {
            let text = format!("Action not supported by executor: {}", other.describe());
            Err(session.failure(FailureKind::Command, Certainty::NotStarted, text))
        }
    }
}
