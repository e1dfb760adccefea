use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::config::LogLevel;

/// Writes what is logged to standard error, from this level on.
pub(super) fn start(level: LogLevel) {
    let filter = match level {
        LogLevel::None => LevelFilter::OFF,
        LogLevel::Critical | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Libraries under heketi say little that helps an administrator.
    let targets = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN.min(filter))
        .with_target("heketi_core", filter)
        .with_target("heketi_exec", filter)
        .with_target("heketi_http", filter)
        .with_target("heketi", filter);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start in one process, as in tests, keeps the first logger.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
}
