//! The SSH runner against a server in this process that misbehaves on demand, and against a real OpenSSH
//! server. Each test has servers of its own on loopback.

mod agent;
mod client;
mod conformance;
mod embed;
mod faults;
mod hosts;
mod kubernetes;
mod limits;
mod local;
mod openssh;
mod program;
mod round_trips;
mod server;
mod simulator;
mod sshd;
