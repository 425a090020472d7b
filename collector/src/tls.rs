//! TLS of our own: certificates from files, which are looked at again and again, so that renewing one needs no restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, server::danger::ClientCertVerifier};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Where the certificate, its key, and the authorities of clients are, each in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those that lead from it to the authority that clients know.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Where there are any, clients are asked for a certificate of theirs. They may have none, and give a key instead.
    pub client_authorities: Option<PathBuf>,
}

/// Why these files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no {what} in PEM")]
    Pem { path: PathBuf, what: &'static str, source: Option<rustls::pki_types::pem::Error> },
    #[error(
        "the key of {key} is not that of the certificate in {certificate}, or one of them is of an unknown kind"
    )]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("{path} holds an authority that cannot be used")]
    Authority { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

/// How connections are encrypted from now on, whatever becomes of the files.
#[derive(Debug, Clone)]
pub struct Tls {
    current: watch::Receiver<Current>,
    /// True where clients are asked for a certificate.
    asks: bool,
}

#[derive(Debug, Clone)]
struct Current {
    asking: Arc<ServerConfig>,
    silent: Arc<ServerConfig>,
}

/// The files, looked at again.
#[derive(Debug)]
pub struct TlsWatch {
    files: TlsFiles,
    seen: Contents,
    current: watch::Sender<Current>,
}

/// What the files hold.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_authorities: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files, which have to fit each other.
    pub fn open(files: TlsFiles) -> Result<(Self, TlsWatch), TlsError> {
        let seen = Contents::read(&files)?;
        let (current, of_all) = watch::channel(seen.understood(&files)?);
        let asks = files.client_authorities.is_some();
        Ok((Self { current: of_all, asks }, TlsWatch { files, seen, current }))
    }

    /// The same for those who have no certificates, such as browsers: they would ask their user for one.
    pub fn without_clients(&self) -> Self {
        Self { asks: false, ..self.clone() }
    }

    /// How the next connection is encrypted.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        let current = self.current.borrow();
        if self.asks { current.asking.clone() } else { current.silent.clone() }
    }
}

impl TlsWatch {
    /// Looks at the files for ever. What cannot be used changes nothing, and is said once.
    pub async fn keep_fresh(mut self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = String::new();
        loop {
            ticks.tick().await;
            match self.look() {
                Ok(()) => told.clear(),
                Err(error) => {
                    let error = crate::deliver::causes(&error);
                    if error != told {
                        tracing::warn!(
                            error,
                            "new certificates cannot be used; those from before still hold"
                        );
                        told = error;
                    }
                }
            }
        }
    }

    /// They are a few kilobytes.
    fn look(&mut self) -> Result<(), TlsError> {
        let found = Contents::read(&self.files)?;
        if found == self.seen {
            return Ok(());
        }
        let new = found.understood(&self.files)?;
        self.seen = found;
        self.current.send_replace(new);
        tracing::info!("new certificates are in use");
        Ok(())
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
        };
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?.into(),
            client_authorities: files.client_authorities.as_deref().map(read).transpose()?,
        })
    }

    fn understood(&self, files: &TlsFiles) -> Result<Current, TlsError> {
        let authorities = match (&self.client_authorities, &files.client_authorities) {
            (Some(pem), Some(path)) => Some(verifier(pem, path)?),
            _ => None,
        };
        let silent = self.config(files, None)?;
        let asking = match authorities {
            Some(verifier) => self.config(files, Some(verifier))?,
            None => silent.clone(),
        };
        Ok(Current { asking, silent })
    }

    fn config(
        &self,
        files: &TlsFiles,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let pair = |source| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| no_pem(&files.key, "private key", Some(source)))?;
        let chain = certificates(&self.certificate, &files.certificate)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        // All suites are good; ours is the order by which the fastest comes first.
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        other => Err(no_pem(path, "certificate", other.err())),
    }
}

fn no_pem(path: &Path, what: &'static str, source: Option<rustls::pki_types::pem::Error>) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what, source }
}

/// Believes clients whom one of these authorities vouches for.
fn verifier(pem: &[u8], path: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unusable = |source| TlsError::Authority { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem, path)? {
        roots.add(authority).map_err(|source| unusable(source.into()))?;
    }
    WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::new(default_provider()))
        .allow_unauthenticated()
        .build()
        .map_err(|source| unusable(source.into()))
        .map(|verifier| verifier as _)
}

/// The names of a client's certificate, which was verified before.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
}
