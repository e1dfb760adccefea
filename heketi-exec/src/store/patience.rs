//! Waits for a database file that somebody else has open.

use std::path::Path;
use std::time::{Duration, Instant};

/// How long whoever has a database open may take to let go of it: heketi v10's own patience.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 3 });

const PAUSE: Duration = Duration::from_millis(50);

/// Tries to open the file again and again while it is in use, for [`PATIENCE`] at most; what the last try answers.
pub(super) fn patiently<T, E>(
    path: &Path,
    mut open: impl FnMut() -> Result<T, E>,
    is_in_use: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let (start, mut told) = (Instant::now(), false);
    loop {
        match open() {
            Err(error) if is_in_use(&error) && start.elapsed() < PATIENCE => {
                if !told {
                    let (path, seconds) = (path.display(), PATIENCE.as_secs());
                    tracing::warn!("database {path} is in use; waiting up to {seconds} s until it is not");
                    told = true;
                }
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}
