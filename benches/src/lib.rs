//! Benches of heketi, and the placement ring of heketi v10 they are compared with.

mod measure;
pub mod ring;
mod scene;
mod slow_store;

pub use measure::{CpuWatch, Times, is_smoke_run, readable};
pub use scene::{Scene, Shape};
pub use slow_store::SlowStore;
