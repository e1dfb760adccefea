//! One batch on one channel: opens it, sends the exec request, follows the output, closes the channel.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::outcome::End;
use super::super::splitter::{Split, Splitter};
use super::pool::Lease;

/// The extended data type of standard error.
const STDERR: u32 = 1;

/// Why the exec request was certainly not sent.
pub(super) enum NotSent {
    /// The connection is dead.
    Dead(String),
    /// The host refused a channel.
    Refused(String),
}

/// Bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For the opening and for the closing of the channel.
    pub channel: Duration,
    /// From the end of the output or the exit status to the closing of the channel.
    pub exit: Duration,
    /// For the whole batch.
    pub batch: Duration,
}

/// Opens a channel and hands the exec request over. After `Ok` the command may run.
pub(super) async fn send(lease: &Lease, command: &str, limits: Limits) -> Result<Channel<Msg>, NotSent> {
    let session = lease.session();
    let dead = || NotSent::Dead(session.end_reason());
    let opened = timeout(limits.channel, session.handle.channel_open_session()).await;
    let channel = match opened {
        Ok(Ok(channel)) => channel,
        Ok(Err(russh::Error::ChannelOpenFailure(why))) => {
            return Err(NotSent::Refused(format!(
                "the host refused to open a session on the connection ({why:?}); if this happens under load, \
                 raise MaxSessions in its sshd_config or lower the number of channels per host"
            )));
        }
        Ok(Err(_)) => return Err(dead()),
        Err(_) => {
            return Err(NotSent::Dead(format!(
                "the host did not open a session within {} s",
                limits.channel.as_secs_f64()
            )));
        }
    };
    // An error means that the request never left the queue of a session that has ended.
    match channel.exec(true, command).await {
        Ok(()) => Ok(channel),
        Err(_) => Err(dead()),
    }
}

/// What came of a command that may have run.
pub(super) enum Followed {
    /// The host refused to run anything.
    ExecRefused,
    /// It ran, as far as these tell.
    Ran(Split, End),
}

/// Follows the batch to its end in a task of its own: when the caller stops waiting, the channel is still
/// read and closed in order, and the place on the host is held until then.
pub(super) fn follow(
    channel: Channel<Msg>,
    splitter: Splitter,
    limits: Limits,
    lease: Lease,
    permit: OwnedSemaphorePermit,
) -> oneshot::Receiver<Followed> {
    let (done, outcome) = oneshot::channel();
    tokio::spawn(async move {
        let mut exchange = Exchange { channel, limits, open: true };
        let followed = exchange.read(splitter, &lease).await;
        let broken = matches!(followed, Followed::Ran(_, End::Lost(_) | End::TooLate(_)));
        if broken {
            lease.retire();
        }
        let host_closes = !broken && !matches!(followed, Followed::ExecRefused);
        // Nobody may be waiting any more.
        let _ = done.send(followed);
        if exchange.close(host_closes).await {
            lease.settle();
        }
        drop(permit);
    });
    outcome
}

struct Exchange {
    channel: Channel<Msg>,
    limits: Limits,
    /// Not closed by the host yet.
    open: bool,
}

impl Exchange {
    async fn read(&mut self, mut splitter: Splitter, lease: &Lease) -> Followed {
        // Nobody may stall because the command waits for input. A lost connection shows on reading.
        let _ = self.channel.eof().await;
        let last = Instant::now() + self.limits.batch;
        let mut deadline = last;
        let mut how = None;
        let end = loop {
            if splitter.is_complete() {
                break End::Complete;
            }
            let message = tokio::select! {
                // First, because a host that sends without end would leave it no turn.
                biased;
                () = sleep_until(deadline) => break self.too_late(how, deadline == last).await,
                message = self.channel.wait() => message,
            };
            // What is still on its way after the end of the shell may take its time.
            if deadline < last {
                deadline = last.min(Instant::now() + self.limits.exit);
            }
            match message {
                Some(ChannelMsg::Data { data }) => splitter.push_stdout(&data),
                Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => splitter.push_stderr(&data),
                Some(ChannelMsg::Failure) => return Followed::ExecRefused,
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    how = Some(format!("ended with status {exit_status}"));
                    deadline = last.min(Instant::now() + self.limits.exit);
                }
                Some(ChannelMsg::ExitSignal { signal_name, error_message, .. }) => {
                    how = Some(format!("was ended by signal {signal_name:?} {error_message}"));
                    deadline = last.min(Instant::now() + self.limits.exit);
                }
                Some(ChannelMsg::Eof) => deadline = deadline.min(Instant::now() + self.limits.exit),
                Some(ChannelMsg::Close) => {
                    self.open = false;
                    break match how {
                        Some(how) => End::ShellEnded(how),
                        None => End::Lost("the host closed the channel without exit status".to_owned()),
                    };
                }
                Some(_) => {}
                None => {
                    self.open = false;
                    break End::Lost(lease.session().end_reason());
                }
            }
        };
        Followed::Ran(splitter.finish(), end)
    }

    /// Nothing came in time: after the end of the shell or of its output, or at all.
    async fn too_late(&mut self, how: Option<String>, whole_batch: bool) -> End {
        match how {
            Some(how) => End::ShellEnded(how),
            None if whole_batch => {
                // Keeps the shell from starting further lines, where the host's sshd supports it.
                let _ = self.channel.signal(Sig::KILL).await;
                End::TooLate(format!("the host did not end the batch within {} s", self.limits.batch.as_secs()))
            }
            None => End::Lost(format!(
                "the output ended, but no exit status came within {} s",
                self.limits.exit.as_secs_f64()
            )),
        }
    }

    /// Closes the channel, after a while if the host is to do it. False: the host may still hold it.
    async fn close(&mut self, host_closes: bool) -> bool {
        if host_closes && timeout(self.limits.exit, self.closed_by_host()).await.is_ok() {
            return true;
        }
        // A daemon the command left behind holds the streams: the host drops them on Close.
        matches!(timeout(self.limits.channel, self.channel.close()).await, Ok(Ok(())))
    }
    async fn closed_by_host(&mut self) {
        while self.open {
            match self.channel.wait().await {
                Some(ChannelMsg::Close) | None => self.open = false,
                Some(_) => {}
            }
        }
    }
}
