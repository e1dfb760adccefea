//! The heketi server.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    heketi_http::app::run(std::env::args_os())
}
