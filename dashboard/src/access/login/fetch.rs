//! The one way out of this room: to the issuer that the settings name, and no further.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, Url};
use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};

/// How long an issuer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of its answer.
const LARGEST: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0} is neither https nor on this machine")]
    InTheClear(String),
    #[error("it answers with more than a megabyte")]
    TooLarge,
    #[error("it does not answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("its answer is none of HTTP")]
    Answer(#[from] axum::http::Error),
    #[error("TLS cannot be spoken")]
    Tls(#[from] rustls::Error),
}

/// Asks an issuer: it follows no redirection, and is neither sent elsewhere nor kept waiting.
#[derive(Debug, Clone)]
pub(crate) struct Fetch(Client);

impl Fetch {
    pub(crate) fn new() -> Result<Self, FetchError> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .tls_backend_preconfigured(tls()?)
            .build()?;
        Ok(Self(client))
    }

    async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let url = request.uri().to_string();
        if !is_safe(&url) {
            return Err(FetchError::InTheClear(url));
        }
        let (parts, body) = request.into_parts();
        let request = self.0.request(parts.method, url).headers(parts.headers).body(body);
        let mut answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(FetchError::TooLarge);
            }
        }
        let mut response = axum::http::Response::builder().status(status).body(body)?;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}

/// What an issuer says is believed, so that nobody may have changed it on its way.
pub(crate) fn is_safe(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || url.scheme() == "http" && is_here
}

/// Believes whom the system believes.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_by_tls_or_on_this_machine() {
        for url in ["https://id.example", "http://127.0.0.1:80/x", "http://localhost/", "http://[::1]:4/"] {
            assert!(is_safe(url), "{url}");
        }
        for url in ["http://id.example", "http://169.254.169.254/", "ftp://localhost", "file:///etc", "x"] {
            assert!(!is_safe(url), "{url}");
        }
    }
}
