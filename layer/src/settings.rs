mod environment;

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::export::{self, Queue, Sink};
use crate::finish::Screen;
use crate::following::Following;
use crate::source::{self, Source};
use crate::{ApiKey, Capture, Error, Guard, Layer, OnFull, key};

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
    pub(crate) sign: bool,
    queue_bytes: usize,
    flush: Duration,
    level: Level,
    disabled: bool,
    pub(crate) on_full: OnFull,
    value_bytes: usize,
    api_key: Option<ApiKey>,
    headers_of_env: Vec<(String, String)>,
    pub(crate) insecure: bool,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) screen: Screen,
    pub(crate) running_after: Option<Duration>,
    pub(crate) heartbeat: Duration,
    /// By what this process is known.
    pub(crate) instance: String,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) discard: bool,
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
            sign: false,
            queue_bytes: 32 * 1024 * 1024,
            flush: Duration::from_secs(5),
            level: Level::INFO,
            disabled: false,
            on_full: OnFull::default(),
            api_key: None,
            headers_of_env: Vec::new(),
            insecure: false,
            certificate: None,
            client_certificate: None,
            client_key: None,
            screen: Screen::default(),
            value_bytes: 1024 * 1024,
            running_after: Some(Duration::from_millis(250)),
            heartbeat: Duration::from_secs(5),
            instance: source::instance(),
            #[cfg(any(test, feature = "testing"))]
            discard: false,
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
    /// - `OTEL_LOGS_EXPORTER=none` tells of ends alone; `TREERING_RUNNING_AFTER` and `TREERING_HEARTBEAT_INTERVAL`
    ///   (milliseconds) are [`Settings::running_after`] and [`Settings::heartbeat`].
    /// - `TREERING_API_KEY`, or `TREERING_API_KEY_FILE` with the path of a file that holds it: [`Settings::api_key`].
    /// - `OTEL_EXPORTER_OTLP_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY`, and the same with `_TRACES_`: paths of
    ///   files in PEM, for [`Settings::certificate`] and [`Settings::client_certificate`].
    /// - `TREERING_INSECURE=true`, or `OTEL_EXPORTER_OTLP_INSECURE=true`: [`Settings::insecure`].
    /// - `TREERING_CAPTURE`: `nothing`, `structure`, `redacted` or `all`; `TREERING_RULES` is a file of rules, for
    ///   [`Settings::rules`].
    /// - `TREERING_SPILL` is a folder, for [`OnFull::Spill`](crate::OnFull).
    /// - `TREERING_SIGN_REQUESTS=true` signs requests, as [`Settings::sign`] does.
    ///
    /// # Errors
    /// A variable has a value that cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(&|name| env::var(name).ok())
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

    /// The key to the collector, which travels as `authorization: Bearer …` unless a header already says who this is. It is
    /// not sent in the clear beyond this machine: settings that would are refused; see [`Settings::insecure`].
    pub fn api_key(self, key: impl Into<ApiKey>) -> Self {
        Self { api_key: Some(key.into()), ..self }
    }

    /// Lets the key travel in the clear to another machine, where the way there is private.
    pub fn insecure(self, insecure: bool) -> Self {
        Self { insecure, ..self }
    }

    /// Believes the authorities in this file (PEM), in place of the system's.
    pub fn certificate(self, path: impl Into<PathBuf>) -> Self {
        Self { certificate: Some(path.into()), ..self }
    }

    /// Shows the collector this certificate, which has this key (files in PEM).
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some(certificate.into()), client_key: Some(key.into()), ..self }
    }

    /// How much of what agents say is captured ([`Capture::All`] unless set).
    pub fn capture(mut self, capture: Capture) -> Self {
        self.screen.capture = capture;
        #[cfg(feature = "redact")]
        if capture == Capture::Redacted {
            self.screen.rules.get_or_insert_with(|| Arc::new(treering_redact::Rules::builtin()));
        }
        self
    }

    /// Rules of one's own (TOML, as the collector's) beside the built-in ones, for [`Capture::Redacted`], which this sets.
    ///
    /// # Errors
    /// They cannot be used; the error has the line.
    #[cfg(feature = "redact")]
    pub fn rules(mut self, rules: &str) -> Result<Self, Error> {
        let own = treering_redact::Rules::parse(rules).map_err(Error::Rules)?;
        self.screen.rules = Some(Arc::new(treering_redact::Rules::builtin().joined(&own)));
        Ok(self.capture(Capture::Redacted))
    }

    /// Asks this function what to say in the place of each text before it leaves the process: it is given the name of the
    /// attribute (`name`, `event` and `error` are those of the step itself) and the text, and answers with another one, or
    /// with `None` where the text may stay. It runs on the export thread; where it panics, the text is withheld.
    ///
    /// ```
    /// use treering_layer::Settings;
    ///
    /// let _ = Settings::new().mask(|name, text| {
    ///     (name == "gen_ai.input.messages").then(|| text.replace("larch", "[tree]"))
    /// });
    /// ```
    pub fn mask(mut self, mask: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.screen.mask = Some(Arc::new(mask));
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

    /// What becomes of steps that find the queue full ([`OnFull::Drop`] unless set).
    pub fn on_full(self, on_full: OnFull) -> Self {
        Self { on_full, ..self }
    }

    /// How many bytes a single text may have, such as one prompt (1 MiB unless set, and 2 MiB for all of a step). What is
    /// longer is cut: JSON stays JSON, and `treering.cut` says which text it was and how long.
    pub fn value_bytes(self, bytes: usize) -> Self {
        Self { value_bytes: bytes, ..self }
    }

    /// How old a step is when it is told of although it still runs, so that pages show it (250 ms unless set); `None` tells
    /// of ends alone. It is told by a log event ([`treering.step.running`](treering_step::attributes::TREERING_STEP_RUNNING))
    /// and never by a span that is sent twice; a collector that takes no logs is asked once.
    pub fn running_after(self, age: impl Into<Option<Duration>>) -> Self {
        Self { running_after: age.into(), ..self }
    }

    /// How often it is said that this process is alive, while a step of it was told to run (5 s unless set). A collector that
    /// misses three of these shows what it ran as interrupted.
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: interval.max(Duration::from_millis(1)), ..self }
    }

    /// How long the guard waits for the last steps when it is dropped (5 s unless set).
    pub fn flush(self, deadline: Duration) -> Self {
        Self { flush: deadline, ..self }
    }

    /// Signs each request over HTTP with the API key of its headers, which itself is not sent: for a way to the collector
    /// that is not trusted with the key. It is an HTTP Message Signature (RFC 9421, Ed25519) of method, path, types and
    /// body, good for five minutes and once. Over gRPC there is none; use a client's certificate there.
    pub fn sign(self, sign: bool) -> Self {
        Self { sign, ..self }
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
        #[cfg(panic = "abort")]
        guard.flush_before_abort();
        Ok(guard)
    }

    /// The layer and its guard, to compose with other layers.
    ///
    /// # Errors
    /// No exporter can be made of the settings.
    pub fn layer(self) -> Result<(Layer, Guard), Error> {
        let following = Arc::new(Following::new(Source::real()));
        if self.disabled || self.screen.capture == Capture::Nothing {
            return Ok((self.layer_into(Sink::Off, following), Guard::off()));
        }
        let queue = Arc::new(Queue::new(self.queue_bytes, self.batch_steps, self.on_full.clone()));
        let layer = self.layer_into(Sink::Queue(queue.clone()), following.clone());
        let flush = self.flush;
        export::start(self, queue.clone(), following)?;
        Ok((layer, Guard::new(queue, flush)))
    }

    /// The layer that says of steps what these settings say.
    pub(crate) fn layer_into(&self, sink: Sink, following: Arc<Following>) -> Layer {
        Layer::new(sink, following, self.level, self.value_bytes)
    }

    /// The key that requests carry, wherever it comes from.
    pub(crate) fn key(&self) -> Option<ApiKey> {
        let said = || key::in_headers(&self.headers).or_else(|| key::in_headers(&self.headers_of_env));
        said().or_else(|| self.api_key.clone())
    }

    /// The key that no header has yet.
    pub(crate) fn key_to_add(&self) -> Option<&ApiKey> {
        let is_said =
            [&self.headers, &self.headers_of_env].into_iter().any(|all| key::in_headers(all).is_some());
        self.api_key.as_ref().filter(|_| !is_said)
    }

    /// Where steps are sent.
    pub(crate) fn address(&self) -> String {
        self.endpoint.clone().or_else(|| self.endpoint_of_env.clone()).unwrap_or_default()
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn names_certificates(&self) -> bool {
        [&self.certificate, &self.client_certificate, &self.client_key].into_iter().any(Option::is_some)
    }

    pub(crate) fn tells_of_life(&self) -> bool {
        self.running_after.is_some()
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
