//! `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…`

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// Where a PostgreSQL is, and who connects. It never shows the password.
#[derive(Clone, PartialEq)]
pub struct PostgresUrl {
    config: Config,
    trust: Trust,
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trust {
    /// Anybody's: encrypted, and no more.
    Anybody,
    /// That of who a well-known authority says it is.
    WellKnown,
    /// That of who one of these authorities says it is.
    File(PathBuf),
}

impl Eq for PostgresUrl {}

impl FromStr for PostgresUrl {
    type Err = Error;

    /// As the database's own tools read it, but that a host beyond this machine must prove who it is unless
    /// `sslmode` says otherwise.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::PostgresUrl { reason: reason.to_owned() };
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut root, mut rest) = (None, None, Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => root = Some(PathBuf::from(value.into_owned())),
                // What a driver says of its pooler makes no difference to us.
                "pgbouncer" | "supa" => {}
                _ => rest.push((name.into_owned(), value.into_owned())),
            }
        }
        let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
        let plain = if rest.is_empty() { address.to_owned() } else { format!("{address}?{rest}") };
        let mut config: Config = plain.parse().map_err(|error| wrong(&fault(&error)))?;
        if config.get_user().is_none() || config.get_hosts().is_empty() {
            return Err(wrong("a user and a host must be named"));
        }
        let here = config.get_hosts().iter().all(is_here);
        let (mode, trust) = match (mode.as_deref(), root) {
            (Some("disable"), _) => (SslMode::Disable, Trust::Anybody),
            (Some("allow" | "prefer"), _) => (SslMode::Prefer, Trust::Anybody),
            (Some("require"), None) => (SslMode::Require, Trust::Anybody),
            (Some("require" | "verify-ca" | "verify-full") | None, Some(root)) => {
                (SslMode::Require, Trust::File(root))
            }
            (None, None) if here => (SslMode::Prefer, Trust::Anybody),
            (Some("verify-ca" | "verify-full") | None, None) => (SslMode::Require, Trust::WellKnown),
            (Some(_), _) => {
                return Err(wrong("sslmode is one of disable, prefer, require, verify-ca and verify-full"));
            }
        };
        config.ssl_mode(mode);
        Ok(Self { config, trust })
    }
}

/// What is wrong with a URL, in words that hold nothing of it: it may be its password that is wrongly written.
fn fault(error: &tokio_postgres::Error) -> String {
    let fault = std::error::Error::source(error).map_or(error.to_string(), ToString::to_string);
    match fault.starts_with("unknown option") {
        true => "there is an unknown option after its `?`, which is %3F within a password".into(),
        false => fault,
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl PostgresUrl {
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Result<MakeRustlsConnect, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls { reason: error.to_string() })?;
        let mut roots = RootCertStore::empty();
        match &self.trust {
            Trust::Anybody => {
                let verifier = Arc::new(AnyCertificate(provider));
                let config = builder.dangerous().with_custom_certificate_verifier(verifier);
                return Ok(MakeRustlsConnect::new(config.with_no_client_auth()));
            }
            Trust::WellKnown => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Trust::File(path) => {
                let unreadable = |reason: String| Error::Tls {
                    reason: format!("{} holds no certificates that can be read: {reason}", path.display()),
                };
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?
                {
                    let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                    roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
                }
            }
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::Tls { reason: error.to_string() })?;
        Ok(MakeRustlsConnect::new(builder.with_webpki_verifier(verifier).with_no_client_auth()))
    }
}

/// Believes whoever answers, as `sslmode=require` does: nobody listens in, but nobody proves who he is either.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Where it is, without the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.config.get_user().unwrap_or_default();
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        write!(f, "postgres://{user}@{host}:{port}/{}", self.config.get_dbname().unwrap_or(user))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
