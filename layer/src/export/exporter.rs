use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value as OtelValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::{Error, Protocol, Settings, Value, key};

/// By which batches leave.
#[derive(Debug)]
pub(super) enum Exporter {
    Otlp(Box<Otlp>),
    /// Says yes to each batch and drops it: for benchmarks.
    #[cfg(any(test, feature = "testing"))]
    Discard,
}

/// The wire.
#[derive(Debug)]
pub(super) struct Otlp {
    spans: SpanExporter,
    logs: Option<LogExporter>,
    resource: Resource,
    later: Later,
}

/// How long the collector asked to be left alone, in seconds, when it last refused over HTTP. The exporter heeds it while it
/// tries by itself, and says nothing of it afterwards; over gRPC nobody hears of it but the exporter.
#[derive(Debug, Clone, Default)]
struct Later(Arc<AtomicU64>);

/// Nobody is left alone for longer.
const LATEST: u64 = 600;

impl Later {
    fn hear(&self, response: &Response<Bytes>) {
        let is_refused = matches!(response.status().as_u16(), 429 | 503);
        let asked = response.headers().get(http::header::RETRY_AFTER).filter(|_| is_refused);
        let seconds = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        self.0.store(seconds.unwrap_or(0).min(LATEST), Ordering::Relaxed);
    }
}

impl Exporter {
    /// Call it within the runtime that will run it. What the settings leave open, `opentelemetry-otlp` reads from the
    /// `OTEL_EXPORTER_OTLP_*` variables.
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        #[cfg(any(test, feature = "testing"))]
        if settings.discard {
            return Ok(Self::Discard);
        }
        check(settings)?;
        let (resource, later) = (resource(settings), Later::default());
        let mut spans = spans(settings, &later)?;
        spans.set_resource(&resource);
        let mut logs = if settings.tells_of_life() { Some(logs(settings)?) } else { None };
        logs.iter_mut().for_each(|logs| logs.set_resource(&resource));
        Ok(Self::Otlp(Box::new(Otlp { spans, logs, resource, later })))
    }

    /// How long the collector wants to be left alone.
    pub(super) fn later(&self) -> Duration {
        match self {
            Self::Otlp(otlp) => Duration::from_secs(otlp.later.0.load(Ordering::Relaxed)),
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => Duration::ZERO,
        }
    }

    /// The attributes of this process.
    pub(super) fn resource(&self) -> Vec<(String, Value)> {
        let text = |value: &OtelValue| Value::from(value.as_str().as_ref());
        match self {
            Self::Otlp(otlp) => {
                otlp.resource.iter().map(|(key, value)| (key.as_str().to_owned(), text(value))).collect()
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => Vec::new(),
        }
    }

    /// Sends for another process from now on.
    pub(super) fn speak_for(&mut self, attributes: &[(String, Value)]) {
        let attributes = attributes
            .iter()
            .filter_map(|(name, value)| Some(KeyValue::new(name.clone(), value.as_text()?.to_owned())));
        let other = Resource::builder_empty().with_attributes(attributes).build();
        match self {
            Self::Otlp(otlp) => otlp.spans.set_resource(&other),
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => {}
        }
    }

    /// Sends for this process again.
    pub(super) fn speak_for_itself(&mut self) {
        match self {
            Self::Otlp(otlp) => otlp.spans.set_resource(&otlp.resource),
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => {}
        }
    }

    pub(super) async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        match self {
            Self::Otlp(otlp) => otlp.spans.export(batch).await,
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => {
                drop(batch);
                Ok(())
            }
        }
    }

    pub(super) async fn tell(&self, signs: &[(&SdkLogRecord, &InstrumentationScope)]) -> OTelSdkResult {
        match self {
            Self::Otlp(otlp) => match &otlp.logs {
                Some(logs) => logs.export(LogBatch::new(signs)).await,
                None => Ok(()),
            },
            #[cfg(any(test, feature = "testing"))]
            Self::Discard => Ok(()),
        }
    }
}

fn check(settings: &Settings) -> Result<(), Error> {
    #[cfg(not(feature = "tls"))]
    if settings.may_be_https() || settings.names_certificates() {
        return Err(Error::Exporter(
            "an endpoint that is not http://, and certificates, need the feature `tls` of treering-layer"
                .into(),
        ));
    }
    if settings.sign && (settings.protocol == Protocol::Grpc || !cfg!(feature = "signing")) {
        return Err(Error::Exporter(
            "requests are signed over HTTP alone, with the feature `signing`; over gRPC, use a client's certificate"
                .into(),
        ));
    }
    key::check(settings, &settings.address())
}

