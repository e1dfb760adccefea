//! How heketi's threads call Python: never while the interpreter ends, which would kill the process.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

/// How long the end of the interpreter waits for calls that run.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls that run, and whether more may begin.
struct State {
    calls: usize,
    shut: bool,
}

static STATE: Mutex<State> = Mutex::new(State { calls: 0, shut: false });
static ENDED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a call for as long as it lives.
struct Inside;

impl Drop for Inside {
    fn drop(&mut self) {
        lock().calls -= 1;
        ENDED.notify_all();
    }
}

/// Runs `work` with the interpreter lock; none when the interpreter is ending.
pub(crate) fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let inside = {
        let mut state = lock();
        if state.shut {
            return None;
        }
        state.calls += 1;
        Inside
    };
    let result = Python::try_attach(work);
    drop(inside);
    result
}

/// Lets no more calls begin and waits for those that run.
#[pyfunction]
fn shut(py: Python<'_>) {
    py.detach(|| {
        let mut state = lock();
        state.shut = true;
        // Nothing better can be done about a call that does not end.
        drop(ENDED.wait_timeout_while(state, PATIENCE, |state| state.calls > 0));
    });
}

/// Has the gate shut when the interpreter ends. Must not be called with a lock that other Python threads take:
/// they may run meanwhile.
pub(crate) fn shut_at_exit() -> PyResult<()> {
    Python::attach(|py| {
        let shut = wrap_pyfunction!(shut, py)?;
        py.import("atexit")?.call_method1("register", (shut,)).map(drop)
    })
}

/// Opens the gate for a process whose threads begin: those of a process it was forked from are not here.
pub(crate) fn open() {
    *lock() = State { calls: 0, shut: false };
}
