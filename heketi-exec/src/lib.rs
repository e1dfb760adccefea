//! Does: runs heketi's steps on storage nodes, keeps its state on disk, and drives its operations.
//!
//! A Rust service that embeds heketi uses this crate: a [`runner::CommandRunner`] reaches the nodes.
#![warn(missing_docs)]

pub mod executor;
pub mod node;
pub mod runner;
