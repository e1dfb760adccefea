//! The HTTP service, its client and its command line as black boxes, over a backend in memory.

mod backend;
mod cli;
mod cli_topology;
mod client;
mod conformance;
mod jobs;
mod limits;
mod server;
mod tokens;
