//! The program that sends with the stock exporters of Rust: this very test binary, started again for its one
//! ignored test. They need variables of their own, and nobody may set those of a process that runs other tests.

use std::process::Command;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanContext, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::{Value, json};

pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows where it is"));
    command.args(["--exact", "rust::send", "--ignored", "--nocapture"]);
    command
}

/// The ids are in the one line that the test's harness did not print.
pub(crate) fn ids(said: &str) -> Option<Value> {
    serde_json::from_str(said.lines().find(|line| line.starts_with('{'))?).ok()
}

#[test]
#[ignore = "it is no test, but the program that one of them starts"]
fn send() {
    // The exporters complain to `tracing`.
    let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr);
    lines.with_ansi(false).init();
    // Built beside the layer, the client's crate wants to be told of a TLS provider, although nothing here
    // speaks TLS.
    rustls::crypto::ring::default_provider().install_default().ok();
    // Of the two transports only gRPC wants a runtime, and only HTTP will not have one.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let entered = is_grpc().then(|| runtime.enter());
    let (spans, logs, metrics) = exporters().expect("the variables say all that they need");
    let spans = SdkTracerProvider::builder().with_batch_exporter(spans).build();
    let logs = SdkLoggerProvider::builder().with_batch_exporter(logs).build();
    let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();

    let tracer = spans.tracer("send");
    let agent = tracer.start("invoke_agent sender");
    let agent_id = agent.span_context().clone();
    let in_agent = Context::new().with_span(agent);
    let mut call = tracer.start_with_context("chat test-model", &in_agent);
    call.set_attribute(KeyValue::new("gen_ai.request.model", "test-model"));
    log(&logs, call.span_context());
    metrics.meter("send").u64_counter("calls").build().add(1, &[]);
    call.end();
    in_agent.span().end();

    spans.shutdown().expect("the spans are sent");
    logs.shutdown().expect("the log record is sent");
    metrics.shutdown().expect("the metric is sent");
    drop(entered);
    let ids = json!({
        "trace_id": agent_id.trace_id().to_string(),
        "agent": agent_id.span_id().to_string(),
        "call": call.span_context().span_id().to_string(),
    });
    println!("\n{ids}");
}

fn is_grpc() -> bool {
    std::env::var("OTEL_EXPORTER_OTLP_PROTOCOL").is_ok_and(|protocol| protocol == "grpc")
}

/// With the client that the exporters' default features choose: the layer, built beside this, brings features that
/// change the choice.
fn exporters() -> Result<(SpanExporter, LogExporter, MetricExporter), ExporterBuildError> {
    if is_grpc() {
        return Ok((
            SpanExporter::builder().with_tonic().build()?,
            LogExporter::builder().with_tonic().build()?,
            MetricExporter::builder().with_tonic().build()?,
        ));
    }
    let client = reqwest::blocking::Client::new();
    Ok((
        SpanExporter::builder().with_http().with_http_client(client.clone()).build()?,
        LogExporter::builder().with_http().with_http_client(client.clone()).build()?,
        MetricExporter::builder().with_http().with_http_client(client).build()?,
    ))
}

fn log(logs: &SdkLoggerProvider, inside: &SpanContext) {
    let logger = logs.logger("send");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_severity_text("INFO");
    record.set_body(AnyValue::from("a log record inside the call"));
    record.set_trace_context(inside.trace_id(), inside.span_id(), Some(inside.trace_flags()));
    logger.emit(record);
}
