//! The native half of the Python module `heketi`: planner, engine and REST client, with JSON going in and
//! out. What users see is the Python half, in `python/heketi`.

mod client;
mod engine;
mod executor;
mod failure;
mod gate;
mod pending;
mod plan;
mod python_runner;
mod runtime;
mod settings;

use pyo3::prelude::*;

/// The native half of the module `heketi`. Its classes are for the Python half alone.
#[pymodule]
mod _heketi {
    use super::*;

    #[pymodule_export]
    use super::client::Remote;
    #[pymodule_export]
    use super::engine::{Engine, Events};
    #[pymodule_export]
    use super::executor::Executor;
    #[pymodule_export]
    use super::pending::Pending;
    #[pymodule_export]
    use super::plan::Plan;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
