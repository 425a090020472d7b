//! Whom the export believes, and who it is: by the files that the settings name.

use std::path::{Path, PathBuf};

use crate::{Error, Settings};

/// What the files hold, in PEM.
#[derive(Default)]
pub(super) struct Files {
    /// Who is believed in the place of the system's authorities.
    authorities: Option<(PathBuf, Vec<u8>)>,
    /// Certificate and key of this program.
    identity: Option<[(PathBuf, Vec<u8>); 2]>,
}

impl Files {
    pub(super) fn read(settings: &Settings) -> Result<Self, Error> {
        let authorities = settings.certificate.as_deref().map(read).transpose()?;
        let identity = match (&settings.client_certificate, &settings.client_key) {
            (Some(certificate), Some(key)) => Some([read(certificate)?, read(key)?]),
            (None, None) => None,
            _ => return Err(Error::HalfAnIdentity),
        };
        Ok(Self { authorities, identity })
    }

    /// For gRPC.
    pub(super) fn tonic(&self) -> opentelemetry_otlp::tonic_types::transport::ClientTlsConfig {
        use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
        let mut config = match &self.authorities {
            Some((_, pem)) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let Some([(_, certificate), (_, key)]) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        config
    }

    /// For HTTP. Our own configuration rather than the process's default one, which belongs to the program. The system's
    /// certificates are only read where they may be needed.
    pub(super) fn rustls(&self, may_be_https: bool) -> Result<rustls::ClientConfig, Error> {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let mut roots = rustls::RootCertStore::empty();
        match &self.authorities {
            Some((path, pem)) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| wrong(path, error))?;
                    roots.add(certificate).map_err(|error| wrong(path, error))?;
                }
            }
            None if may_be_https => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            None => {}
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Exporter(error.into()))?
            .with_root_certificates(roots);
        let Some([(path, certificate), (key_path, key)]) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| wrong(path, error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(key_path, error))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| wrong(path, error))
    }
}

fn read(path: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let pem = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok((path.to_owned(), pem))
}

fn wrong(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::File { path: path.to_owned(), source: std::io::Error::other(error) }
}
