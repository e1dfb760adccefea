//! An SSH server in this process that can misbehave: on loopback, on a port of its own.

use std::collections::{HashMap, HashSet};
use std::net::{Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// What the server does when it is asked to run something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs it in `/bin/sh -c`, as sshd does.
    Run,
    /// Cuts the connection instead of opening a channel.
    DropOnOpen,
    /// Refuses to open a channel.
    RefuseChannel,
    /// Refuses the exec request.
    RefuseExec,
    /// Cuts the connection on the exec request, without running anything.
    DropOnExec,
    /// Runs it to the end, then cuts the connection without having sent anything.
    DropAfterRun,
    /// Passes output on until it has seen `CUT HERE`, then cuts the connection.
    DropMidOutput,
    /// Passes output on until it has seen `CUT HERE`, drops the rest, and ends in order.
    Truncate,
    /// Passes output on until it has seen `CUT HERE`, then sends nothing any more.
    StallMidOutput,
    /// Sends output without end, whatever was asked for.
    Flood,
    /// Takes the request and does nothing.
    Stall,
    /// Stops reading and answering anything at all.
    Freeze,
    /// Runs it, sends no exit status, and closes the channel; drops all output.
    NoStatus,
    /// Runs it, drops all output, and sends its end without exit status or close.
    OnlyEof,
    /// Runs it and sends the exit status, but never the end of output or close.
    NeverClose,
    /// Prints a login message and exits with 1 without running anything.
    NoLogin,
}

/// A running server. It ends with the runtime of the test.
pub struct TestServer {
    pub port: u16,
    state: Arc<State>,
}

/// What the server is to do and what it has seen.
pub struct State {
    behaviour: Mutex<Behaviour>,
    /// The keys that may log in; `None`: every key.
    accepted: Mutex<Option<Vec<PublicKey>>>,
    logins: Mutex<Vec<PublicKey>>,
    config: Mutex<Arc<Config>>,
    /// So many channels of a connection may be open, as `MaxSessions` of sshd says.
    most_sessions: AtomicUsize,
    /// Put before PATH of what runs.
    path: Mutex<Option<PathBuf>>,
    connections: AtomicUsize,
    open_connections: AtomicUsize,
    /// The channels open now, as (connection, channel).
    channels: Mutex<HashSet<(usize, ChannelId)>>,
    most_channels: AtomicUsize,
    commands: Mutex<Vec<String>>,
    streams: Mutex<Vec<StdStream>>,
}

/// A fresh ed25519 key.
pub fn new_key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

fn config(keys: Vec<PrivateKey>) -> Arc<Config> {
    Arc::new(Config {
        keys,
        auth_rejection_time: Duration::from_millis(10),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        ..Config::default()
    })
}

impl TestServer {
    /// A server with this host key on 127.0.0.1.
    pub async fn start(key: &PrivateKey) -> Self {
        Self::start_on("127.0.0.1:0", vec![key.clone()]).await.unwrap()
    }

    /// A server on any local address.
    pub async fn start_on(address: &str, keys: Vec<PrivateKey>) -> std::io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let state = Arc::new(State {
            behaviour: Mutex::new(Behaviour::Run),
            accepted: Mutex::default(),
            logins: Mutex::default(),
            config: Mutex::new(config(keys)),
            most_sessions: AtomicUsize::new(usize::MAX),
            path: Mutex::new(None),
            connections: AtomicUsize::new(0),
            open_connections: AtomicUsize::new(0),
            channels: Mutex::default(),
            most_channels: AtomicUsize::new(0),
            commands: Mutex::new(Vec::new()),
            streams: Mutex::new(Vec::new()),
        });
        let served = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(served.clone(), stream.into_std().unwrap()));
            }
        });
        Ok(Self { port, state })
    }

    /// How a runner names this server.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    /// Lets in these keys and no others.
    pub fn accept_only(&self, keys: &[PublicKey]) {
        *self.state.accepted.lock().unwrap() = Some(keys.to_vec());
    }

    /// The keys that logged in, in order.
    pub fn logins(&self) -> Vec<PublicKey> {
        self.state.logins.lock().unwrap().clone()
    }

    /// Shows these host keys on new connections.
    pub fn show_keys(&self, keys: Vec<PrivateKey>) {
        *self.state.config.lock().unwrap() = config(keys);
    }

    /// Lets so many channels be open on each connection and refuses more.
    pub fn limit_sessions(&self, most: usize) {
        self.state.most_sessions.store(most, Ordering::SeqCst);
    }

    /// What runs finds programs in this directory first.
    pub fn put_before_path(&self, directory: PathBuf) {
        *self.state.path.lock().unwrap() = Some(directory);
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.state.cut();
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Connections now.
    pub fn open_connections(&self) -> usize {
        self.state.open_connections.load(Ordering::SeqCst)
    }

    /// Channels now.
    pub fn channels(&self) -> usize {
        self.state.channels.lock().unwrap().len()
    }

    /// The most channels there were at one time.
    pub fn most_channels(&self) -> usize {
        self.state.most_channels.load(Ordering::SeqCst)
    }

    /// The commands of all exec requests.
    pub fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }
}

async fn serve(state: Arc<State>, stream: StdStream) {
    let number = state.connections.fetch_add(1, Ordering::SeqCst);
    state.open_connections.fetch_add(1, Ordering::SeqCst);
    state.streams.lock().unwrap().push(stream.try_clone().unwrap());
    let config = state.config.lock().unwrap().clone();
    let connection = Connection { number, state: state.clone(), channels: HashMap::new() };
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    if let Ok(session) = run_stream(config, stream, connection).await {
        let _ = session.await;
    }
    state.open_connections.fetch_sub(1, Ordering::SeqCst);
}

