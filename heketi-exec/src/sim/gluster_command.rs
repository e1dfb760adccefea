//! The `gluster` command lines heketi uses.

/// One gluster command line.
#[derive(Debug)]
pub(super) struct GlusterCommand {
    /// The answer is wanted as XML.
    pub xml: bool,
    /// What to do.
    pub action: GlusterAction,
}

/// Bricks for a new volume, or more for an existing one.
#[derive(Debug, Default)]
pub(super) struct BrickList {
    pub replica: Option<u32>,
    pub arbiter: u32,
    pub data: u32,
    pub redundancy: u32,
    /// `host:path`, in gluster's order.
    pub bricks: Vec<(String, String)>,
    pub force: bool,
}

/// What a gluster command does.
#[derive(Debug)]
pub(super) enum GlusterAction {
    PoolList,
    PeerStatus,
    PeerProbe(String),
    PeerDetach(String),
    SnapshotLimit(u32),
    Create(String, BrickList),
    AddBrick(String, BrickList),
    Set(String, Vec<(String, String)>),
    Start(String, bool),
    Stop(String, bool),
    Delete(String),
    Info(Option<String>),
    Rebalance(String),
    HealInfo(String),
    ReplaceBrick { volume: String, old: (String, String), new: (String, String) },
    ResetBrick { volume: String, brick: (String, String), commit: bool },
    Heal(String),
    SnapshotList(Option<String>),
    SnapshotCreate { snapshot: String, volume: String },
    SnapshotActivate(String),
    SnapshotDeactivate(String),
    SnapshotDelete(String),
    SnapshotClone { clone: String, snapshot: String },
}

impl GlusterAction {
    /// Does it change the pool's configuration? Such commands take glusterd's lock.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::PoolList | Self::PeerStatus | Self::Info(_) | Self::HealInfo(_) | Self::SnapshotList(_))
    }

    /// How gluster names the command in its answer.
    pub fn title(&self) -> String {
        match self {
            Self::PoolList => "pool list".into(),
            Self::PeerStatus => "peer status".into(),
            Self::PeerProbe(_) => "peer probe".into(),
            Self::PeerDetach(_) => "peer detach".into(),
            Self::SnapshotLimit(_) => "snapshot config".into(),
            Self::Create(name, _) => format!("volume create: {name}"),
            Self::AddBrick(..) => "volume add-brick".into(),
            Self::Set(..) => "volume set".into(),
            Self::Start(name, _) => format!("volume start: {name}"),
            Self::Stop(name, _) => format!("volume stop: {name}"),
            Self::Delete(name) => format!("volume delete: {name}"),
            Self::Info(_) => "volume info".into(),
            Self::Rebalance(name) => format!("volume rebalance: {name}"),
            Self::HealInfo(_) => "volume heal".into(),
            Self::ReplaceBrick { .. } => "volume replace-brick".into(),
            Self::ResetBrick { .. } => "volume reset-brick".into(),
            Self::Heal(name) => format!("volume heal: {name}"),
            Self::SnapshotList(_) => "snapshot list".into(),
            Self::SnapshotCreate { .. } => "snapshot create".into(),
            Self::SnapshotActivate(_) => "snapshot activate".into(),
            Self::SnapshotDeactivate(_) => "snapshot deactivate".into(),
            Self::SnapshotDelete(_) => "snapshot delete".into(),
            Self::SnapshotClone { .. } => "snapshot clone".into(),
        }
    }
}

impl GlusterCommand {
    /// Reads the words after `gluster`.
    ///
    /// # Errors
    /// What is not understood.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (mut xml, mut script, mut rest) = (false, false, Vec::new());
        for word in words {
            match word.as_str() {
                "--xml" => xml = true,
                "--mode=script" => script = true,
                word if word.starts_with("--timeout=") => {
                    let seconds = word.trim_start_matches("--timeout=").parse::<u32>();
                    seconds.map_err(|_| format!("{word} is not a time"))?;
                }
                word if word.starts_with("--") => return Err(format!("gluster option {word} is not known")),
                word => rest.push(word),
            }
        }
        if !script {
            return Err("gluster without --mode=script asks questions nobody answers".into());
        }
        Ok(Self { xml, action: action(&rest)? })
    }
}

