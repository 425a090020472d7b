use std::sync::Arc;

use treering_otlp::{LogRecord, Signal, Span};

/// A span or a log record, redacted, as the store keeps it and as a reader reads it.
///
/// There are two ways to one: [`crate::Redacted::records`], and out of the store, which was given nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    signal: Signal,
    context: Arc<[u8]>,
    body: Arc<[u8]>,
}

impl Record {
    pub(crate) fn new(signal: Signal, context: Arc<[u8]>, body: &[u8]) -> Self {
        Self { signal, context, body: body.into() }
    }

    /// A record that the store kept. Only the store may call this (`.clippy.toml` sees to it): whatever it
    /// holds was a [`Record`] when it was written.
    pub fn from_store(signal: Signal, context: Arc<[u8]>, body: Vec<u8>) -> Self {
        Self { signal, context, body: body.into() }
    }

    /// Whether it is a span or a log record.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The request around it without any record: its resource, its scope and their schemas, in protobuf.
    pub fn context(&self) -> &Arc<[u8]> {
        &self.context
    }

    /// The record itself, in protobuf.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The hash of resource, scope and record, by which equal records are known.
    pub fn identity(&self) -> [u8; 16] {
        Self::hash(&[&self.context, &self.body])
    }

    /// The hash of these parts, in this order and with these borders.
    pub fn hash(parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        hash
    }

    /// The span, where it is one.
    pub fn span(&self) -> Option<Span<'_>> {
        (self.signal == Signal::Traces).then(|| Span::parse(&self.context, &self.body))
    }

    /// The log record, where it is one.
    pub fn log(&self) -> Option<LogRecord<'_>> {
        (self.signal == Signal::Logs).then(|| LogRecord::parse(&self.context, &self.body))
    }
}

impl std::fmt::Debug for Record {
    /// Without the payload: even redacted, it belongs into no log line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("signal", &self.signal)
            .field("context", &self.context.len())
            .field("body", &self.body.len())
            .finish()
    }
}
