//! The command line of heketi.
#![forbid(unsafe_code)]

use std::io;
use std::process::ExitCode;

use heketi_http::cli::{Terminal, run_at};
use heketi_http::client::ClientOptions;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (terminal, options) = (Terminal::detect(), ClientOptions::default());
    let status = run_at(terminal, std::env::args_os(), options, &mut io::stdout(), &mut io::stderr()).await;
    ExitCode::from(status)
}
