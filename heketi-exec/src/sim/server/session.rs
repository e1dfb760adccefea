//! One SSH connection to a simulated node.

use std::collections::HashMap;
use std::sync::Arc;

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::sync::Notify;

use super::{Shared, control};
use crate::runner::received::{Printed, Received};
use crate::runner::{BatchResult, CommandRunner};

/// What goes into one data message.
const CHUNK: usize = 16 * 1024;

pub(super) struct Connection {
    host: String,
    shared: Arc<Shared>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Ends the connection.
    pub cut: Arc<Notify>,
}

impl Connection {
    pub fn new(host: String, shared: Arc<Shared>) -> Self {
        Self { host, shared, channels: HashMap::new(), cut: Arc::default() }
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
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let (Some(channel), Ok(command)) = (self.channels.remove(&id), String::from_utf8(command.to_vec())) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let (host, shared, cut) = (self.host.clone(), self.shared.clone(), self.cut.clone());
        // A command goes on when its connection ends, as on a real node.
        tokio::spawn(async move {
            match run(&host, &shared, &command).await {
                // The client may be gone.
                Some(printed) => _ = answer(&channel, printed).await,
                None => cut.notify_one(),
            }
        });
        Ok(())
    }
}

/// What the command prints; nothing when the node is lost meanwhile.
async fn run(host: &str, shared: &Shared, command: &str) -> Option<Printed> {
    let received = Received::read(command);
    let controlled = match received.batch.lines.as_slice() {
        [line] => control::run(&shared.sim, host, &line.text),
        _ => None,
    };
    let result = match controlled {
        Some(line) => BatchResult { lines: vec![line] },
        None => shared.sim.runner().run(host, &received.batch).await.ok()?,
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