fn spans(settings: &Settings, later: &Later) -> Result<SpanExporter, Error> {
    let exporter = SpanExporter::builder();
    match wire(settings.protocol) {
        None => grpc(exporter.with_tonic(), settings)?.build(),
        Some(form) => http(exporter.with_http(), settings, form, "v1/traces", later)?.build(),
    }
    .map_err(|error| Error::Exporter(error.into()))
}

fn logs(settings: &Settings) -> Result<LogExporter, Error> {
    let exporter = LogExporter::builder();
    match wire(settings.protocol) {
        None => grpc(exporter.with_tonic(), settings)?.build(),
        Some(form) => http(exporter.with_http(), settings, form, "v1/logs", &Later::default())?.build(),
    }
    .map_err(|error| Error::Exporter(error.into()))
}

/// The form of bodies over HTTP; `None` for gRPC.
fn wire(protocol: Protocol) -> Option<opentelemetry_otlp::Protocol> {
    match protocol {
        Protocol::Grpc => None,
        Protocol::HttpProtobuf => Some(opentelemetry_otlp::Protocol::HttpBinary),
        Protocol::HttpJson => Some(opentelemetry_otlp::Protocol::HttpJson),
    }
}

fn resource(settings: &Settings) -> Resource {
    let mut resource = Resource::builder()
        .with_attribute(KeyValue::new("telemetry.distro.name", env!("CARGO_PKG_NAME")))
        .with_attribute(KeyValue::new("telemetry.distro.version", env!("CARGO_PKG_VERSION")));
    if let Some(name) = &settings.service {
        resource = resource.with_service_name(name.clone());
    }
    // By this a collector tells whose steps are interrupted when a process falls silent.
    let instance = Key::from_static_str("service.instance.id");
    if Resource::builder().build().get(&instance).is_none() {
        resource = resource.with_attribute(KeyValue::new(instance, settings.instance.clone()));
    }
    resource.build()
}

fn grpc<B: WithExportConfig + WithTonicConfig>(mut builder: B, settings: &Settings) -> Result<B, Error> {
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(timeout) = settings.timeout {
        builder = builder.with_timeout(timeout);
    }
    #[cfg(feature = "tls")]
    if settings.may_be_https() {
        builder = builder.with_tls_config(super::tls::Files::read(settings)?.tonic());
    }
    let headers = headers(settings)?;
    Ok(builder.with_interceptor(move |mut request: tonic::Request<()>| {
        overwrite(request.metadata_mut().as_mut(), &headers);
        Ok(request)
    }))
}

fn http<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    settings: &Settings,
    form: opentelemetry_otlp::Protocol,
    path: &str,
    later: &Later,
) -> Result<B, Error> {
    let client = Client {
        inner: reqwest_client(settings)?,
        headers: headers(settings)?,
        later: later.clone(),
        #[cfg(feature = "signing")]
        signer: settings.sign.then(super::sign::Signer::new),
    };
    let mut builder = builder.with_protocol(form).with_http_client(client);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(format!("{}/{path}", endpoint.trim_end_matches('/')));
    }
    if let Some(timeout) = settings.timeout {
        builder = builder.with_timeout(timeout);
    }
    Ok(builder)
}

fn reqwest_client(settings: &Settings) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if let Some(timeout) = settings.timeout {
        builder = builder.timeout(timeout);
    }
    #[cfg(feature = "tls")]
    {
        let files = super::tls::Files::read(settings)?;
        builder = builder.tls_backend_preconfigured(files.rustls(settings.may_be_https())?);
    }
    builder.build().map_err(|error| Error::Exporter(error.into()))
}

fn headers(settings: &Settings) -> Result<HeaderMap, Error> {
    let header = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name).map_err(|error| Error::Exporter(error.into()))?;
        let mut value = HeaderValue::try_from(value).map_err(|error| Error::Exporter(error.into()))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    let mut headers: HeaderMap = settings.headers.iter().map(header).collect::<Result<_, Error>>()?;
    if let Some(key) = settings.key_to_add() {
        let (name, value) = header(&(String::from("authorization"), format!("Bearer {}", key.expose())))?;
        headers.insert(name, value);
    }
    Ok(headers)
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
    later: Later,
    #[cfg(feature = "signing")]
    signer: Option<super::sign::Signer>,
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
        #[cfg(feature = "signing")]
        if let Some(Err(error)) = self.signer.as_ref().map(|signer| signer.sign(&mut request)) {
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(async move {
            let answer = self.inner.send_bytes(request).await?;
            self.later.hear(&answer);
            Ok(answer)
        })
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
