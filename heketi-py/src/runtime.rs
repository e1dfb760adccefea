//! The threads that everything asynchronous runs on: started at first use, one set for each process.

use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::PyResult;
use pyo3::exceptions::PyOSError;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::gate;

/// The runtime and the process it was started in: threads do not survive a fork.
type Slot = Option<(u32, &'static Runtime)>;

static RUNTIME: Mutex<Slot> = Mutex::new(None);

/// The runtime of this process. It lasts as long as the process does.
pub(crate) fn handle() -> PyResult<Handle> {
    if let Some(handle) = running(&lock()) {
        return Ok(handle);
    }
    // Before the lock: other Python threads may run meanwhile, and must not wait for it with theirs.
    gate::shut_at_exit()?;
    let mut slot = lock();
    if let Some(handle) = running(&slot) {
        return Ok(handle);
    }
    let built = Builder::new_multi_thread().worker_threads(2).thread_name("heketi").enable_all().build();
    let runtime = built.map_err(|error| PyOSError::new_err(format!("no threads for heketi: {error}")))?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    gate::open();
    *slot = Some((process::id(), runtime));
    Ok(runtime.handle().clone())
}

fn lock() -> MutexGuard<'static, Slot> {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn running(slot: &Slot) -> Option<Handle> {
    slot.filter(|(owner, _)| *owner == process::id()).map(|(_, runtime)| runtime.handle().clone())
}
