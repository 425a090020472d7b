use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::export::{self, Queue, Sink};
use crate::{Error, Guard, Layer};

/// How OTLP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC (`grpc`), by convention on port 4317.
    Grpc,
    /// Protobuf over HTTP (`http/protobuf`), by convention on port 4318.
    HttpProtobuf,
    /// JSON over HTTP (`http/json`), by convention on port 4318.
    HttpJson,
}

/// Where steps go and how; from the environment, and by the program over it.
///
/// ```no_run
/// use treering_layer::{Protocol, Settings};
///
/// let _guard = Settings::from_env()?
///     .protocol(Protocol::Grpc)
///     .endpoint("http://127.0.0.1:4317")
///     .header("authorization", "Bearer trk_…")
///     .service("research")
///     .init()?;
/// # Ok::<(), treering_layer::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until `init` or `layer` is called"]
pub struct Settings {
    pub(crate) endpoint: Option<String>,
    endpoint_of_env: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) service: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) delay: Duration,
    pub(crate) batch_steps: usize,
    queue_bytes: usize,
    flush: Duration,
    level: Level,
    disabled: bool,
}

impl Settings {
    /// The defaults, without a look at the environment: `http/protobuf`, and the values that the methods
    /// name. Only what is left open of endpoint, timeout, compression, headers and resource is still read
    /// there by the exporter.
    pub fn new() -> Self {
        Self {
            endpoint: None,
            endpoint_of_env: None,
            protocol: Protocol::HttpProtobuf,
            headers: Vec::new(),
            service: None,
            timeout: None,
            delay: Duration::from_millis(500),
            batch_steps: 512,
            queue_bytes: 32 * 1024 * 1024,
            flush: Duration::from_secs(5),
            level: Level::INFO,
            disabled: false,
        }
    }

    /// What the environment says, by the specification of OpenTelemetry:
    ///
    /// - `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_PROTOCOL`, `_TIMEOUT`, `_COMPRESSION`, and the same
    ///   with `_TRACES_` which win. Without a protocol, an endpoint on port 4317 is spoken to in gRPC and any
    ///   other in `http/protobuf`; without an endpoint, it is `http://localhost:4318`, or `:4317` with gRPC.
    /// - `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`.
    /// - `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` switch the layer off.
    /// - `OTEL_BSP_SCHEDULE_DELAY` (milliseconds; 500 unless set, so that a page follows a running agent) and
    ///   `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` (512). The queue is bounded by [`Settings::queue_bytes`] instead of
    ///   a count, and every step is exported: `OTEL_TRACES_SAMPLER` is not read.
    ///
    /// # Errors
    /// A variable has a value that cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(&|name| env::var(name).ok())
    }

    /// A variable that is empty counts as not set, as the specification says.
    pub(crate) fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is = |name: &str, word: &str| read(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        let defaults = Self::new();
        let delay = number(&read, "OTEL_BSP_SCHEDULE_DELAY", "a number of milliseconds")?;
        let batch = number(&read, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "a number of spans")?;
        let endpoint =
            read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| read("OTEL_EXPORTER_OTLP_ENDPOINT"));
        Ok(Self {
            protocol: protocol(&read, endpoint.as_deref())?,
            delay: delay.map_or(defaults.delay, Duration::from_millis),
            batch_steps: batch
                .map_or(defaults.batch_steps, |steps| usize::try_from(steps.max(1)).unwrap_or(usize::MAX)),
            disabled: is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none"),
            endpoint_of_env: endpoint,
            ..defaults
        })
    }

    /// The base address of the collector, such as `http://127.0.0.1:4317`; `v1/traces` is added for HTTP.
    pub fn endpoint(self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..self }
    }

    /// How OTLP travels.
    pub fn protocol(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// A header of each request, such as `authorization`; it wins over one of the environment.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The name of the program (`service.name`).
    pub fn service(self, name: impl Into<String>) -> Self {
        Self { service: Some(name.into()), ..self }
    }

    /// How long the collector may take to answer one export, retries included (10 s unless set).
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// How long a finished step waits for others before it is sent (500 ms unless set).
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// How many bytes finished steps may take up until they are delivered (32 MiB unless set). What finds no
    /// room is dropped and counted.
    pub fn queue_bytes(self, bytes: usize) -> Self {
        Self { queue_bytes: bytes, ..self }
    }

    /// How long the guard waits for the last steps when it is dropped (5 s unless set).
    pub fn flush(self, deadline: Duration) -> Self {
        Self { flush: deadline, ..self }
    }

    /// The level from which upward spans and events are followed (`INFO` unless set); see
    /// [`fields`](crate::fields) for what is followed in any case.
    pub fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Sets the global subscriber: this layer alone.
    ///
    /// # Errors
    /// No exporter can be made of the settings, or a global subscriber is already set.
    pub fn init(self) -> Result<Guard, Error> {
        let (layer, guard) = self.layer()?;
        tracing_subscriber::registry().with(layer.alone()).try_init().map_err(Error::AlreadySet)?;
        Ok(guard)
    }

    /// The layer and its guard, to compose with other layers.
    ///
    /// # Errors
    /// No exporter can be made of the settings.
    pub fn layer(self) -> Result<(Layer, Guard), Error> {
        if self.disabled {
            return Ok((Layer::new(Sink::Off, self.level), Guard::off()));
        }
        let (level, flush) = (self.level, self.flush);
        let queue = Arc::new(Queue::new(self.queue_bytes, self.batch_steps));
        export::start(self, queue.clone())?;
        Ok((Layer::new(Sink::Queue(queue.clone()), level), Guard::new(queue, flush)))
    }

    /// Whether the connection may need TLS: anything but a plain `http://`.
    pub(crate) fn may_be_https(&self) -> bool {
        let endpoint = self.endpoint.as_ref().or(self.endpoint_of_env.as_ref());
        endpoint.is_some_and(|endpoint| !endpoint.starts_with("http://"))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Headers hold keys, so they are not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .field("headers", &headers)
            .field("service", &self.service)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

fn protocol(read: &dyn Fn(&str) -> Option<String>, endpoint: Option<&str>) -> Result<Protocol, Error> {
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        let Some(value) = read(name) else { continue };
        return match value.as_str() {
            "grpc" => Ok(Protocol::Grpc),
            "http/protobuf" => Ok(Protocol::HttpProtobuf),
            "http/json" => Ok(Protocol::HttpJson),
            _ => Err(Error::Setting { name, value, expected: "grpc, http/protobuf or http/json" }),
        };
    }
    let is_grpc = endpoint.is_some_and(|endpoint| endpoint.trim_end_matches('/').ends_with(":4317"));
    Ok(if is_grpc { Protocol::Grpc } else { Protocol::HttpProtobuf })
}

fn number(
    read: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<u64>, Error> {
    let Some(value) = read(name) else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| Error::Setting { name, value, expected })
}
