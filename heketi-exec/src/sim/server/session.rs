//! One SSH connection to a simulated node.
//!
//! A command whose channel or connection ends is treated as sshd does without a terminal: it gets no signal, but
//! nobody reads its pipes any more. The line that runs goes on to its end and has its effect; a script of ours dies at
//! the mark that follows, so that no further line starts; a plain line, as heketi v10 sends it, runs to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Sig};
use tokio::sync::Notify;

use super::{Shared, control};
use crate::runner::BatchResult;
use crate::runner::received::{Printed, Received};

/// What goes into one data message.
const CHUNK: usize = 16 * 1024;

pub(super) struct Connection {
    host: String,
    shared: Arc<Shared>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Of each channel: does somebody read what its command prints?
    heard: HashMap<ChannelId, Arc<AtomicBool>>,
    /// Ends the connection.
    pub cut: Arc<Notify>,
}

impl Connection {
    pub fn new(host: String, shared: Arc<Shared>) -> Self {
        Self { host, shared, channels: HashMap::new(), heard: HashMap::new(), cut: Arc::default() }
    }

    fn unheard(&mut self, id: ChannelId) {
        if let Some(heard) = self.heard.remove(&id) {
            heard.store(false, Ordering::Release);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.heard.values().for_each(|heard| heard.store(false, Ordering::Release));
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let key = key.public_key;
        let known = |keys: &Vec<russh::keys::PublicKey>| keys.iter().any(|known| known.key_data() == key.key_data());
        match self.shared.authorized_keys.as_ref().is_none_or(known) {
            true => Ok(Auth::Accept),
            false => Ok(Auth::reject()),
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        self.channels.insert(channel.id(), channel);
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        self.unheard(id);
        Ok(())
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Result<(), Self::Error> {
        // It reaches the shell; the line that runs is in a process group of its own.
        if matches!(signal, Sig::KILL | Sig::TERM | Sig::HUP | Sig::INT) {
            self.unheard(id);
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let (Some(channel), Ok(command)) = (self.channels.remove(&id), String::from_utf8(command.to_vec())) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let (host, shared, cut) = (self.host.clone(), self.shared.clone(), self.cut.clone());
        let heard = Arc::new(AtomicBool::new(true));
        // russh does not tell of channels that we close first.
        self.heard.retain(|_, heard| Arc::strong_count(heard) > 1);
        self.heard.insert(id, heard.clone());
        tokio::spawn(async move {
            match run(&host, &shared, &command, &heard).await {
                // Its shell is dead.
                _ if !heard.load(Ordering::Acquire) => _ = channel.close().await,
                // The client may be gone.
                Some(printed) => _ = answer(&channel, printed).await,
                None => cut.notify_one(),
            }
        });
        Ok(())
    }
}

/// What the command prints; nothing when the node is lost meanwhile.
async fn run(host: &str, shared: &Shared, command: &str, heard: &AtomicBool) -> Option<Printed> {
    let received = Received::read(command);
    let controlled = match received.batch.lines.as_slice() {
        [line] => control::run(&shared.sim, host, &line.text),
        _ => None,
    };
    let result = match controlled {
        Some(line) => BatchResult { lines: vec![line] },
        None => {
            let goes_on = || heard.load(Ordering::Acquire) || !received.must_be_heard();
            shared.sim.runner().run_while(host, &received.batch, goes_on).await.ok()?
        }
    };
    Some(received.print(&result))
}

async fn answer(channel: &Channel<Msg>, printed: Printed) -> Result<(), russh::Error> {
    // Marks on both streams follow each other closely: a client waits for the last of either.
    for chunk in printed.stdout.as_bytes().chunks(CHUNK) {
        channel.data(chunk).await?;
    }
    for chunk in printed.stderr.as_bytes().chunks(CHUNK) {
        channel.extended_data(1, chunk).await?;
    }
    channel.exit_status(printed.status.cast_unsigned()).await?;
    channel.eof().await?;
    channel.close().await
}
