//! Hosts that are not there, and arguments that must reach no node.

use heketi_core::operation::{Action, Certainty, FailureKind, Host, Observation};

use super::subject::{Checked, Subject, broken, same};

pub(super) async fn check(subject: &Subject) -> Checked {
    let nowhere = Host { manage: subject.unreachable.clone(), ..subject.nodes[0].host.clone() };
    match subject.run_on(vec![nowhere.clone()], Action::CheckGlusterd).await {
        Ok(seen) => return broken(format!("a host that is not there cannot be checked: {seen:?}")),
        Err(failure) => {
            same("an unreachable host", &failure.kind, &FailureKind::Unreachable)?;
            same("an unreachable host", &failure.certainty, &Certainty::NotStarted)?;
            if !failure.text.contains(&subject.unreachable) && failure.host != subject.unreachable {
                return broken(format!("a failure names its host: {failure:?}"));
            }
        }
    }
    // The next host takes a step that certainly did not start.
    let hosts = vec![nowhere, subject.nodes[0].host.clone()];
    match subject.run_on(hosts, Action::CheckGlusterd).await {
        Ok(seen) => same("the second host", &seen, &Observation::Done)?,
        Err(failure) => return broken(format!("the second host must be asked: {failure:?}")),
    }
    if let Ok(seen) = subject.run_on(Vec::new(), Action::CheckGlusterd).await {
        return broken(format!("without hosts nothing can be done: {seen:?}"));
    }
    for name in ["a;b", "$(x)", "-v", "a b", "`x`", ""] {
        let failure = subject.bad(0, Action::StartVolume { name: name.into() }).await?;
        same(&format!("the volume name {name:?}"), &failure.certainty, &Certainty::NotStarted)?;
    }
    // A path may hold anything: it is a name, not a command.
    let device = "/dev/no disk; touch '$(x)'".to_owned();
    let failure = subject.bad(0, Action::SetUpDevice { device, volume_group: "vg_x".into(), wipe: true }).await?;
    same("a disk that is not there", &failure.kind, &FailureKind::DeviceNotAvailable)
}
