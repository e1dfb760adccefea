//! What a test scripts over the simulated nodes: faults, latency, the end of the manager; and what it reads
//! back: every line that ran.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::SimCluster;
use crate::runner::RunErrorKind;

/// Which lines a fault or a latency is about.
#[derive(Clone)]
pub enum Matcher {
    /// Every line.
    Any,
    /// Lines that contain this text.
    Contains(String),
    /// Lines on one host (as the executor names it) that contain this text.
    On(String, String),
    /// Whatever the function says about host and line.
    Predicate(Predicate),
}

/// A function over host and line.
pub type Predicate = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// When a fault strikes, counted in lines it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every time.
    Always,
    /// The first time only.
    Once,
    /// The n-th time only, from 1.
    Nth(u64),
}

/// What happens to the line.
#[derive(Clone)]
pub enum Effect {
    /// It does nothing and fails with this text on stderr and this exit status.
    FailBefore(String, i32),
    /// It takes effect, then fails with this text on stderr and this exit status.
    FailAfter(String, i32),
    /// It does nothing and answers this stdout with exit status 0.
    Answer(String),
    /// The connection is lost before the line starts.
    DropBefore,
    /// It takes effect, but the connection is lost before its answer.
    DropAfter,
    /// The connection is lost while the line runs; it goes on for this long on the node, then takes effect.
    DropRunning(Duration),
    /// The host cannot be used at all, for this reason.
    Refuse(RunErrorKind),
    /// The node ends the line because its time is up, with or without its effect.
    Timeout {
        /// The line takes effect all the same.
        took_effect: bool,
    },
    /// It takes this long; longer than the line may, and it is ended without effect.
    Hang(Duration),
    /// This is called, then the line runs.
    Callback(Callback),
}

/// What [`Effect::Callback`] calls. No lock is held: it may change the cluster.
pub type Callback = Arc<dyn Fn(&SimCluster) + Send + Sync>;

/// One scripted fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The lines it is about.
    pub matches: Matcher,
    /// When it strikes.
    pub when: When,
    /// What it does.
    pub effect: Effect,
}

/// Faults by chance, the same for the same seed and order of lines.
#[derive(Clone, Debug)]
pub struct RandomFaults {
    /// Start of the sequence of chances.
    pub seed: u64,
    /// One line in this many is struck, on average.
    pub one_in: u64,
    /// What strikes, one of them by chance.
    pub effects: Vec<Effect>,
}

/// One line that reached a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRecord {
    /// The host as the executor named it.
    pub host: Arc<str>,
    /// The line.
    pub text: Arc<str>,
    /// Exit status that was reported; `None` while it runs, after a time-out, or when the answer was lost.
    pub status: Option<i32>,
}

/// Where the manager ends (see [`SimCluster::set_stop_after`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPoint {
    /// Before the line takes effect.
    BeforeLine,
    /// After the line took effect, before its answer arrives.
    AfterLine,
    /// While the line runs; it goes on for this long on the node, then takes effect.
    DuringLine(Duration),
}

impl Fault {
    /// A fault that strikes the first line that matches.
    pub fn once(matches: impl Into<Matcher>, effect: Effect) -> Self {
        Self { matches: matches.into(), when: When::Once, effect }
    }

    /// A fault that strikes every line that matches.
    pub fn always(matches: impl Into<Matcher>, effect: Effect) -> Self {
        Self { matches: matches.into(), when: When::Always, effect }
    }

    /// A fault that strikes the n-th line that matches, from 1.
    pub fn nth(n: u64, matches: impl Into<Matcher>, effect: Effect) -> Self {
        Self { matches: matches.into(), when: When::Nth(n), effect }
    }
}

impl From<&str> for Matcher {
    fn from(text: &str) -> Self {
        Self::Contains(text.to_owned())
    }
}

impl From<(&str, &str)> for Matcher {
    fn from((host, text): (&str, &str)) -> Self {
        Self::On(host.to_owned(), text.to_owned())
    }
}

impl Matcher {
    /// A matcher that asks a function over host and line.
    pub fn predicate(matches: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self::Predicate(Arc::new(matches))
    }

    fn matches(&self, host: &str, line: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Contains(text) => line.contains(text),
            Self::On(on, text) => on == host && line.contains(text),
            Self::Predicate(matches) => matches(host, line),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any line"),
            Self::Contains(text) => write!(f, "lines with {text:?}"),
            Self::On(host, text) => write!(f, "lines with {text:?} on {host}"),
            Self::Predicate(_) => f.write_str("lines a function chooses"),
        }
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailBefore(text, status) => write!(f, "FailBefore({text:?}, {status})"),
            Self::FailAfter(text, status) => write!(f, "FailAfter({text:?}, {status})"),
            Self::Answer(text) => write!(f, "Answer({text:?})"),
            Self::DropBefore => f.write_str("DropBefore"),
            Self::DropAfter => f.write_str("DropAfter"),
            Self::DropRunning(time) => write!(f, "DropRunning({time:?})"),
            Self::Refuse(kind) => write!(f, "Refuse({kind:?})"),
            Self::Timeout { took_effect } => write!(f, "Timeout {{ took_effect: {took_effect} }}"),
            Self::Hang(duration) => write!(f, "Hang({duration:?})"),
            Self::Callback(_) => f.write_str("Callback"),
        }
    }
}

/// How many lines are remembered; older ones are forgotten, but still counted.
const LOG_LENGTH: usize = 200_000;

