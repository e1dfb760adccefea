//! TLS of the server and of its clients, over rustls with one crypto provider.

mod client;
#[cfg(feature = "server")]
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use client::ClientTls;
#[cfg(feature = "server")]
pub use server::ServerTls;

/// Why certificates or keys cannot be used. The text names the file and never shows what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}", file = file.display())]
pub struct TlsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl TlsError {
    fn new(file: &Path, reason: impl ToString) -> Self {
        Self { file: file.to_path_buf(), reason: reason.to_string() }
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificates of a PEM file, at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(file).map_err(|error| TlsError::new(file, error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| TlsError::new(file, format!("it is not PEM: {error}")))?;
    if found.is_empty() {
        return Err(TlsError::new(file, "it holds no certificate: write a PEM file with the whole chain"));
    }
    Ok(found)
}
