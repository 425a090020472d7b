use std::future::Future;
use std::pin::Pin;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter as _;

use crate::{Error, Protocol, Settings};

/// Builds the exporter; call it within the runtime that will run it. What the settings leave open,
/// `opentelemetry-otlp` reads from the `OTEL_EXPORTER_OTLP_*` variables.
pub(super) fn build(settings: &Settings) -> Result<SpanExporter, Error> {
    #[cfg(not(feature = "tls"))]
    if settings.may_be_https() {
        return Err(Error::Exporter(
            "an endpoint that is not http:// needs the feature `tls` of treering-layer".into(),
        ));
    }
    let mut exporter = match settings.protocol {
        Protocol::Grpc => grpc(settings)?,
        Protocol::HttpProtobuf => http(settings, opentelemetry_otlp::Protocol::HttpBinary)?,
        Protocol::HttpJson => http(settings, opentelemetry_otlp::Protocol::HttpJson)?,
    };
    exporter.set_resource(&resource(settings));
    Ok(exporter)
}

fn resource(settings: &Settings) -> Resource {
    let resource = Resource::builder()
        .with_attribute(opentelemetry::KeyValue::new("telemetry.distro.name", env!("CARGO_PKG_NAME")))
        .with_attribute(opentelemetry::KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")));
    match &settings.service {
        Some(name) => resource.with_service_name(name.clone()).build(),
        None => resource.build(),
    }
}

fn grpc(settings: &Settings) -> Result<SpanExporter, Error> {
    let mut builder = SpanExporter::builder().with_tonic();
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(timeout) = settings.timeout {
        builder = builder.with_timeout(timeout);
    }
    #[cfg(feature = "tls")]
    if settings.may_be_https() {
        use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
        builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
    }
    let headers = headers(settings)?;
    let builder = builder.with_interceptor(move |mut request: tonic::Request<()>| {
        overwrite(request.metadata_mut().as_mut(), &headers);
        Ok(request)
    });
    builder.build().map_err(|error| Error::Exporter(error.into()))
}

fn http(settings: &Settings, protocol: opentelemetry_otlp::Protocol) -> Result<SpanExporter, Error> {
    let client = Client { inner: reqwest_client(settings)?, headers: headers(settings)? };
    let mut builder = SpanExporter::builder().with_http().with_protocol(protocol).with_http_client(client);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')));
    }
    if let Some(timeout) = settings.timeout {
        builder = builder.with_timeout(timeout);
    }
    builder.build().map_err(|error| Error::Exporter(error.into()))
}

fn reqwest_client(settings: &Settings) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if let Some(timeout) = settings.timeout {
        builder = builder.timeout(timeout);
    }
    #[cfg(feature = "tls")]
    {
        builder = builder.tls_backend_preconfigured(tls(settings.may_be_https())?);
    }
    builder.build().map_err(|error| Error::Exporter(error.into()))
}

/// Our own configuration rather than the process's default one, which belongs to the program. The system's
/// certificates are only read where they may be needed.
#[cfg(feature = "tls")]
fn tls(with_roots: bool) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    if with_roots {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Exporter(error.into()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn headers(settings: &Settings) -> Result<HeaderMap, Error> {
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name).map_err(|error| Error::Exporter(error.into()))?;
        let mut value = HeaderValue::try_from(value).map_err(|error| Error::Exporter(error.into()))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    settings.headers.iter().map(header).collect()
}

/// Headers of the program win over those of the environment, which `opentelemetry-otlp` adds by itself.
fn overwrite(headers: &mut HeaderMap, ours: &HeaderMap) {
    for (name, value) in ours {
        headers.insert(name.clone(), value.clone());
    }
}

#[derive(Debug)]
struct Client {
    inner: reqwest::Client,
    headers: HeaderMap,
}

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(
        &'a self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        overwrite(request.headers_mut(), &self.headers);
        self.inner.send_bytes(request)
    }
}

/// Whether a failed export is worth another attempt, by the OTLP specification. `opentelemetry-otlp` tells
/// the code in the text of its error only; what is not known to be final is tried again.
pub(super) fn is_final(error: &OTelSdkError) -> bool {
    let text = error.to_string();
    // The client's own word for a connection that broke: no collector has answered.
    if text.contains("gRPC code: Unknown: transport error") {
        return false;
    }
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    if let Some(code) = after("gRPC code: ") {
        let code = code.split(|char: char| !char.is_ascii_alphanumeric()).next().unwrap_or_default();
        return !matches!(
            code,
            "Cancelled" | "DeadlineExceeded" | "Aborted" | "OutOfRange" | "Unavailable" | "DataLoss"
        );
    }
    match after("status code: ").and_then(|code| code.trim().parse::<u16>().ok()) {
        Some(status) => !matches!(status, 429 | 502 | 503 | 504),
        None => text.contains("request will not be sent"),
    }
}
