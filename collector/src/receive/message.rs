//! The messages of answers. They are three, and small: their bytes are written by hand.

use treering_otlp::{Rejected, Signal, Unkept};

use crate::refusal::Refusal;
use crate::way::{Kept, Taken};

/// What was taken but for some of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Partial {
    /// What OTLP/JSON calls the count.
    pub(super) rejected: &'static str,
    pub(super) count: usize,
    pub(super) reason: String,
}

impl Partial {
    /// What an exporter is told of what did not go all the way; `None` is plain success.
    pub(super) fn of(taken: &Taken, report_discarded: bool) -> Option<Self> {
        match *taken {
            Taken::Kept(Kept { rejected: Rejected { reason: None, .. }, .. }) => None,
            Taken::Kept(Kept { signal, rejected: Rejected { count, reason: Some(reason) }, .. }) => {
                let rejected = match signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Logs => "rejectedLogRecords",
                };
                Some(Self { rejected, count, reason: reason.to_string() })
            }
            Taken::Discarded(..) if !report_discarded => None,
            Taken::Discarded(_, 0) => None,
            Taken::Discarded(Unkept::Metrics, count) => Some(Self {
                rejected: "rejectedDataPoints",
                count,
                reason: "metrics are not kept here; switch their exporter off: OTEL_METRICS_EXPORTER=none"
                    .into(),
            }),
            Taken::Discarded(Unkept::Profiles, count) => Some(Self {
                rejected: "rejectedProfiles",
                count,
                reason: "profiles are not kept here; switch their exporter off".into(),
            }),
        }
    }
}

/// An `Export…ServiceResponse`: its fields have the same numbers for every signal.
pub(super) fn response(partial: Option<&Partial>) -> Vec<u8> {
    let Some(Partial { count, reason, .. }) = partial else { return Vec::new() };
    let mut partial = Vec::new();
    put_number(&mut partial, 1, *count as u64);
    put_bytes(&mut partial, 2, reason.as_bytes());
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &partial);
    message
}

/// A `google.rpc.Status`, with a `RetryInfo` where coming again helps.
pub(super) fn status_message(refusal: &Refusal) -> Vec<u8> {
    let mut message = Vec::new();
    put_number(&mut message, 1, refusal.code() as u64);
    put_bytes(&mut message, 2, refusal.to_string().as_bytes());
    if let Some(delay) = refusal.retry_after() {
        let (mut duration, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
        put_number(&mut duration, 1, delay.as_secs());
        put_bytes(&mut info, 1, &duration);
        put_bytes(&mut any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
        put_bytes(&mut any, 2, &info);
        put_bytes(&mut message, 3, &any);
    }
    message
}

fn put_number(out: &mut Vec<u8>, field: u8, number: u64) {
    out.push(field << 3);
    put_varint(out, number);
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}
