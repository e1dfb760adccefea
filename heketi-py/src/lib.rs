//! The Python module `heketi`. It tells the version of heketi it belongs to.

use pyo3::prelude::*;

/// The Python module `heketi`.
#[pymodule]
mod heketi {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
