//! Speaks: heketi's REST service, its client library and its command-line tools.
//!
//! No rule about storage lives here: [`server`] turns requests into calls of a [`backend::Backend`],
//! [`client`] asks such a service, [`cli`] prints what it answers.
#![forbid(unsafe_code)]

pub mod app;
pub mod auth;
pub mod backend;
pub mod cli;
pub mod client;
pub mod config;
pub mod server;