fn action(words: &[&str]) -> Result<GlusterAction, String> {
    use GlusterAction as A;
    Ok(match words {
        ["pool", "list"] => A::PoolList,
        ["peer", "status"] => A::PeerStatus,
        ["peer", "probe", host] => A::PeerProbe((*host).into()),
        ["peer", "detach", host] => A::PeerDetach((*host).into()),
        ["snapshot", "config", "snap-max-hard-limit", limit] => {
            A::SnapshotLimit(limit.parse().map_err(|_| format!("{limit} is not a limit"))?)
        }
        ["snapshot", "list"] => A::SnapshotList(None),
        ["snapshot", "list", volume] => A::SnapshotList(Some((*volume).into())),
        ["snapshot", "create", snapshot, volume, "no-timestamp"] => {
            A::SnapshotCreate { snapshot: (*snapshot).into(), volume: (*volume).into() }
        }
        ["snapshot", "activate", snapshot] => A::SnapshotActivate((*snapshot).into()),
        ["snapshot", "deactivate", snapshot] => A::SnapshotDeactivate((*snapshot).into()),
        ["snapshot", "delete", snapshot] => A::SnapshotDelete((*snapshot).into()),
        ["snapshot", "clone", clone, snapshot] => {
            A::SnapshotClone { clone: (*clone).into(), snapshot: (*snapshot).into() }
        }
        ["volume", "create", name, rest @ ..] => A::Create((*name).into(), brick_list(rest)?),
        ["volume", "add-brick", name, rest @ ..] => A::AddBrick((*name).into(), brick_list(rest)?),
        ["volume", "set", name, pairs @ ..] if !pairs.is_empty() && pairs.len() % 2 == 0 => {
            let pairs = pairs.as_chunks::<2>().0.iter().map(|[key, value]| ((*key).into(), (*value).into()));
            A::Set((*name).into(), pairs.collect())
        }
        ["volume", "start", name] => A::Start((*name).into(), false),
        ["volume", "start", name, "force"] => A::Start((*name).into(), true),
        ["volume", "stop", name] => A::Stop((*name).into(), false),
        ["volume", "stop", name, "force"] => A::Stop((*name).into(), true),
        ["volume", "delete", name] => A::Delete((*name).into()),
        ["volume", "info"] => A::Info(None),
        ["volume", "info", name] => A::Info(Some((*name).into())),
        ["volume", "rebalance", name, "start"] => A::Rebalance((*name).into()),
        ["volume", "heal", name, "info"] => A::HealInfo((*name).into()),
        ["volume", "replace-brick", name, old, new, "commit", "force"] => {
            A::ReplaceBrick { volume: (*name).into(), old: brick(old)?, new: brick(new)? }
        }
        ["volume", "reset-brick", name, old, "start"] => {
            A::ResetBrick { volume: (*name).into(), brick: brick(old)?, commit: false }
        }
        ["volume", "reset-brick", name, old, new, "commit", "force"] if old == new => {
            A::ResetBrick { volume: (*name).into(), brick: brick(old)?, commit: true }
        }
        ["volume", "heal", name] => A::Heal((*name).into()),
        _ => return Err(format!("gluster {} is not known", words.join(" "))),
    })
}

/// `host:path`; the host may hold colons itself.
fn brick(text: &str) -> Result<(String, String), String> {
    let (host, path) = text.split_once(":/").ok_or_else(|| format!("{text} is not a brick (host:path)"))?;
    if host.is_empty() || path.is_empty() {
        return Err(format!("{text} is not a brick (host:path)"));
    }
    Ok((host.to_owned(), format!("/{}", path.trim_end_matches('/'))))
}

fn brick_list(words: &[&str]) -> Result<BrickList, String> {
    let mut list = BrickList::default();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let number = |words: &mut std::iter::Peekable<std::slice::Iter<'_, &str>>| {
            let count = words.next().and_then(|n| n.parse::<u32>().ok());
            count.ok_or_else(|| format!("no number after {word}"))
        };
        match *word {
            "replica" => list.replica = Some(number(&mut words)?),
            "arbiter" => list.arbiter = number(&mut words)?,
            "disperse-data" => list.data = number(&mut words)?,
            "redundancy" => list.redundancy = number(&mut words)?,
            "transport" if words.peek() == Some(&&"tcp") => _ = words.next(),
            "force" if words.peek().is_none() => list.force = true,
            word => list.bricks.push(brick(word)?),
        }
    }
    if list.bricks.is_empty() {
        return Err("no bricks".into());
    }
    Ok(list)
}
