//! Speaks: heketi's REST service, its client library and its command-line tools.
//!
//! No rule about storage lives here: [`server`] turns requests into calls of a [`backend::Backend`],
//! [`client`] asks such a service, [`cli`] prints what it answers.
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod app;
pub mod auth;
#[cfg(feature = "server")]
pub mod backend;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod demo;
#[cfg(feature = "server")]
pub mod logging;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod server;
pub mod tls;
