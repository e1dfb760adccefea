//! The command line of heketi.
#![forbid(unsafe_code)]

use std::io;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let status = heketi_http::cli::run(std::env::args_os(), &mut io::stdout(), &mut io::stderr()).await;
    ExitCode::from(status)
}
