use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::mark::count;
use treering_otlp::{LogRecord, Signal, Span};

/// A span or a log record, redacted, as the store keeps it and as a reader reads it.
///
/// There are two ways to one: [`crate::Redacted::records`], and out of the store, which was given nothing else.
#[derive(Clone)]
pub struct Record {
    signal: Signal,
    context: Context,
    body: Bytes,
    identity: Option<[u8; 16]>,
}

/// What it is called is no part of it.
impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        (self.signal, &self.context, &self.body) == (other.signal, &other.context, &other.body)
    }
}

impl Eq for Record {}

/// What records of one instrumentation scope share: the request around them without any record, that is their
/// resource, their scope and the schemas of both, in protobuf. It is hashed once, however many they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Context {
    bytes: Arc<[u8]>,
    hash: [u8; 16],
}

impl Context {
    /// The context of these bytes.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { hash: hash(&[&bytes]), bytes }
    }

    /// Its name: equal contexts have equal ones.
    pub fn hash(&self) -> [u8; 16] {
        self.hash
    }
}

impl Record {
    pub(crate) fn new(signal: Signal, context: Context, body: Bytes) -> Self {
        Self { signal, context, body, identity: None }
    }

    /// A record that the store kept. Only the store may call this (`.clippy.toml` sees to it): whatever it
    /// holds was a [`Record`] when it was written.
    pub fn from_store(signal: Signal, context: Context, body: Vec<u8>) -> Self {
        Self { signal, context, body: body.into(), identity: None }
    }

    /// How many marks stand in it, by their type.
    pub fn redactions(&self) -> BTreeMap<String, u64> {
        count(&self.body)
    }

    /// Whether it is a span or a log record.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// What it shares with the other records of its scope.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The record itself, in protobuf.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The hash of resource, scope and record. It stays in memory: who has it could guess the record.
    pub fn hash(&self) -> [u8; 16] {
        hash(&[&self.context.hash, &self.body])
    }

    /// The same record, known by another name: what is kept is named by keyed hashes.
    pub fn known_as(self, identity: [u8; 16]) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// What equal records are known by: the name that they were given, or else their hash.
    pub fn identity(&self) -> [u8; 16] {
        self.identity.unwrap_or_else(|| self.hash())
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
            .field("context", &self.context.bytes.len())
            .field("body", &self.body.len())
            .finish()
    }
}

impl std::ops::Deref for Context {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Context {
    /// Without the payload, as a record.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
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
