use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;

use super::{TlsError, certificates, provider};

/// The server's certificate and key, read again on demand. Clones share them.
#[derive(Clone)]
pub struct ServerTls(Arc<Inner>);

struct Inner {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("cert_file", &self.0.cert_file).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the certificate chain and the private key, both PEM.
    ///
    /// # Errors
    /// [`TlsError`] that names the file: it cannot be read, is no PEM, or the key does not fit the certificate.
    pub fn load(cert_file: &Path, key_file: &Path) -> Result<Self, TlsError> {
        let current = RwLock::new(read(cert_file, key_file)?);
        Ok(Self(Arc::new(Inner { cert_file: cert_file.into(), key_file: key_file.into(), current })))
    }

    /// Reads both files again. New connections get the new certificate, those that are open keep theirs.
    ///
    /// # Errors
    /// As [`Self::load`]; what was read before then stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.0.cert_file, &self.0.key_file)?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(cert_file: &Path, key_file: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(cert_file)?;
    // What the parser says of a key is not repeated: it may quote it.
    let text = std::fs::read(key_file).map_err(|error| TlsError::new(key_file, error))?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| TlsError::new(key_file, "it holds no private key in PEM form without a passphrase"))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(cert_file, error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            TlsError::new(key_file, format!("it does not fit the certificate in {}: {error}", cert_file.display()))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
