//! The SSH runner against a server in this process that misbehaves on demand, and against a real OpenSSH
//! server. Each test has servers of its own on loopback.

mod client;
mod faults;
mod hosts;
mod openssh;
mod server;
mod sshd;
