//! One exec request, from its start to its end.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Client;
use kube::api::{Api, AttachParams, AttachedProcess};
use kube::client::UpgradeConnectionError;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::pods::Target;
use super::{causes, refusal};
use crate::runner::RunErrorKind;
use crate::runner::outcome::End;
use crate::runner::splitter::{Split, Splitter};

/// How the request ended.
pub(super) enum Followed {
    /// The shell started, or may have.
    Ran(Box<Split>, End),
    /// Certainly nothing ran.
    Refused(RunErrorKind, String),
}

/// Runs a script in a pod.
pub(super) async fn run(
    client: Client,
    namespace: &str,
    target: &Target,
    script: &str,
    splitter: Splitter,
    limit: Duration,
) -> Followed {
    let deadline = Instant::now() + limit;
    let api: Api<Pod> = Api::namespaced(client, namespace);
    let parameters = AttachParams::default().container(&target.container).stdin(false).stdout(true).stderr(true);
    let command = ["/bin/bash", "--norc", "-c", script];
    match timeout_at(deadline, api.exec(&target.pod, command, &parameters)).await {
        Ok(Ok(process)) => follow(process, splitter, deadline, limit).await,
        Ok(Err(error)) => not_started(&error, target),
        Err(_) => Followed::Ran(Box::default(), too_late(limit)),
    }
}

fn too_late(limit: Duration) -> End {
    End::TooLate(format!("the pod did not end the batch within {} s", limit.as_secs()))
}

/// Only an answer that is a refusal tells that nothing ran.
fn not_started(error: &kube::Error, target: &Target) -> Followed {
    let what = format!("run a command in container {} of pod {}", target.container, target.pod);
    match error {
        // From a gateway in between, which passed the request on and lost sight of it.
        kube::Error::Api(status) if matches!(status.code, 502 | 504) => {
            let end = End::Lost(format!(
                "cannot tell what came of it: the gateway answered {}: {}",
                status.code, status.message
            ));
            Followed::Ran(Box::default(), end)
        }
        kube::Error::Api(_) | kube::Error::BuildRequest(_) => {
            let (kind, text) = refusal(error, &what);
            Followed::Refused(kind, text)
        }
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => {
            let kind = match status.as_u16() {
                401 | 403 => RunErrorKind::AuthenticationFailed,
                _ => RunErrorKind::Protocol,
            };
            let remedy = match kind {
                RunErrorKind::AuthenticationFailed => super::rights::REMEDY,
                _ => "check that the pod runs and that its Kubernetes takes WebSockets (1.30 and later always do)",
            };
            Followed::Refused(kind, format!("the Kubernetes API refuses to {what}: {status}; {remedy}"))
        }
        other => Followed::Ran(Box::default(), End::Lost(format!("cannot {what}: {}", causes(other)))),
    }
}

/// How long output may follow the end of the connection: what is here already needs no time.
const AFTER_END: Duration = Duration::from_millis(500);

async fn follow(mut process: AttachedProcess, mut splitter: Splitter, late: Instant, limit: Duration) -> Followed {
    let (mut stdout, mut stderr) = (process.stdout(), process.stderr());
    // Tells the end of the connection too: kube's streams do not end when it is lost.
    let over = process.take_status();
    let over = async move {
        match over {
            Some(over) => over.await,
            None => None,
        }
    };
    tokio::pin!(over);
    let mut status = None;
    let mut deadline = late;
    let (mut out, mut err) = (vec![0; 32 * 1024], vec![0; 32 * 1024]);
    let end = loop {
        if splitter.is_complete() {
            break End::Complete;
        }
        if let (Some(status), true) = (&mut status, stdout.is_none() && stderr.is_none()) {
            break ended(Option::take(status));
        }
        tokio::select! {
            // First, because a command that prints without end would leave it no turn.
            biased;
            () = sleep_until(deadline) => match status {
                Some(status) => break ended(status),
                None => break too_late(limit),
            },
            bytes = read(&mut stdout, &mut out), if stdout.is_some() => match bytes {
                0 => stdout = None,
                bytes => splitter.push_stdout(&out[..bytes]),
            },
            bytes = read(&mut stderr, &mut err), if stderr.is_some() => match bytes {
                0 => stderr = None,
                bytes => splitter.push_stderr(&err[..bytes]),
            },
            seen = &mut over, if status.is_none() => {
                status = Some(seen);
                deadline = late.min(Instant::now() + AFTER_END);
            }
        }
    };
    // Until here: dropping it ends the connection, with protocol v4 before the last output.
    process.abort();
    Followed::Ran(Box::new(splitter.finish()), end)
}

/// The next bytes of a stream; 0 at its end.
async fn read(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => 0,
    }
}

/// What a status object says of a shell that said less than it should.
fn ended(status: Option<Status>) -> End {
    let Some(status) = status else {
        return End::Lost("the connection to the pod was lost".to_owned());
    };
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    match (code.and_then(|cause| cause.message), status.status.as_deref()) {
        (Some(code), _) => End::ShellEnded(format!("ended with exit status {code}")),
        (None, Some("Success")) => End::ShellEnded("ended with exit status 0".to_owned()),
        (None, _) => End::ShellEnded(format!("ended: {}", status.message.unwrap_or_default())),
    }
}
