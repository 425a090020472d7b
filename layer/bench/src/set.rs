//! How each contender is set up, and how what it makes leaves.

use std::io::Write as _;
use std::time::Duration;

use fastrace::collector::Config;
use fastrace::prelude::{Span, SpanContext};
use fastrace_tracing::FastraceCompatLayer;
use logfire::Logfire;
use logfire::config::{AdvancedOptions, SendToLogfire};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use opentelemetry_sdk_of_logfire as of_logfire;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};
use treering_layer::{Guard, OnFull, Protocol, Settings, Spill, testing};

use crate::Contender;
use crate::account::Account;
use crate::null::{Null, NullLogs};
use crate::receiver::Wire;
use crate::step::{PROMPT, SPANS, STEPS, execution, sizes};
use crate::{Failure, native};

/// A contender that is set up in this process.
#[derive(Debug)]
pub struct Set {
    /// One execution of so many steps, with this prompt in each.
    execution: fn(u64, &str),
    /// Spans of one of usual size.
    spans: u64,
    way: Way,
}

/// How spans leave.
#[derive(Debug)]
enum Way {
    Nowhere,
    Ours(Guard),
    Spilling {
        guard: Guard,
        _folder: TempDir,
    },
    OpenTelemetry(SdkTracerProvider, Null),
    /// The runtime is for gRPC; without it there is no exporter.
    Sdk {
        provider: SdkTracerProvider,
        _runtime: Runtime,
    },
    Logfire(Logfire, Null),
    Fastrace(Null),
}

struct Nothing;

impl<S: Subscriber> tracing_subscriber::Layer<S> for Nothing {}

impl Contender {
    /// Makes it the global subscriber of this process; what sends, sends to the endpoint, and what drops, takes so long over
    /// 512 spans.
    ///
    /// # Errors
    /// It cannot be set up, or another one was before.
    pub fn set(self, endpoint: &str, pause: Duration) -> Result<Set, Failure> {
        let null = Null::new(pause);
        let way = match self {
            Self::Nobody => Way::Nowhere,
            Self::Registry => {
                registry().with(Nothing).try_init()?;
                Way::Nowhere
            }
            Self::Alone => ours(true)?,
            Self::Beside => ours(false)?,
            Self::OpenTelemetry => {
                let processor = BatchSpanProcessor::builder(null.clone()).build();
                let (provider, layer) = open_telemetry(processor);
                registry().with(layer).try_init()?;
                Way::OpenTelemetry(provider, null)
            }
            Self::Logfire => logfire(null)?,
            Self::Fastrace => fastrace(null),
            Self::FastraceTracing => {
                registry().with(FastraceCompatLayer::new()).try_init()?;
                fastrace(null)
            }
            Self::Sending(wire) => {
                let protocol = if wire == Wire::Http { Protocol::HttpProtobuf } else { Protocol::Grpc };
                Way::Ours(Settings::new().protocol(protocol).endpoint(endpoint).init()?)
            }
            Self::Spilling => spilling(endpoint)?,
            Self::OpenTelemetrySending(wire) => sdk(wire, endpoint)?,
        };
        let (execution, spans): (fn(u64, &str), u64) = match self {
            Self::Fastrace => (native::execution, SPANS),
            // It records nothing without a span of fastrace's own around.
            Self::FastraceTracing => (below_a_root, SPANS + 1),
            _ => (execution, SPANS),
        };
        Ok(Set { execution, spans, way })
    }
}

impl Set {
    /// Runs executions, as the agent's author does.
    pub fn run(&self, executions: u64) {
        (0..executions).for_each(|_| (self.execution)(STEPS, PROMPT));
    }

    /// Makes so many spans, with this prompt in each step.
    pub fn make(&self, spans: u64, prompt: &str) {
        sizes(spans).into_iter().for_each(|steps| (self.execution)(steps, prompt));
    }

