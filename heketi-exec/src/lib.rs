//! Does: runs heketi's steps on storage nodes, keeps its state on disk, and drives its operations.
//!
//! A Rust service that embeds heketi opens an [`engine::Engine`] over an [`executor::Executor`] and a
//! [`store::Store`]. A [`runner::CommandRunner`] reaches the nodes.

pub mod engine;
pub mod executor;
pub mod node;
mod random;
pub mod runner;
pub mod sim;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use random::RandomIds;