/// Faults, latency, log and counters.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<(u64, Fault, u64)>,
    next_fault: u64,
    random: Option<RandomFaults>,
    latency: Vec<(Matcher, Duration)>,
    log: VecDeque<LineRecord>,
    hosts: HashMap<String, Arc<str>>,
    lines: u64,
    stop: Option<(u64, StopPoint)>,
    stopped: bool,
}

/// How a line is to be treated.
#[derive(Debug)]
pub(super) struct Admission {
    pub number: u64,
    pub effect: Option<Effect>,
    pub latency: Duration,
    /// The manager ends at this line.
    pub stop: Option<StopPoint>,
}

impl Script {
    /// A line is about to start. `None`: the manager is gone.
    pub fn admit(&mut self, host: &str, line: &str) -> Option<Admission> {
        if self.stopped {
            return None;
        }
        let stop = match &mut self.stop {
            Some((0, _)) => {
                self.stopped = true;
                return None;
            }
            Some((left, point)) => {
                *left -= 1;
                (*left == 0).then_some(*point)
            }
            None => None,
        };
        self.stopped = stop.is_some();
        if stop == Some(StopPoint::BeforeLine) {
            return Some(Admission { number: u64::MAX, effect: None, latency: Duration::ZERO, stop });
        }
        let number = self.lines;
        self.lines += 1;
        let host_name = self.host(host);
        if self.log.len() >= LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(LineRecord { host: host_name, text: line.into(), status: None });
        let effect = self.fault(host, line);
        let latency = self.latency.iter().filter(|(matcher, _)| matcher.matches(host, line)).map(|(_, d)| *d).sum();
        Some(Admission { number, effect, latency, stop })
    }

    fn host(&mut self, host: &str) -> Arc<str> {
        if let Some(name) = self.hosts.get(host) {
            return Arc::clone(name);
        }
        let name: Arc<str> = host.into();
        self.hosts.insert(host.to_owned(), Arc::clone(&name));
        name
    }

    fn fault(&mut self, host: &str, line: &str) -> Option<Effect> {
        let mut effect = None;
        for (_, fault, seen) in &mut self.faults {
            if !fault.matches.matches(host, line) {
                continue;
            }
            *seen += 1;
            let strikes = match fault.when {
                When::Always => true,
                When::Once => *seen == 1,
                When::Nth(n) => *seen == n,
            };
            if strikes && effect.is_none() {
                effect = Some(fault.effect.clone());
            }
        }
        effect.or_else(|| self.random.as_mut()?.draw())
    }

    /// A line ended with this exit status.
    pub fn ended(&mut self, number: u64, status: Option<i32>) {
        let oldest = self.lines - self.log.len() as u64;
        if let Some(record) = number.checked_sub(oldest).and_then(|at| self.log.get_mut(usize::try_from(at).ok()?)) {
            record.status = status;
        }
    }
}

impl RandomFaults {
    fn draw(&mut self) -> Option<Effect> {
        // SplitMix64: good enough for chance, the same on every machine.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = word ^ (word >> 31);
        if !word.is_multiple_of(self.one_in.max(1)) || self.effects.is_empty() {
            return None;
        }
        let which = (word >> 32) as usize % self.effects.len();
        self.effects.get(which).cloned()
    }
}

impl SimCluster {
    /// Scripts a fault; the first one that matches a line decides. Returns a handle for [`Self::remove_fault`].
    pub fn inject(&self, fault: Fault) -> u64 {
        let mut script = self.script();
        let id = script.next_fault;
        script.next_fault += 1;
        script.faults.push((id, fault, 0));
        id
    }

    /// Takes a fault back.
    pub fn remove_fault(&self, id: u64) {
        self.script().faults.retain(|(other, ..)| *other != id);
    }

    /// Takes back all faults, those by chance too.
    pub fn clear_faults(&self) {
        let mut script = self.script();
        script.faults.clear();
        script.random = None;
    }

    /// Faults by chance, on lines that no other fault strikes.
    pub fn set_random_faults(&self, faults: Option<RandomFaults>) {
        self.script().random = faults;
    }

    /// Lines that match take this much longer (`tokio::time::sleep`). While a changing gluster command
    /// lasts, glusterd refuses others of the same pool: "Another transaction is in progress".
    pub fn add_latency(&self, matches: impl Into<Matcher>, latency: Duration) {
        self.script().latency.push((matches.into(), latency));
    }

    /// Every line takes no time again.
    pub fn clear_latency(&self) {
        self.script().latency.clear();
    }

    /// The manager dies at the n-th line from now: that line takes effect or not, and from it on every host
    /// is unreachable, until [`Self::clear_stop`]. With 0, no line runs at all.
    pub fn set_stop_after(&self, lines: u64, point: StopPoint) {
        let mut script = self.script();
        script.stop = Some((lines, point));
        script.stopped = false;
    }

    /// Was the line of [`Self::set_stop_after`] reached?
    pub fn stopped(&self) -> bool {
        self.script().stopped
    }

    /// A new manager starts: hosts can be reached again.
    pub fn clear_stop(&self) {
        let mut script = self.script();
        script.stop = None;
        script.stopped = false;
    }

    /// The lines that reached a node, in order of their start (the last 200 000).
    pub fn lines_run(&self) -> Vec<LineRecord> {
        self.script().log.iter().cloned().collect()
    }

    /// How many lines reached a node.
    pub fn line_count(&self) -> u64 {
        self.script().lines
    }

    /// Forgets the lines that ran and counts from zero.
    pub fn forget_lines(&self) {
        let mut script = self.script();
        script.log.clear();
        script.lines = 0;
    }
}
