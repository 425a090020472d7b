//! Signs of life, as OTLP log events: a span is never sent twice, so that other backends stay right.

use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _};
use opentelemetry::{InstrumentationScope, SpanId as OtelSpanId, TraceFlags, TraceId as OtelTraceId};
use opentelemetry_sdk::logs::{SdkLogRecord, SdkLogger, SdkLoggerProvider};
use treering_step::attributes as names;

use super::spans;
use crate::Value;
use crate::finish::Finished;
use crate::source::as_time;
use crate::text;

/// What an announcement says of a text is no more than this: its span will say all of it.
const ANNOUNCED_BYTES: usize = 16 * 1024;

/// Makes log records; the SDK has no other way to them than a logger.
#[derive(Debug)]
pub(super) struct Signs {
    logger: SdkLogger,
    pub(super) scope: InstrumentationScope,
}

impl Signs {
    pub(super) fn new() -> Self {
        Self {
            logger: SdkLoggerProvider::builder().build().logger(env!("CARGO_PKG_NAME")),
            scope: spans::scope(0),
        }
    }

    fn sign(&self, name: &'static str) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record.set_event_name(name);
        record.set_timestamp(SystemTime::now());
        record.set_observed_timestamp(SystemTime::now());
        record
    }

    /// A step that runs.
    pub(super) fn running(&self, step: Finished) -> SdkLogRecord {
        let mut record = self.sign(names::TREERING_STEP_RUNNING);
        record.set_timestamp(as_time(step.ended_at));
        let trace_id = OtelTraceId::from_bytes(*step.trace_id.as_bytes());
        record.set_trace_context(
            trace_id,
            OtelSpanId::from_bytes(*step.span_id.as_bytes()),
            Some(TraceFlags::SAMPLED),
        );
        record.add_attribute(names::TREERING_STEP_NAME, step.name);
        if let Some(parent) = step.parent {
            record.add_attribute(names::TREERING_STEP_PARENT_ID, parent.span_id.to_string());
        }
        let began_at = i64::try_from(step.began_at).unwrap_or(i64::MAX);
        record.add_attribute(names::TREERING_STEP_STARTED_AT, began_at);
        record.add_attributes(step.attributes.into_iter().map(|(name, value)| (name, any(value))));
        record
    }

    /// The process lives, or ends.
    pub(super) fn heartbeat(&self, interval_ms: i64, ended: bool) -> SdkLogRecord {
        let mut record = self.sign(names::TREERING_HEARTBEAT);
        record.add_attribute(names::TREERING_HEARTBEAT_INTERVAL, interval_ms);
        if ended {
            record.add_attribute(names::TREERING_PROCESS_ENDED, true);
        }
        record
    }
}

fn any(value: Value) -> AnyValue {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Text(text) if text.len() > ANNOUNCED_BYTES => {
            AnyValue::from(text::mended(&text[..text.floor_char_boundary(ANNOUNCED_BYTES)]))
        }
        Value::Text(text) => AnyValue::from(text.as_ref().to_owned()),
        Value::Texts(texts) => texts.iter().map(|text| text.as_ref().to_owned()).collect(),
    }
}
