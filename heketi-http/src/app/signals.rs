use heketi_core::api::AdminState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::server::AdminMode;
use crate::tls::ServerTls;

fn both() -> Option<(Signal, Signal)> {
    Some((signal(SignalKind::terminate()).ok()?, signal(SignalKind::interrupt()).ok()?))
}

async fn either(signals: Option<(Signal, Signal)>) {
    match signals {
        Some((mut terminate, mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        None => std::future::pending().await,
    }
}

/// Ready at the first SIGTERM or SIGINT. The handlers are there from this call on.
pub(super) fn stop() -> impl Future<Output = ()> {
    either(both())
}

/// From now on SIGTERM or SIGINT ends the process at once; unfinished operations are resumed at the next start.
pub(super) fn exit_at_once_on_the_next() {
    let next = either(both());
    tokio::spawn(async move {
        next.await;
        std::process::exit(1);
    });
}

/// From now on SIGHUP makes the server read its certificate and key again.
pub(super) fn reload_on_hangup(tls: ServerTls) {
    let Ok(mut signals) = signal(SignalKind::hangup()) else { return };
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => tracing::info!("certificate and key were read again"),
                Err(error) => tracing::error!("the old certificate stays in use: {error}"),
            }
        }
    });
}

/// From now on SIGUSR2 ends the read-only and local-client modes: a read-only server refuses the request that
/// would end them. The handler is there from this call on.
pub(super) fn return_to_normal(mode: AdminMode) {
    let Ok(mut signals) = signal(SignalKind::user_defined2()) else { return };
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            mode.set(AdminState::Normal);
        }
    });
}
