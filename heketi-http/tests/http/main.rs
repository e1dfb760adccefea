//! The HTTP service, its client and its command line as black boxes, over a backend in
//! memory or the engine with simulated nodes.

mod admin;
mod audit;
mod backend;
mod block_volumes;
mod checklist;
mod cli;
mod cli_block;
mod cli_server;
mod cli_terminal;
mod cli_topology;
mod client;
mod completion;
mod conformance;
mod database;
mod events;
mod history;
mod jobs;
mod keys;
mod limits;
mod live;
mod operations;
mod placement;
mod scripted;
mod server;
mod service;
mod state;
mod tls;
mod tokens;
mod transcripts;
