//! Whole operations: engine, node commands and a simulated cluster.

mod faults;
mod kill;
mod life;
mod stores;
mod support;
