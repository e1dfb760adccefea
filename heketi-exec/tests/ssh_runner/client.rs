//! What the tests of the SSH runner share: settings, batches, and bounds on waiting.

use std::future::Future;
use std::time::{Duration, Instant};

use heketi_exec::runner::{Batch, CommandLine, SshConfig, SshRunner};
use russh::keys::ssh_key::LineEnding;
use tempfile::TempDir;

use crate::server::new_key;

/// No test takes longer.
const LIMIT: Duration = Duration::from_secs(60);

pub async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("the test took too long")
}

/// Waits until something is so.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(15), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn batch(lines: &[&str]) -> Batch {
    lines.iter().map(|line| CommandLine::new(*line, Duration::from_secs(10))).collect()
}

/// A directory with a client key, and settings with short times.
pub fn settings() -> (TempDir, SshConfig) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("id");
    let key = new_key();
    key.write_openssh_file(&file, LineEnding::LF).unwrap();
    let mut config = SshConfig::new(file);
    config.connect_timeout = Duration::from_secs(10);
    config.exit_wait = Duration::from_millis(300);
    (dir, config)
}

pub fn runner(config: &SshConfig) -> SshRunner {
    SshRunner::new(config.clone()).unwrap()
}