impl State {
    fn judge(&self, key: &PublicKey) -> Auth {
        let accepted = self.accepted.lock().unwrap();
        let known = |keys: &Vec<PublicKey>| keys.iter().any(|known| known.key_data() == key.key_data());
        match accepted.as_ref().is_none_or(known) {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }

    /// The channels that are open on a connection.
    fn sessions(&self, connection: usize) -> usize {
        self.channels.lock().unwrap().iter().filter(|(of, _)| *of == connection).count()
    }

    fn channel_closed(&self, connection: usize, id: ChannelId) {
        self.channels.lock().unwrap().remove(&(connection, id));
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

struct Connection {
    number: usize,
    state: Arc<State>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut channels = self.state.channels.lock().unwrap();
        channels.retain(|(connection, _)| *connection != self.number);
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.state.judge(offer.public_key))
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let answer = self.state.judge(key.public_key);
        if matches!(answer, Auth::Accept) {
            self.state.logins.lock().unwrap().push(key.public_key.clone());
        }
        Ok(answer)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let behaviour = *self.state.behaviour.lock().unwrap();
        let full = self.state.sessions(self.number) >= self.state.most_sessions.load(Ordering::SeqCst);
        match behaviour {
            _ if full => {
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
                return Ok(());
            }
            Behaviour::RefuseChannel => {
                reply.reject(ChannelOpenFailure::ResourceShortage).await;
                return Ok(());
            }
            Behaviour::DropOnOpen => {
                self.state.cut();
                return Ok(());
            }
            _ => reply.accept().await,
        }
        let open = {
            let mut channels = self.state.channels.lock().unwrap();
            channels.insert((self.number, channel.id()));
            channels.len()
        };
        self.state.most_channels.fetch_max(open, Ordering::SeqCst);
        self.channels.insert(channel.id(), channel);
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.state.channel_closed(self.number, id);
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let command = String::from_utf8(command.to_vec()).unwrap();
        let behaviour = *self.state.behaviour.lock().unwrap();
        self.state.commands.lock().unwrap().push(command.clone());
        match behaviour {
            Behaviour::RefuseExec => session.channel_failure(id)?,
            Behaviour::DropOnExec => self.state.cut(),
            Behaviour::Freeze => tokio::time::sleep(Duration::from_secs(3600)).await,
            Behaviour::Stall => session.channel_success(id)?,
            _ => {
                session.channel_success(id)?;
                let channel = self.channels.remove(&id).unwrap();
                let state = self.state.clone();
                let number = self.number;
                tokio::spawn(async move {
                    run(&state, behaviour, number, &channel, command).await;
                    // russh does not tell of a channel that the server closes first.
                    state.channel_closed(number, id);
                });
            }
        }
        Ok(())
    }
}

/// Runs a command and passes on what the behaviour lets through.
async fn run(state: &State, behaviour: Behaviour, number: usize, channel: &Channel<Msg>, command: String) {
    if behaviour == Behaviour::Flood {
        while channel.data(&[b'x'; 32 * 1024][..]).await.is_ok() {}
        return;
    }
    let mut shell = Command::new("/bin/sh");
    let command = match behaviour {
        Behaviour::NoLogin => "echo 'This account is currently not available.'; exit 1",
        _ => &command,
    };
    shell.arg("-c").arg(command).stdin(Stdio::null());
    if let Some(first) = state.path.lock().unwrap().as_ref() {
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", first.display()));
    }
    let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = pump(child.stdout.take().unwrap(), state, behaviour, channel, None);
    let stderr = pump(child.stderr.take().unwrap(), state, behaviour, channel, Some(1));
    tokio::join!(stdout, stderr);
    let status = child.wait().await.unwrap().code().unwrap_or(255);
    // The client may be gone: nothing to do then.
    match behaviour {
        Behaviour::DropAfterRun => state.cut(),
        Behaviour::NoStatus => drop(channel.close().await),
        Behaviour::OnlyEof => drop(channel.eof().await),
        Behaviour::NeverClose => drop(channel.exit_status(status as u32).await),
        _ => {
            let _ = channel.exit_status(status as u32).await;
            let _ = channel.eof().await;
            // Whoever sees the end may ask for the next channel at once.
            state.channel_closed(number, channel.id());
            let _ = channel.close().await;
        }
    }
    if matches!(behaviour, Behaviour::OnlyEof | Behaviour::NeverClose) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    state: &State,
    behaviour: Behaviour,
    to: &Channel<Msg>,
    stream: Option<u32>,
) {
    let silent = [Behaviour::DropAfterRun, Behaviour::NoStatus, Behaviour::OnlyEof];
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if silent.contains(&behaviour) {
            continue;
        }
        let mut data = &buffer[..bytes];
        let cut_here = data.windows(8).position(|window| window == b"CUT HERE");
        if let (Some(at), Behaviour::Truncate | Behaviour::StallMidOutput) = (cut_here, behaviour) {
            data = &data[..at];
        }
        let sent = match stream {
            None => to.data(data).await,
            Some(kind) => to.extended_data(kind, data).await,
        };
        match behaviour {
            Behaviour::DropMidOutput if cut_here.is_some() => {
                // What was sent should arrive before the cut.
                tokio::time::sleep(Duration::from_millis(100)).await;
                state.cut();
            }
            Behaviour::StallMidOutput if cut_here.is_some() => return std::future::pending().await,
            Behaviour::Truncate if cut_here.is_some() => {
                while let Ok(1..) = from.read(&mut buffer).await {}
                return;
            }
            _ => {}
        }
        if sent.is_err() {
            return;
        }
    }
}
