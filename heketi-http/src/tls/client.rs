use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::{TlsError, certificates, provider};

/// What a client demands of a server's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Take any certificate.
    pub insecure: bool,
    /// PEM files of certificates to trust instead of the system's.
    pub certificates: Vec<PathBuf>,
}

impl ClientTls {
    /// The configuration for rustls; `None` stands for the system's certificates.
    pub(crate) fn config(&self) -> Result<Option<ClientConfig>, TlsError> {
        let mut pinned = Vec::new();
        for file in &self.certificates {
            pinned.extend(certificates(file)?.into_iter().map(|certificate| (file, certificate)));
        }
        let trust = match (self.insecure, pinned.first()) {
            (true, _) => Trust::Anyone,
            (false, None) => return Ok(None),
            (false, Some((first, _))) => {
                let mut roots = RootCertStore::empty();
                for (file, certificate) in &pinned {
                    roots.add(certificate.clone()).map_err(|error| TlsError::new(file, error))?;
                }
                let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
                let usual = usual.build().map_err(|error| TlsError::new(first, error))?;
                Trust::Pinned { usual, pinned: pinned.into_iter().map(|(_, certificate)| certificate).collect() }
            }
        };
        let verifier = Arc::new(Verifier { trust, algorithms: provider().signature_verification_algorithms });
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        // The provider has both versions of the protocol.
        let Ok(builder) = builder else { return Ok(None) };
        Ok(Some(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
    }
}

/// Whose certificate is taken.
#[derive(Debug)]
enum Trust {
    /// Everyone's; only that the server has its key is checked.
    Anyone,
    /// That of named certificates as roots, and each of them also as the server's own: a self-signed certificate is
    /// usually marked as one of an authority, which the common rules do not take from a server.
    Pinned { usual: Arc<WebPkiServerVerifier>, pinned: Vec<CertificateDer<'static>> },
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust::Pinned { usual, pinned } = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        match usual.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::UnknownIssuer))
                if pinned.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
