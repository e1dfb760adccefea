//! What the server logs, and the level that can be changed while it runs.

use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::config::{LogFormat, LogLevel};

/// How much is logged, now. Clones share it.
#[derive(Clone)]
pub struct LogControl(Arc<Inner>);

struct Inner {
    level: Mutex<LogLevel>,
    apply: Box<dyn Fn(LogLevel) + Send + Sync>,
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogControl").field(&self.level()).finish()
    }
}

impl LogControl {
    /// Starts at `level`; `apply` is called with every new one.
    pub fn new(level: LogLevel, apply: impl Fn(LogLevel) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { level: Mutex::new(level), apply: Box::new(apply) }))
    }

    /// The level now.
    pub fn level(&self) -> LogLevel {
        *self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from the next line on.
    pub fn set(&self, level: LogLevel) {
        let mut current = self.0.level.lock().unwrap_or_else(PoisonError::into_inner);
        (self.0.apply)(level);
        *current = level;
    }
}

/// Writes what is logged to standard error, from this level on.
pub(crate) fn start(level: LogLevel, format: LogFormat) -> LogControl {
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry();
    // A second start in one process, as in tests, keeps the first logger.
    let _ = match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            registry.with(lines.with_filter(filter)).try_init()
        }
        LogFormat::Json => registry.with(lines.json().with_ansi(false).with_filter(filter)).try_init(),
    };
    LogControl::new(level, move |level| {
        // It fails only when the logger is gone, and then nobody logs.
        let _ = handle.reload(targets(level));
    })
}

/// Libraries under heketi say little that helps an administrator.
fn targets(level: LogLevel) -> Targets {
    let filter = match level {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Critical | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    Targets::new()
        .with_default(LevelFilter::WARN.min(filter))
        .with_target("heketi_core", filter)
        .with_target("heketi_exec", filter)
        .with_target("heketi_http", filter)
        .with_target("heketi", filter)
}
