use crate::receiver::Wire;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// `#[instrument]` and nobody who listens.
    Nobody,
    /// The registry of `tracing-subscriber` and a layer that does nothing: what everybody pays who builds on it.
    Registry,
    /// This layer, as [`treering_layer::init`] sets it.
    Alone,
    /// This layer and another one.
    Beside,
    /// `tracing-opentelemetry` with the SDK's batch processor.
    OpenTelemetry,
    /// `logfire` with batch processors for spans and logs, without pending spans.
    Logfire,
    /// `fastrace` by its own interface.
    Fastrace,
    /// `fastrace` behind `tracing`.
    FastraceTracing,
    /// This layer, sending.
    Sending(Wire),
    /// This layer, sending, and keeping on the disk what it cannot send.
    Spilling,
    /// `tracing-opentelemetry` with the SDK's batch processor and OTLP exporter, sending.
    OpenTelemetrySending(Wire),
}

impl Contender {
    /// Those that drop their spans at the very end, after all that they do before a collector is asked.
    pub const DROPPING: [Self; 8] = [
        Self::Nobody,
        Self::Registry,
        Self::Alone,
        Self::Beside,
        Self::OpenTelemetry,
        Self::Logfire,
        Self::Fastrace,
        Self::FastraceTracing,
    ];

    /// Those that send their spans.
    pub const SENDING: [Self; 4] = [
        Self::Sending(Wire::Http),
        Self::OpenTelemetrySending(Wire::Http),
        Self::Sending(Wire::Grpc),
        Self::OpenTelemetrySending(Wire::Grpc),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "no subscriber",
            Self::Registry => "registry and a layer that does nothing",
            Self::Alone => "treering, alone",
            Self::Beside => "treering, beside another layer",
            Self::OpenTelemetry => "tracing-opentelemetry",
            Self::Logfire => "logfire",
            Self::Fastrace => "fastrace, native",
            Self::FastraceTracing => "fastrace-tracing",
            Self::Sending(Wire::Http) => "treering, http/protobuf",
            Self::Sending(Wire::Grpc) => "treering, grpc",
            Self::Spilling => "treering, http/protobuf, with a disk",
            Self::OpenTelemetrySending(Wire::Http) => "tracing-opentelemetry and the SDK, http/protobuf",
            Self::OpenTelemetrySending(Wire::Grpc) => "tracing-opentelemetry and the SDK, grpc",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::DROPPING.into_iter().chain(Self::SENDING).chain([Self::Spilling]);
        all.find(|contender| contender.name() == name)
    }
}
