//! Decides: the state of heketi's clusters, placement, and every operation as a state machine.
//!
//! Nothing in this crate does I/O, reads a clock, draws random numbers or is asynchronous: the same input
//! gives the same output. Time comes in as [`Timestamp`], ids from an [`IdSource`], facts about nodes as
//! `placement::Facts` and [`operation::Observation`]s.
//!
//! The way of a request: an operation's `plan` reads the [`inventory::Inventory`] and returns a
//! [`inventory::ChangeSet`]; the embedder makes it durable, then runs the [`operation::Step`]s the operation
//! yields and feeds their outcomes back, until the operation is finished or undone.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod api;
pub mod audit;
pub mod error;
pub mod events;
pub mod id;
pub mod interchange;
pub mod inventory;
pub mod model;
pub mod operation;
pub mod placement;
pub mod simulation;
pub mod units;

pub use error::{Error, ErrorKind};
pub use id::IdSource;
pub use units::{Gib, Kib, Timestamp};
