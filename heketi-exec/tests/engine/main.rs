//! Whole operations: engine, node commands and a simulated cluster.

mod arbiter;
mod audit;
mod blocks;
mod clones;
mod containment;
mod evacuate;
mod examine;
mod faults;
mod health;
mod histories;
mod kill;
mod life;
mod mortal;
mod replace;
mod retries;
mod stores;
mod support;
mod tested;
mod wayward;
