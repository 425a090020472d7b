//! Exporters that drop what they are given, and count it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrace::collector::{Reporter, SpanRecord};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sdk_of_logfire as of_logfire;

/// Drops spans, counts them, and takes its time.
#[derive(Debug, Clone)]
pub(crate) struct Null {
    seen: Arc<AtomicU64>,
    /// For 512 spans.
    pause: Duration,
}

impl Null {
    pub(crate) fn new(pause: Duration) -> Self {
        Self { seen: Arc::default(), pause }
    }

    pub(crate) fn count(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    fn take(&self, spans: usize) {
        let batches = u32::try_from(spans.div_ceil(512)).unwrap_or(u32::MAX);
        #[expect(clippy::disallowed_methods, reason = "it stands for a collector that is slow")]
        std::thread::sleep(self.pause * batches);
        self.seen.fetch_add(spans as u64, Ordering::Relaxed);
    }
}

impl SpanExporter for Null {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.take(batch.len());
        Ok(())
    }
}

impl of_logfire::trace::SpanExporter for Null {
    async fn export(&self, batch: Vec<of_logfire::trace::SpanData>) -> of_logfire::error::OTelSdkResult {
        self.take(batch.len());
        Ok(())
    }
}

impl Reporter for Null {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.take(spans.len());
    }
}

/// Drops the logs that logfire makes of events.
#[derive(Debug)]
pub(crate) struct NullLogs;

impl of_logfire::logs::LogExporter for NullLogs {
    async fn export(&self, _: of_logfire::logs::LogBatch<'_>) -> of_logfire::error::OTelSdkResult {
        Ok(())
    }
}
