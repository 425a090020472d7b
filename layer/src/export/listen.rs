use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The subscriber of the export thread. It lets no span of the transport through, so that nothing traces
/// itself, and hears one thing: how many spans the collector rejected in a partial success.
/// `opentelemetry-otlp` says that nowhere else than in its own warnings.
#[derive(Debug, Clone, Default)]
pub(super) struct Listener {
    rejected: Arc<AtomicU64>,
}

impl Listener {
    /// How many spans were rejected since this was last asked.
    pub(super) fn take_rejected(&self) -> u64 {
        self.rejected.swap(0, Ordering::Relaxed)
    }
}

fn is_heard(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target() == "opentelemetry-otlp" && *metadata.level() <= Level::WARN
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_heard(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::WARN)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        if is_heard(event.metadata()) {
            event.record(&mut Rejected(&self.rejected));
        }
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Rejected<'a>(&'a AtomicU64);

impl Visit for Rejected<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "rejected_spans" {
            self.0.fetch_add(u64::try_from(value).unwrap_or(0), Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
