use tokio::signal::unix::{Signal, SignalKind, signal};

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
