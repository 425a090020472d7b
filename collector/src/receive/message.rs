//! The messages of answers. They are three, and small: their bytes are written by hand.

use treering_otlp::Rejected;

use crate::refusal::Refusal;

/// An `Export…ServiceResponse`: its fields have the same numbers for every signal.
pub(super) fn response(rejected: Rejected) -> Vec<u8> {
    let Some(reason) = rejected.reason else { return Vec::new() };
    let mut partial = Vec::new();
    put_number(&mut partial, 1, rejected.count as u64);
    put_bytes(&mut partial, 2, reason.to_string().as_bytes());
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