    /// Waits until nothing is on its way.
    ///
    /// # Errors
    /// Something was lost.
    pub fn drain(&self, executions: u64) -> Result<(), Failure> {
        match &self.way {
            Way::Nowhere => {}
            Way::Ours(guard) | Way::Spilling { guard, .. } => guard.flush(PATIENCE)?,
            Way::OpenTelemetry(provider, _) | Way::Sdk { provider, .. } => provider.force_flush()?,
            Way::Logfire(logfire, _) => logfire.force_flush()?,
            Way::Fastrace(_) => fastrace::flush(),
        }
        let (sent, made) = (self.account().sent, executions * self.spans);
        match sent {
            Some(sent) if sent != made => Err(format!("{made} spans were made and {sent} exported").into()),
            _ => Ok(()),
        }
    }

    /// What became of the spans, as far as the contender says.
    pub fn account(&self) -> Account {
        match &self.way {
            // What arrived, the receiver knows.
            Way::Nowhere | Way::Sdk { .. } => Account::default(),
            Way::Ours(guard) | Way::Spilling { guard, .. } => Account::of(&guard.stats()),
            Way::OpenTelemetry(_, null) | Way::Logfire(_, null) | Way::Fastrace(null) => {
                Account { sent: Some(null.count()), ..Account::default() }
            }
        }
    }

    /// Has everything sent that can be sent within this time.
    pub fn flush(&self, timeout: Duration) {
        if let Way::Ours(guard) | Way::Spilling { guard, .. } = &self.way
            && let Err(error) = guard.flush(timeout)
        {
            let _ = writeln!(std::io::stderr(), "{error}");
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

fn ours(alone: bool) -> Result<Way, Failure> {
    let (layer, guard) = testing::discard(Settings::new())?;
    if alone {
        registry().with(layer.alone()).try_init()?;
    } else {
        registry().with(layer).with(Nothing).try_init()?;
    }
    Ok(Way::Ours(guard))
}

fn spilling(endpoint: &str) -> Result<Way, Failure> {
    let folder = tempfile::tempdir()?;
    let spill = OnFull::Spill(Spill::new(folder.path()));
    let guard = Settings::new().endpoint(endpoint).api_key("trk_of_nobody").on_full(spill).init()?;
    Ok(Way::Spilling { guard, _folder: folder })
}

fn open_telemetry(
    processor: BatchSpanProcessor,
) -> (SdkTracerProvider, OpenTelemetryLayer<Registry, SdkTracer>) {
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    (provider, layer)
}

fn sdk(wire: Wire, endpoint: &str) -> Result<Way, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let builder = SpanExporter::builder();
    let exporter = match wire {
        Wire::Http => builder
            .with_http()
            .with_http_client(reqwest::blocking::Client::new())
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()?,
        Wire::Grpc => {
            let _entered = runtime.enter();
            builder.with_tonic().with_endpoint(endpoint).build()?
        }
    };
    let (provider, layer) = open_telemetry(BatchSpanProcessor::builder(exporter).build());
    // Without a filter it exports the spans of its own connection as well, more than twice as many as the agent's.
    registry().with(layer.with_filter(LevelFilter::INFO)).try_init()?;
    Ok(Way::Sdk { provider, _runtime: runtime })
}

fn logfire(null: Null) -> Result<Way, Failure> {
    let spans = of_logfire::trace::BatchSpanProcessor::builder(null.clone()).build();
    let logs = of_logfire::logs::BatchLogProcessor::builder(NullLogs).build();
    let logfire = logfire::configure()
        .send_to_logfire(SendToLogfire::No)
        .with_console(None)
        .with_metrics(None)
        .with_additional_span_processor(spans)
        .with_advanced_options(AdvancedOptions::default().with_log_processor(logs))
        .finish()?;
    Ok(Way::Logfire(logfire, null))
}

fn fastrace(null: Null) -> Way {
    fastrace::set_reporter(null.clone(), Config::default());
    Way::Fastrace(null)
}

fn below_a_root(steps: u64, prompt: &str) {
    let root = Span::root("process", SpanContext::random());
    let _root = root.set_local_parent();
    execution(steps, prompt);
}
